// Runs an ONNX model on random numbers and prints what comes out.
//
//   c++ -std=c++17 model.cpp -I PREFIX/include -L PREFIX/lib -lember -o model && ./model MODEL.onnx
#include <ember.hpp>
#include <iostream>

int main(int count, char **arguments) {
  if (count != 2) {
    std::cerr << "usage: model MODEL.onnx\n";
    return 2;
  }
  try {
    auto model = ember::Model::load(arguments[1]);
    std::map<std::string, ember::Tensor> inputs;
    for (const auto &port : model.inputs()) {
      if (!port.dtype || !port.sizes) throw std::runtime_error(port.name + " is no tensor of known rank");
      const char *type;
      ember_scalar_type_name(static_cast<ember_scalar_type>(*port.dtype), &type);
      std::cout << "input " << port.name << ": " << type << " [";
      auto sizes = *port.sizes;
      for (size_t i = 0; i < sizes.size(); ++i) {
        std::cout << (i ? ", " : "") << (sizes[i] < 0 ? "any" : std::to_string(sizes[i]));
        // Extents that may vary are 2 here.
        if (sizes[i] < 0) sizes[i] = 2;
      }
      std::cout << "]\n";
      inputs[port.name] = ember::rand(sizes).to(*port.dtype);
    }
    for (const auto &[name, output] : model.run(inputs)) std::cout << name << ": " << output << "\n";
  } catch (const std::exception &error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
}

// A network of two layers that learns a sine, by gradient descent with momentum.
//
//   c++ -std=c++17 sine.cpp -I PREFIX/include -L PREFIX/lib -lember -o sine
#include <ember.hpp>
#include <iostream>

int main() {
  ember::manual_seed(0);
  auto x = ember::linspace(-3, 3, 128).unsqueeze(1);
  auto y = ember::sin(x);

  std::vector<ember::Tensor> parameters = {
      ember::randn({1, 32}), ember::zeros({32}), ember::randn({32, 1}) * 0.2, ember::zeros({1})};
  std::vector<ember::Tensor> velocities;
  for (auto &parameter : parameters) {
    parameter.requires_grad_();
    velocities.push_back(ember::zeros_like(parameter));
  }

  for (int step = 1; step <= 1500; ++step) {
    auto hidden = (x.matmul(parameters[0]) + parameters[1]).tanh();
    auto loss = ember::mse_loss(hidden.matmul(parameters[2]) + parameters[3], y);
    loss.backward();
    if (step % 500 == 0) std::cout << "step " << step << ": loss " << loss.item<double>() << "\n";

    ember::NoGradGuard guard;
    for (size_t i = 0; i < parameters.size(); ++i) {
      velocities[i] = 0.9 * velocities[i] + parameters[i].grad();
      parameters[i] -= 0.05 * velocities[i];
      parameters[i].zero_grad();
    }
  }

  ember::NoGradGuard guard;
  auto point = ember::tensor({{1.0}});
  auto predicted = (point.matmul(parameters[0]) + parameters[1]).tanh().matmul(parameters[2]) + parameters[3];
  std::cout << "sin(1) = " << predicted.item<float>() << "\n";
}

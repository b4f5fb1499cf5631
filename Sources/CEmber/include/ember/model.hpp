/// Part of ember.hpp: saved models.
#ifndef EMBER_MODEL_HPP
#define EMBER_MODEL_HPP

#include <map>

#include "tensor.hpp"

namespace ember {

/// A model from an ONNX file.
class Model {
 public:
  /// What the model takes or gives.
  struct Port {
    ::std::string name;
    /// Nothing for what is no tensor of numbers.
    ::std::optional<DType> dtype;
    /// -1 for an extent that may vary; nothing where none are declared.
    ::std::optional<::std::vector<int64_t>> sizes;
    bool is_required;
  };

  /// Loads a file, and what lies beside it.
  static Model load(const ::std::string &path) {
    ember_model *loaded = nullptr;
    detail::check(ember_model_load(path.c_str(), &loaded));
    return Model(loaded);
  }
  /// Takes over a handle from the C interface.
  explicit Model(ember_model *taken) : handle_(taken) {}
  ember_model *handle() const { return handle_.get(); }

  ::std::vector<Port> inputs() const { return ports(ember_model_input_count, ember_model_input); }
  ::std::vector<Port> outputs() const { return ports(ember_model_output_count, ember_model_output); }

  /// All outputs, by name, for inputs by name. Nothing is recorded.
  ::std::map<::std::string, Tensor> run(const ::std::map<::std::string, Tensor> &inputs) const {
    ::std::vector<ember_value> values;
    for (const auto &[name, tensor] : inputs) values.push_back(named(Argument(tensor), name.c_str()));
    ::std::map<::std::string, Tensor> outputs;
    with_outputs(values, [&](ember_value &value, const char *name) { outputs.emplace(name, detail::Taken<Tensor>::from(value)); });
    return outputs;
  }
  /// All outputs in the model's order, for inputs in the model's order.
  ::std::vector<Tensor> forward(const ::std::vector<Tensor> &inputs) const {
    ::std::vector<ember_value> values;
    for (const Tensor &tensor : inputs) values.push_back(Argument(tensor).value());
    ::std::vector<Tensor> outputs;
    with_outputs(values, [&](ember_value &value, const char *) { outputs.push_back(detail::Taken<Tensor>::from(value)); });
    return outputs;
  }
  /// The first output for one input or several.
  template <class... Tensors> Tensor operator()(const Tensors &...inputs) const {
    auto outputs = forward({inputs...});
    if (outputs.empty()) throw Error(EMBER_ERROR_VALUE, "model", "the model has no outputs");
    return outputs.front();
  }

 private:
  static ember_value named(const Argument &argument, const char *name) {
    ember_value value = argument.value();
    value.name = name;
    return value;
  }
  template <class Each> void with_outputs(const ::std::vector<ember_value> &inputs, Each each) const {
    size_t capacity = 0, count = 0;
    detail::check(ember_model_output_count(handle(), &capacity));
    ::std::vector<ember_value> values(capacity);
    detail::check(ember_model_run(handle(), inputs.data(), inputs.size(), values.data(), capacity, &count));
    struct Released {
      ::std::vector<ember_value> &values;
      ~Released() {
        for (ember_value &value : values) ember_value_release(&value);
      }
    } released{values};
    for (ember_value &value : values) each(value, value.name);
  }
  ::std::vector<Port> ports(
      ember_status (*count_of)(const ember_model *, size_t *),
      ember_status (*describe)(const ember_model *, size_t, ember_model_port *)) const {
    size_t count = 0;
    detail::check(count_of(handle(), &count));
    ::std::vector<Port> ports;
    for (size_t i = 0; i < count; ++i) {
      ember_model_port port;
      detail::check(describe(handle(), i, &port));
      Port described{port.name, ::std::nullopt, ::std::nullopt, port.is_required};
      if (port.is_tensor) described.dtype = static_cast<DType>(port.type);
      if (port.has_sizes) described.sizes = ::std::vector<int64_t>(port.sizes, port.sizes + port.rank);
      ports.push_back(described);
    }
    return ports;
  }

  detail::Handle<ember_model, ember_model_retain, ember_model_release> handle_;
};

}  // namespace ember

#endif

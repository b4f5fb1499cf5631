/// Ember from C++17, in the manner of LibTorch. Header only; link with `-lember`.
///
/// ```cpp
/// auto w = ember::zeros({3, 1}).requires_grad_();
/// auto loss = (x.matmul(w) - y).square().mean();
/// loss.backward();
/// {
///   ember::NoGradGuard guard;
///   w -= 0.1 * w.grad();
/// }
/// ```
///
/// What differs: a tensor is a value. `auto b = a; b.add_(1);` leaves `a` as it was, and so does writing to a view. In-place methods are
/// for variables only, so that `w.grad().zero_()`, which would do nothing, does not compile (`w.zero_grad()` is meant). Under a
/// `NoGradGuard` they keep a leaf a leaf, with its gradient. Whatever fails throws `ember::Error`.
#ifndef EMBER_HPP
#define EMBER_HPP

#include "ember/core.hpp"
#include "ember/tensor.hpp"
#include "ember/functions.hpp"
#include "ember/model.hpp"

namespace ember {

// MARK: - Making tensors

/// A tensor of the given elements. Numbers with a fraction make float32 and integers int64, as in PyTorch, unless the options say
/// otherwise.
template <class T> Tensor tensor(const ::std::vector<T> &elements, const TensorOptions &options = {}) {
  int64_t size = static_cast<int64_t>(elements.size());
  ember_tensor *made = nullptr;
  if constexpr (::std::is_same_v<T, bool>) {
    ::std::vector<uint8_t> bytes(elements.begin(), elements.end());
    detail::check(ember_tensor_from_data(bytes.data(), bytes.size(), EMBER_BOOL, &size, 1, {EMBER_CPU, 0}, &made));
  } else {
    auto type = static_cast<ember_scalar_type>(detail::dtype_of<T>());
    detail::check(ember_tensor_from_data(elements.data(), elements.size() * sizeof(T), type, &size, 1, {EMBER_CPU, 0}, &made));
  }
  DType dtype = options.dtype_opt().value_or(
      ::std::is_same_v<T, double> ? kFloat32 : ::std::is_integral_v<T> && !::std::is_same_v<T, bool> ? kInt64 : detail::dtype_of<T>());
  Tensor result = Tensor::take(made).to(TensorOptions(dtype).device(options.device_opt().value_or(kCPU)));
  return options.requires_grad() ? ::std::move(result).requires_grad_() : result;
}

template <class T, class = ::std::enable_if_t<::std::is_arithmetic_v<T>>>
Tensor tensor(::std::initializer_list<T> elements, const TensorOptions &options = {}) {
  return tensor(::std::vector<T>(elements), options);
}

template <class T, class = ::std::enable_if_t<::std::is_arithmetic_v<T>>>
Tensor tensor(::std::initializer_list<::std::initializer_list<T>> rows, const TensorOptions &options = {}) {
  ::std::vector<T> elements;
  int64_t width = rows.size() == 0 ? 0 : static_cast<int64_t>(rows.begin()->size());
  for (const auto &row : rows) {
    if (static_cast<int64_t>(row.size()) != width) throw Error(EMBER_ERROR_SHAPE, "tensor", "rows of different lengths");
    elements.insert(elements.end(), row.begin(), row.end());
  }
  Tensor result = tensor(elements, options.requires_grad(false)).reshape({static_cast<int64_t>(rows.size()), width});
  return options.requires_grad() ? ::std::move(result).requires_grad_() : result;
}

/// A number as a tensor without dimensions.
inline Tensor tensor(const Scalar &number, const TensorOptions &options = {}) { return full({}, number, options); }

/// A tensor over memory of the caller's, which must stay unchanged until `release(context)` is called.
inline Tensor from_blob(
    const void *data, IntList sizes, DType dtype = kFloat32, void (*release)(void *) = nullptr, void *context = nullptr) {
  ember_tensor *made = nullptr;
  detail::check(ember_tensor_wrap(
      data, static_cast<ember_scalar_type>(dtype), sizes.data(), nullptr, sizes.size(), {EMBER_CPU, 0}, release, context, &made));
  return Tensor::take(made);
}

inline Tensor &Tensor::index_put_(::std::initializer_list<Argument> indices, const Scalar &number) & {
  return index_put_(indices, full({}, number, options()));
}

/// Options by name, as LibTorch has them.
inline TensorOptions dtype(DType dtype) { return TensorOptions(dtype); }
inline TensorOptions device(Device device) { return TensorOptions(device); }
inline TensorOptions requires_grad(bool requires_grad = true) { return TensorOptions().requires_grad(requires_grad); }

// MARK: - Operators. A number before an operator is a tensor without dimensions, which does not decide the other one's type.

#define EMBER_BINARY_OPERATOR(symbol, name)                                                             \
  inline Tensor operator symbol(const Tensor &a, const Tensor &b) { return a.name(b); }                 \
  inline Tensor operator symbol(const Tensor &a, const Scalar &b) { return a.name(b); }                 \
  inline Tensor operator symbol(const Scalar &a, const Tensor &b) {                                     \
    return full({}, a).name(b);                                                                         \
  }

EMBER_BINARY_OPERATOR(+, add)
EMBER_BINARY_OPERATOR(-, sub)
EMBER_BINARY_OPERATOR(*, mul)
EMBER_BINARY_OPERATOR(/, div)
EMBER_BINARY_OPERATOR(%, remainder)
EMBER_BINARY_OPERATOR(==, eq)
EMBER_BINARY_OPERATOR(!=, ne)
EMBER_BINARY_OPERATOR(<, lt)
EMBER_BINARY_OPERATOR(<=, le)
EMBER_BINARY_OPERATOR(>, gt)
EMBER_BINARY_OPERATOR(>=, ge)
EMBER_BINARY_OPERATOR(&, bitwise_and)
EMBER_BINARY_OPERATOR(|, bitwise_or)
EMBER_BINARY_OPERATOR(^, bitwise_xor)
#undef EMBER_BINARY_OPERATOR

// MARK: - Differentiation

namespace autograd {

/// The gradients of `outputs` with respect to `inputs`; `grad_outputs` are those that arrive at the outputs, undefined or none for 1.
inline ::std::vector<Tensor> grad(
    const ::std::vector<Tensor> &outputs, const ::std::vector<Tensor> &inputs, const ::std::vector<Tensor> &grad_outputs = {},
    bool retain_graph = false, bool create_graph = false) {
  ::std::vector<ember_tensor *> results, arriving, leaves, gradients(inputs.size());
  for (const Tensor &output : outputs) results.push_back(output.handle());
  for (const Tensor &gradient : grad_outputs) arriving.push_back(gradient.handle());
  for (const Tensor &input : inputs) leaves.push_back(input.handle());
  if (!arriving.empty() && arriving.size() != results.size()) {
    throw Error(EMBER_ERROR_COUNT, "grad", "there must be as many grad_outputs as outputs, or none");
  }
  detail::check(ember_grad(
      results.data(), arriving.empty() ? nullptr : arriving.data(), results.size(), leaves.data(), leaves.size(), retain_graph,
      create_graph, gradients.data()));
  ::std::vector<Tensor> made;
  for (ember_tensor *gradient : gradients) made.push_back(Tensor::take(gradient));
  return made;
}

}  // namespace autograd

}  // namespace ember

#endif

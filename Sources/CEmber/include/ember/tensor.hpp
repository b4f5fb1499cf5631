/// Part of ember.hpp: tensors, and calling operators.
#ifndef EMBER_TENSOR_HPP
#define EMBER_TENSOR_HPP

#include <limits>
#include <ostream>
#include <tuple>

#include "core.hpp"

namespace ember {

/// A place in an index that is not a number or a tensor: `x.index({Slice(1, None), Ellipsis, None, 0})`.
struct EllipsisIndex {};
inline constexpr EllipsisIndex Ellipsis{};
inline constexpr ::std::nullopt_t None = ::std::nullopt;

/// start:stop:step
struct Slice {
  int64_t start = EMBER_SLICE_OPEN, stop = EMBER_SLICE_OPEN, step = EMBER_SLICE_OPEN;
  Slice(::std::optional<int64_t> start = {}, ::std::optional<int64_t> stop = {}, ::std::optional<int64_t> step = {})
      : start(start.value_or(EMBER_SLICE_OPEN)), stop(stop.value_or(EMBER_SLICE_OPEN)), step(step.value_or(EMBER_SLICE_OPEN)) {}
};

class Tensor;
class SparseTensor;

/// An argument of an operator. Looks at what it was made from, which must outlive it.
class Argument {
 public:
  Argument(::std::nullopt_t) {}
  Argument(const Tensor &tensor);
  Argument(const SparseTensor &tensor);
  Argument(const Generator &generator) : Argument(EMBER_VALUE_GENERATOR) { value_.as.generator = generator.handle(); }
  Argument(Bool flag) : Argument(Scalar(static_cast<bool>(flag))) {}
  Argument(bool flag) : Argument(Scalar(flag)) {}
  Argument(int number) : Argument(Scalar(number)) {}
  Argument(int64_t number) : Argument(Scalar(number)) {}
  Argument(double number) : Argument(Scalar(number)) {}
  Argument(const Scalar &number) : value_(number.value()) {}
  Argument(DType dtype) : Argument(EMBER_VALUE_SCALAR_TYPE) { value_.as.scalar_type = static_cast<ember_scalar_type>(dtype); }
  Argument(Device device) : Argument(EMBER_VALUE_DEVICE) { value_.as.device = device; }
  Argument(const char *text) : Argument(EMBER_VALUE_STRING) { value_.as.string = text; }
  Argument(const ::std::string &text) : Argument(text.c_str()) {}
  Argument(const IntList &numbers);
  Argument(const OptionalIntList &numbers);
  Argument(const Slice &slice) : Argument(EMBER_VALUE_SLICE) { value_.as.slice = {slice.start, slice.stop, slice.step}; }
  Argument(EllipsisIndex) : Argument(EMBER_VALUE_ELLIPSIS) {}
  template <class T> Argument(const ::std::vector<T> &items) {
    items_.reserve(items.size());
    for (const auto &item : items) {
      Argument made(item);
      items_.push_back(made.value_);
      // Numbers, tensors and the like have nothing of their own; lists within lists would.
      static_assert(!::std::is_constructible_v<IntList, T> || ::std::is_arithmetic_v<T>, "lists of lists go through ember_call");
    }
    list();
  }
  template <class T> Argument(const ::std::optional<T> &value) {
    if (value) *this = Argument(*value);
  }
  /// The argument of that name.
  template <class T> Argument(const char *name, const T &value) : Argument(value) { value_.name = name; }

  Argument(Argument &&) = default;
  Argument &operator=(Argument &&) = default;
  Argument(const Argument &) = delete;
  Argument &operator=(const Argument &) = delete;

  const ember_value &value() const { return value_; }

 private:
  explicit Argument(ember_value_kind kind) { value_.kind = kind; }
  void list() {
    value_.kind = EMBER_VALUE_LIST;
    value_.as.list = {items_.data(), items_.size()};
  }

  ember_value value_{};
  ::std::vector<ember_value> items_;
};

/// Calls any operator by its name: `call<Tensor>("torch.nn.functional.pad", {x, IntList({1, 1}), {"mode", "reflect"}})`. `Result` is what
/// the operator returns: `Tensor`, `bool`, `int64_t`, `double`, `Scalar`, a vector of tensors, or a tuple of these.
template <class Result> Result call(const char *name, ::std::initializer_list<Argument> arguments);

// MARK: - Recording

struct GradMode {
  static bool is_enabled() {
    bool enabled = true;
    detail::check(ember_grad_enabled(&enabled));
    return enabled;
  }
  static void set_enabled(bool enabled) { detail::check(ember_set_grad_enabled(enabled, nullptr)); }
};

/// Sets for its scope whether operations on this thread are recorded.
class AutoGradMode {
 public:
  explicit AutoGradMode(bool enabled) { detail::check(ember_set_grad_enabled(enabled, &previous_)); }
  ~AutoGradMode() { ember_set_grad_enabled(previous_, nullptr); }
  AutoGradMode(const AutoGradMode &) = delete;
  AutoGradMode &operator=(const AutoGradMode &) = delete;

 private:
  bool previous_ = true;
};

/// Nothing is recorded in its scope.
class NoGradGuard : public AutoGradMode {
 public:
  NoGradGuard() : AutoGradMode(false) {}
};

// MARK: - Tensors

class Tensor {
 public:
  /// No tensor; `defined()` is false.
  Tensor() = default;
  /// Takes over a handle from the C interface.
  static Tensor take(ember_tensor *handle) {
    Tensor tensor;
    tensor.handle_ = decltype(handle_)(handle);
    return tensor;
  }
  /// The handle, which stays this tensor's.
  ember_tensor *handle() const { return handle_.get(); }

  bool defined() const { return handle_.get() != nullptr; }

  // What it is.

  int64_t dim() const { return static_cast<int64_t>(get<size_t>(ember_tensor_rank)); }
  int64_t numel() const { return static_cast<int64_t>(get<size_t>(ember_tensor_element_count)); }
  DType dtype() const { return static_cast<DType>(get<ember_scalar_type>(ember_tensor_scalar_type)); }
  DType scalar_type() const { return dtype(); }
  Device device() const { return Device(get<ember_device>(ember_tensor_device)); }
  bool is_contiguous() const { return get<bool>(ember_tensor_is_contiguous); }
  bool is_cuda() const { return device().type() == kCUDA; }
  TensorOptions options() const { return TensorOptions(dtype()).device(device()); }

  ::std::vector<int64_t> sizes() const { return numbers(ember_tensor_sizes); }
  ::std::vector<int64_t> strides() const { return numbers(ember_tensor_strides); }
  int64_t size(int64_t dim) const { return element(sizes(), dim); }
  int64_t stride(int64_t dim) const { return element(strides(), dim); }

  // Reading.

  /// The elements where they are, for reading; `T` must be their type, and `strides()` say where each one is.
  template <class T> const T *data_ptr() const {
    if (dtype() != detail::dtype_of<T>()) throw Error(EMBER_ERROR_DTYPE, "data_ptr", "the elements are of another type than asked for");
    return static_cast<const T *>(get<const void *>(ember_tensor_data));
  }
  /// All elements in row-major order, converted.
  template <class T> ::std::vector<T> to_vector() const {
    static_assert(!::std::is_same_v<T, bool>, "a vector of bool has no memory to copy to; ask for uint8_t");
    Tensor converted = to(detail::dtype_of<T>());
    ::std::vector<T> elements(static_cast<size_t>(numel()));
    detail::check(ember_tensor_copy_data(converted.handle(), elements.data(), elements.size() * sizeof(T)));
    return elements;
  }
  /// The only element.
  Scalar item() const { return Scalar(get<ember_value>(ember_tensor_item)); }
  template <class T> T item() const { return item().to<T>(); }

  ::std::string to_string() const {
    if (!defined()) return "[ undefined tensor ]";
    char *text = get<char *>(ember_tensor_description);
    ::std::string copy(text);
    ember_string_release(text);
    return copy;
  }
  friend ::std::ostream &operator<<(::std::ostream &stream, const Tensor &tensor) { return stream << tensor.to_string(); }

  // Conversions.

  Tensor to(DType dtype) const {
    return make([&](ember_tensor **out) { return ember_tensor_to_scalar_type(handle(), static_cast<ember_scalar_type>(dtype), out); });
  }
  Tensor to(Device device) const {
    return make([&](ember_tensor **out) { return ember_tensor_to_device(handle(), device, out); });
  }
  Tensor to(DeviceType device) const { return to(Device(device)); }
  Tensor to(const TensorOptions &options) const {
    Tensor moved = options.device_opt() ? to(*options.device_opt()) : *this;
    return options.dtype_opt() ? moved.to(*options.dtype_opt()) : moved;
  }
  Tensor cpu() const { return to(kCPU); }
  Tensor cuda() const { return to(kCUDA); }
  Tensor contiguous() const {
    return make([&](ember_tensor **out) { return ember_tensor_contiguous(handle(), out); });
  }
  Tensor clone() const {
    return make([&](ember_tensor **out) { return ember_tensor_clone(handle(), out); });
  }

  // Indexing.

  Tensor index(::std::initializer_list<Argument> indices) const {
    auto values = tagged(indices);
    return make([&](ember_tensor **out) { return ember_tensor_index(handle(), values.data(), values.size(), out); });
  }
  Tensor operator[](int64_t position) const { return index({position}); }
  Tensor operator[](const Tensor &positions) const { return index({positions}); }
  /// This tensor with `source` in place of what the indices name.
  Tensor index_put(::std::initializer_list<Argument> indices, const Tensor &source) const {
    auto values = tagged(indices);
    return make([&](ember_tensor **out) { return ember_tensor_index_put(handle(), values.data(), values.size(), source.handle(), out); });
  }
  Tensor &index_put_(::std::initializer_list<Argument> indices, const Tensor &source) & { return assign(index_put(indices, source)); }
  Tensor &index_put_(::std::initializer_list<Argument> indices, const Scalar &number) &;

  // Differentiation.

  bool requires_grad() const { return get<bool>(ember_tensor_requires_grad); }
  bool is_leaf() const { return get<bool>(ember_tensor_is_leaf); }
  /// Makes this variable a leaf whose gradient is kept, or cuts its history off.
  Tensor &requires_grad_(bool requires_grad = true) & { return *this = requiring_grad(requires_grad); }
  Tensor requires_grad_(bool requires_grad = true) && { return requiring_grad(requires_grad); }
  Tensor detach() const {
    return make([&](ember_tensor **out) { return ember_tensor_detach(handle(), out); });
  }
  /// The gradient, or an undefined tensor.
  Tensor grad() const { return take(get<ember_tensor *>(ember_tensor_grad)); }
  void set_grad(const Tensor &gradient) const { detail::check(ember_tensor_set_grad(handle(), gradient.handle())); }
  void zero_grad() const { detail::check(ember_tensor_set_grad(handle(), nullptr)); }
  void backward(const Tensor &gradient = {}, bool retain_graph = false, bool create_graph = false) const {
    ember_tensor *result = handle(), *arriving = gradient.handle();
    detail::check(ember_backward(&result, &arriving, 1, retain_graph, create_graph));
  }

  // Operators.

  Tensor operator-() const { return neg(); }
  Tensor operator~() const { return bitwise_not(); }
  Tensor &operator+=(const Tensor &other) & { return add_(other); }
  Tensor &operator-=(const Tensor &other) & { return sub_(other); }
  Tensor &operator*=(const Tensor &other) & { return mul_(other); }
  Tensor &operator/=(const Tensor &other) & { return div_(other); }
  Tensor &operator+=(const Scalar &other) & { return add_(other); }
  Tensor &operator-=(const Scalar &other) & { return sub_(other); }
  Tensor &operator*=(const Scalar &other) & { return mul_(other); }
  Tensor &operator/=(const Scalar &other) & { return div_(other); }

#include "tensor_methods.hpp"

 private:
  template <class Value, class Object> Value get(ember_status (*function)(Object *, Value *)) const {
    Value value{};
    detail::check(function(handle(), &value));
    return value;
  }
  template <class Function> static Tensor make(Function function) {
    ember_tensor *made = nullptr;
    detail::check(function(&made));
    return take(made);
  }
  ::std::vector<int64_t> numbers(ember_status (*function)(const ember_tensor *, int64_t *, size_t)) const {
    ::std::vector<int64_t> numbers(static_cast<size_t>(dim()));
    detail::check(function(handle(), numbers.data(), numbers.size()));
    return numbers;
  }
  static int64_t element(const ::std::vector<int64_t> &numbers, int64_t dim) {
    int64_t count = static_cast<int64_t>(numbers.size());
    if (dim < -count || dim >= count) throw Error(EMBER_ERROR_INDEX, "size", "there is no dimension " + ::std::to_string(dim));
    return numbers[static_cast<size_t>(dim < 0 ? dim + count : dim)];
  }
  static ::std::vector<ember_value> tagged(::std::initializer_list<Argument> arguments) {
    ::std::vector<ember_value> values;
    values.reserve(arguments.size());
    for (const Argument &argument : arguments) values.push_back(argument.value());
    return values;
  }
  Tensor requiring_grad(bool requires_grad) const {
    return make([&](ember_tensor **out) { return ember_tensor_requiring_grad(handle(), requires_grad, out); });
  }
  /// What in-place methods do. A leaf stays one where nothing is recorded: that is how parameters are updated.
  Tensor &assign(Tensor value) {
    if (!GradMode::is_enabled() && requires_grad() && is_leaf()) {
      value = make([&](ember_tensor **out) { return ember_tensor_updated(handle(), value.handle(), out); });
    }
    handle_ = ::std::move(value.handle_);
    return *this;
  }

  detail::Handle<ember_tensor, ember_tensor_retain, ember_tensor_release> handle_;
};

/// A tensor of which only some elements are stored.
class SparseTensor {
 public:
  static SparseTensor take(ember_sparse_tensor *handle) {
    SparseTensor tensor;
    tensor.handle_ = decltype(handle_)(handle);
    return tensor;
  }
  ember_sparse_tensor *handle() const { return handle_.get(); }

  ember_sparse_layout layout() const {
    ember_sparse_layout layout{};
    detail::check(ember_sparse_tensor_layout(handle(), &layout));
    return layout;
  }
  ::std::vector<int64_t> sizes() const {
    size_t rank = 0;
    detail::check(ember_sparse_tensor_rank(handle(), &rank));
    ::std::vector<int64_t> sizes(rank);
    detail::check(ember_sparse_tensor_sizes(handle(), sizes.data(), rank));
    return sizes;
  }
  Tensor indices() const { return get(ember_sparse_tensor_indices); }
  /// Where each row or column begins; undefined for coordinates.
  Tensor compressed_indices() const { return get(ember_sparse_tensor_compressed_indices); }
  Tensor values() const { return get(ember_sparse_tensor_values); }
  Tensor to_dense() const { return get(ember_sparse_tensor_to_dense); }

 private:
  Tensor get(ember_status (*function)(const ember_sparse_tensor *, ember_tensor **)) const {
    ember_tensor *tensor = nullptr;
    detail::check(function(handle(), &tensor));
    return Tensor::take(tensor);
  }

  detail::Handle<ember_sparse_tensor, ember_sparse_tensor_retain, ember_sparse_tensor_release> handle_;
};

inline SparseTensor sparse_coo_tensor(const Tensor &indices, const Tensor &values, IntList size) {
  ember_sparse_tensor *made = nullptr;
  detail::check(ember_sparse_tensor_from_coordinates(indices.handle(), values.handle(), size.data(), size.size(), &made));
  return SparseTensor::take(made);
}

inline SparseTensor sparse_csr_tensor(const Tensor &rows, const Tensor &columns, const Tensor &values, IntList size) {
  ember_sparse_tensor *made = nullptr;
  detail::check(ember_sparse_tensor_from_compressed(
      EMBER_SPARSE_CSR, rows.handle(), columns.handle(), values.handle(), size.data(), size.size(), &made));
  return SparseTensor::take(made);
}

// MARK: - Calling

inline Argument::Argument(const Tensor &tensor) {
  // An undefined tensor is none, as in PyTorch.
  if (!tensor.defined()) return;
  value_.kind = EMBER_VALUE_TENSOR;
  value_.as.tensor = tensor.handle();
}

inline Argument::Argument(const SparseTensor &tensor) : Argument(EMBER_VALUE_SPARSE_TENSOR) { value_.as.sparse_tensor = tensor.handle(); }

inline Argument::Argument(const IntList &numbers) {
  items_.resize(numbers.size());
  for (size_t i = 0; i < numbers.size(); ++i) {
    items_[i].kind = EMBER_VALUE_INTEGER;
    items_[i].as.integer = numbers.data()[i];
  }
  list();
}

inline Argument::Argument(const OptionalIntList &numbers) {
  if (numbers) *this = Argument(IntList(numbers->data(), numbers->size()));
}

namespace detail {

/// Takes what a result holds.
template <class Result> struct Taken {
  static Result from(ember_value &value) {
    static_assert(::std::is_same_v<Result, Scalar> || ::std::is_arithmetic_v<Result>, "no operator returns this");
    if constexpr (::std::is_same_v<Result, Scalar>) return Scalar(value);
    else return Scalar(value).to<Result>();
  }
};

inline void expect(bool is_expected, const char *what) {
  if (!is_expected) throw Error(EMBER_ERROR_VALUE, "call", ::std::string("the result is no ") + what);
}

template <> struct Taken<Tensor> {
  static Tensor from(ember_value &value) {
    if (value.kind == EMBER_VALUE_NONE) return Tensor();
    expect(value.kind == EMBER_VALUE_TENSOR, "tensor");
    value.kind = EMBER_VALUE_NONE;
    return Tensor::take(value.as.tensor);
  }
};

template <> struct Taken<SparseTensor> {
  static SparseTensor from(ember_value &value) {
    expect(value.kind == EMBER_VALUE_SPARSE_TENSOR, "sparse tensor");
    value.kind = EMBER_VALUE_NONE;
    return SparseTensor::take(value.as.sparse_tensor);
  }
};

template <class T> struct Taken<::std::optional<T>> {
  static ::std::optional<T> from(ember_value &value) {
    if (value.kind == EMBER_VALUE_NONE) return ::std::nullopt;
    return Taken<T>::from(value);
  }
};

template <class T> struct Taken<::std::vector<T>> {
  static ::std::vector<T> from(ember_value &value) {
    expect(value.kind == EMBER_VALUE_LIST, "list");
    ::std::vector<T> items;
    // The list is released by the caller; what is taken out of it is not there any more.
    for (size_t i = 0; i < value.as.list.count; ++i) items.push_back(Taken<T>::from(const_cast<ember_value &>(value.as.list.items[i])));
    return items;
  }
};

/// Results that are given back whatever happens.
struct Results {
  static constexpr size_t capacity = 16;
  ember_value values[capacity] = {};
  size_t count = 0;
  ~Results() {
    for (size_t i = 0; i < count; ++i) ember_value_release(&values[i]);
  }
};

template <class Result> struct Unpacked {
  static Result from(Results &results) {
    expect(results.count == 1, "single value");
    return Taken<Result>::from(results.values[0]);
  }
};

template <class... Items> struct Unpacked<::std::tuple<Items...>> {
  static ::std::tuple<Items...> from(Results &results) {
    expect(results.count == sizeof...(Items), "tuple of this length");
    return from(results, ::std::index_sequence_for<Items...>());
  }
  template <size_t... positions> static ::std::tuple<Items...> from(Results &results, ::std::index_sequence<positions...>) {
    return ::std::tuple<Items...>(Taken<Items>::from(results.values[positions])...);
  }
};

}  // namespace detail

template <class Result> Result call(const char *name, ::std::initializer_list<Argument> arguments) {
  ::std::vector<ember_value> values;
  values.reserve(arguments.size());
  for (const Argument &argument : arguments) values.push_back(argument.value());
  detail::Results results;
  size_t count = 0;
  detail::check(ember_call(name, values.data(), values.size(), results.values, detail::Results::capacity, &count));
  results.count = count;
  return detail::Unpacked<Result>::from(results);
}

}  // namespace ember

#endif

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
/// What differs: a tensor is a value. `auto b = a; b.add_(1);` leaves `a` as it was, and so does writing to a view. In-place methods are for
/// variables only, so that `w.grad().zero_()`, which would do nothing, does not compile (`w.zero_grad()` is meant). Under a `NoGradGuard`
/// they keep a leaf a leaf, with its gradient. Whatever fails throws `ember::Error`.
#ifndef EMBER_HPP
#define EMBER_HPP

#include <complex>
#include <cstring>
#include <initializer_list>
#include <limits>
#include <map>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "ember.h"

namespace ember {

// MARK: - Errors

/// What any function throws.
class Error : public ::std::runtime_error {
 public:
  Error(ember_status status, ::std::string operation, const ::std::string &message)
      : ::std::runtime_error("[" + operation + "] " + message), status_(status), operation_(::std::move(operation)) {}

  ember_status status() const noexcept { return status_; }
  /// The operation that failed, as "matmul".
  const ::std::string &operation() const noexcept { return operation_; }

 private:
  ember_status status_;
  ::std::string operation_;
};

namespace detail {

inline void check(ember_status status) {
  if (status != EMBER_OK) throw Error(status, ember_error_operation(), ember_error_message());
}

}  // namespace detail

// MARK: - Types and devices

/// The type of a tensor's elements.
enum class DType : int {
  Bool = EMBER_BOOL,
  UInt8 = EMBER_UINT8,
  Int8 = EMBER_INT8,
  Int16 = EMBER_INT16,
  Int32 = EMBER_INT32,
  Int64 = EMBER_INT64,
  Float16 = EMBER_FLOAT16,
  BFloat16 = EMBER_BFLOAT16,
  Float32 = EMBER_FLOAT32,
  Float64 = EMBER_FLOAT64,
  Complex64 = EMBER_COMPLEX64,
  Complex128 = EMBER_COMPLEX128,
  UInt16 = EMBER_UINT16,
  UInt32 = EMBER_UINT32,
  UInt64 = EMBER_UINT64
};

inline constexpr DType kBool = DType::Bool, kUInt8 = DType::UInt8, kInt8 = DType::Int8, kInt16 = DType::Int16, kInt32 = DType::Int32,
                       kInt64 = DType::Int64, kFloat16 = DType::Float16, kBFloat16 = DType::BFloat16, kFloat32 = DType::Float32,
                       kFloat64 = DType::Float64, kComplex64 = DType::Complex64, kComplex128 = DType::Complex128, kUInt16 = DType::UInt16,
                       kUInt32 = DType::UInt32, kUInt64 = DType::UInt64;

namespace detail {

/// The element type of a C++ type.
template <class T> constexpr DType dtype_of() {
  if constexpr (::std::is_same_v<T, bool>) return kBool;
  else if constexpr (::std::is_same_v<T, float>) return kFloat32;
  else if constexpr (::std::is_same_v<T, double>) return kFloat64;
  else if constexpr (::std::is_same_v<T, ::std::complex<float>>) return kComplex64;
  else if constexpr (::std::is_same_v<T, ::std::complex<double>>) return kComplex128;
  else {
    static_assert(::std::is_integral_v<T>, "tensors have no elements of this type");
    if constexpr (::std::is_signed_v<T>) return sizeof(T) == 1 ? kInt8 : sizeof(T) == 2 ? kInt16 : sizeof(T) == 4 ? kInt32 : kInt64;
    else return sizeof(T) == 1 ? kUInt8 : sizeof(T) == 2 ? kUInt16 : sizeof(T) == 4 ? kUInt32 : kUInt64;
  }
}

}  // namespace detail

enum class DeviceType : int { CPU = EMBER_CPU, CUDA = EMBER_CUDA, Meta = EMBER_META };
inline constexpr DeviceType kCPU = DeviceType::CPU, kCUDA = DeviceType::CUDA, kMeta = DeviceType::Meta;

class Device {
 public:
  constexpr Device(DeviceType type = kCPU, int index = 0) : type_(type), index_(index) {}
  explicit Device(ember_device device) : type_(static_cast<DeviceType>(device.type)), index_(device.index) {}

  constexpr DeviceType type() const { return type_; }
  constexpr int index() const { return index_; }
  operator ember_device() const { return {static_cast<ember_device_type>(type_), index_}; }
  friend constexpr bool operator==(const Device &a, const Device &b) { return a.type_ == b.type_ && a.index_ == b.index_; }
  friend constexpr bool operator!=(const Device &a, const Device &b) { return !(a == b); }

 private:
  DeviceType type_;
  int index_;
};

/// What functions that make a tensor may be told: `ember::zeros({2}, ember::dtype(ember::kFloat64).requires_grad(true))`.
class TensorOptions {
 public:
  TensorOptions() = default;
  TensorOptions(DType dtype) : dtype_(dtype) {}
  TensorOptions(Device device) : device_(device) {}
  TensorOptions(DeviceType device) : device_(Device(device)) {}

  TensorOptions dtype(DType dtype) const { return changed(&TensorOptions::dtype_, dtype); }
  TensorOptions device(Device device) const { return changed(&TensorOptions::device_, device); }
  TensorOptions requires_grad(bool requires_grad) const { return changed(&TensorOptions::requires_grad_, requires_grad); }

  ::std::optional<DType> dtype_opt() const { return dtype_; }
  ::std::optional<Device> device_opt() const { return device_; }
  bool requires_grad() const { return requires_grad_; }

 private:
  template <class Member, class Value> TensorOptions changed(Member TensorOptions::*member, Value value) const {
    TensorOptions copy = *this;
    copy.*member = value;
    return copy;
  }

  ::std::optional<DType> dtype_;
  ::std::optional<Device> device_;
  bool requires_grad_ = false;
};

// MARK: - Arguments

/// A truth value that no number turns into by itself.
class Bool {
 public:
  template <class T, class = ::std::enable_if_t<::std::is_same_v<T, bool>>> constexpr Bool(T value) : value_(value) {}
  constexpr operator bool() const { return value_; }

 private:
  bool value_;
};

/// A number of any kind.
class Scalar {
 public:
  template <class T, class = ::std::enable_if_t<::std::is_arithmetic_v<T>>> Scalar(T number) {
    if constexpr (::std::is_same_v<T, bool>) {
      value_.kind = EMBER_VALUE_BOOL;
      value_.as.boolean = number;
    } else if constexpr (::std::is_integral_v<T>) {
      value_.kind = EMBER_VALUE_INTEGER;
      value_.as.integer = static_cast<int64_t>(number);
    } else {
      value_.kind = EMBER_VALUE_REAL;
      value_.as.real = static_cast<double>(number);
    }
  }
  template <class T> Scalar(::std::complex<T> number) {
    value_.kind = EMBER_VALUE_COMPLEX;
    value_.as.complex_number = {static_cast<double>(number.real()), static_cast<double>(number.imag())};
  }
  explicit Scalar(const ember_value &value) : value_(value) {}

  const ember_value &value() const { return value_; }
  bool is_integral() const { return value_.kind == EMBER_VALUE_INTEGER; }
  bool is_boolean() const { return value_.kind == EMBER_VALUE_BOOL; }
  bool is_floating_point() const { return value_.kind == EMBER_VALUE_REAL; }
  bool is_complex() const { return value_.kind == EMBER_VALUE_COMPLEX; }

  /// The number in a C++ type; of a complex one as a real type, the real part.
  template <class T> T to() const {
    switch (value_.kind) {
      case EMBER_VALUE_BOOL: return static_cast<T>(value_.as.boolean);
      case EMBER_VALUE_INTEGER: return static_cast<T>(value_.as.integer);
      case EMBER_VALUE_COMPLEX:
        if constexpr (::std::is_same_v<T, ::std::complex<float>> || ::std::is_same_v<T, ::std::complex<double>>) {
          return T(static_cast<typename T::value_type>(value_.as.complex_number.real),
                   static_cast<typename T::value_type>(value_.as.complex_number.imaginary));
        } else {
          return static_cast<T>(value_.as.complex_number.real);
        }
      default: return static_cast<T>(value_.as.real);
    }
  }

 private:
  ember_value value_{};
};

// A list in braces lives until the call that it is an argument of is over.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Winit-list-lifetime"
#endif

/// A list of integers, looked at and not owned: for parameters. One integer stands for a list of one.
class IntList {
 public:
  IntList() = default;
  template <class T, class = ::std::enable_if_t<::std::is_integral_v<T> && !::std::is_same_v<T, bool>>>
  IntList(T number) : one_(number), size_(1) {}
  IntList(::std::initializer_list<int64_t> numbers) : data_(numbers.begin()), size_(numbers.size()) {}
  IntList(const ::std::vector<int64_t> &numbers) : data_(numbers.data()), size_(numbers.size()) {}
  IntList(const int64_t *numbers, size_t size) : data_(numbers), size_(size) {}

  const int64_t *data() const { return data_ || size_ == 0 ? data_ : &one_; }
  size_t size() const { return size_; }

 private:
  const int64_t *data_ = nullptr;
  int64_t one_ = 0;
  size_t size_ = 0;
};

class OptionalIntList {
 public:
  OptionalIntList(::std::nullopt_t) {}
  OptionalIntList(IntList list) : list_(list), has_value_(true) {}
  template <class T, class = ::std::enable_if_t<::std::is_integral_v<T> && !::std::is_same_v<T, bool>>>
  OptionalIntList(T number) : list_(number), has_value_(true) {}
  OptionalIntList(::std::initializer_list<int64_t> numbers) : list_(numbers), has_value_(true) {}
  OptionalIntList(const ::std::vector<int64_t> &numbers) : list_(numbers), has_value_(true) {}

  const IntList *operator->() const { return &list_; }
  explicit operator bool() const { return has_value_; }

 private:
  IntList list_;
  bool has_value_ = false;
};

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

namespace detail {

/// Shared ownership of a handle.
template <class Object, ember_status (*retain)(Object *), ember_status (*release)(Object *)> class Handle {
 public:
  Handle() = default;
  /// Takes over the caller's reference.
  explicit Handle(Object *object) : object_(object) {}
  Handle(const Handle &other) : object_(other.object_) {
    if (object_) check(retain(object_));
  }
  Handle(Handle &&other) noexcept : object_(::std::exchange(other.object_, nullptr)) {}
  Handle &operator=(Handle other) noexcept {
    ::std::swap(object_, other.object_);
    return *this;
  }
  ~Handle() { release(object_); }

  Object *get() const { return object_; }
  Object *give() { return ::std::exchange(object_, nullptr); }

 private:
  Object *object_ = nullptr;
};

}  // namespace detail

/// A stream of random numbers. Copies are the same stream.
class Generator {
 public:
  explicit Generator(uint64_t seed = 67280421310721, Device device = kCPU) {
    ember_random_generator *made = nullptr;
    detail::check(ember_random_generator_create(seed, device, &made));
    handle_ = decltype(handle_)(made);
  }
  explicit Generator(ember_random_generator *taken) : handle_(taken) {}

  void set_current_seed(uint64_t seed) { detail::check(ember_random_generator_seed(handle_.get(), seed)); }
  ember_random_generator *handle() const { return handle_.get(); }

 private:
  detail::Handle<ember_random_generator, ember_random_generator_retain, ember_random_generator_release> handle_;
};

inline void manual_seed(uint64_t seed) { detail::check(ember_manual_seed(seed)); }

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

#include "ember/tensor_methods.hpp"

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

#include "ember/functions.hpp"

namespace ember {

// MARK: - Making tensors

/// A tensor of the given elements; numbers with a fraction make float32 and integers int64, as in PyTorch, unless the options say otherwise.
template <class T> Tensor tensor(const ::std::vector<T> &elements, const TensorOptions &options = {}) {
  int64_t size = static_cast<int64_t>(elements.size());
  ember_tensor *made = nullptr;
  if constexpr (::std::is_same_v<T, bool>) {
    ::std::vector<uint8_t> bytes(elements.begin(), elements.end());
    detail::check(ember_tensor_from_data(bytes.data(), bytes.size(), EMBER_BOOL, &size, 1, {EMBER_CPU, 0}, &made));
  } else {
    detail::check(ember_tensor_from_data(
        elements.data(), elements.size() * sizeof(T), static_cast<ember_scalar_type>(detail::dtype_of<T>()), &size, 1, {EMBER_CPU, 0}, &made));
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

// MARK: - Saved models

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
      ember_status (*count_of)(const ember_model *, size_t *), ember_status (*describe)(const ember_model *, size_t, ember_model_port *)) const {
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

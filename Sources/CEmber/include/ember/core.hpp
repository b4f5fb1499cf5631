/// Part of ember.hpp: errors, types and devices, numbers and lists as parameters, generators.
#ifndef EMBER_CORE_HPP
#define EMBER_CORE_HPP

#include <complex>
#include <initializer_list>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "../ember.h"

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

}  // namespace ember

#endif

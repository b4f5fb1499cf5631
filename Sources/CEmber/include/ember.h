/// Ember from C: tensors, operators by name, automatic differentiation, exchange of memory with other libraries, saved models.
///
/// Link with `-lember`. docs/c.md explains the whole; in short:
///
/// - Every function but the few that cannot fail returns a status. `ember_error_message()` then says, on the same thread, what was wrong.
///   Outputs are written on success only.
/// - Handles (`ember_tensor *` and the others) are not addresses. A function that writes a handle to `*out` gives the caller one reference,
///   to be given back with the matching `_release`. A handle that was given back, or is of another kind, is refused with
///   `EMBER_ERROR_HANDLE`.
/// - A tensor never changes: operators return new ones, in-place forms (`aten::add_`) too. Memory is shared where it can be.
/// - Every function may be called from any thread, also with the same handles at the same time. Whether operations are recorded for
///   differentiation (`ember_set_grad_enabled`) is a setting of the calling thread.
/// - Dimensions and lengths are counted in elements, never in bytes, unless the name says so. Elements are in row-major order.
#ifndef EMBER_H
#define EMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__) || defined(__clang__)
#define EMBER_API __attribute__((visibility("default")))
#else
#define EMBER_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

// MARK: - Versions

/// Of this header. It rises when something that is there changes its meaning or its layout; additions leave it.
#define EMBER_ABI_VERSION 1

/// The library's version, `"major.minor.patch"`.
EMBER_API const char *ember_version(void);
/// `EMBER_ABI_VERSION` of the header that the library was built from. Programs that load the library at run time compare it with theirs.
EMBER_API int32_t ember_abi_version(void);

// MARK: - Errors

/// What came of a call.
typedef enum ember_status {
  EMBER_OK = 0,
  /// Shapes that do not go together.
  EMBER_ERROR_SHAPE = 1,
  /// A position outside of its dimension.
  EMBER_ERROR_INDEX = 2,
  EMBER_ERROR_DTYPE = 3,
  /// A device that is not there, or operands on different ones.
  EMBER_ERROR_DEVICE = 4,
  EMBER_ERROR_VALUE = 5,
  EMBER_ERROR_MEMORY = 6,
  /// No such operator, or a combination that is not supported.
  EMBER_ERROR_UNSUPPORTED = 7,
  /// The operation has no kernel for the device.
  EMBER_ERROR_KERNEL = 8,
  /// A file that is missing, unreadable or malformed.
  EMBER_ERROR_FILE = 9,
  /// A pointer is null that must not be.
  EMBER_ERROR_NULL = 20,
  /// A handle that was released, never was one, or is of another kind.
  EMBER_ERROR_HANDLE = 21,
  /// A buffer or an array is too small, or not of the size that is needed.
  EMBER_ERROR_COUNT = 22,
  EMBER_ERROR_OTHER = 99
} ember_status;

/// What went wrong in the last call on this thread that failed; empty before. Valid until the next failure on this thread.
EMBER_API const char *ember_error_message(void);
/// The operation that failed, as `"matmul"`. Valid as long as the message.
EMBER_API const char *ember_error_operation(void);
/// The status as it is written in this header, for messages.
EMBER_API const char *ember_status_name(ember_status status);

// MARK: - Elements and devices

/// The type of a tensor's elements (ATen's ScalarType).
typedef enum ember_scalar_type {
  /// One byte, 0 or 1.
  EMBER_BOOL = 0,
  EMBER_UINT8 = 1,
  EMBER_INT8 = 2,
  EMBER_INT16 = 3,
  EMBER_INT32 = 4,
  EMBER_INT64 = 5,
  EMBER_FLOAT16 = 6,
  EMBER_BFLOAT16 = 7,
  EMBER_FLOAT32 = 8,
  EMBER_FLOAT64 = 9,
  /// Pairs of float32, the real part first.
  EMBER_COMPLEX64 = 10,
  EMBER_COMPLEX128 = 11,
  EMBER_UINT16 = 12,
  EMBER_UINT32 = 13,
  EMBER_UINT64 = 14,
  EMBER_FLOAT8_E4M3FN = 15,
  EMBER_FLOAT8_E5M2 = 16,
  EMBER_FLOAT8_E4M3FNUZ = 17,
  EMBER_FLOAT8_E5M2FNUZ = 18,
  EMBER_COMPLEX32 = 19
} ember_scalar_type;

/// Bytes of one element.
EMBER_API ember_status ember_scalar_type_size(ember_scalar_type type, size_t *out);
/// The name as PyTorch writes it, `"float32"`. It stays valid.
EMBER_API ember_status ember_scalar_type_name(ember_scalar_type type, const char **out);
/// The type of such a name.
EMBER_API ember_status ember_scalar_type_from_name(const char *name, ember_scalar_type *out);

typedef enum ember_device_type {
  EMBER_CPU = 0,
  /// An NVIDIA GPU.
  EMBER_CUDA = 1,
  /// Shapes and types without elements: operations compute what their results would look like.
  EMBER_META = 2
} ember_device_type;

/// Where a tensor's elements are. `index` numbers several devices of one type.
typedef struct ember_device {
  ember_device_type type;
  int32_t index;
} ember_device;

/// How many devices of a type there are here.
EMBER_API ember_status ember_device_count(ember_device_type type, size_t *out);

/// How many threads work on one operation on the CPU; by default as many as there are cores, or the environment's `EMBER_NUM_THREADS`.
EMBER_API ember_status ember_cpu_thread_count(size_t *out);
EMBER_API ember_status ember_set_cpu_thread_count(size_t count);

/// The largest number of dimensions of a tensor.
#define EMBER_MAXIMUM_RANK 8

// MARK: - Handles

/// A tensor with its history.
typedef struct ember_tensor ember_tensor;
/// A tensor of which only some elements are stored.
typedef struct ember_sparse_tensor ember_sparse_tensor;
/// A stream of random numbers.
typedef struct ember_random_generator ember_random_generator;
/// A saved model.
typedef struct ember_model ember_model;
/// How many handles, of all kinds, are held now: equal before and after a piece of program that leaks none.
EMBER_API ember_status ember_handle_count(size_t *out);

/// Gives back text that a function made. Null is allowed.
EMBER_API void ember_string_release(char *text);

// MARK: - Tagged values

typedef enum ember_value_kind {
  EMBER_VALUE_NONE = 0,
  EMBER_VALUE_BOOL = 1,
  EMBER_VALUE_INTEGER = 2,
  EMBER_VALUE_REAL = 3,
  EMBER_VALUE_COMPLEX = 4,
  EMBER_VALUE_STRING = 5,
  EMBER_VALUE_SCALAR_TYPE = 6,
  EMBER_VALUE_DEVICE = 7,
  /// `as.string`: "strided", "sparse_csr", ...
  EMBER_VALUE_LAYOUT = 8,
  /// `as.string`: "contiguous_format", "channels_last", ...
  EMBER_VALUE_MEMORY_FORMAT = 9,
  EMBER_VALUE_GENERATOR = 10,
  EMBER_VALUE_TENSOR = 11,
  EMBER_VALUE_SPARSE_TENSOR = 12,
  EMBER_VALUE_LIST = 13,
  /// A list of integers in short; as an argument only, results are lists.
  EMBER_VALUE_INTEGERS = 14,
  /// In an index: start:end:step.
  EMBER_VALUE_SLICE = 15,
  /// In an index: as many whole dimensions as are left over.
  EMBER_VALUE_ELLIPSIS = 16,
  /// A function of tensors, for the operators that take one (a distance); as an argument only.
  EMBER_VALUE_FUNCTION = 17
} ember_value_kind;

/// A function that an operator calls during the call that it is an argument of, on the same thread. The inputs are the library's; the
/// result is taken over by the library, null for a failure.
typedef ember_tensor *(*ember_tensor_function)(ember_tensor *const *inputs, size_t count, void *context);

/// A bound of a slice that is left out.
#define EMBER_SLICE_OPEN INT64_MIN

/// An argument or a result of an operator.
///
/// Arguments belong to the caller and are only read during the call. Results belong to the caller too: `ember_value_release` gives back
/// what is in them.
typedef struct ember_value {
  ember_value_kind kind;
  /// The argument that this is given for (`"dim"`); null where its place says it.
  const char *name;
  union {
    bool boolean;
    int64_t integer;
    double real;
    struct {
      double real;
      double imaginary;
    } complex_number;
    const char *string;
    ember_scalar_type scalar_type;
    ember_device device;
    ember_random_generator *generator;
    ember_tensor *tensor;
    ember_sparse_tensor *sparse_tensor;
    struct {
      const struct ember_value *items;
      size_t count;
    } list;
    struct {
      const int64_t *items;
      size_t count;
    } integers;
    struct {
      int64_t start;
      int64_t end;
      int64_t step;
    } slice;
    struct {
      ember_tensor_function call;
      void *context;
    } function;
  } as;
} ember_value;

/// Gives back what a result holds, items of lists included, and makes it `EMBER_VALUE_NONE`. Not for values that the caller filled in.
EMBER_API ember_status ember_value_release(ember_value *value);

// MARK: - Tensors: making them

/// A tensor of its own memory with a copy of `data`: dense, in row-major order. `byte_count` must be what the shape takes.
EMBER_API ember_status ember_tensor_from_data(
    const void *data, size_t byte_count, ember_scalar_type type, const int64_t *sizes, size_t rank, ember_device device,
    ember_tensor **out);

/// A tensor over memory of the caller's, without copying. It is never written through the tensor, and must not change or go away before
/// `release(context)` is called: once, when nothing of Ember's uses it any more, on whichever thread that happens. If this function
/// fails, `release` is not called.
///
/// `strides`, in elements, may be 0 or negative; null stands for dense memory. `data` is the address of the element at 0, 0, ...
EMBER_API ember_status ember_tensor_wrap(
    const void *data, ember_scalar_type type, const int64_t *sizes, const int64_t *strides, size_t rank, ember_device device,
    void (*release)(void *context), void *context, ember_tensor **out);

EMBER_API ember_status ember_tensor_zeros(
    ember_scalar_type type, const int64_t *sizes, size_t rank, ember_device device, ember_tensor **out);
EMBER_API ember_status ember_tensor_ones(
    ember_scalar_type type, const int64_t *sizes, size_t rank, ember_device device, ember_tensor **out);
/// Every element equal to a number (a bool, integer, real or complex value).
EMBER_API ember_status ember_tensor_full(
    const ember_value *number, ember_scalar_type type, const int64_t *sizes, size_t rank, ember_device device, ember_tensor **out);
/// Uniform in 0 <= x < 1. The device's default generator is drawn from where `generator` is null.
EMBER_API ember_status ember_tensor_rand(
    ember_scalar_type type, const int64_t *sizes, size_t rank, ember_device device, ember_random_generator *generator,
    ember_tensor **out);
/// Normal with mean 0 and standard deviation 1.
EMBER_API ember_status ember_tensor_randn(
    ember_scalar_type type, const int64_t *sizes, size_t rank, ember_device device, ember_random_generator *generator,
    ember_tensor **out);

/// One more reference to the same tensor, under the same handle.
EMBER_API ember_status ember_tensor_retain(ember_tensor *tensor);
/// Gives a reference back; the last one frees the tensor. Null is allowed.
EMBER_API ember_status ember_tensor_release(ember_tensor *tensor);

// MARK: - Tensors: what they are

/// Number of dimensions.
EMBER_API ember_status ember_tensor_rank(const ember_tensor *tensor, size_t *out);
/// The extents of the dimensions; `capacity` is the length of `sizes`, at least the rank.
EMBER_API ember_status ember_tensor_sizes(const ember_tensor *tensor, int64_t *sizes, size_t capacity);
/// The distance between neighbours in each dimension, in elements.
EMBER_API ember_status ember_tensor_strides(const ember_tensor *tensor, int64_t *strides, size_t capacity);
EMBER_API ember_status ember_tensor_element_count(const ember_tensor *tensor, size_t *out);
EMBER_API ember_status ember_tensor_scalar_type(const ember_tensor *tensor, ember_scalar_type *out);
EMBER_API ember_status ember_tensor_device(const ember_tensor *tensor, ember_device *out);
/// Whether the elements lie densely in row-major order.
EMBER_API ember_status ember_tensor_is_contiguous(const ember_tensor *tensor, bool *out);

/// The address of the first element, for reading, on the tensor's device (`strides` say where the others are). Valid as long as the
/// caller holds the tensor; null if it has no elements. Nothing may be written there: the memory may be shared.
EMBER_API ember_status ember_tensor_data(const ember_tensor *tensor, const void **out);
/// Copies all elements to `destination`, dense and in row-major order. `byte_count` must be what they take.
EMBER_API ember_status ember_tensor_copy_data(const ember_tensor *tensor, void *destination, size_t byte_count);
/// The only element of a tensor of one: a bool, integer, real or complex value.
EMBER_API ember_status ember_tensor_item(const ember_tensor *tensor, ember_value *out);
/// The elements as PyTorch prints them. To be given back with `ember_string_release`.
EMBER_API ember_status ember_tensor_description(const ember_tensor *tensor, char **out);

// MARK: - Tensors: conversions and indexing. All of these are differentiable.

EMBER_API ember_status ember_tensor_to_device(const ember_tensor *tensor, ember_device device, ember_tensor **out);
EMBER_API ember_status ember_tensor_to_scalar_type(const ember_tensor *tensor, ember_scalar_type type, ember_tensor **out);
/// The same elements in dense row-major order; the same tensor if they are already.
EMBER_API ember_status ember_tensor_contiguous(const ember_tensor *tensor, ember_tensor **out);
/// The same elements in memory of their own.
EMBER_API ember_status ember_tensor_clone(const ember_tensor *tensor, ember_tensor **out);

/// `tensor[indices...]`, where an index is an integer, a slice, an ellipsis, none (a new dimension), a tensor of positions, a mask, or a
/// list of integers.
EMBER_API ember_status ember_tensor_index(const ember_tensor *tensor, const ember_value *indices, size_t count, ember_tensor **out);
/// The tensor with `source`, which must broadcast to it, in place of `tensor[indices...]`.
EMBER_API ember_status ember_tensor_index_put(
    const ember_tensor *tensor, const ember_value *indices, size_t count, const ember_tensor *source, ember_tensor **out);

// MARK: - Automatic differentiation

EMBER_API ember_status ember_tensor_requires_grad(const ember_tensor *tensor, bool *out);
/// The same elements as a leaf, whose gradient `ember_tensor_grad` returns after a backward pass; or without history.
EMBER_API ember_status ember_tensor_requiring_grad(const ember_tensor *tensor, bool requires_grad, ember_tensor **out);
/// The same elements without history.
EMBER_API ember_status ember_tensor_detach(const ember_tensor *tensor, ember_tensor **out);
EMBER_API ember_status ember_tensor_is_leaf(const ember_tensor *tensor, bool *out);
/// Other numbers for a leaf, as a step of an optimizer gives them: `*out` is the leaf with the elements of `numbers`, and the gradient
/// stays. Shape, type and device must be the leaf's.
EMBER_API ember_status ember_tensor_updated(const ember_tensor *leaf, const ember_tensor *numbers, ember_tensor **out);

/// The gradient that backward passes have added up, or null in `*out` where there is none.
EMBER_API ember_status ember_tensor_grad(const ember_tensor *tensor, ember_tensor **out);
/// Sets the gradient; null takes it away.
EMBER_API ember_status ember_tensor_set_grad(const ember_tensor *tensor, const ember_tensor *gradient);

/// Adds to the gradients of all leaves that `results` were computed from. `gradients` holds the gradient arriving at each result; null, or
/// null for one of them, stands for 1 at a single number. With `retain_graph` the computation can be gone through again; with
/// `create_graph` the gradients can themselves be differentiated.
EMBER_API ember_status ember_backward(
    ember_tensor *const *results, ember_tensor *const *gradients, size_t count, bool retain_graph, bool create_graph);

/// The gradients of `results` with respect to `inputs`, one each, in `out`. No leaf's gradient changes. An input that the results do not
/// depend on yields zeros.
EMBER_API ember_status ember_grad(
    ember_tensor *const *results, ember_tensor *const *gradients, size_t result_count, ember_tensor *const *inputs, size_t input_count,
    bool retain_graph, bool create_graph, ember_tensor **out);

/// Whether operations on the calling thread are recorded for differentiation, as they are at first. The setting before goes to
/// `*previous`, unless that is null, so that a part of a program can put it back.
EMBER_API ember_status ember_set_grad_enabled(bool enabled, bool *previous);
EMBER_API ember_status ember_grad_enabled(bool *out);

// MARK: - Random numbers

/// Seeds the default generators of all devices. The numbers are PyTorch's of the same seed.
EMBER_API ember_status ember_manual_seed(uint64_t seed);
EMBER_API ember_status ember_random_generator_create(uint64_t seed, ember_device device, ember_random_generator **out);
EMBER_API ember_status ember_random_generator_seed(ember_random_generator *generator, uint64_t seed);
/// Everything that is needed to continue the stream. With `state` null only the number of bytes is written.
EMBER_API ember_status ember_random_generator_state(
    const ember_random_generator *generator, void *state, size_t capacity, size_t *byte_count);
EMBER_API ember_status ember_random_generator_set_state(ember_random_generator *generator, const void *state, size_t byte_count);
EMBER_API ember_status ember_random_generator_retain(ember_random_generator *generator);
EMBER_API ember_status ember_random_generator_release(ember_random_generator *generator);

// MARK: - Operators by name

/// Calls an operator by ATen's name, `"aten::sum"`, or that of one overload, `"aten::sum.dim_IntList"`. Arguments in place come first,
/// those with a name after them; what is missing takes its default. docs/operators.md lists the operators.
///
/// `*result_count` becomes the number of results, which are written to `results`. If there are more than `result_capacity`, nothing else
/// is written and the status is `EMBER_ERROR_COUNT`. In-place forms return what PyTorch would have written.
EMBER_API ember_status ember_call(
    const char *name, const ember_value *arguments, size_t argument_count, ember_value *results, size_t result_capacity,
    size_t *result_count);

/// How many operators there are, overloads counted by themselves.
EMBER_API ember_status ember_operator_count(size_t *out);
/// The declaration of operator `index`, in ATen's notation and in the order of the names. It stays valid.
EMBER_API ember_status ember_operator_declaration(size_t index, const char **out);

// MARK: - Saved models

/// An input or an output of a model.
typedef struct ember_model_port {
  /// Valid as long as the model is held, as is `sizes`.
  const char *name;
  /// Whether it is a tensor of numbers; then `type` is that of its elements.
  bool is_tensor;
  ember_scalar_type type;
  /// Whether extents are declared: `rank` of them in `sizes`, -1 for one that may vary.
  bool has_sizes;
  const int64_t *sizes;
  size_t rank;
  /// Of an input, whether it must be given.
  bool is_required;
} ember_model_port;

/// Loads a model from an ONNX file, with what lies beside it (data in files of their own).
EMBER_API ember_status ember_model_load(const char *path, ember_model **out);
/// The same from the bytes of a file, which are no longer needed afterwards.
EMBER_API ember_status ember_model_load_data(const void *data, size_t byte_count, ember_model **out);
EMBER_API ember_status ember_model_retain(ember_model *model);
EMBER_API ember_status ember_model_release(ember_model *model);

EMBER_API ember_status ember_model_input_count(const ember_model *model, size_t *out);
EMBER_API ember_status ember_model_input(const ember_model *model, size_t index, ember_model_port *out);
EMBER_API ember_status ember_model_output_count(const ember_model *model, size_t *out);
EMBER_API ember_status ember_model_output(const ember_model *model, size_t index, ember_model_port *out);

/// Runs the model, without recording. Many threads may run one model at once.
///
/// Inputs in place come first, those with a name after them. Outputs go to `outputs` in the model's order, each with its name (valid as
/// long as the model is held); `*output_count` becomes their number, and where that is more than `output_capacity` nothing else is
/// written and the status is `EMBER_ERROR_COUNT`. Tensors of texts are strings, lists of strings, lists of these, and so on; sequences are
/// lists, and an optional that holds nothing is none.
EMBER_API ember_status ember_model_run(
    const ember_model *model, const ember_value *inputs, size_t input_count, ember_value *outputs, size_t output_capacity,
    size_t *output_count);

// MARK: - Sparse tensors

typedef enum ember_sparse_layout {
  /// Coordinates, a column for each value.
  EMBER_SPARSE_COO = 0,
  /// Row by row: where each row begins, and the columns of the values.
  EMBER_SPARSE_CSR = 1,
  EMBER_SPARSE_CSC = 2,
  /// Row by row, of blocks.
  EMBER_SPARSE_BSR = 3,
  EMBER_SPARSE_BSC = 4
} ember_sparse_layout;

/// Values by coordinates: `indices` is [sparse dimensions, count], integers; `values` [count, other dimensions...]. Values at one place
/// add up.
EMBER_API ember_status ember_sparse_tensor_from_coordinates(
    const ember_tensor *indices, const ember_tensor *values, const int64_t *sizes, size_t rank, ember_sparse_tensor **out);
/// Values row by row (or column by column, or blocks of them): `compressed` says where each row begins and the last one ends.
EMBER_API ember_status ember_sparse_tensor_from_compressed(
    ember_sparse_layout layout, const ember_tensor *compressed, const ember_tensor *indices, const ember_tensor *values,
    const int64_t *sizes, size_t rank, ember_sparse_tensor **out);
EMBER_API ember_status ember_sparse_tensor_retain(ember_sparse_tensor *tensor);
EMBER_API ember_status ember_sparse_tensor_release(ember_sparse_tensor *tensor);

EMBER_API ember_status ember_sparse_tensor_layout(const ember_sparse_tensor *tensor, ember_sparse_layout *out);
EMBER_API ember_status ember_sparse_tensor_rank(const ember_sparse_tensor *tensor, size_t *out);
EMBER_API ember_status ember_sparse_tensor_sizes(const ember_sparse_tensor *tensor, int64_t *sizes, size_t capacity);
EMBER_API ember_status ember_sparse_tensor_indices(const ember_sparse_tensor *tensor, ember_tensor **out);
/// Where each row or column begins; null in `*out` for coordinates.
EMBER_API ember_status ember_sparse_tensor_compressed_indices(const ember_sparse_tensor *tensor, ember_tensor **out);
/// The stored values, through which gradients flow.
EMBER_API ember_status ember_sparse_tensor_values(const ember_sparse_tensor *tensor, ember_tensor **out);
/// The same elements in another layout; block sizes are for the last two.
EMBER_API ember_status ember_sparse_tensor_to_layout(
    const ember_sparse_tensor *tensor, ember_sparse_layout layout, int64_t block_rows, int64_t block_columns, ember_sparse_tensor **out);
EMBER_API ember_status ember_sparse_tensor_to_dense(const ember_sparse_tensor *tensor, ember_tensor **out);

// MARK: - DLPack: tensors of other libraries, without copying

/// Declared in <ember/dlpack.h>, or in DLPack's own header.
struct DLManagedTensor;
struct DLManagedTensorVersioned;

/// A tensor over another library's memory. Ember never writes it, but sees what others write. On success the other library's deleter is
/// called once, when the memory is no longer used, on whichever thread that is; on failure it is not.
///
/// Elements that are not aligned to their own size are copied. What a GPU still computes must be waited for before.
EMBER_API ember_status ember_tensor_from_dlpack(struct DLManagedTensor *managed, ember_tensor **out);
/// The same of DLPack 1.x's structure.
EMBER_API ember_status ember_tensor_from_dlpack_versioned(struct DLManagedTensorVersioned *managed, ember_tensor **out);

/// A copy of the tensor for another library, which may write it (DLPack's older structure cannot say that it must not). Its deleter
/// may be called on any thread.
EMBER_API ember_status ember_tensor_to_dlpack(const ember_tensor *tensor, struct DLManagedTensor **out);
/// The tensor's own memory, marked as read-only; or a copy, marked as such, which may be written.
EMBER_API ember_status ember_tensor_to_dlpack_versioned(
    const ember_tensor *tensor, bool copy, struct DLManagedTensorVersioned **out);

#ifdef __cplusplus
}
#endif

#endif

# cython: language_level=3
"""The C header from Cython: memory of typed memoryviews, operators by name, differentiation."""

from libc.stdint cimport int32_t, int64_t


cdef extern from "ember.h" nogil:
    ctypedef enum ember_status:
        EMBER_OK
    ctypedef enum ember_scalar_type:
        EMBER_FLOAT64
    ctypedef enum ember_device_type:
        EMBER_CPU
    ctypedef struct ember_device:
        ember_device_type type
        int32_t index
    ctypedef struct ember_tensor:
        pass
    ctypedef enum ember_value_kind:
        EMBER_VALUE_TENSOR
    ctypedef union ember_value_content "__typeof__(((ember_value *)0)->as)":
        ember_tensor *tensor
        double real
    ctypedef struct ember_value:
        ember_value_kind kind
        const char *name
        ember_value_content content "as"

    const char *ember_error_message()
    ember_status ember_tensor_wrap(
        const void *data, ember_scalar_type type, const int64_t *sizes, const int64_t *strides, size_t rank, ember_device device,
        void (*release)(void *) noexcept, void *context, ember_tensor **out)
    ember_status ember_tensor_requiring_grad(const ember_tensor *tensor, bint requires_grad, ember_tensor **out)
    ember_status ember_tensor_grad(const ember_tensor *tensor, ember_tensor **out)
    ember_status ember_tensor_copy_data(const ember_tensor *tensor, void *destination, size_t byte_count)
    ember_status ember_tensor_release(ember_tensor *tensor)
    ember_status ember_backward(ember_tensor *const *results, ember_tensor *const *gradients, size_t count, bint retain, bint create)
    ember_status ember_call(
        const char *name, const ember_value *arguments, size_t argument_count, ember_value *results, size_t capacity, size_t *count)
    ember_status ember_handle_count(size_t *out)


cdef int check(ember_status status) except -1:
    if status != EMBER_OK:
        raise RuntimeError(ember_error_message().decode())
    return 0


def gradient_of_squares(double[::1] values, double[::1] result):
    """Writes the gradient of the sum of squares to `result`; the values are not copied."""
    cdef ember_tensor *x = NULL
    cdef ember_tensor *leaf = NULL
    cdef ember_tensor *gradient = NULL
    cdef ember_value argument, square, total
    cdef int64_t size = values.shape[0]
    cdef ember_device cpu
    cdef ember_status status
    cdef size_t count
    cpu.type = EMBER_CPU
    cpu.index = 0
    square.content.tensor = NULL
    total.content.tensor = NULL
    try:
        check(ember_tensor_wrap(&values[0], EMBER_FLOAT64, &size, NULL, 1, cpu, NULL, NULL, &x))
        check(ember_tensor_requiring_grad(x, True, &leaf))
        argument.kind = EMBER_VALUE_TENSOR
        argument.name = NULL
        argument.content.tensor = leaf
        check(ember_call("aten::square", &argument, 1, &square, 1, &count))
        check(ember_call("aten::sum", &square, 1, &total, 1, &count))
        with nogil:
            status = ember_backward(&total.content.tensor, NULL, 1, False, False)
        check(status)
        check(ember_tensor_grad(leaf, &gradient))
        check(ember_tensor_copy_data(gradient, &result[0], result.shape[0] * sizeof(double)))
    finally:
        ember_tensor_release(x)
        ember_tensor_release(leaf)
        ember_tensor_release(gradient)
        ember_tensor_release(square.content.tensor)
        ember_tensor_release(total.content.tensor)


def failing_call():
    cdef ember_value result
    cdef size_t count
    check(ember_call("aten::nothing", NULL, 0, &result, 1, &count))


def handle_count():
    cdef size_t count
    check(ember_handle_count(&count))
    return count

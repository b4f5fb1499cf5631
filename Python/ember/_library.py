"""The C library: where it is, its structures and functions, and its errors as exceptions."""

import ctypes
import ctypes.util
import os
from ctypes import POINTER, Structure, Union, c_bool, c_char_p, c_double, c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_void_p

ABI_VERSION = 1


def _candidates():
    yield os.environ.get("EMBER_LIBRARY")
    folder = os.path.dirname(os.path.abspath(__file__))
    for name in ("libember.so", "libember.dylib"):
        path = os.path.join(folder, name)
        if os.path.exists(path):
            yield path
    yield ctypes.util.find_library("ember")
    yield "libember.so"


def _load():
    problems = []
    for path in _candidates():
        if not path:
            continue
        try:
            return ctypes.CDLL(path)
        except OSError as error:
            problems.append(str(error))
    raise ImportError(
        "Ember's library was not found; install it with scripts/install-c, or set EMBER_LIBRARY to its path. " + "; ".join(problems))


class Complex(Structure):
    _fields_ = [("real", c_double), ("imaginary", c_double)]


class CDevice(Structure):
    _fields_ = [("type", c_uint32), ("index", c_int32)]


class Slice(Structure):
    _fields_ = [("start", c_int64), ("end", c_int64), ("step", c_int64)]


class ModelPort(Structure):
    """ember_model_port"""

    _fields_ = [
        ("name", c_char_p), ("is_tensor", c_bool), ("type", c_uint32), ("has_sizes", c_bool), ("sizes", POINTER(c_int64)),
        ("rank", c_size_t), ("is_required", c_bool),
    ]


class Value(Structure):
    """ember_value"""


FUNCTION_CALL = ctypes.CFUNCTYPE(c_void_p, POINTER(c_void_p), c_size_t, c_void_p)


class Function(Structure):
    _fields_ = [("call", FUNCTION_CALL), ("context", c_void_p)]


class List(Structure):
    _fields_ = [("items", POINTER(Value)), ("count", c_size_t)]


class Content(Union):
    _fields_ = [
        ("boolean", c_bool), ("integer", c_int64), ("real", c_double), ("complex_number", Complex), ("string", c_char_p),
        ("scalar_type", c_uint32), ("device", CDevice), ("handle", c_void_p), ("list", List), ("slice", Slice),
        ("function", Function),
    ]


Value._fields_ = [("kind", c_uint32), ("name", c_char_p), ("content", Content)]

# ember_value_kind
NONE, BOOL, INTEGER, REAL, COMPLEX, STRING, SCALAR_TYPE, DEVICE, LAYOUT, MEMORY_FORMAT, GENERATOR, TENSOR, SPARSE_TENSOR, LIST = range(14)
SLICE, ELLIPSIS, FUNCTION = 15, 16, 17
SLICE_OPEN = -(2**63)

RELEASE = ctypes.CFUNCTYPE(None, c_void_p)

_handle, _out = c_void_p, POINTER(c_void_p)
_sizes = POINTER(c_int64)

# All functions return a status but those listed below.
_signatures = {
    "ember_device_count": [c_uint32, POINTER(c_size_t)],
    "ember_cpu_thread_count": [POINTER(c_size_t)],
    "ember_set_cpu_thread_count": [c_size_t],
    "ember_handle_count": [POINTER(c_size_t)],
    "ember_value_release": [POINTER(Value)],
    "ember_tensor_from_data": [c_void_p, c_size_t, c_uint32, _sizes, c_size_t, CDevice, _out],
    "ember_tensor_wrap": [c_void_p, c_uint32, _sizes, _sizes, c_size_t, CDevice, RELEASE, c_void_p, _out],
    "ember_tensor_retain": [_handle],
    "ember_tensor_release": [_handle],
    "ember_tensor_rank": [_handle, POINTER(c_size_t)],
    "ember_tensor_sizes": [_handle, _sizes, c_size_t],
    "ember_tensor_strides": [_handle, _sizes, c_size_t],
    "ember_tensor_element_count": [_handle, POINTER(c_size_t)],
    "ember_tensor_scalar_type": [_handle, POINTER(c_uint32)],
    "ember_tensor_device": [_handle, POINTER(CDevice)],
    "ember_tensor_is_contiguous": [_handle, POINTER(c_bool)],
    "ember_tensor_data": [_handle, _out],
    "ember_tensor_item": [_handle, POINTER(Value)],
    "ember_tensor_description": [_handle, POINTER(c_void_p)],
    "ember_tensor_to_device": [_handle, CDevice, _out],
    "ember_tensor_to_scalar_type": [_handle, c_uint32, _out],
    "ember_tensor_contiguous": [_handle, _out],
    "ember_tensor_clone": [_handle, _out],
    "ember_tensor_index": [_handle, POINTER(Value), c_size_t, _out],
    "ember_tensor_index_put": [_handle, POINTER(Value), c_size_t, _handle, _out],
    "ember_tensor_requires_grad": [_handle, POINTER(c_bool)],
    "ember_tensor_requiring_grad": [_handle, c_bool, _out],
    "ember_tensor_detach": [_handle, _out],
    "ember_tensor_is_leaf": [_handle, POINTER(c_bool)],
    "ember_tensor_updated": [_handle, _handle, _out],
    "ember_tensor_grad": [_handle, _out],
    "ember_tensor_set_grad": [_handle, _handle],
    "ember_backward": [_out, _out, c_size_t, c_bool, c_bool],
    "ember_grad": [_out, _out, c_size_t, _out, c_size_t, c_bool, c_bool, _out],
    "ember_set_grad_enabled": [c_bool, POINTER(c_bool)],
    "ember_grad_enabled": [POINTER(c_bool)],
    "ember_manual_seed": [c_uint64],
    "ember_random_generator_create": [c_uint64, CDevice, _out],
    "ember_random_generator_seed": [_handle, c_uint64],
    "ember_random_generator_state": [_handle, c_void_p, c_size_t, POINTER(c_size_t)],
    "ember_random_generator_set_state": [_handle, c_void_p, c_size_t],
    "ember_random_generator_release": [_handle],
    "ember_call": [c_char_p, POINTER(Value), c_size_t, POINTER(Value), c_size_t, POINTER(c_size_t)],
    "ember_operator_count": [POINTER(c_size_t)],
    "ember_operator_declaration": [c_size_t, POINTER(c_char_p)],
    "ember_model_load": [c_char_p, _out],
    "ember_model_load_data": [c_char_p, c_size_t, _out],
    "ember_model_release": [_handle],
    "ember_model_input_count": [_handle, POINTER(c_size_t)],
    "ember_model_input": [_handle, c_size_t, POINTER(ModelPort)],
    "ember_model_output_count": [_handle, POINTER(c_size_t)],
    "ember_model_output": [_handle, c_size_t, POINTER(ModelPort)],
    "ember_model_run": [_handle, POINTER(Value), c_size_t, POINTER(Value), c_size_t, POINTER(c_size_t)],
    "ember_sparse_tensor_from_coordinates": [_handle, _handle, _sizes, c_size_t, _out],
    "ember_sparse_tensor_from_compressed": [c_uint32, _handle, _handle, _handle, _sizes, c_size_t, _out],
    "ember_sparse_tensor_release": [_handle],
    "ember_sparse_tensor_layout": [_handle, POINTER(c_uint32)],
    "ember_sparse_tensor_rank": [_handle, POINTER(c_size_t)],
    "ember_sparse_tensor_sizes": [_handle, _sizes, c_size_t],
    "ember_sparse_tensor_indices": [_handle, _out],
    "ember_sparse_tensor_compressed_indices": [_handle, _out],
    "ember_sparse_tensor_values": [_handle, _out],
    "ember_sparse_tensor_to_layout": [_handle, c_uint32, c_int64, c_int64, _out],
    "ember_sparse_tensor_to_dense": [_handle, _out],
    "ember_tensor_from_dlpack": [c_void_p, _out],
    "ember_tensor_from_dlpack_versioned": [c_void_p, _out],
    "ember_tensor_to_dlpack": [_handle, _out],
    "ember_tensor_to_dlpack_versioned": [_handle, c_bool, _out],
}


class EmberError(RuntimeError):
    """What any function raises; `operation` is the operation that failed."""

    def __init__(self, message, operation):
        super().__init__(f"[{operation}] {message}")
        self.operation = operation


class ShapeError(EmberError, ValueError):
    """Shapes that do not go together."""


class PositionError(EmberError, IndexError):
    """A position outside of its dimension."""


class TypeMismatch(EmberError, TypeError):
    """Element types that do not go together."""


class InvalidValue(EmberError, ValueError):
    """An argument that is not allowed."""


class OutOfMemory(EmberError, MemoryError):
    """More memory than there is."""


class NotSupported(EmberError, NotImplementedError):
    """No such operator, or a combination that is not supported."""


class FileFailure(EmberError, OSError):
    """A file that is missing, unreadable or malformed."""


# By ember_status.
_exceptions = {
    1: ShapeError, 2: PositionError, 3: TypeMismatch, 5: InvalidValue, 6: OutOfMemory, 7: NotSupported, 8: NotSupported, 9: FileFailure,
}


def check(status):
    if status:
        message = library.ember_error_message().decode("utf-8", "replace")
        operation = library.ember_error_operation().decode("utf-8", "replace")
        raise _exceptions.get(status, EmberError)(message, operation)


library = _load()
library.ember_abi_version.restype = c_int32
library.ember_version.restype = c_char_p
library.ember_error_message.restype = c_char_p
library.ember_error_operation.restype = c_char_p
library.ember_string_release.argtypes = [c_void_p]
library.ember_string_release.restype = None
if library.ember_abi_version() != ABI_VERSION:
    raise ImportError(f"Ember's library has the binary interface {library.ember_abi_version()}; this package needs {ABI_VERSION}")
for _name, _arguments in _signatures.items():
    _function = getattr(library, _name)
    _function.argtypes = _arguments
    _function.restype = c_uint32


def asked(function, kind, *arguments):
    """The one thing that a function tells."""
    value = kind()
    check(function(*arguments, ctypes.byref(value)))
    return value.value if hasattr(value, "value") else value


class Handle:
    """One reference to something of the library's."""

    __slots__ = ("address", "_release", "__weakref__")

    def __init__(self, address, release):
        self.address = address
        self._release = release

    def __del__(self):
        try:
            self._release(self.address)
        except TypeError:
            pass  # The interpreter is going down.

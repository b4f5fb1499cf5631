"""Memory shared with other libraries: NumPy, the buffer protocol, DLPack."""

import ctypes
import itertools
import sys

from . import _library as c
from ._library import asked, check, library
from ._types import device, dtype

# The struct module's letters of our element types.
FORMATS = {
    dtype.bool: "?", dtype.uint8: "B", dtype.int8: "b", dtype.int16: "h", dtype.int32: "i", dtype.int64: "q", dtype.float16: "e",
    dtype.float32: "f", dtype.float64: "d", dtype.uint16: "H", dtype.uint32: "I", dtype.uint64: "Q", dtype.complex64: "Zf",
    dtype.complex128: "Zd",
}
_TYPES = {text: kind for kind, text in FORMATS.items()}
_INTEGERS = {(8, True): dtype.int64, (8, False): dtype.uint64, (4, True): dtype.int32, (4, False): dtype.uint32}


def is_array(value):
    """A NumPy array or number, without importing NumPy."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, (numpy.ndarray, numpy.generic))


def is_shareable(value):
    """Whether memory can be shared with it."""
    if hasattr(value, "__dlpack__"):
        return True
    try:
        memoryview(value).release()
        return True
    except TypeError:
        return False


# MARK: in

# What lent memory is kept for, until the library says that it does not use it any more; which may be on any thread.
_lent = {}
_numbers = itertools.count(1)


@c.RELEASE
def _give_back(number):
    give_back = _lent.pop(number, None)
    if give_back is not None:
        give_back()


def _wrap(address, kind, shape, strides, give_back):
    from ._tensor import Tensor

    if len(shape) > 8:
        raise ValueError(f"{len(shape)} dimensions; a tensor has at most 8")
    sizes = (ctypes.c_int64 * max(1, len(shape)))(*shape)
    steps = (ctypes.c_int64 * max(1, len(shape)))(*strides) if strides is not None else None
    number = next(_numbers)
    _lent[number] = give_back
    made = ctypes.c_void_p()
    try:
        check(
            library.ember_tensor_wrap(
                address, kind, sizes, steps, len(shape), device("cpu")._to_c(), _give_back, number, ctypes.byref(made)))
    except BaseException:
        _lent.pop(number)
        raise
    return Tensor._take(made.value)


class _Buffer(ctypes.Structure):
    """Py_buffer"""

    _fields_ = [
        ("buf", ctypes.c_void_p), ("obj", ctypes.c_void_p), ("len", ctypes.c_ssize_t), ("itemsize", ctypes.c_ssize_t),
        ("readonly", ctypes.c_int), ("ndim", ctypes.c_int), ("format", ctypes.c_char_p), ("shape", ctypes.POINTER(ctypes.c_ssize_t)),
        ("strides", ctypes.POINTER(ctypes.c_ssize_t)), ("suboffsets", ctypes.POINTER(ctypes.c_ssize_t)), ("internal", ctypes.c_void_p),
    ]


_STRIDED_WITH_FORMAT = 0x18 | 0x04
_get_buffer = ctypes.pythonapi.PyObject_GetBuffer
_get_buffer.argtypes = [ctypes.py_object, ctypes.POINTER(_Buffer), ctypes.c_int]
_release_buffer = ctypes.pythonapi.PyBuffer_Release
_release_buffer.argtypes = [ctypes.POINTER(_Buffer)]
_release_buffer.restype = None


def _element_type(text, size):
    """The element type of a format, or None."""
    text = (text or "B").lstrip("@=" + ("<" if sys.byteorder == "little" else ">"))
    if text in ("l", "L", "n", "N"):
        return _INTEGERS.get((size, text in "ln"))
    if text == "c":
        return dtype.uint8
    kind = _TYPES.get(text)
    return kind if kind is not None and kind.itemsize == size else None


def from_buffer(value):
    """A tensor over the memory of an object with the buffer protocol (a NumPy array, bytes, an array.array, …), without copying.

    The tensor sees what others write there; it never writes there itself.
    """
    buffer = _Buffer()
    # Raises BufferError or TypeError.
    _get_buffer(value, ctypes.byref(buffer), _STRIDED_WITH_FORMAT)
    try:
        kind = _element_type(buffer.format.decode() if buffer.format else None, buffer.itemsize)
        if kind is None:
            raise TypeError(f"elements of format {buffer.format!r} have no counterpart")
        shape = [buffer.shape[i] for i in range(buffer.ndim)]
        steps = [buffer.strides[i] for i in range(buffer.ndim)]
        if any(step % buffer.itemsize for step in steps):
            raise TypeError("elements do not lie at whole distances of each other; copy the array first")
        return _wrap(
            buffer.buf, kind, shape, [step // buffer.itemsize for step in steps], lambda: _release_buffer(ctypes.byref(buffer)))
    except BaseException:
        _release_buffer(ctypes.byref(buffer))
        raise


_capsule_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_capsule_pointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
_capsule_pointer.restype = ctypes.c_void_p
_capsule_rename = ctypes.pythonapi.PyCapsule_SetName
_capsule_rename.argtypes = [ctypes.py_object, ctypes.c_char_p]
_capsule_is_valid = ctypes.pythonapi.PyCapsule_IsValid
_capsule_is_valid.argtypes = [ctypes.py_object, ctypes.c_char_p]
# Names are kept by address, so these must stay.
_OLDER, _NEWER, _USED_OLDER, _USED_NEWER = b"dltensor", b"dltensor_versioned", b"used_dltensor", b"used_dltensor_versioned"


def from_dlpack(value):
    """A tensor over another library's memory, without copying."""
    from ._tensor import Tensor

    if hasattr(value, "__dlpack__"):
        try:
            capsule = value.__dlpack__(max_version=(1, 0))
        except TypeError:
            capsule = value.__dlpack__()
    else:
        capsule = value
    for name, used, function in (
        (_NEWER, _USED_NEWER, library.ember_tensor_from_dlpack_versioned), (_OLDER, _USED_OLDER, library.ember_tensor_from_dlpack),
    ):
        if _capsule_is_valid(capsule, name):
            made = asked(function, ctypes.c_void_p, _capsule_pointer(capsule, name))
            # From now on the memory is the library's to give back.
            _capsule_rename(capsule, used)
            return Tensor._take(made)
    raise TypeError(f"{type(value).__name__} is nothing that DLPack knows, or was used before")


def asarray(value):
    """A tensor over the memory of an array of any library, or a new one from numbers."""
    from ._tensor import Tensor, tensor

    if isinstance(value, Tensor):
        return value
    if not isinstance(value, (list, tuple, int, float, complex)):
        if is_array(value) and value.ndim == 0 or not is_shareable(value):
            return tensor(value.item() if hasattr(value, "item") else value)
        try:
            return from_buffer(value)
        except (TypeError, BufferError):
            if not hasattr(value, "__dlpack__"):
                raise
        return from_dlpack(value)
    return tensor(value)


def from_numpy(array):
    """A tensor over a NumPy array's memory, without copying."""
    return from_buffer(array)


# MARK: out


class _Shown:
    """A tensor's memory as NumPy wants it described. Keeps the memory, whatever becomes of the tensor."""

    def __init__(self, tensor):
        text = FORMATS.get(tensor.dtype)
        if text is None:
            raise TypeError(f"NumPy has no {tensor.dtype}; convert it first: x.to(ember.float32)")
        code = {"?": "b", "e": "f", "f": "f", "d": "f", "Zf": "c", "Zd": "c"}.get(text) or ("i" if text.islower() else "u")
        size = tensor.dtype.itemsize
        self._handle = tensor._handle
        self.__array_interface__ = {
            "version": 3, "shape": tensor.shape, "typestr": ("<" if sys.byteorder == "little" else ">") + f"{code}{size}",
            # Others may share the memory: for reading only.
            "data": (tensor.data_ptr(), True), "strides": tuple(step * size for step in tensor.stride()),
        }


def to_numpy(tensor, wanted=None, copy=None):
    import numpy

    if tensor.device.type != "cpu":
        raise TypeError(f"the elements are on {tensor.device}; bring them here with x.cpu()")
    if tensor.numel() == 0:
        array = numpy.empty(tensor.shape, dtype=tensor.dtype.name)
    else:
        array = numpy.asarray(_Shown(tensor))
    if wanted is not None and array.dtype != wanted:
        if copy is False:
            raise ValueError("another element type takes a copy")
        return array.astype(wanted)
    return array.copy() if copy else array


def to_memoryview(tensor):
    if tensor.device.type != "cpu" or not tensor.is_contiguous():
        raise BufferError("only dense elements on the CPU can be shared; use x.cpu().contiguous()")
    text = FORMATS.get(tensor.dtype)
    if text is None or text.startswith("Z"):
        raise BufferError(f"memoryview has no {tensor.dtype}")
    count = tensor.numel()
    if count == 0:
        return memoryview(b"")
    # An array over the memory that keeps it; memoryview keeps the array.
    memory = (ctypes.c_char * (count * tensor.dtype.itemsize)).from_address(tensor.data_ptr())
    memory._handle = tensor._handle
    flat = memoryview(memory).toreadonly().cast("B")
    return flat.cast(text, shape=list(tensor.shape)) if tensor.ndim > 0 else flat.cast(text)


_new_capsule = ctypes.pythonapi.PyCapsule_New
_new_capsule.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
_new_capsule.restype = ctypes.py_object
_DELETER = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_WORD = ctypes.sizeof(ctypes.c_void_p)


def _discarded(name, deleter_offset):
    # The capsule is going: it has no references, so it must not become a Python object again.
    is_valid = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p)(("PyCapsule_IsValid", ctypes.pythonapi))
    pointer = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p)(("PyCapsule_GetPointer", ctypes.pythonapi))

    @ctypes.PYFUNCTYPE(None, ctypes.c_void_p)
    def discard(capsule):
        if is_valid(capsule, name):
            managed = pointer(capsule, name)
            deleter = ctypes.c_void_p.from_address(managed + deleter_offset).value
            if deleter:
                _DELETER(deleter)(managed)

    return discard


# Where DLPack's structures have their deleters: behind the tensor and the context, or behind the version and the context.
_discard_older, _discard_newer = _discarded(_OLDER, 48 + _WORD), _discarded(_NEWER, 8 + _WORD)


def to_dlpack(tensor, max_version, dl_device, copy):
    if dl_device is not None and tuple(dl_device) != tensor.__dlpack_device__():
        raise BufferError(f"the tensor is on {tensor.device}; move it first")
    handle = tensor._handle
    if max_version is None or max_version[0] < 1:
        if copy is False:
            raise BufferError("older DLPack cannot mark memory as read-only, so that it needs a copy")
        managed = asked(library.ember_tensor_to_dlpack, ctypes.c_void_p, handle.address)
        return _new_capsule(managed, _OLDER, ctypes.cast(_discard_older, ctypes.c_void_p))
    managed = asked(library.ember_tensor_to_dlpack_versioned, ctypes.c_void_p, handle.address, bool(copy))
    return _new_capsule(managed, _NEWER, ctypes.cast(_discard_newer, ctypes.c_void_p))

"""Element types, devices, generators."""

import ctypes
import enum

from ._library import CDevice, Handle, asked, check, library


class dtype(enum.IntEnum):
    """The type of a tensor's elements: `ember.float32`, …"""

    bool = 0
    uint8 = 1
    int8 = 2
    int16 = 3
    int32 = 4
    int64 = 5
    float16 = 6
    bfloat16 = 7
    float32 = 8
    float64 = 9
    complex64 = 10
    complex128 = 11
    uint16 = 12
    uint32 = 13
    uint64 = 14
    float8_e4m3fn = 15
    float8_e5m2 = 16
    float8_e4m3fnuz = 17
    float8_e5m2fnuz = 18
    complex32 = 19

    def __repr__(self):
        return f"ember.{self.name}"

    __str__ = __repr__

    @property
    def itemsize(self):
        """Bytes of one element."""
        return _ITEM_SIZES[self]

    @property
    def is_floating_point(self):
        return self.name.startswith(("float", "bfloat"))

    @property
    def is_complex(self):
        return self.name.startswith("complex")


_ITEM_SIZES = {
    dtype.bool: 1, dtype.uint8: 1, dtype.int8: 1, dtype.int16: 2, dtype.int32: 4, dtype.int64: 8, dtype.float16: 2, dtype.bfloat16: 2,
    dtype.float32: 4, dtype.float64: 8, dtype.complex64: 8, dtype.complex128: 16, dtype.uint16: 2, dtype.uint32: 4, dtype.uint64: 8,
    dtype.float8_e4m3fn: 1, dtype.float8_e5m2: 1, dtype.float8_e4m3fnuz: 1, dtype.float8_e5m2fnuz: 1, dtype.complex32: 4,
}


def as_dtype(value):
    """A dtype from Ember's, NumPy's or a name."""
    if isinstance(value, dtype):
        return value
    name = value if isinstance(value, str) else getattr(value, "name", None) or getattr(value, "__name__", None)
    # Python's own types, as PyTorch takes them.
    name = {"float": "float32", "int": "int64", "complex": "complex64", "bool_": "bool"}.get(name, name)
    try:
        return dtype[name]
    except KeyError:
        raise TypeError(f"{value!r} is no element type") from None


class device:
    """Where a tensor's elements are: `ember.device("cuda", 0)`, `ember.device("cpu")`."""

    __slots__ = ("type", "index")
    _numbers = {"cpu": 0, "cuda": 1, "meta": 2}

    def __init__(self, type, index=None):
        if isinstance(type, device):
            type, index = type.type, type.index
        name, _, number = type.partition(":")
        if name not in self._numbers or number and not number.isdigit():
            raise ValueError(f"there is no device {type!r}; there are cpu, cuda (cuda:0, cuda:1, …) and meta")
        self.type = name
        self.index = int(number) if number else index or 0

    @classmethod
    def _from_c(cls, value):
        return cls(("cpu", "cuda", "meta")[value.type], value.index)

    def _to_c(self):
        return CDevice(self._numbers[self.type], self.index)

    def __repr__(self):
        return f"ember.device({self.type!r})" if self.type != "cuda" else f"ember.device('cuda:{self.index}')"

    def __eq__(self, other):
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self):
        return hash((self.type, self.index))


class Generator:
    """A stream of random numbers. The same seed gives PyTorch's numbers."""

    def __init__(self, device_="cpu", seed=67280421310721):
        made = asked(library.ember_random_generator_create, ctypes.c_void_p, seed, device(device_)._to_c())
        self._handle = Handle(made, library.ember_random_generator_release)

    def manual_seed(self, seed):
        check(library.ember_random_generator_seed(self._handle.address, seed))
        return self

    def get_state(self):
        """Everything that is needed to continue the stream, as bytes."""
        count = ctypes.c_size_t()
        check(library.ember_random_generator_state(self._handle.address, None, 0, ctypes.byref(count)))
        state = ctypes.create_string_buffer(count.value)
        check(library.ember_random_generator_state(self._handle.address, state, count.value, ctypes.byref(count)))
        return state.raw

    def set_state(self, state):
        check(library.ember_random_generator_set_state(self._handle.address, state, len(state)))


def manual_seed(seed):
    """Seeds the default generators of all devices."""
    check(library.ember_manual_seed(seed))


def cuda_device_count():
    """How many NVIDIA GPUs there are."""
    return asked(library.ember_device_count, ctypes.c_size_t, 1)


def get_num_threads():
    """How many threads work on one operation on the CPU."""
    return asked(library.ember_cpu_thread_count, ctypes.c_size_t)


def set_num_threads(count):
    check(library.ember_set_cpu_thread_count(count))


def handle_count():
    """How many objects of the library's are held: for tests that nothing leaks."""
    return asked(library.ember_handle_count, ctypes.c_size_t)


version = library.ember_version().decode()

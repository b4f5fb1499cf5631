"""Tensors and automatic differentiation."""

import contextlib
import ctypes
import functools

from . import _library as c
from ._library import Handle, Value, asked, check, library
from ._operators import array, call, declarations, function, taken
from ._types import as_dtype, device, dtype


class Tensor:
    """A multidimensional array of numbers with the history that gradients flow back through.

    Every operator of the library is a method. In-place methods and assignments give this object another value; other objects, views
    included, keep theirs.
    """

    __slots__ = ("_handle", "__weakref__")
    # Before NumPy's operators.
    __array_priority__ = 1000

    @classmethod
    def _take(cls, address):
        tensor = cls.__new__(cls)
        tensor._handle = Handle(address, library.ember_tensor_release)
        return tensor

    def _make(self, function, *arguments):
        handle = self._handle
        return Tensor._take(asked(function, ctypes.c_void_p, handle.address, *arguments))

    def _ask(self, function, kind):
        handle = self._handle
        return asked(function, kind, handle.address)

    # What it is.

    def _numbers(self, function):
        handle = self._handle
        numbers = (ctypes.c_int64 * 8)()
        check(function(handle.address, numbers, 8))
        return tuple(numbers[: self.ndim])

    @property
    def ndim(self):
        return self._ask(library.ember_tensor_rank, ctypes.c_size_t)

    def dim(self):
        return self.ndim

    @property
    def shape(self):
        return self._numbers(library.ember_tensor_sizes)

    def size(self, dim=None):
        return self.shape if dim is None else self.shape[dim]

    def stride(self, dim=None):
        strides = self._numbers(library.ember_tensor_strides)
        return strides if dim is None else strides[dim]

    def numel(self):
        return self._ask(library.ember_tensor_element_count, ctypes.c_size_t)

    @property
    def dtype(self):
        return dtype(self._ask(library.ember_tensor_scalar_type, ctypes.c_uint32))

    @property
    def device(self):
        return device._from_c(self._ask(library.ember_tensor_device, c.CDevice))

    def is_contiguous(self):
        return self._ask(library.ember_tensor_is_contiguous, ctypes.c_bool)

    def data_ptr(self):
        """The address of the first element, for reading while this object keeps its value."""
        return self._ask(library.ember_tensor_data, ctypes.c_void_p) or 0

    T = property(lambda self: call("torch.Tensor.T", self))
    mT = property(lambda self: call("torch.Tensor.mT", self))
    H = property(lambda self: call("torch.Tensor.H", self))
    real = property(lambda self: call("aten::real", self))
    imag = property(lambda self: call("aten::imag", self))

    # Reading.

    def item(self):
        """The only element as a Python number."""
        return taken(self._ask(library.ember_tensor_item, Value))

    def tolist(self):
        """Nested lists of Python numbers."""
        if self.ndim == 0:
            return self.item()
        if self.ndim == 1 and self.numel() > 0 and self.device.type == "cpu":
            return self._row()
        return [row.tolist() for row in self]

    def _row(self):
        from ._exchange import FORMATS

        dense = self.detach().contiguous()
        if dense.dtype not in FORMATS or dense.dtype.is_complex:
            return [element.item() for element in self]
        return dense.memoryview().tolist()

    def __repr__(self):
        handle = self._handle
        text = ctypes.c_void_p()
        check(library.ember_tensor_description(handle.address, ctypes.byref(text)))
        try:
            return ctypes.string_at(text).decode()
        finally:
            library.ember_string_release(text)

    def __len__(self):
        if self.ndim == 0:
            raise TypeError("a tensor without dimensions has no length")
        return self.shape[0]

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __bool__(self):
        return bool(self.item())

    def __float__(self):
        return float(self.item())

    def __int__(self):
        return int(self.item())

    def __complex__(self):
        return complex(self.item())

    def __index__(self):
        number = self.item()
        if isinstance(number, float):
            raise TypeError("only integer tensors of one element are positions")
        return int(number)

    # Conversions.

    def to(self, *targets, dtype=None, device=None):
        """Another element type, another device, or both."""
        from ._types import device as device_type

        result = self
        for target in (*targets, device, dtype):
            if target is None:
                continue
            if isinstance(target, Tensor):
                result = result.to(target.device, target.dtype)
            elif isinstance(target, device_type) or isinstance(target, str) and target.split(":")[0] in device_type._numbers:
                result = result._make(library.ember_tensor_to_device, device_type(target)._to_c())
            else:
                result = result._make(library.ember_tensor_to_scalar_type, as_dtype(target))
        return result

    def cpu(self):
        return self.to("cpu")

    def cuda(self, index=0):
        return self.to(f"cuda:{index}")

    def contiguous(self):
        return self._make(library.ember_tensor_contiguous)

    def clone(self):
        return self._make(library.ember_tensor_clone)

    # Exchange, see _exchange.py.

    def numpy(self):
        """A NumPy array over the same memory, for reading."""
        import numpy

        return numpy.asarray(self)

    def __array__(self, dtype=None, copy=None):
        from ._exchange import to_numpy

        return to_numpy(self, dtype, copy)

    def memoryview(self):
        """The elements' memory, for reading; they must be dense and on the CPU."""
        from ._exchange import to_memoryview

        return to_memoryview(self)

    def __buffer__(self, flags):
        # Python 3.12 and later.
        return self.memoryview()

    def __dlpack__(self, *, stream=None, max_version=None, dl_device=None, copy=None):
        from ._exchange import to_dlpack

        return to_dlpack(self, max_version, dl_device, copy)

    def __dlpack_device__(self):
        where = self.device
        if where.type == "meta":
            raise BufferError("a tensor on meta has no memory")
        return (1, 0) if where.type == "cpu" else (2, where.index)

    # Indexing.

    def _indices(self, key, keep):
        key = key if isinstance(key, tuple) else (key,)
        # Lists of truth values are masks.
        key = [tensor(k) if isinstance(k, list) and any(isinstance(i, (bool, list)) for i in k) else k for k in key]
        return array(key, keep), len(key)

    def __getitem__(self, key):
        keep = []
        indices, count = self._indices(key, keep)
        return self._make(library.ember_tensor_index, indices, count)

    def __setitem__(self, key, value):
        keep, handle = [], self._handle
        indices, count = self._indices(key, keep)
        source = value if isinstance(value, Tensor) else tensor(value, dtype=self.dtype, device=self.device)
        source_handle = source._handle
        made = asked(library.ember_tensor_index_put, ctypes.c_void_p, handle.address, indices, count, source_handle.address)
        self._assign(Tensor._take(made))

    # Differentiation.

    @property
    def requires_grad(self):
        return self._ask(library.ember_tensor_requires_grad, ctypes.c_bool)

    @requires_grad.setter
    def requires_grad(self, value):
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad=True):
        if requires_grad != self.requires_grad:
            self._handle = self._make(library.ember_tensor_requiring_grad, requires_grad)._handle
        return self

    @property
    def is_leaf(self):
        return self._ask(library.ember_tensor_is_leaf, ctypes.c_bool)

    def detach(self):
        return self._make(library.ember_tensor_detach)

    @property
    def grad(self):
        """The gradient that backward passes have added up, or None."""
        address = self._ask(library.ember_tensor_grad, ctypes.c_void_p)
        return Tensor._take(address) if address else None

    @grad.setter
    def grad(self, value):
        handle, gradient = self._handle, value._handle if value is not None else None
        check(library.ember_tensor_set_grad(handle.address, gradient.address if gradient else None))

    def backward(self, gradient=None, retain_graph=None, create_graph=False):
        """Adds to the gradients of all leaves that this was computed from."""
        results, arriving = _handles([self]), _handles([gradient])
        check(library.ember_backward(results[0], arriving[0], 1, bool(retain_graph), create_graph))

    def _assign(self, value):
        """What in-place forms do. A leaf stays one where nothing is recorded: that is how parameters are updated."""
        if not is_grad_enabled() and self.requires_grad and self.is_leaf:
            numbers = value._handle
            value = self._make(library.ember_tensor_updated, numbers.address)
        self._handle = value._handle
        return self

    # Operators.

    def __getattr__(self, name):
        for prefix in ("torch.Tensor.", "aten::"):
            if prefix + name in declarations and not name.startswith("__"):
                operator = function(prefix + name, is_method=True)
                if name.endswith("_"):
                    return lambda *positional, **named: self._assign(operator(self, *positional, **named))
                return functools.partial(operator, self)
        raise AttributeError(f"a tensor has no attribute {name!r}")

    def __dir__(self):
        names = {n.split("::")[-1].split(".")[-1] for n in declarations if n.startswith(("torch.Tensor.", "aten::"))}
        return sorted(set(super().__dir__()) | {n for n in names if n.isidentifier()})

    def __neg__(self):
        return call("aten::neg", self)

    def __pos__(self):
        return self

    def __abs__(self):
        return call("aten::abs", self)

    def __invert__(self):
        return call("aten::bitwise_not", self)

    def __matmul__(self, other):
        return call("aten::matmul", self, other)

    def __rmatmul__(self, other):
        return call("aten::matmul", other, self)

    # As NumPy's and PyTorch's, tensors compare element by element, so their hash is that of the object.
    __hash__ = object.__hash__


def _binary(python_name, name, has_other_forms=False):
    def forward(self, other):
        return call(name, self, other)

    setattr(Tensor, f"__{python_name}__", forward)
    if has_other_forms:

        def backward(self, other):
            # A number in front is a tensor without dimensions, which does not decide the other one's type.
            return call(name, other if isinstance(other, Tensor) else tensor(other), self)

        setattr(Tensor, f"__r{python_name}__", backward)

        def assigned(self, other):
            return self._assign(call(name + "_", self, other))

        if name + "_" in declarations:
            setattr(Tensor, f"__i{python_name}__", assigned)


for _python, _aten in (
    ("add", "add"), ("sub", "sub"), ("mul", "mul"), ("truediv", "div"), ("floordiv", "floor_divide"), ("mod", "remainder"),
    ("pow", "pow"), ("and", "bitwise_and"), ("or", "bitwise_or"), ("xor", "bitwise_xor"), ("lshift", "bitwise_left_shift"),
    ("rshift", "bitwise_right_shift"),
):
    _binary(_python, "aten::" + _aten, has_other_forms=True)
for _python in ("eq", "ne", "lt", "le", "gt", "ge"):
    _binary(_python, "aten::" + _python)


# Making tensors.


def _shape(data):
    """The shape of nested lists, as their first items show it."""
    shape = []
    while isinstance(data, (list, tuple)):
        shape.append(len(data))
        data = data[0] if data else None
    return shape


def _elements(data, shape):
    """The elements of nested lists in a row."""
    if isinstance(data, (list, tuple)) != bool(shape) or shape and len(data) != shape[0]:
        raise ValueError("lists of different lengths or depths do not make a tensor")
    if not shape:
        yield data
    else:
        for item in data:
            yield from _elements(item, shape[1:])


def tensor(data, dtype=None, device=None, requires_grad=False):
    """A tensor of its own memory from numbers, nested lists, or an array."""
    from ._exchange import asarray, is_array, is_shareable

    if isinstance(data, Tensor):
        made = data.detach().clone()
    elif is_array(data) or not isinstance(data, (bytes, str)) and is_shareable(data):
        made = asarray(data).clone()
    else:
        shape = _shape(data)
        elements = [e.item() if isinstance(e, Tensor) or is_array(e) else e for e in _elements(data, shape)]
        made = _from_numbers(elements, shape)
    made = made.to(device=device, dtype=dtype)
    return made.requires_grad_() if requires_grad else made


def _from_numbers(elements, shape):
    kinds = {type(e) for e in elements}
    if not kinds <= {bool, int, float, complex}:
        unknown = next(k for k in kinds if k not in (bool, int, float, complex))
        raise TypeError(f"elements of type {unknown.__name__} do not make a tensor")
    if complex in kinds:
        kind, pack = dtype.complex128, [part for e in elements for part in (complex(e).real, complex(e).imag)]
        memory = (ctypes.c_double * len(pack))(*pack)
        wanted = dtype.complex64
    elif float in kinds or not kinds:
        kind, wanted = dtype.float64, dtype.float32
        memory = (ctypes.c_double * len(elements))(*elements)
    elif int in kinds:
        for e in elements:
            if not -(2**63) <= e < 2**63:
                raise OverflowError(f"{e} does not fit in 64 bits")
        kind = wanted = dtype.int64
        memory = (ctypes.c_int64 * len(elements))(*elements)
    else:
        kind = wanted = dtype.bool
        memory = (ctypes.c_uint8 * len(elements))(*elements)
    made = from_memory(memory, ctypes.sizeof(memory), kind, shape)
    return made.to(wanted)


def from_memory(memory, byte_count, kind, shape):
    """A tensor with a copy of what lies in memory."""
    if len(shape) > 8:
        raise ValueError(f"{len(shape)} dimensions; a tensor has at most 8")
    sizes = (ctypes.c_int64 * max(1, len(shape)))(*shape)
    made = ctypes.c_void_p()
    check(library.ember_tensor_from_data(memory, byte_count, kind, sizes, len(shape), device("cpu")._to_c(), ctypes.byref(made)))
    return Tensor._take(made.value)


# Recording.


def is_grad_enabled():
    """Whether operations on this thread are recorded for differentiation."""
    return asked(library.ember_grad_enabled, ctypes.c_bool)


class set_grad_enabled(contextlib.ContextDecorator):
    """Sets for a block, or for a function as a decorator, whether operations on this thread are recorded."""

    def __init__(self, mode):
        self._mode = mode
        self._previous = []

    def __enter__(self):
        previous = ctypes.c_bool()
        check(library.ember_set_grad_enabled(self._mode, ctypes.byref(previous)))
        self._previous.append(previous.value)
        return self

    def __exit__(self, *_):
        check(library.ember_set_grad_enabled(self._previous.pop(), None))


def no_grad():
    """A block in which nothing is recorded: `with ember.no_grad(): …`."""
    return set_grad_enabled(False)


def enable_grad():
    """A block in which operations are recorded, also inside `no_grad`."""
    return set_grad_enabled(True)


def _handles(tensors):
    """Handles in a row, and what keeps them."""
    keep = [None if t is None else t._handle for t in tensors]
    return (ctypes.c_void_p * max(1, len(keep)))(*(h.address if h else None for h in keep)), keep


def grad(outputs, inputs, grad_outputs=None, retain_graph=None, create_graph=False):
    """The gradients of the sum of `outputs` with respect to `inputs`; no tensor's `grad` changes."""
    outputs, inputs = ([x] if isinstance(x, Tensor) else list(x) for x in (outputs, inputs))
    if grad_outputs is not None:
        grad_outputs = [grad_outputs] if isinstance(grad_outputs, Tensor) else list(grad_outputs)
        if len(grad_outputs) != len(outputs):
            raise ValueError(f"{len(grad_outputs)} grad_outputs for {len(outputs)} outputs")
    results, leaves = _handles(outputs), _handles(inputs)
    arriving = _handles(grad_outputs) if grad_outputs is not None else (None, None)
    made = (ctypes.c_void_p * max(1, len(inputs)))()
    check(
        library.ember_grad(
            results[0], arriving[0], len(outputs), leaves[0], len(inputs), bool(retain_graph), create_graph, made))
    return tuple(Tensor._take(address) for address in made[: len(inputs)])


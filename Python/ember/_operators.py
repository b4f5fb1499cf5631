"""Operators by name: declarations, tagged values, calls."""

import collections
import ctypes
import re

from . import _library as c
from ._library import Value, asked, check, library
from ._types import Generator, device, dtype

_RESULT_CAPACITY = 16


class memory_format(str):
    """`ember.memory_format("channels_last")` as an argument."""


class layout(str):
    """`ember.layout("sparse_csr")` as an argument."""


def _declarations():
    names = collections.defaultdict(list)
    for i in range(asked(library.ember_operator_count, ctypes.c_size_t)):
        declaration = asked(library.ember_operator_declaration, ctypes.c_char_p, i).decode()
        qualified = declaration[: declaration.index("(")]
        name = qualified.split(".")[0] if "::" in qualified else qualified
        names[name].append(declaration)
    return dict(names)


#: Declarations of all operators in ATen's notation, by name.
declarations = _declarations()


def _first_argument(declaration, skips_self):
    # Without what says which arguments share memory: Tensor(a!), Tensor(a -> *).
    plain = re.sub(r"\(a[^)]*\)", "", declaration)
    arguments = plain[plain.index("(") + 1 : plain.rindex(")", 0, plain.index("->"))]
    parts = [part.strip() for part in re.split(r",(?![^\[]*\])", arguments) if part.strip() and part.strip() != "*"]
    if skips_self:
        parts = parts[1:]
    return parts[0].split(" ")[0] if parts else ""


_packs = {}


def _packs_sizes(name, is_method):
    """Whether sizes may be given one by one: `ember.zeros(2, 3)`, `x.reshape(3, -1)`."""
    key = (name, is_method)
    if key not in _packs:
        _packs[key] = all(_first_argument(d, is_method) in ("int[]", "SymInt[]") for d in declarations[name])
    return _packs[key]


def _result_names(declaration):
    results = declaration[declaration.index("->") + 2 :].strip()
    if not results.startswith("("):
        return None
    names = [part.strip().partition(" ")[2] for part in results[1:-1].split(",")]
    return tuple(names) if all(name.isidentifier() for name in names) else None


_tuples = {}


def _named(name, values):
    """Several results under their names, as `values, indices`."""
    key = (name, len(values))
    if key not in _tuples:
        kinds = {_result_names(d) for d in declarations.get(name, ())}
        names = [n for n in kinds if n and len(n) == len(values)]
        _tuples[key] = collections.namedtuple(name.split("::")[-1].split(".")[-1], names[0]) if len(names) == 1 else None
    kind = _tuples[key]
    return kind(*values) if kind else tuple(values)


def fill(value, argument, keep):
    """Makes a tagged value of a Python object; what must live as long as the call goes to `keep`."""
    from ._exchange import asarray, is_array
    from ._sparse import SparseTensor
    from ._tensor import Tensor

    content = value.content
    if argument is None:
        value.kind = c.NONE
    elif isinstance(argument, (Tensor, SparseTensor, Generator)):
        handle = argument._handle
        keep.append(handle)
        content.handle = handle.address
        value.kind = c.TENSOR if isinstance(argument, Tensor) else c.GENERATOR if isinstance(argument, Generator) else c.SPARSE_TENSOR
    elif isinstance(argument, bool):
        value.kind = c.BOOL
        content.boolean = argument
    elif isinstance(argument, dtype):
        value.kind = c.SCALAR_TYPE
        content.scalar_type = argument
    elif isinstance(argument, int):
        if not -(2**63) <= argument < 2**63:
            raise OverflowError(f"{argument} does not fit in 64 bits")
        value.kind = c.INTEGER
        content.integer = argument
    elif isinstance(argument, float):
        value.kind = c.REAL
        content.real = argument
    elif isinstance(argument, complex):
        value.kind = c.COMPLEX
        content.complex_number.real = argument.real
        content.complex_number.imaginary = argument.imag
    elif isinstance(argument, str):
        value.kind = c.LAYOUT if isinstance(argument, layout) else c.MEMORY_FORMAT if isinstance(argument, memory_format) else c.STRING
        text = argument.encode()
        if b"\0" in text:
            raise ValueError(f"{argument!r} has a zero in it")
        keep.append(text)
        content.string = text
    elif isinstance(argument, device):
        value.kind = c.DEVICE
        content.device = argument._to_c()
    elif isinstance(argument, (list, tuple)):
        items = array(argument, keep)
        value.kind = c.LIST
        content.list.items = ctypes.cast(items, ctypes.POINTER(Value))
        content.list.count = len(argument)
    elif isinstance(argument, slice):
        value.kind = c.SLICE
        for bound, given in (("start", argument.start), ("end", argument.stop), ("step", argument.step)):
            setattr(content.slice, bound, c.SLICE_OPEN if given is None else int(given))
    elif argument is Ellipsis:
        value.kind = c.ELLIPSIS
    elif is_array(argument):
        # A NumPy number is a number, an array a tensor over the same memory.
        fill(value, argument.item() if argument.ndim == 0 else asarray(argument), keep)
        keep.append(argument)
    elif hasattr(argument, "__index__"):
        fill(value, argument.__index__(), keep)
    elif callable(argument):
        value.kind = c.FUNCTION
        content.function.call = _tensor_function(argument, keep)
    else:
        raise TypeError(f"an argument of type {type(argument).__name__} means nothing to an operator")


def _tensor_function(function, keep):
    """A Python function of tensors for an operator to call. What it raises is raised by the operator's call."""
    from ._tensor import Tensor

    def run(inputs, count, _):
        try:
            tensors = []
            for i in range(count):
                check(library.ember_tensor_retain(inputs[i]))
                tensors.append(Tensor._take(inputs[i]))
            handle = function(*tensors)._handle
            check(library.ember_tensor_retain(handle.address))
            return handle.address
        except BaseException as error:  # noqa: BLE001
            keep.append(_Failure(error))
            return None

    made = c.FUNCTION_CALL(run)
    keep.append(made)
    return made


class _Failure:
    """What a function raised that an operator called."""

    def __init__(self, error):
        self.error = error


def array(arguments, keep):
    """Tagged values in a row."""
    items = (Value * max(1, len(arguments)))()
    for item, argument in zip(items, arguments):
        fill(item, argument, keep)
    keep.append(items)
    return items


def taken(value):
    """A result as a Python object, which then owns what is in it."""
    from ._sparse import SparseTensor
    from ._tensor import Tensor

    kind, content = value.kind, value.content
    if kind == c.TENSOR:
        value.kind = c.NONE
        return Tensor._take(content.handle)
    if kind == c.SPARSE_TENSOR:
        value.kind = c.NONE
        return SparseTensor._take(content.handle)
    if kind == c.LIST:
        return [taken(content.list.items[i]) for i in range(content.list.count)]
    if kind == c.NONE:
        return None
    if kind == c.BOOL:
        return bool(content.boolean)
    if kind == c.INTEGER:
        return content.integer
    if kind == c.REAL:
        return content.real
    if kind == c.COMPLEX:
        return complex(content.complex_number.real, content.complex_number.imaginary)
    if kind in (c.STRING, c.LAYOUT, c.MEMORY_FORMAT):
        return content.string.decode()
    if kind == c.SCALAR_TYPE:
        return dtype(content.scalar_type)
    if kind == c.DEVICE:
        return device._from_c(content.device)
    raise TypeError(f"a result of kind {kind}")


def call(name, *positional, **named):
    """Calls any operator by its name: `call("aten::sum", x, dim=0)`, `call("torch.nn.functional.pad", x, [1, 1])`."""
    keep = []
    arguments = (Value * max(1, len(positional) + len(named)))()
    for value, argument in zip(arguments, positional):
        fill(value, argument, keep)
    # Slicing an array of structures makes objects over the same memory.
    for value, (keyword, argument) in zip(arguments[len(positional) :], named.items()):
        fill(value, argument, keep)
        keep.append(keyword.encode())
        value.name = keep[-1]
    results = (Value * _RESULT_CAPACITY)()
    count = ctypes.c_size_t()
    status = library.ember_call(
        name.encode(), arguments, len(positional) + len(named), results, _RESULT_CAPACITY, ctypes.byref(count))
    for failure in keep:
        if isinstance(failure, _Failure):
            raise failure.error
    check(status)
    try:
        values = [taken(results[i]) for i in range(count.value)]
    finally:
        for i in range(count.value):
            check(library.ember_value_release(ctypes.byref(results[i])))
    return values[0] if len(values) == 1 else _named(name, values)


def function(name, is_method=False):
    """The operator as a Python function."""

    def run(*positional, **named):
        own, sizes = positional[:is_method], positional[is_method:]
        if len(sizes) > 0 and all(type(size) is int for size in sizes) and _packs_sizes(name, is_method):
            positional = (*own, sizes)
        if "dtype" in named and named["dtype"] is not None:
            from ._types import as_dtype

            named["dtype"] = as_dtype(named["dtype"])
        return call(name, *positional, **named)

    run.__name__ = run.__qualname__ = name.split("::")[-1].split(".")[-1]
    run.__doc__ = "\n".join(declarations[name])
    return run


class Namespace:
    """Operators whose names begin alike, as attributes: `ember.linalg.det`."""

    def __init__(self, *prefixes):
        self._prefixes = prefixes

    def __getattr__(self, name):
        for prefix in self._prefixes:
            if prefix + name in declarations and not name.startswith("_"):
                made = function(prefix + name)
                setattr(self, name, made)
                return made
        raise AttributeError(f"there is no operator {self._prefixes[0]}{name}")

    def __dir__(self):
        return sorted(n[len(p) :] for n in declarations for p in self._prefixes if n.startswith(p) and n[len(p) :].isidentifier())

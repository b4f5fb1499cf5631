"""Ember: tensors, operators and automatic differentiation, through the library's C interface.

Every operator of ATen's name is a function here and a method of tensors: `ember.cat([x, y])`, `x.softmax(-1)`. `ember.linalg`, `ember.fft`,
`ember.special` and `ember.nn.functional` hold those whose names begin so; `ember.call` calls any by its whole name.
"""

from types import SimpleNamespace as _SimpleNamespace

from ._exchange import asarray, from_buffer, from_dlpack, from_numpy
from ._library import EmberError, FileFailure, InvalidValue, NotSupported, OutOfMemory, PositionError, ShapeError, TypeMismatch
from ._model import Model, Port, load_model
from ._operators import Namespace as _Namespace
from ._operators import call, declarations, layout, memory_format
from ._operators import function as _function
from ._sparse import SparseTensor, from_scipy, sparse_compressed_tensor, sparse_coo_tensor
from ._tensor import Tensor, enable_grad, grad, is_grad_enabled, no_grad, set_grad_enabled, tensor
from ._types import Generator, cuda_device_count, device, dtype, get_num_threads, handle_count, manual_seed, set_num_threads
from ._types import version as __version__

float16, bfloat16, float32, float64 = dtype.float16, dtype.bfloat16, dtype.float32, dtype.float64
int8, int16, int32, int64 = dtype.int8, dtype.int16, dtype.int32, dtype.int64
uint8, uint16, uint32, uint64 = dtype.uint8, dtype.uint16, dtype.uint32, dtype.uint64
complex32, complex64, complex128 = dtype.complex32, dtype.complex64, dtype.complex128

linalg = _Namespace("aten::linalg_")
fft = _Namespace("aten::fft_")
special = _Namespace("aten::special_")
nn = _SimpleNamespace(functional=_Namespace("torch.nn.functional.", "aten::"))


def __getattr__(name):
    if name == "bool":
        return dtype.bool
    for prefix in ("aten::", "torch."):
        if prefix + name in declarations and not name.startswith("_"):
            made = _function(prefix + name)
            globals()[name] = made
            return made
    raise AttributeError(f"ember has no {name!r}")


def __dir__():
    return sorted(set(globals()) | {n.split("::")[1] for n in declarations if n.startswith("aten::") and n.split("::")[1].isidentifier()})

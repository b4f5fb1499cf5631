"""Sparse tensors, and SciPy's."""

import ctypes

from ._library import Handle, asked, check, library
from ._operators import call
from ._tensor import Tensor

LAYOUTS = ("sparse_coo", "sparse_csr", "sparse_csc", "sparse_bsr", "sparse_bsc")


class SparseTensor:
    """A tensor of which only some elements, or blocks of them, are stored. Gradients flow through its values."""

    __slots__ = ("_handle",)
    __array_priority__ = 1000

    @classmethod
    def _take(cls, address):
        tensor = cls.__new__(cls)
        tensor._handle = Handle(address, library.ember_sparse_tensor_release)
        return tensor

    def _part(self, function):
        handle = self._handle
        address = asked(function, ctypes.c_void_p, handle.address)
        return Tensor._take(address) if address else None

    @property
    def layout(self):
        handle = self._handle
        return LAYOUTS[asked(library.ember_sparse_tensor_layout, ctypes.c_uint32, handle.address)]

    @property
    def ndim(self):
        handle = self._handle
        return asked(library.ember_sparse_tensor_rank, ctypes.c_size_t, handle.address)

    @property
    def shape(self):
        handle = self._handle
        sizes = (ctypes.c_int64 * 8)()
        check(library.ember_sparse_tensor_sizes(handle.address, sizes, 8))
        return tuple(sizes[: self.ndim])

    @property
    def dtype(self):
        return self.values().dtype

    def indices(self):
        """Coordinates: [dimensions, count]. Compressed: the columns (or rows) of the values."""
        return self._part(library.ember_sparse_tensor_indices)

    def compressed_indices(self):
        """Where each row (or column) begins; None for coordinates."""
        return self._part(library.ember_sparse_tensor_compressed_indices)

    def values(self):
        return self._part(library.ember_sparse_tensor_values)

    def to_dense(self):
        return self._part(library.ember_sparse_tensor_to_dense)

    def to_layout(self, layout, blocksize=(0, 0)):
        """The same elements in another layout; `blocksize` is for blocks."""
        handle = self._handle
        return SparseTensor._take(
            asked(library.ember_sparse_tensor_to_layout, ctypes.c_void_p, handle.address, LAYOUTS.index(layout), *blocksize))

    def __matmul__(self, other):
        return call("torch.sparse.mm", self, other)

    def __repr__(self):
        return f"SparseTensor({self.layout}, shape={self.shape}, values={self.values()!r})"

    def scipy(self):
        """SciPy's array in the same layout, over the same memory."""
        import scipy.sparse

        values, indices = self.values().detach().numpy(), self.indices().numpy()
        if self.layout == "sparse_coo":
            return scipy.sparse.coo_array((values, tuple(indices)), shape=self.shape)
        kinds = {"sparse_csr": scipy.sparse.csr_array, "sparse_csc": scipy.sparse.csc_array, "sparse_bsr": scipy.sparse.bsr_array}
        if self.layout not in kinds:
            raise TypeError(f"SciPy has no {self.layout}; convert it first with to_layout")
        return kinds[self.layout]((values, indices, self.compressed_indices().numpy()), shape=self.shape)


def _sizes(size):
    return (ctypes.c_int64 * max(1, len(size)))(*size), len(size)


def sparse_coo_tensor(indices, values, size):
    """Values by coordinates; `indices` is [dimensions, count]. Values at one place add up."""
    from ._exchange import asarray

    indices, values = asarray(indices)._handle, asarray(values)._handle
    return SparseTensor._take(
        asked(library.ember_sparse_tensor_from_coordinates, ctypes.c_void_p, indices.address, values.address, *_sizes(size)))


def sparse_compressed_tensor(compressed_indices, indices, values, size, layout="sparse_csr"):
    """Values row by row (or column by column, or blocks of them)."""
    from ._exchange import asarray

    parts = [asarray(part)._handle for part in (compressed_indices, indices, values)]
    return SparseTensor._take(
        asked(
            library.ember_sparse_tensor_from_compressed, ctypes.c_void_p, LAYOUTS.index(layout), *(part.address for part in parts),
            *_sizes(size)))


def from_scipy(matrix):
    """A sparse tensor over the values of a matrix or array of SciPy's, in the same layout where there is one."""
    import numpy

    if matrix.format not in ("coo", "csr", "csc", "bsr"):
        matrix = matrix.tocsr()
    if matrix.format == "coo":
        coordinates = matrix.coords if hasattr(matrix, "coords") else (matrix.row, matrix.col)
        return sparse_coo_tensor(numpy.stack(coordinates).astype(numpy.int64), matrix.data, matrix.shape)
    return sparse_compressed_tensor(matrix.indptr, matrix.indices, matrix.data, matrix.shape, "sparse_" + matrix.format)

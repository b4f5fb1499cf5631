"""Memory shared with NumPy, SciPy, the buffer protocol and DLPack."""

import array
import gc
import sys
import unittest
import weakref

import numpy as np
import scipy.sparse

import ember
from test_tensor import Leaks

TYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64", "complex64",
         "complex128", "uint16", "uint32", "uint64"]


class FromNumPy(Leaks):
    def test_memory_is_shared_and_never_written(self):
        a = np.arange(6, dtype=np.float32).reshape(2, 3)
        x = ember.from_numpy(a)
        self.assertEqual(x.data_ptr(), a.ctypes.data)
        a[0, 0] = 9
        self.assertEqual(x[0, 0].item(), 9)
        x += 1
        x[0] = 0
        self.assertEqual(a.tolist(), [[9, 1, 2], [3, 4, 5]])

    def test_an_array_lives_as_long_as_its_tensor(self):
        class Tracked(np.ndarray):
            pass

        a = np.ones(3).view(Tracked)
        gone = weakref.ref(a)
        x = ember.from_numpy(a)
        view = x[1:]
        del a, x
        gc.collect()
        self.assertIsNotNone(gone())
        self.assertEqual(view.tolist(), [1, 1])
        del view
        gc.collect()
        self.assertIsNone(gone())

    def test_every_type_and_layout(self):
        for name in TYPES:
            a = np.array([[0, 1, 1], [1, 0, 1]]).astype(name)
            for layout in (a, a.T, a[::-1], a[:, ::-2], a[:, :0], a[1, 1:], np.broadcast_to(a[0], (2, 3)), np.asfortranarray(a)):
                x = ember.asarray(layout)
                self.assertEqual((x.dtype.name, x.shape), (name, layout.shape))
                np.testing.assert_array_equal(x.numpy(), layout)
        readonly = np.ones(2)
        readonly.flags.writeable = False
        self.assertEqual(ember.from_numpy(readonly).data_ptr(), readonly.ctypes.data)

    def test_what_cannot_be_shared(self):
        with self.assertRaises(TypeError):
            ember.from_numpy(np.array(["a"]))
        with self.assertRaises(TypeError):
            ember.from_numpy(np.ones(2, dtype=">f4" if sys.byteorder == "little" else "<f4"))
        with self.assertRaises(TypeError):
            ember.from_numpy(np.zeros(3, dtype=[("a", "i1"), ("b", "f4")])["b"])
        with self.assertRaises(ValueError):
            ember.from_numpy(np.ones((1,) * 9))
        # Numbers at odd addresses are copied.
        odd = np.frombuffer(b"\0" + np.array([1.5, 2.5], dtype=np.float32).tobytes(), dtype=np.uint8)[1:].view(np.float32)
        self.assertEqual(ember.from_numpy(odd).tolist(), [1.5, 2.5])

    def test_arrays_as_arguments(self):
        x = ember.ones(2, 2)
        self.assertEqual((x + np.float32(1)).tolist(), [[2, 2], [2, 2]])
        self.assertEqual((x * np.array([1, 2], dtype=np.float32)).tolist(), [[1, 2], [1, 2]])
        self.assertIsInstance(x @ np.ones((2, 2), dtype=np.float32), ember.Tensor)
        self.assertEqual(ember.zeros((np.int64(2), 3)).shape, (2, 3))
        self.assertEqual(x.to(np.float64).dtype, ember.float64)
        self.assertEqual(ember.tensor([np.float32(1.5), 2]).tolist(), [1.5, 2])

    def test_buffers(self):
        self.assertEqual(ember.from_buffer(b"ab").tolist(), [97, 98])
        numbers = array.array("d", [1.5, 2.5])
        x = ember.from_buffer(numbers)
        self.assertEqual((x.dtype, x.tolist()), (ember.float64, [1.5, 2.5]))
        with self.assertRaises(BufferError):
            numbers.append(3.5)  # It is lent.
        del x
        numbers.append(3.5)
        with self.assertRaises(TypeError):
            ember.from_buffer(object())


class ToNumPy(Leaks):
    def test_memory_is_shared_for_reading(self):
        x = ember.arange(6, dtype=ember.float32).reshape(2, 3).T
        a = x.numpy()
        self.assertEqual((a.ctypes.data, a.strides, a.flags.writeable), (x.data_ptr(), (4, 12), False))
        x += 1
        self.assertEqual(a.tolist(), [[0, 3], [1, 4], [2, 5]])
        del x
        gc.collect()
        self.assertEqual(a.sum(), 15)
        self.assertEqual(np.asarray(ember.ones(2), dtype=np.int8).dtype, np.int8)
        self.assertTrue(np.array(ember.ones(2)).flags.writeable)
        self.assertEqual(ember.zeros(0, 3).numpy().shape, (0, 3))
        with self.assertRaises(TypeError):
            ember.ones(2, dtype=ember.bfloat16).numpy()
        with self.assertRaises(TypeError):
            ember.ones(2, device="meta").numpy()

    def test_memoryviews(self):
        view = ember.tensor([[1, 2], [3, 4]], dtype=ember.int32).memoryview()
        gc.collect()
        self.assertEqual((view.tolist(), view.readonly, view.format), ([[1, 2], [3, 4]], True, "i"))
        if sys.version_info >= (3, 12):
            self.assertEqual(memoryview(ember.tensor([1.5])).tolist(), [1.5])
        with self.assertRaises(BufferError):
            ember.ones(2, 3).T.memoryview()


class DLPack(Leaks):
    def test_round_trips(self):
        for name in TYPES:
            a = np.array([[0, 1], [1, 0]]).astype(name).T
            x = ember.from_dlpack(a)
            self.assertEqual(x.data_ptr(), a.ctypes.data)
            back = np.from_dlpack(x)
            self.assertEqual(back.dtype.name, name)
            np.testing.assert_array_equal(back, a)

    def test_between_our_own(self):
        x = ember.tensor([1.0, 2.0], dtype=ember.bfloat16)
        y = ember.from_dlpack(x)
        self.assertEqual((y.data_ptr(), y.dtype), (x.data_ptr(), ember.bfloat16))
        self.assertEqual(x.__dlpack_device__(), (1, 0))

    def test_capsules_that_nobody_takes(self):
        x = ember.ones(1000)
        for version in (None, (1, 0)):
            for copy in (None, True):
                x.__dlpack__(max_version=version, copy=copy)
        gc.collect()

    def test_older_structures_are_copies(self):
        x = ember.ones(3)
        capsule = x.__dlpack__()
        y = ember.from_dlpack(capsule)
        self.assertNotEqual(y.data_ptr(), x.data_ptr())
        with self.assertRaises(TypeError):
            ember.from_dlpack(capsule)
        with self.assertRaises(BufferError):
            x.__dlpack__(copy=False)
        with self.assertRaises(BufferError):
            x.__dlpack__(dl_device=(2, 0))
        with self.assertRaises(TypeError):
            ember.from_dlpack(3)

    def test_numpy_must_not_write_there(self):
        x = ember.ones(3)
        a = np.from_dlpack(x)
        if tuple(map(int, np.__version__.split(".")[:2])) >= (2, 1):
            self.assertEqual(a.ctypes.data, x.data_ptr())
            self.assertFalse(a.flags.writeable)
            self.assertTrue(np.from_dlpack(x, copy=True).flags.writeable)


class SciPy(Leaks):
    def setUp(self):
        super().setUp()
        self.matrix = scipy.sparse.random(6, 4, 0.4, dtype=np.float64, random_state=0)

    def test_layouts(self):
        for layout in ("coo", "csr", "csc"):
            matrix = self.matrix.asformat(layout)
            sparse = ember.from_scipy(matrix)
            self.assertEqual((sparse.layout, sparse.shape, sparse.dtype), ("sparse_" + layout, (6, 4), ember.float64))
            np.testing.assert_array_equal(sparse.to_dense().numpy(), matrix.toarray())
            np.testing.assert_array_equal(sparse.scipy().toarray(), matrix.toarray())
            self.assertEqual(sparse.scipy().format, layout)
        blocks = self.matrix.tobsr((2, 2))
        sparse = ember.from_scipy(blocks)
        np.testing.assert_array_equal(sparse.to_dense().numpy(), blocks.toarray())
        np.testing.assert_array_equal(sparse.scipy().toarray(), blocks.toarray())
        np.testing.assert_array_equal(ember.from_scipy(self.matrix.todok()).to_dense().numpy(), self.matrix.toarray())
        self.assertEqual(ember.from_scipy(self.matrix.tocsr()).to_layout("sparse_csc").layout, "sparse_csc")

    def test_values_are_shared(self):
        matrix = self.matrix.tocsr()
        sparse = ember.from_scipy(matrix)
        self.assertEqual(sparse.values().data_ptr(), matrix.data.ctypes.data)
        self.assertEqual(sparse.scipy().data.ctypes.data, matrix.data.ctypes.data)

    def test_products_and_gradients(self):
        matrix = self.matrix.tocsr()
        other = ember.ones(4, 2, dtype=ember.float64, requires_grad=True)
        product = ember.from_scipy(matrix) @ other
        np.testing.assert_allclose(product.detach().numpy(), matrix @ np.ones((4, 2)))
        product.sum().backward()
        np.testing.assert_allclose(other.grad.numpy(), matrix.T @ np.ones((6, 2)))

    def test_errors(self):
        with self.assertRaises(IndexError):
            ember.sparse_coo_tensor([[0, 9], [0, 0]], [1.0, 2.0], (2, 2))
        with self.assertRaises(ValueError):
            ember.sparse_compressed_tensor([0, 1], [0, 1], [1.0, 2.0], (2, 2))


if __name__ == "__main__":
    unittest.main()

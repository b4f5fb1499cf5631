"""Tensors, operators, differentiation, errors, threads."""

import gc
import math
import threading
import unittest

import ember


class Leaks(unittest.TestCase):
    """Every test gives back what it took."""

    def setUp(self):
        gc.collect()
        self.held = ember.handle_count()

    def tearDown(self):
        gc.collect()
        self.assertEqual(ember.handle_count(), self.held)


class Making(Leaks):
    def test_types_of_numbers(self):
        self.assertEqual(ember.tensor([1, 2]).dtype, ember.int64)
        self.assertEqual(ember.tensor([1.5, 2]).dtype, ember.float32)
        self.assertEqual(ember.tensor([True]).dtype, ember.bool)
        self.assertEqual(ember.tensor([1j]).dtype, ember.complex64)
        self.assertEqual(ember.tensor(3.0, dtype=ember.float64).dtype, ember.float64)
        self.assertEqual(ember.tensor([1], dtype="int32").dtype, ember.int32)
        self.assertEqual(ember.tensor([]).shape, (0,))

    def test_nesting(self):
        x = ember.tensor([[1, 2, 3], [4, 5, 6]])
        self.assertEqual((x.shape, x.ndim, x.numel(), len(x)), ((2, 3), 2, 6, 2))
        self.assertEqual(x.tolist(), [[1, 2, 3], [4, 5, 6]])
        self.assertEqual(ember.tensor([[]]).shape, (1, 0))
        for wrong in ([[1, 2], [3]], [1, [2]], [[1], 2]):
            with self.assertRaises(ValueError):
                ember.tensor(wrong)
        with self.assertRaises(TypeError):
            ember.tensor(["a"])
        with self.assertRaises(OverflowError):
            ember.tensor([2**63])
        self.assertEqual(ember.tensor(-(2**63)).item(), -(2**63))

    def test_factories(self):
        self.assertEqual(ember.zeros(2, 3).shape, (2, 3))
        self.assertEqual(ember.ones((2,), dtype=ember.int8).tolist(), [1, 1])
        self.assertEqual(ember.full((2,), 7).tolist(), [7, 7])
        self.assertEqual(ember.arange(2, 8, 3).tolist(), [2, 5])
        self.assertTrue(ember.zeros(1, requires_grad=True).is_leaf)
        self.assertEqual(ember.ones(2, 2, device="meta").device, ember.device("meta"))

    def test_seeds(self):
        # PyTorch's numbers of this seed.
        ember.manual_seed(0)
        self.assertEqual([round(v, 4) for v in ember.randn(3).tolist()], [1.541, -0.2934, -2.1788])
        a, b = ember.Generator(seed=5), ember.Generator(seed=5)
        draws = [ember.bernoulli(ember.full((32,), 0.5), generator=g).tolist() for g in (a, b)]
        self.assertEqual(*draws)
        state = a.get_state()
        first = ember.bernoulli(ember.full((32,), 0.5), generator=a).tolist()
        a.set_state(state)
        self.assertEqual(ember.bernoulli(ember.full((32,), 0.5), generator=a).tolist(), first)


class Calling(Leaks):
    def test_methods_and_functions(self):
        x = ember.tensor([[3.0, 1.0], [2.0, 4.0]])
        self.assertEqual(x.sum().item(), 10)
        self.assertEqual(x.sum(0).tolist(), [5, 5])
        self.assertEqual(x.sum(dim=1, keepdim=True).shape, (2, 1))
        self.assertEqual(ember.cat([x, x]).shape, (4, 2))
        values, indices = x.max(1)
        self.assertEqual((values.tolist(), indices.tolist()), ([3, 4], [0, 1]))
        self.assertEqual(x.max(1).indices.tolist(), [0, 1])
        self.assertEqual(x.reshape(4).shape, x.reshape([4]).shape)
        self.assertEqual(x.reshape(1, -1, 2).permute(2, 0, 1).shape, (2, 1, 2))
        self.assertEqual([part.tolist() for part in x.split(1)], [[[3, 1]], [[2, 4]]])
        self.assertEqual(x.float().dtype, ember.float32)
        self.assertEqual(x.T[0].tolist(), [3, 2])
        self.assertTrue(ember.equal(x, x.clone()))

    def test_namespaces(self):
        x = ember.tensor([[4.0, 0.0], [0.0, 9.0]])
        self.assertAlmostEqual(ember.linalg.det(x).item(), 36, 4)
        self.assertEqual(ember.fft.fft(ember.ones(4)).tolist(), [4, 0, 0, 0])
        self.assertEqual(ember.nn.functional.pad(x, [1, 0], value=7)[0].tolist(), [7, 4, 0])
        self.assertEqual(ember.nn.functional.relu(-x).sum().item(), 0)
        self.assertIn("det", dir(ember.linalg))
        self.assertIn("softmax", dir(x))
        for wrong in (lambda: ember.linalg.nothing, lambda: ember.nothing, lambda: x.nothing):
            with self.assertRaises(AttributeError):
                wrong()

    def test_operators(self):
        x = ember.tensor([1.0, 2.0, 4.0])
        self.assertEqual((2 * x - 1).tolist(), [1, 3, 7])
        self.assertEqual((8 / x + x**2 - -x).tolist(), [10, 10, 22])
        self.assertEqual((2**x).tolist(), [2, 4, 16])
        self.assertEqual((x // 2).tolist(), [0, 1, 2])
        self.assertEqual(((x >= 2) & (x != 4)).tolist(), [False, True, False])
        self.assertEqual((x == 2).tolist(), [False, True, False])
        self.assertEqual((x @ x).item(), 21)
        self.assertEqual((1 + ember.tensor([1], dtype=ember.uint8)).dtype, ember.uint8)
        self.assertEqual((ember.tensor([1]) + 0.5).dtype, ember.float32)
        self.assertEqual((x * 1j).tolist(), [1j, 2j, 4j])
        self.assertEqual((abs(-x)).tolist(), x.tolist())
        self.assertEqual(len({x, x}), 1)

    def test_in_place_forms_change_this_object_only(self):
        x = ember.tensor([1.0, 2.0])
        view, other = x[0], x
        x += 1
        self.assertEqual((x.tolist(), other.tolist(), view.item()), ([2, 3], [2, 3], 1))
        self.assertIs(x.mul_(2), x)
        self.assertEqual(x.tolist(), [4, 6])
        with self.assertRaises(ValueError):
            x.add_(ember.ones(3, 2))

    def test_indexing(self):
        x = ember.arange(12).reshape(3, 4)
        self.assertEqual(x[1].tolist(), [4, 5, 6, 7])
        self.assertEqual(x[-1, -1].item(), 11)
        self.assertEqual(x[1:, 0].tolist(), [4, 8])
        self.assertEqual(x[..., ::3].tolist(), [[0, 3], [4, 7], [8, 11]])
        self.assertEqual(x[None, :, None].shape, (1, 3, 1, 4))
        self.assertEqual(x[[2, 0], [1, 1]].tolist(), [9, 1])
        self.assertEqual(x[x > 9].tolist(), [10, 11])
        self.assertEqual(x[ember.tensor([0])].shape, (1, 4))
        x[:, 0] = ember.tensor([7, 8, 9])
        x[2, 1:3] = -1
        self.assertEqual(x.tolist(), [[7, 1, 2, 3], [8, 5, 6, 7], [9, -1, -1, 11]])
        self.assertEqual([row.tolist() for row in ember.tensor([[1], [2]])], [[1], [2]])
        with self.assertRaises(IndexError):
            x[3]
        with self.assertRaises(TypeError):
            len(ember.tensor(1))

    def test_numbers(self):
        self.assertEqual((int(ember.tensor(3)), float(ember.tensor(0.5)), bool(ember.tensor(0.0))), (3, 0.5, False))
        self.assertEqual([10, 20, 30][ember.tensor(1)], 20)
        with self.assertRaises(TypeError):
            [1][ember.tensor(0.0)]
        with self.assertRaises(ValueError):
            bool(ember.ones(2))
        self.assertTrue(math.isnan(ember.tensor(float("nan")).item()))

    def test_printing(self):
        self.assertEqual(repr(ember.tensor([[1.0, 2.0]])), "tensor([[1., 2.]])")


    def test_functions_as_arguments(self):
        a, b, c = ember.randn(4, 3, requires_grad=True), ember.randn(4, 3), ember.randn(4, 3)
        loss = ember.nn.functional.triplet_margin_with_distance_loss(a, b, c, distance_function=lambda x, y: (x - y).square().sum(-1))
        wanted = ((a - b).square().sum(-1) - (a - c).square().sum(-1) + 1).clamp(min=0).mean()
        self.assertAlmostEqual(loss.item(), wanted.item(), 5)
        loss.backward()
        self.assertTrue(ember.allclose(a.grad, ember.grad(wanted, a)[0], atol=1e-6))
        with self.assertRaises(ZeroDivisionError):
            ember.nn.functional.triplet_margin_with_distance_loss(a, b, c, distance_function=lambda x, y: 1 / 0)


class Differentiation(Leaks):
    def test_gradients(self):
        x = ember.tensor([1.0, 2.0, 3.0], requires_grad=True)
        self.assertIsNone(x.grad)
        (x**2).sum().backward()
        self.assertEqual(x.grad.tolist(), [2, 4, 6])
        (x * 2).backward(ember.ones(3))
        self.assertEqual(x.grad.tolist(), [4, 6, 8])
        with ember.no_grad():
            self.assertFalse((x * 2).requires_grad)
            x -= 0.5 * x.grad
        self.assertEqual((x.tolist(), x.grad.tolist(), x.is_leaf, x.requires_grad), ([-1, -1, -1], [4, 6, 8], True, True))
        x.grad = None
        self.assertIsNone(x.grad)

    def test_derivatives_of_derivatives(self):
        x = ember.tensor(3.0, requires_grad=True)
        (first,) = ember.grad(x * x * x, x, create_graph=True)
        (second,) = ember.grad(first, x)
        self.assertEqual((first.item(), second.item(), x.grad), (27, 18, None))

    def test_a_setting_belongs_to_a_thread(self):
        seen = []

        @ember.no_grad()
        def run():
            thread = threading.Thread(target=lambda: seen.append(ember.is_grad_enabled()))
            thread.start()
            thread.join()
            seen.append(ember.is_grad_enabled())

        run()
        self.assertEqual(seen, [True, False])
        self.assertTrue(ember.is_grad_enabled())

    def test_training(self):
        ember.manual_seed(0)
        x = ember.randn(64, 3)
        y = x @ ember.tensor([[1.0], [-2.0], [0.5]]) + 3
        w, b = ember.zeros(3, 1, requires_grad=True), ember.zeros(1, requires_grad=True)
        for _ in range(200):
            loss = ember.nn.functional.mse_loss(x @ w + b, y)
            loss.backward()
            with ember.no_grad():
                for p in (w, b):
                    p -= 0.1 * p.grad
                    p.grad = None
        self.assertLess(loss.item(), 1e-6)
        self.assertAlmostEqual(b.item(), 3, 3)


class Errors(Leaks):
    def test_kinds(self):
        x = ember.ones(2, 3)
        with self.assertRaises(ember.ShapeError) as caught:
            x @ x
        self.assertEqual(caught.exception.operation, "matmul")
        self.assertIn("float32[2, 3]", str(caught.exception))
        with self.assertRaises(NotImplementedError):
            ember.call("aten::nothing", x)
        with self.assertRaises(ValueError):
            ember.call("aten::mm", x)
        with self.assertRaises(MemoryError):
            ember.zeros(2**20, 2**20, 2**14)
        with self.assertRaises(TypeError):
            ember.call("aten::abs", object())
        with self.assertRaises(OverflowError):
            ember.full((1,), 2**64)
        with self.assertRaises(ValueError):
            ember.nn.functional.pad(x, [1, 1], mode="a\0b")
        with self.assertRaises(ember.EmberError):
            x.sum().backward()

    def test_threads(self):
        x, failures = ember.randn(50, 50), []
        leaf = ember.ones(50, requires_grad=True)

        def work(number):
            for i in range(50):
                (x @ leaf).sum().backward()
                try:
                    ember.call(f"aten::thread_{number}")
                except ember.EmberError as error:
                    if error.operation != f"aten::thread_{number}":
                        failures.append(error)

        threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])
        expected = x.sum(0) * 400
        self.assertTrue(ember.allclose(leaf.grad, expected, rtol=1e-3, atol=1e-2))


if __name__ == "__main__":
    unittest.main()

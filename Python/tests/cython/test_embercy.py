import unittest

import numpy as np

import embercy


class Cython(unittest.TestCase):
    def test_gradient(self):
        x, gradient = np.array([1.0, -2.0, 3.5]), np.zeros(3)
        embercy.gradient_of_squares(x, gradient)
        np.testing.assert_array_equal(gradient, 2 * x)
        self.assertEqual(embercy.handle_count(), 0)

    def test_errors(self):
        with self.assertRaisesRegex(RuntimeError, "no operator"):
            embercy.failing_call()
        with self.assertRaisesRegex(RuntimeError, "24 bytes"):
            embercy.gradient_of_squares(np.ones(3), np.ones(2))


if __name__ == "__main__":
    unittest.main()

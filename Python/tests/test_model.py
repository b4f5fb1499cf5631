"""Saved models."""

import pathlib
import threading
import unittest

import numpy as np

import ember
from test_tensor import Leaks

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "Tests" / "Fixtures" / "onnx"
# As onnx's reference evaluator computes them; see models.py beside the files.
X = np.array([[1, 2, 3, 4], [-1, 0.5, 0, 2]], dtype=np.float32)
SCORES = [[0.13892195, 4.6880364, 5.0417156], [-0.9659395, 1.5732619, 3.0866477]]


class Models(Leaks):
    def test_ports(self):
        model = ember.load_model(FOLDER / "perceptron.onnx")
        self.assertEqual(model.inputs, [ember.Port("x", ember.float32, (None, 4), True)])
        self.assertEqual([p.dtype for p in model.outputs], [ember.float32, ember.int64])
        self.assertEqual(repr(model), "Model(inputs=['x'], outputs=['scores', 'label'])")

    def test_running(self):
        model = ember.load_model((FOLDER / "perceptron.onnx").read_bytes())
        for outputs in (model(X), model(x=ember.tensor(X)), model.run(X)):
            np.testing.assert_allclose(outputs["scores"].numpy(), SCORES, rtol=1e-5)
            self.assertEqual(outputs["label"].tolist(), [2, 2])
        with self.assertRaises(ValueError):
            model(y=X)
        with self.assertRaises(TypeError):
            model(X.astype(np.float64))

    def test_texts_and_sequences(self):
        model = ember.load_model(str(FOLDER / "parts.onnx"))
        outputs = model([["a", "b"], ["c", "d"]], numbers=X[:, :2])
        self.assertEqual(outputs["joined"], [["a!", "b!"], ["c!", "d!"]])
        self.assertEqual([row.tolist() for row in outputs["rows"]], [[[1, 2]], [[-1, 0.5]]])
        self.assertEqual(model([["a"], ["c"]], X[:, :2], ["?"])["joined"], [["a?"], ["c?"]])

    def test_threads(self):
        model, results = ember.load_model(FOLDER / "perceptron.onnx"), []
        threads = [threading.Thread(target=lambda: results.extend(model(X)["scores"].tolist() for _ in range(20))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(results), 80)
        for result in results:
            np.testing.assert_allclose(result, SCORES, rtol=1e-5)

    def test_errors(self):
        with self.assertRaises(OSError) as caught:
            ember.load_model("nothing.onnx")
        self.assertIn("nothing.onnx", str(caught.exception))
        with self.assertRaises(ember.FileFailure):
            ember.load_model(b"garbage")


if __name__ == "__main__":
    unittest.main()

"""Makes the small models beside this file, and prints what they compute (onnx's reference evaluator). Needs the packages onnx and numpy."""

import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

folder = pathlib.Path(__file__).parent


def save(name, graph):
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, folder / name)
    return ReferenceEvaluator(model)


def value(name, kind, shape):
    return helper.make_tensor_value_info(name, kind, shape)


# Two layers with a batch of any size; the second output is the class.
random = np.random.default_rng(0)
weights = {
    "first.weight": random.normal(size=(4, 8)), "first.bias": random.normal(size=8), "second.weight": random.normal(size=(8, 3)),
    "second.bias": random.normal(size=3),
}
perceptron = save(
    "perceptron.onnx",
    helper.make_graph(
        [
            helper.make_node("Gemm", ["x", "first.weight", "first.bias"], ["hidden"]), helper.make_node("Relu", ["hidden"], ["active"]),
            helper.make_node("Gemm", ["active", "second.weight", "second.bias"], ["scores"]),
            helper.make_node("ArgMax", ["scores"], ["label"], axis=1, keepdims=0),
        ],
        "perceptron", [value("x", TensorProto.FLOAT, ["batch", 4])],
        [value("scores", TensorProto.FLOAT, ["batch", 3]), value("label", TensorProto.INT64, ["batch"])],
        [numpy_helper.from_array(v.astype(np.float32), k) for k, v in weights.items()],
    ),
)
x = np.array([[1, 2, 3, 4], [-1, 0.5, 0, 2]], dtype=np.float32)
print(perceptron.run(None, {"x": x}))

# Texts, a sequence, and an input that may be left out.
parts = save(
    "parts.onnx",
    helper.make_graph(
        [
            helper.make_node("StringConcat", ["words", "ending"], ["joined"]),
            helper.make_node("SplitToSequence", ["numbers"], ["rows"], axis=0),
        ],
        "parts",
        [
            value("words", TensorProto.STRING, [2, None]), value("numbers", TensorProto.FLOAT, ["n", 2]),
            value("ending", TensorProto.STRING, [1]),
        ],
        [
            value("joined", TensorProto.STRING, [2, None]),
            helper.make_tensor_sequence_value_info("rows", TensorProto.FLOAT, [None, 2]),
        ],
        [helper.make_tensor("ending", TensorProto.STRING, [1], [b"!"])],
    ),
)
words, ending = np.array([["a", "b"], ["c", "d"]], dtype=object), np.array(["!"], dtype=object)
print(parts.run(None, {"words": words, "numbers": x[:, :2], "ending": ending}))

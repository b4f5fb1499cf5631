"""Prints NormalizationValues.swift: what PyTorch computes for the inputs that NormalizationTests.swift makes.

    python Tests/Fixtures/normalization_values.py > Tests/EmberTensorTests/NormalizationValues.swift
"""
import math

import torch
import torch.nn.functional as F


def numbers(shape, seed, low=-2.0, high=2.0):
    """low ... high without structure, as `waves` in NormalizationTests.swift."""
    count = math.prod(shape)
    values = [low + (high - low) * (math.sin(12.9898 * (i + 1) + 78.233 * seed) + 1) / 2 for i in range(count)]
    return torch.tensor(values, dtype=torch.float64).reshape(shape).requires_grad_()


labels = torch.tensor([[2, 0, 3], [-100, 1, 1]])
cases = {
    "softmax": ([(3, 5)], lambda x: F.softmax(x, 1)),
    "log_softmax": ([(2, 4, 3)], lambda x: F.log_softmax(x, 1)),
    "layer_norm": ([(3, 7), (7,), (7,)], lambda x, w, b: F.layer_norm(x, (7,), w, b)),
    "group_norm": ([(2, 4, 3), (4,), (4,)], lambda x, w, b: F.group_norm(x, 2, w, b)),
    "batch_norm": ([(3, 2, 3), (2,), (2,)], lambda x, w, b: F.batch_norm(x, None, None, w, b, True)),
    "batch_norm of a matrix": ([(5, 3), (3,), (3,)], lambda x, w, b: F.batch_norm(x, None, None, w, b, True)),
    "cross_entropy": ([(2, 4, 3)], lambda x: F.cross_entropy(x, labels, label_smoothing=0.1)),
}

print("// Written by Tests/Fixtures/normalization_values.py with PyTorch " + torch.__version__.split("+")[0] + ".")
print("let normalizationValues: [String: [[Double]]] = [")
for name, (shapes, run) in cases.items():
    inputs = [numbers(shape, seed + 1) for seed, shape in enumerate(shapes)]
    output = run(*inputs)
    (output * numbers(output.shape, 9).detach()).sum().backward()
    print(f'  "{name}": [')
    for tensor in [output] + [x.grad for x in inputs]:
        values = [repr(v) for v in tensor.detach().flatten().tolist()]
        print("    [")
        for i in range(0, len(values), 5):
            print("      " + ", ".join(values[i : i + 5]) + ",")
        print("    ],")
    print("  ],")
print("]")

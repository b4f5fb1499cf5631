"""What PyTorch prints for modules, as a Swift file.

    python Tests/Fixtures/module_texts.py > Tests/EmberNNTests/ModuleTexts.swift
"""

from collections import OrderedDict

import torch
from torch import nn

# The module in Swift, and in Python where that differs in more than the prefix.
CASES = [
    ("Identity()", None),
    ("Linear(3, 4)", None),
    ("Linear(3, 4, bias: false)", "nn.Linear(3, 4, bias=False)"),
    ("Bilinear(2, 3, 4)", None),
    ("Conv1d(2, 4, 3)", None),
    ("Conv2d(3, 16, 3, stride: 2, padding: 1)", "nn.Conv2d(3, 16, 3, stride=2, padding=1)"),
    ("Conv2d(4, 6, [3, 5], dilation: 2, groups: 2, bias: false)", "nn.Conv2d(4, 6, (3, 5), dilation=2, groups=2, bias=False)"),
    ('Conv2d(4, 6, 3, padding: "same", paddingMode: .reflect)', 'nn.Conv2d(4, 6, 3, padding="same", padding_mode="reflect")'),
    ("Conv3d(1, 2, 3, padding: [0, 1, 2])", "nn.Conv3d(1, 2, 3, padding=(0, 1, 2))"),
    ("ConvTranspose1d(2, 4, 3)", None),
    (
        "ConvTranspose2d(4, 2, 4, stride: 2, padding: 1, outputPadding: 1, groups: 2, bias: false, dilation: 2)",
        "nn.ConvTranspose2d(4, 2, 4, stride=2, padding=1, output_padding=1, groups=2, bias=False, dilation=2)",
    ),
    ("Unfold(3, padding: [1, 2])", "nn.Unfold(3, padding=(1, 2))"),
    ("Fold([4, 5], 2)", "nn.Fold((4, 5), 2)"),
    ("BatchNorm1d(3)", None),
    ("BatchNorm2d(3, eps: 0.001, momentum: nil, affine: false)", "nn.BatchNorm2d(3, eps=0.001, momentum=None, affine=False)"),
    ("BatchNorm3d(3, trackRunningStats: false)", "nn.BatchNorm3d(3, track_running_stats=False)"),
    ("InstanceNorm2d(3)", None),
    ("InstanceNorm1d(3, affine: true)", "nn.InstanceNorm1d(3, affine=True)"),
    ("LayerNorm(8)", None),
    ("LayerNorm([4, 8], elementwiseAffine: false)", "nn.LayerNorm([4, 8], elementwise_affine=False)"),
    ("LayerNorm(8, bias: false)", "nn.LayerNorm(8, bias=False)"),
    ("GroupNorm(2, 4)", None),
    ("RMSNorm(8)", None),
    ("RMSNorm([4, 8], eps: 1e-6)", "nn.RMSNorm([4, 8], eps=1e-6)"),
    ("LocalResponseNorm(2)", None),
    ("CrossMapLRN2d(3)", None),
    ("Dropout(0.5)", None),
    ("Dropout2d(0.25)", None),
    ("AlphaDropout()", None),
    ("Embedding(10, 3)", None),
    ("Embedding(10, 3, paddingIndex: -1, maxNorm: 1.5)", "nn.Embedding(10, 3, padding_idx=-1, max_norm=1.5)"),
    ("Embedding(10, 3, normType: 1.5, scalesGradientByFrequency: true)", "nn.Embedding(10, 3, norm_type=1.5, scale_grad_by_freq=True)"),
    ("EmbeddingBag(10, 3, maxNorm: 0.5, paddingIndex: 2)", "nn.EmbeddingBag(10, 3, max_norm=0.5, padding_idx=2)"),
    ("EmbeddingBag(10, 3, mode: .sum)", 'nn.EmbeddingBag(10, 3, mode="sum")'),
    ("MaxPool1d(2)", None),
    ("MaxPool2d(3, stride: 2, padding: 1)", "nn.MaxPool2d(3, stride=2, padding=1)"),
    ("MaxPool2d([2, 3], ceilMode: true)", "nn.MaxPool2d((2, 3), ceil_mode=True)"),
    ("AvgPool1d(2)", None),
    ("AvgPool2d(3, 2)", None),
    ("AvgPool3d([1, 2, 3])", "nn.AvgPool3d((1, 2, 3))"),
    ("LPPool2d(1.5, 3)", None),
    ("MaxUnpool2d(2)", None),
    ("AdaptiveAvgPool2d(1)", None),
    ("AdaptiveAvgPool2d([nil, 7])", "nn.AdaptiveAvgPool2d((None, 7))"),
    ("AdaptiveMaxPool1d(3)", None),
    ("FractionalMaxPool2d(2, outputSize: 3)", "nn.FractionalMaxPool2d(2, output_size=3)"),
    ("ZeroPad1d(1)", None),
    ("ReflectionPad2d([1, 2, 3, 4])", "nn.ReflectionPad2d((1, 2, 3, 4))"),
    ("ConstantPad2d(1, 3.5)", None),
    ("RNN(10, 20)", None),
    ("LSTM(10, 20, 2, batchFirst: true, dropout: 0.1, bidirectional: true)", "nn.LSTM(10, 20, 2, batch_first=True, dropout=0.1, bidirectional=True)"),
    ("LSTM(10, 20, 2, projectionSize: 5)", "nn.LSTM(10, 20, 2, proj_size=5)"),
    ("GRU(10, 20, bias: false)", "nn.GRU(10, 20, bias=False)"),
    ("RNNCell(10, 20, nonlinearity: .relu)", 'nn.RNNCell(10, 20, nonlinearity="relu")'),
    ("LSTMCell(10, 20, bias: false)", "nn.LSTMCell(10, 20, bias=False)"),
    ("ReLU()", None),
    ("ReLU6()", None),
    ("LeakyReLU(0.2)", None),
    ("GELU()", None),
    ("Softmax(1)", None),
    ("GLU()", None),
    ("ELU()", None),
    ("Hardtanh()", None),
    ("Softplus()", None),
    ("Hardshrink()", None),
    ("Threshold(0.1, 20.5)", None),
    ("PReLU(4)", None),
    ("RReLU()", None),
    ("Flatten()", None),
    ("Unflatten(1, [2, 3])", "nn.Unflatten(1, (2, 3))"),
    ("PixelShuffle(2)", None),
    ("Upsample(scaleFactor: 2)", "nn.Upsample(scale_factor=2)"),
    ("Upsample(scaleFactor: [1, 2])", "nn.Upsample(scale_factor=(1, 2))"),
    ("Upsample(size: [6, 5], mode: .bilinear)", 'nn.Upsample(size=(6, 5), mode="bilinear")'),
    ("CosineSimilarity()", None),
    ("PairwiseDistance()", None),
    ("CrossEntropyLoss()", None),
    ("MSELoss()", None),
    ("Sequential(Linear(2, 3), ReLU(), Sequential(Linear(3, 4), Tanh()))", "nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Sequential(nn.Linear(3, 4), nn.Tanh()))"),
    ('Sequential(["conv": Conv2d(1, 2, 3), "act": ReLU()])', 'nn.Sequential(OrderedDict([("conv", nn.Conv2d(1, 2, 3)), ("act", nn.ReLU())]))'),
    ("Sequential([])", "nn.Sequential()"),
    (
        "ModuleList([Linear(2, 2), Linear(2, 2), Linear(2, 3), Linear(3, 3), Linear(3, 3), Linear(3, 3)])",
        "nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2), nn.Linear(2, 3), nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 3)])",
    ),
    (
        "ModuleList([Sequential(Linear(2, 2), ReLU()), Sequential(Linear(2, 2), ReLU())])",
        "nn.ModuleList([nn.Sequential(nn.Linear(2, 2), nn.ReLU()), nn.Sequential(nn.Linear(2, 2), nn.ReLU())])",
    ),
    ('ModuleDict(["a": Linear(2, 3), "b": Linear(3, 2)])', 'nn.ModuleDict({"a": nn.Linear(2, 3), "b": nn.Linear(3, 2)})'),
]

print("import EmberNN\n")
print("// Made by Tests/Fixtures/module_texts.py with PyTorch " + torch.__version__.split("+")[0] + ".\n")
print("let moduleTexts: [(module: @Sendable () -> Module, text: String)] = [")
for swift, python in CASES:
    text = repr(eval(python or "nn." + swift))
    body = text.replace("\n", "\n    ")
    print(f'  (\n    {{ {swift} }},\n    """\n    {body}\n    """\n  ),')
print("]")

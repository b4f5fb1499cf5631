"""Writes checkpoints of tensors on PyTorch's meta device, which have shapes and no numbers: claims of any size in a small file.

    python Tests/Fixtures/classifiers/make.py

`resnet.pt` claims a bottleneck whose groups cannot be computed in 64 bits, `vit.pt` a transformer that tells 2^40 classes apart, and
`small.pt` one of a plausible size.
"""
import collections
import pathlib

import torch

HERE = pathlib.Path(__file__).parent


def save(shapes, name):
    state = {key: torch.empty_strided(shape, [0] * len(shape), device="meta") for key, shape in shapes.items()}
    torch.save(collections.OrderedDict(state), HERE / name)


resnet = {f"layer{stage}.0.conv1.weight": (1, 1, 1, 1) for stage in range(1, 5)}
resnet |= {"layer1.0.conv2.weight": (2**50, 1, 1, 1), "layer1.0.conv3.weight": (1, 1, 1, 1)}
save(resnet | {"conv1.weight": (2**40, 1, 7, 1), "fc.weight": (3, 1)}, "resnet.pt")

transformer = {
    "cls_token": (1, 1, 64), "pos_embed": (1, 5, 64), "patch_embed.proj.weight": (64, 3, 8, 8), "patch_embed.proj.bias": (64,),
    "blocks.0.norm1.weight": (64,), "blocks.0.norm1.bias": (64,), "blocks.0.attn.qkv.weight": (192, 64), "blocks.0.attn.qkv.bias": (192,),
    "blocks.0.attn.proj.weight": (64, 64), "blocks.0.attn.proj.bias": (64,), "blocks.0.norm2.weight": (64,), "blocks.0.norm2.bias": (64,),
    "blocks.0.mlp.fc1.weight": (32, 64), "blocks.0.mlp.fc1.bias": (32,), "blocks.0.mlp.fc2.weight": (64, 32), "blocks.0.mlp.fc2.bias": (64,),
    "norm.weight": (64,), "norm.bias": (64,),
}
for name, classes in [("vit.pt", 2**40), ("small.pt", 3)]:
    save(transformer | {"head.weight": (classes, 64), "head.bias": (classes,)}, name)

"""Writes transforms.safetensors: a picture, and what Pillow and torchvision make of it.

    python Tests/Fixtures/pictures/make.py

Names: `picture` [height, width, 3] and `grey`; `MODE.WIDTHxHEIGHT` resized; `crop.LENGTH` and `shorter.LENGTH` after torchvision's
CenterCrop and Resize; `prepared` after the whole preparation for a network.
"""
import pathlib

import numpy
import torch
from PIL import Image
from safetensors.torch import save_file
from torchvision import transforms

draw = numpy.random.default_rng(0)
height, width = 41, 57
y, x = numpy.mgrid[:height, :width]
waves = numpy.stack([numpy.sin(x / 5 + y / 9), numpy.cos(x * y / 90), numpy.sign(numpy.sin(x / 3) * numpy.sin(y / 4))], -1)
# Noise and full contrast, so that results run beyond 0 and 255 and must be cut.
picture = (127.5 + 127.5 * waves + draw.normal(0, 30, waves.shape)).clip(0, 255).round().astype(numpy.uint8)


def tensor(image):
    return torch.from_numpy(numpy.array(image))


image = Image.fromarray(picture)
tensors = {"picture": tensor(image), "grey": tensor(image.convert("L"))}
modes = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC, "lanczos": Image.Resampling.LANCZOS}
for name, mode in modes.items():
    for size in [(23, 17), (57, 12), (9, 41), (80, 66), (30, 90), (1, 1)]:
        tensors[f"{name}.{size[0]}x{size[1]}"] = tensor(image.resize(size, mode))
tensors["grey.bicubic.23x17"] = tensor(image.convert("L").resize((23, 17), Image.Resampling.BICUBIC))
for length in (20, 41, 50, 64):
    tensors[f"crop.{length}"] = tensor(transforms.CenterCrop(length)(image))
    tensors[f"shorter.{length}"] = tensor(transforms.Resize(length)(image))
tensors["shorter.tall.20"] = tensor(transforms.Resize(20)(image.rotate(90, expand=True)))
tensors["prepared"] = transforms.Compose([
    transforms.Resize(32, transforms.InterpolationMode.BICUBIC), transforms.CenterCrop(28), transforms.ToTensor(),
    transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
])(image)
save_file({key: value.contiguous() for key, value in tensors.items()}, pathlib.Path(__file__).parent / "transforms.safetensors")

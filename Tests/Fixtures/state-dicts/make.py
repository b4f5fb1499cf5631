"""Writes the safetensors files beside it: state dicts of small networks, inputs, and what PyTorch makes of them.

    python Tests/Fixtures/state-dicts/make.py

The last networks are those of timm and efficientnet-lite-pytorch, which `pip install --no-deps --target FOLDER` brings with torchvision,
pillow, huggingface_hub and pyyaml into a folder for PYTHONPATH. Text files list names and shapes of whole networks.

Names: `state.…` for the state dict, `input`, `weight` (of the output in the sum whose gradients are taken), `output`, `gradient.…` for inputs
and parameters; `training.output` and `after.…` where training differs.
"""
import pathlib

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

HERE = pathlib.Path(__file__).parent


class BasicBlock(nn.Module):
    def __init__(self, inputs, planes, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, planes, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample = None
        if stride != 1 or inputs != planes:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, planes, 1, stride, bias=False), nn.BatchNorm2d(planes))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet18(nn.Module):
    """With torchvision's names; `width` channels in the first stage instead of 64."""

    def __init__(self, width, classes):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        stages, inputs = [], width
        for number in range(4):
            planes = width << number
            stages.append(nn.Sequential(BasicBlock(inputs, planes, 2 if number > 0 else 1), BasicBlock(planes, planes, 1)))
            inputs = planes
        self.layer1, self.layer2, self.layer3, self.layer4 = stages
        self.fc = nn.Linear(inputs, classes)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))


def write(name, model, x, run, also=lambda: {}):
    tensors = {f"state.{key}": value.detach().clone() for key, value in model.state_dict().items()}
    x.requires_grad_()
    output = run(x)
    weight = torch.randn_like(output)
    (output * weight).sum().backward()
    tensors |= {"input": x.detach(), "weight": weight, "output": output.detach(), "gradient.input": x.grad}
    tensors |= {f"gradient.{key}": value.grad for key, value in model.named_parameters()}
    tensors |= also()
    tensors = {key: value.detach().contiguous().clone() for key, value in tensors.items()}
    save_file(tensors, HERE / f"{name}.safetensors", {"made_by": "PyTorch " + torch.__version__.split("+")[0]})


torch.manual_seed(0)
lstm = nn.LSTM(5, 7, num_layers=2)


def last_state():
    with torch.no_grad():
        _, (h, c) = lstm(torch.ones(3, 2, 5))
    return {"h": h, "c": c}


write("lstm", lstm, torch.randn(6, 3, 5), lambda x: lstm(x)[0], last_state)

layer = nn.TransformerEncoderLayer(12, 3, dim_feedforward=20, dropout=0.0, activation="gelu", batch_first=True)
encoder = nn.TransformerEncoder(layer, 2, nn.LayerNorm(12), enable_nested_tensor=False)
for parameter in encoder.parameters():  # so that layers differ and no bias is 0
    nn.init.normal_(parameter, 0.1, 0.3)
padding = torch.tensor([[False] * 5, [False] * 3 + [True] * 2])
write("transformer-encoder", encoder, torch.randn(2, 5, 12), lambda x: encoder(x, src_key_padding_mask=padding), lambda: {"padding": padding})

resnet = ResNet18(4, 10)
for name, buffer in resnet.named_buffers():
    if name.endswith("running_mean"):
        buffer.normal_(0, 0.2)
    elif name.endswith("running_var"):
        buffer.uniform_(0.5, 1.5)
resnet.eval()
picture = torch.randn(2, 3, 64, 64)


def training():
    resnet.train()
    with torch.no_grad():
        output = resnet(picture)
    return {"training.output": output} | {f"after.{key}": value for key, value in resnet.named_buffers()}


write("resnet18", resnet, picture, resnet, training)


# Networks of packages.

from efficientnet_lite_pytorch import EfficientNet
from efficientnet_lite_pytorch.utils import BlockDecoder, get_model_params
from timm.models.efficientnet import tf_efficientnet_lite2
from timm.models.vision_transformer import VisionTransformer, vit_tiny_patch16_224


def enliven(model):
    """So that no layer does nothing, as after training."""
    for name, tensor in model.state_dict().items():
        if name.endswith("running_mean"):
            tensor.normal_(0, 0.2)
        elif name.endswith("running_var"):
            tensor.uniform_(0.5, 1.5)
        elif name.endswith(("bias", "cls_token", "pos_embed")):
            tensor.normal_(0, 0.3)
        elif tensor.dim() == 1:
            tensor.uniform_(0.5, 1.5)
        elif tensor.dim() == 2:
            tensor.normal_(0, tensor.shape[1] ** -0.5)
    return model.eval()


def list_shapes(name, model):
    lines = [f"{key} {' '.join(map(str, value.shape))}".rstrip() for key, value in model.state_dict().items()]
    (HERE / f"{name}.txt").write_text("\n".join(lines) + "\n")


torch.manual_seed(1)
list_shapes("efficientnet-lite0", EfficientNet.from_name("efficientnet-lite0"))
list_shapes("efficientnet-lite2", EfficientNet.from_name("efficientnet-lite2"))
list_shapes("vit-tiny", vit_tiny_patch16_224())
list_shapes("efficientnet-lite2-timm", tf_efficientnet_lite2())

# Every kind of block, strides over even and odd extents; the head smaller than that of any variant.
_, options = get_model_params("efficientnet-lite0", {"num_classes": 10, "image_size": None})
stages = BlockDecoder.decode(["r1_k3_s11_e1_i32_o8", "r2_k5_s22_e6_i8_o8", "r2_k3_s22_e6_i8_o16"])
lite = EfficientNet(stages, options._replace(drop_connect_rate=0))
lite._conv_head = type(lite._conv_head)(16, 24, 1, bias=False)
lite._bn1 = nn.BatchNorm2d(24, momentum=lite._bn1.momentum, eps=lite._bn1.eps)
lite._fc = nn.Linear(24, 10)
enliven(lite)
picture = torch.randn(2, 3, 38, 45)


def lite_training():
    lite._dropout.p = 0
    lite.train()
    with torch.no_grad():
        output = lite(picture)
    return {"training.output": output} | {f"after.{key}": value for key, value in lite.named_buffers()}


write("efficientnet-lite", lite, picture, lite, lite_training)

for pool in ("token", "avg"):
    vit = VisionTransformer(img_size=24, patch_size=8, embed_dim=24, depth=2, num_heads=3, mlp_ratio=2, num_classes=10, global_pool=pool)
    write(f"vit-{pool}", enliven(vit), torch.randn(2, 3, 24, 24), vit)

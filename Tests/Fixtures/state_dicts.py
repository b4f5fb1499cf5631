"""Writes Tests/Fixtures/state-dicts: state dicts of three models as PyTorch saves them, and what the models compute.

    python Tests/Fixtures/state_dicts.py

NAME.safetensors is the state dict alone. NAME.expected.safetensors holds `input`, `output` and, for the sum of output * `cotangent`,
`input.grad` and the gradient of every parameter by its name; computed in double precision and rounded.
"""
import os

import torch
from safetensors.torch import save_file
from torch import nn

folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "state-dicts")


class BasicBlock(nn.Module):
    """Attributes as in torchvision, so that names are."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet18(nn.Module):
    def __init__(self, width, classes):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        inputs = width
        for i in range(4):
            outputs, stride = width << i, 1 if i == 0 else 2
            blocks = [BasicBlock(inputs, outputs, stride), BasicBlock(outputs, outputs, 1)]
            setattr(self, f"layer{i + 1}", nn.Sequential(*blocks))
            inputs = outputs
        self.fc = nn.Linear(inputs, classes)

    def forward(self, x):
        x = nn.functional.max_pool2d(torch.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean((2, 3)))


def write(name, model, x, run=None):
    with torch.no_grad():
        for key, value in model.state_dict().items():
            # Running statistics of a model that was trained.
            if key.endswith("running_mean"):
                value.normal_(0, 0.1)
            elif key.endswith("running_var"):
                value.uniform_(0.5, 1.5)
    save_file(model.state_dict(), os.path.join(folder, f"{name}.safetensors"))
    model = model.double().train()
    x = x.double().requires_grad_()
    y = (run or (lambda m, x: m(x)))(model, x)
    cotangent = torch.randn_like(y).float()
    (y * cotangent).sum().backward()
    expected = {"input": x, "output": y, "cotangent": cotangent, "input.grad": x.grad}
    expected |= {key: p.grad for key, p in model.named_parameters()}
    expected = {key: value.detach().float().contiguous() for key, value in expected.items()}
    save_file(expected, os.path.join(folder, f"{name}.expected.safetensors"))


os.makedirs(folder, exist_ok=True)
torch.manual_seed(0)
write("lstm", nn.LSTM(6, 8, num_layers=2), torch.randn(7, 3, 6), lambda m, x: m(x)[0])
layer = nn.TransformerEncoderLayer(16, 4, dim_feedforward=32, dropout=0.0, batch_first=True)
write("transformer_encoder", nn.TransformerEncoder(layer, 2, norm=nn.LayerNorm(16), enable_nested_tensor=False), torch.randn(3, 5, 16))
write("resnet18", ResNet18(4, 10), torch.randn(4, 3, 32, 32))

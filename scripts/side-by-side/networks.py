"""Networks as users bring them to torch.jit.script and torch.jit.trace, with inputs for any batch size."""

from enum import Enum
from typing import Callable, Dict, Final, List, NamedTuple, Optional, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Network:
    def __init__(self, make: Callable, inputs: Callable, forms=("scripted", "traced", "frozen"), dynamic=("0=batch",), refusal=None, has_batch=True):
        self.make, self.inputs, self.forms, self.dynamic, self.refusal = make, inputs, forms, dynamic, refusal
        # Whether the first dimension of the inputs may be any.
        self.has_batch = has_batch


def compiled(model, network, form):
    """The model scripted, traced, traced without gradients or frozen."""
    with torch.set_grad_enabled(form != "traced-no-grad"):
        if form.startswith("traced"):
            return torch.jit.trace(model, tuple(network.inputs(2)), check_trace=False, strict=False)
        scripted = torch.jit.script(model)
    return torch.jit.freeze(scripted) if form == "frozen" else scripted


# MARK: pictures

class Residual(nn.Module):
    def __init__(self, inside, outside, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outside)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outside)
        self.downsample: Optional[nn.Module] = None
        if stride != 1 or inside != outside:
            self.downsample = nn.Sequential(nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside))

    def forward(self, x: Tensor) -> Tensor:
        identity = x
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        if self.downsample is not None:
            identity = self.downsample(x)
        out += identity
        return self.relu(out)


class ResNet18(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        widths = [width, width, 2 * width, 4 * width, 8 * width]
        for i in range(1, 5):
            stride = 1 if i == 1 else 2
            self.add_module(f"layer{i}", nn.Sequential(Residual(widths[i - 1], widths[i], stride), Residual(widths[i], widths[i], 1)))
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(8 * width, 10)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.running_mean, -0.2, 0.2)
                nn.init.uniform_(module.running_var, 0.5, 1.5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(self.avgpool(x), 1))


class SqueezeExcitation(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.fc1, self.fc2 = nn.Conv2d(width, width // 4, 1), nn.Conv2d(width // 4, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        scale = F.adaptive_avg_pool2d(x, 1)
        scale = F.relu(self.fc1(scale), inplace=True)
        return F.hardsigmoid(self.fc2(scale), inplace=True) * x


class Inverted(nn.Module):
    use_res_connect: Final[bool]

    def __init__(self, inside, wide, outside, kernel, stride):
        super().__init__()
        self.use_res_connect = stride == 1 and inside == outside
        self.block = nn.Sequential(
            nn.Conv2d(inside, wide, 1, bias=False), nn.BatchNorm2d(wide, eps=0.001, momentum=0.01), nn.Hardswish(inplace=True),
            nn.Conv2d(wide, wide, kernel, stride, kernel // 2, groups=wide, bias=False), nn.BatchNorm2d(wide), nn.Hardswish(inplace=True),
            SqueezeExcitation(wide), nn.Conv2d(wide, outside, 1, bias=False), nn.BatchNorm2d(outside))

    def forward(self, x: Tensor) -> Tensor:
        result = self.block(x)
        if self.use_res_connect:
            result += x
        return result


class MobileNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.Hardswish())
        self.blocks = nn.ModuleList([Inverted(16, 32, 16, 3, 1), Inverted(16, 48, 24, 5, 2), Inverted(24, 64, 24, 3, 1)])
        self.classifier = nn.Sequential(nn.Linear(24, 32), nn.Hardswish(), nn.Dropout(0.2), nn.Linear(32, 7))

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.classifier(x.mean([2, 3]))


class UNet(nn.Module):
    """Interpolation to another tensor's size, padding by what shapes say, concatenation."""

    def __init__(self):
        super().__init__()
        self.down1, self.down2 = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 16, 3, 2, 1)
        self.up = nn.ConvTranspose2d(16, 8, 2, 2)
        self.norm = nn.GroupNorm(4, 16)
        self.out = nn.Conv2d(16, 2, 1)

    def forward(self, x: Tensor) -> Dict[str, Tensor]:
        first = F.silu(self.down1(x))
        second = F.silu(self.norm(self.down2(first)))
        up = self.up(second)
        dy, dx = first.size(2) - up.size(2), first.size(3) - up.size(3)
        up = F.pad(up, [dx // 2, dx - dx // 2, dy // 2, dy - dy // 2])
        joined = torch.cat([first, up], dim=1)
        mask = self.out(joined)
        small = F.interpolate(mask, scale_factor=0.5, mode="bilinear", align_corners=False, recompute_scale_factor=True)
        return {"mask": torch.sigmoid(mask), "small": small, "labels": mask.argmax(1)}


class PatchTransformer(nn.Module):
    """A vision transformer: a class token, learned positions, attention written out."""

    def __init__(self, width=32, depth=2, heads=4, patches=16):
        super().__init__()
        self.embed = nn.Conv2d(3, width, 4, 4)
        self.token = nn.Parameter(torch.randn(1, 1, width) * 0.1)
        self.positions = nn.Parameter(torch.randn(1, patches + 1, width) * 0.1)
        self.blocks = nn.ModuleList([Block(width, heads) for _ in range(depth)])
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.head = nn.Linear(width, 5)

    def forward(self, x: Tensor) -> Tensor:
        B = x.shape[0]
        x = self.embed(x).flatten(2).transpose(1, 2)
        x = torch.cat((self.token.expand(B, -1, -1), x), dim=1) + self.positions
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x)[:, 0])


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads, self.scale = heads, (width // heads) ** -0.5
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Dropout(0.1), nn.Linear(2 * width, width))

    def attention(self, x: Tensor) -> Tensor:
        B, N, C = x.shape
        qkv = self.qkv(x).reshape(B, N, 3, self.heads, C // self.heads).permute(2, 0, 3, 1, 4)
        q, k, v = qkv[0], qkv[1], qkv[2]
        weights = ((q @ k.transpose(-2, -1)) * self.scale).softmax(dim=-1)
        return self.proj((weights @ v).transpose(1, 2).reshape(B, N, C))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


# MARK: sequences

class Tagger(nn.Module):
    def __init__(self, bidirectional=True, layers=2):
        super().__init__()
        self.embedding = nn.Embedding(50, 12, padding_idx=0)
        self.lstm = nn.LSTM(12, 10, layers, batch_first=True, bidirectional=bidirectional, dropout=0.3)
        self.head = nn.Linear(20 if bidirectional else 10, 6)

    def forward(self, tokens: Tensor) -> Tuple[Tensor, Tensor]:
        states, (last, _) = self.lstm(self.embedding(tokens))
        return F.log_softmax(self.head(states), dim=-1), last


class GatedClassifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(5, 8, batch_first=True)
        self.rnn = nn.RNN(8, 6, batch_first=True, nonlinearity="relu")
        self.cell = nn.LSTMCell(6, 4)

    def forward(self, x: Tensor, start: Optional[Tensor] = None) -> Tensor:
        x, _ = self.gru(x, start)
        x, _ = self.rnn(x)
        h = torch.zeros(x.size(0), 4)
        c = torch.zeros(x.size(0), 4)
        for t in range(x.size(1)):
            h, c = self.cell(x[:, t], (h, c))
        return h


class Encoder(nn.Module):
    """nn.TransformerEncoder with a causal and a padding mask."""

    def __init__(self, causal=True):
        super().__init__()
        self.embedding = nn.Embedding(30, 16)
        layer = nn.TransformerEncoderLayer(16, 4, 32, dropout=0.1, batch_first=True, activation="gelu")
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.causal = causal
        self.register_buffer("pe", torch.randn(1, 40, 16) * 0.1)

    def forward(self, tokens: Tensor, padding: Tensor) -> Tensor:
        x = self.embedding(tokens) * 4.0 + self.pe[:, : tokens.size(1)]
        mask: Optional[Tensor] = None
        if self.causal:
            n = tokens.size(1)
            mask = torch.triu(torch.full((n, n), float("-inf")), diagonal=1)
        return self.encoder(x, mask=mask, src_key_padding_mask=padding)


class PreNormEncoder(nn.Module):
    def __init__(self):
        super().__init__()
        layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, norm=nn.LayerNorm(16))

    def forward(self, x: Tensor) -> Tensor:
        return self.encoder(x)


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(16, 4, batch_first=True)
        self.decoder = nn.TransformerDecoderLayer(16, 4, 24, batch_first=True)

    def forward(self, x: Tensor, memory: Tensor) -> Tuple[Tensor, Optional[Tensor]]:
        y, weights = self.attention(x, memory, memory)
        return self.decoder(y, memory), weights


class RotaryDecoder(nn.Module):
    """Rotary positions, key heads shared by several query heads, RMS norm, scaled_dot_product_attention."""

    def __init__(self, width=24, heads=6, shared=2):
        super().__init__()
        self.embedding = nn.Embedding(40, width)
        self.heads, self.shared, self.size = heads, shared, width // heads
        self.q = nn.Linear(width, width, bias=False)
        self.k = nn.Linear(width, shared * self.size, bias=False)
        self.v = nn.Linear(width, shared * self.size, bias=False)
        self.o = nn.Linear(width, width, bias=False)
        self.gate, self.up, self.down = (nn.Linear(width, 48, bias=False), nn.Linear(width, 48, bias=False), nn.Linear(48, width, bias=False))
        self.weight = nn.Parameter(torch.ones(width))
        self.register_buffer("inverse", 1.0 / (10000.0 ** (torch.arange(0, self.size, 2).float() / self.size)), persistent=False)

    def norm(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5) * self.weight

    def rotate(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        a, b = x.chunk(2, dim=-1)
        return x * cos + torch.cat((-b, a), dim=-1) * sin

    def forward(self, tokens: Tensor) -> Tensor:
        B, T = tokens.shape
        x = self.embedding(tokens)
        y = self.norm(x)
        q = self.q(y).view(B, T, self.heads, self.size).transpose(1, 2)
        k = self.k(y).view(B, T, self.shared, self.size).transpose(1, 2)
        v = self.v(y).view(B, T, self.shared, self.size).transpose(1, 2)
        angles = torch.outer(torch.arange(T, device=tokens.device).float(), self.inverse)
        angles = torch.cat((angles, angles), dim=-1)
        cos, sin = angles.cos(), angles.sin()
        q, k = self.rotate(q, cos, sin), self.rotate(k, cos, sin)
        times = self.heads // self.shared
        k, v = k.repeat_interleave(times, dim=1), v.repeat_interleave(times, dim=1)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.o(y.transpose(1, 2).contiguous().view(B, T, -1))
        y = self.norm(x)
        return x + self.down(F.silu(self.gate(y)) * self.up(y))


# MARK: code

class Writes(nn.Module):
    """In-place operations, through views too."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor([2.0, 3.0, 4.0, 5.0]))

    def forward(self, x: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
        y = x.clone()
        y[:, 0] = y[:, 1] * 2
        y[:, 1:3] += self.scale[1:3]
        y[..., -1].mul_(0.5).add_(1)
        z = torch.zeros_like(x)
        z[:, ::2] = x[:, 1::2]
        z[x > 0.5] = -1.0
        rows = y.t()
        rows[1].clamp_(min=0.0)
        y.relu_()
        flat = z.view(-1)
        flat *= 3
        w = torch.empty(x.size(0), 2, 4)
        w[:, 0] = y
        w[:, 1] = z
        w.transpose(1, 2)[:, 2:].sub_(1)
        return y, z, w


class Mode(Enum):
    MEAN = "mean"
    MAX = "max"


class Result(NamedTuple):
    scores: Tensor
    hidden: List[Tensor]
    label: Optional[Tensor]


class Annotated(nn.Module):
    """Optional, NamedTuple, lists, dictionaries, an enumeration, a loop over modules with break and continue, asserts, f-strings."""

    widths: Final[List[int]]

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(6, 6) for _ in range(4)])
        self.norms = nn.ModuleDict({"a": nn.LayerNorm(6), "b": nn.Identity()})
        self.widths = [6, 6]
        self.mode = Mode.MAX
        self.names: Dict[str, int] = {"first": 0, "second": 1}

    def pooled(self, x: Tensor, mode: Mode) -> Tensor:
        if mode == Mode.MEAN:
            return x.mean(1)
        elif mode == Mode.MAX:
            return x.amax(1)
        raise ValueError(f"unknown mode {mode}")

    def forward(self, x: Tensor, others: List[Tensor], bias: Optional[Tensor] = None) -> Result:
        assert x.dim() == 3, f"three dimensions, not {x.dim()}"
        hidden: List[Tensor] = []
        for i, layer in enumerate(self.layers):
            y = torch.tanh(layer(x))
            if i % 2 == 0:
                x = x + y
            else:
                x = y
            if i < 3:
                hidden.append(self.pooled(x, self.mode))
        for name, norm in self.norms.items():
            x = norm(x)
        for i, other in enumerate(others):
            if other.size(-1) != self.widths[0]:
                continue
            x = x + other.unsqueeze(1) * float(i + 1)
            if i == 1:
                break
        if bias is not None:
            x = x + bias
        n = 0
        while n < x.size(1):
            n += 2
        scores = self.pooled(x, Mode.MEAN) / n
        last = hidden[-1] if len(hidden) > self.names["second"] else scores
        return Result(scores + last.sort(dim=-1, descending=True)[0], hidden, None)


class Dispatch(nn.Module):
    """What is computed depends on shapes, dtypes and the mode."""

    def forward(self, x: Tensor) -> Dict[str, Tensor]:
        if x.dim() == 2:
            x = x.unsqueeze(1)
        if x.shape[-1] % 2 == 1:
            x = F.pad(x, (0, 1))
        if x.is_floating_point() and not self.training:
            x = x.to(torch.float64).to(x.dtype)
        parts = torch.split(x, x.shape[-1] // 2, dim=-1)
        total = torch.zeros([], dtype=x.dtype)
        for part in parts:
            total = total + part.abs().sum()
        top, places = torch.topk(x, 2, dim=-1)
        return {"halves": torch.stack(parts, dim=1), "total": total, "top": top, "places": places,
                "windows": x.unfold(-1, 3, 1), "sums": torch.cumsum(x, -1), "einsum": torch.einsum("btf,bsf->bts", x, x)}


class Half(nn.Module):
    """Weights of 16 bits, computed in 32."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter((torch.randn(6, 4) * 0.5).half())
        self.table = nn.Parameter(torch.randn(3, 6).bfloat16())

    def forward(self, x: Tensor) -> Tensor:
        y = F.linear(x, self.weight.to(x.dtype))
        return torch.cat([y, self.table.float().sum(0, keepdim=True).expand_as(y)], 1)


class Decides(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        if bool(x.sum() > 1e9):
            return x * 2
        return x + 1


class Keeps(nn.Module):
    """A recurrent model that keeps its state in an attribute."""

    def __init__(self):
        super().__init__()
        self.cell = nn.GRUCell(3, 3)
        self.state = torch.zeros(0)

    def forward(self, x: Tensor) -> Tensor:
        if self.state.numel() == 0:
            state = torch.zeros_like(x)
        else:
            state = self.state
        self.state = self.cell(x, state)
        return self.state


def pictures(size):
    return lambda batch: [torch.randn(batch, 3, size, size, generator=torch.Generator().manual_seed(batch))]


def torchvision_network(name):
    """A model of torchvision by name, with the extent of its pictures behind an @."""
    import torchvision

    name, _, size = name.partition("@")
    options = {"weights": None}
    if name in ("googlenet", "inception_v3"):
        options["init_weights"] = False
    if any(part in name for part in ("deeplab", "lraspp", "fcn")):
        options["weights_backbone"] = None
    return Network(lambda: torchvision.models.get_model(name, **options), pictures(int(size or 64)), ("scripted", "traced"))


def tokens(count, length):
    """The longer, the larger the batch."""
    return lambda batch: [torch.randint(1, count, (batch, length + batch), generator=torch.Generator().manual_seed(batch))]


def numbers(*shapes):
    def make(batch):
        generator = torch.Generator().manual_seed(batch)
        return [torch.randn(batch, *shape, generator=generator) for shape in shapes]
    return make


def padded(batch):
    x = tokens(30, 7)(batch)[0]
    padding = torch.zeros_like(x, dtype=torch.bool)
    padding[0, 6:] = True
    padding[1, 4:] = True
    return [x, padding]


def annotated(batch):
    x, a, b, bias = numbers((3, 6), (6,), (6,), (3, 6))(batch)
    return [x, [a, b], bias]


def all_networks():
    every = ("scripted", "traced", "traced-no-grad", "frozen")
    both = ("0=batch", "1=time")
    return {
        "resnet18": Network(ResNet18, pictures(64)),
        "mobilenet": Network(MobileNet, pictures(32)),
        "unet": Network(UNet, pictures(10)),
        "vit": Network(PatchTransformer, pictures(16)),
        "tagger": Network(Tagger, tokens(50, 5), dynamic=both),
        "gated": Network(GatedClassifier, numbers((6, 5))),
        "encoder": Network(Encoder, padded, every, dynamic=both),
        "encoder-without-mask": Network(lambda: Encoder(False), padded, every, dynamic=both),
        "pre-norm": Network(PreNormEncoder, numbers((5, 16)), every),
        "attention": Network(Attention, numbers((5, 16), (7, 16)), every),
        "rotary": Network(RotaryDecoder, tokens(40, 6), dynamic=both),
        "writes": Network(Writes, numbers((4,))),
        "annotated": Network(Annotated, annotated, ("scripted", "frozen")),
        "dispatch": Network(Dispatch, numbers((7,))),
        "half": Network(Half, numbers((4,))),
        "decides": Network(Decides, numbers((4,)), ("scripted",), refusal="line 8: [item]"),
        "keeps": Network(Keeps, numbers((3,)), ("scripted",), refusal="attribute state", has_batch=False),
    }

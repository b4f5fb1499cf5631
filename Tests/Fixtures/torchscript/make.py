#!/usr/bin/env python3
"""Writes ../torchscript.pt: small modules compiled by PyTorch, with what their methods return for given arguments.

    $(scripts/pytorch) Tests/Fixtures/torchscript/make.py [-v]

The file is torch.save's, deflated: a dictionary of modules by name, each with the archive of torch.jit.save and a list of calls in order; a call has
a method, arguments and a result or, where the code fails, the text that it raised. -v prints the code of the archives.
"""

import io
import math
import pathlib
import sys
import warnings
import zipfile
from enum import Enum
from typing import Any, Dict, List, NamedTuple, Optional, Tuple, Union

import torch
from torch import Tensor, nn
import torch.nn.functional as F

from archives import copied, plained, saved, slim, write

warnings.filterwarnings("ignore")
torch.manual_seed(1)


# MARK: aliases

class SelectWrites(nn.Module):
    def forward(self, x: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
        y = x.clone()
        row = y[1]
        column = y[:, 0]
        row.add_(10.0)
        column.zero_()
        y[0, 1:3] = torch.tensor([7.0, 8.0])
        y[-1, ::2] = -1
        return y, row, column


class ViewWrites(nn.Module):
    def forward(self, x: Tensor) -> List[Tensor]:
        base = x.clone()
        flat = base.view(-1)
        turned = base.t()
        wide = base.unsqueeze(0).expand(2, 3, 4)
        flat[5] = 100.0
        turned[2].mul_(2)
        wide[0].sub_(1)
        base.permute(1, 0).contiguous().fill_(5)
        base.reshape(2, 6)[1].neg_()
        parts = base.chunk(2, 1)
        parts[1].copy_(parts[0])
        a, b, c = base.unbind(0)
        a.clamp_(min=0.0)
        base.diagonal().fill_(3)
        return [base, flat, turned, wide, parts[0], parts[1], a, b, c]


class NestedViews(nn.Module):
    def forward(self, x: Tensor) -> Tuple[Tensor, Tensor]:
        base = x.clone()
        inner = base[1:, 1:].transpose(0, 1)[1:].narrow(1, 0, 1)
        inner += 5
        inner[0, 0] = 42
        inner.squeeze(1).mul_(inner.squeeze(1))
        return base, inner


class InPlaceShapes(nn.Module):
    def forward(self, x: Tensor) -> List[Tensor]:
        a = x.clone()
        b = a.view(12)
        a.t_()
        a.unsqueeze_(0)
        a[0, 0, 0] = 9.0
        b.add_(1)
        a.squeeze_(0)
        a.transpose_(0, 1)
        return [a, b]


class IndexWrites(nn.Module):
    def forward(self, x: Tensor, i: Tensor) -> List[Tensor]:
        a = x.clone()
        a[i] = 0.0
        b = x.clone()
        b[b > 0] = -1.0
        c = x.clone()
        c[i, i] += 2.0
        d = x.clone()
        d.index_add_(0, i, torch.ones(2, 4))
        e = x.clone()
        e.masked_fill_(e < 0, 0.5)
        f = x.clone()
        f.scatter_(1, torch.tensor([[0], [1], [2]]), 6.0)
        g = x.clone()
        g.index_put_([i], torch.full([4], 2.0), accumulate=True)
        h = x[i]
        h.zero_()
        return [a, b, c, d, e, f, g, h, x[:, i], x[None, 1:, ..., 2], x[x > 0], x[torch.tensor(1)]]


class LoopWrites(nn.Module):
    def forward(self, n: int) -> Tensor:
        out = torch.zeros(n, n)
        for i in range(n):
            for j in range(i, n):
                out[i, j] = i * n + j
            out[i] /= float(i + 1)
        return out


class SameTensor(nn.Module):
    def forward(self, x: Tensor) -> Tuple[Tensor, List[Tensor], Dict[str, Tensor], bool, bool]:
        y = x.clone()
        held = [y, y, y.contiguous(), y.to(torch.float32), y.detach()]
        named = {"a": y, "b": y.clone()}
        y.add_(1)
        held[0].mul_(2)
        named["a"][0] = 0.0
        named["b"].zero_()
        return y, held, named, held[0] is y, held[0] is held[4]


class Outs(nn.Module):
    def forward(self, x: Tensor) -> Tuple[Tensor, Tensor]:
        y = torch.zeros(2, 3, 4)
        torch.add(x, x, out=y[1])
        z = torch.empty(0)
        torch.mul(x, 2, out=z)
        return y, z


class State(nn.Module):
    count: int
    history: List[Tensor]

    def __init__(self):
        super().__init__()
        self.register_buffer("total", torch.zeros(4))
        self.register_buffer("other", torch.zeros(4), persistent=False)
        self.weight = nn.Parameter(torch.ones(4))
        self.last = torch.zeros(0)
        self.count = 0
        self.history = []

    def forward(self, x: Tensor) -> Tensor:
        before = self.total
        self.total += x
        self.other = self.total * 2
        old = self.other
        self.other = self.other + 1
        self.last = x
        self.last[0] = -1.0
        self.count += 1
        self.history.append(x)
        return torch.stack([before, self.total, old, self.other, self.weight * x])

    @torch.jit.export
    def state(self) -> Tuple[int, List[Tensor], Tensor]:
        return self.count, self.history, self.last

    @torch.jit.export
    def reset(self, keep: bool = False):
        self.total.zero_()
        self.count = 0
        if not keep:
            self.history.clear()


# MARK: control flow

class ControlFlow(nn.Module):
    def forward(self, n: int) -> Tuple[int, int, int, List[int], float]:
        total = 0
        for i in range(n):
            if i % 2 == 0:
                continue
            if i > 7:
                break
            total += i
        steps = 0
        m = n
        while m != 1:
            m = m // 2 if m % 2 == 0 else 3 * m + 1
            steps += 1
            if steps > 100:
                break
        found: List[int] = []
        for i in range(n, -n, -3):
            found.append(i)
        value = 1.5
        if n > 3 and total > 2 or n == -1:
            value = -value
        elif not n > 1:
            value = 0.25
        else:
            value = 2.0
        return total, steps, m, found, value


class EarlyReturn(nn.Module):
    def find(self, values: List[int], wanted: int) -> int:
        for i in range(len(values)):
            if values[i] == wanted:
                return i
        return -1

    def forward(self, values: List[int], wanted: int) -> Tuple[int, str]:
        place = self.find(values, wanted)
        if place < 0:
            return place, "missing"
        return place, "found"


class Raises(nn.Module):
    def forward(self, n: int, x: Optional[Tensor] = None) -> int:
        if n < 0:
            raise ValueError("negative: {}".format(n))
        assert n != 3, "three"
        if n == 4:
            raise RuntimeError("four")
        if n == 5:
            return [1, 2][n]
        if n == 6:
            return {"a": 1}["b"]
        if x is not None:
            return int((x + torch.zeros(7)).sum())
        if n == 8:
            return n // (n - 8)
        return n


class Recursion(nn.Module):
    def forward(self, n: int) -> Tuple[List[int], int]:
        values = [1, 1]
        for _ in range(n):
            values.append(values[-1] + values[-2])
        return values, gcd(n, 12)


def gcd(a: int, b: int) -> int:
    while b > 0:
        a, b = b, a % b
    return a


class Iteration(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 2)])
        self.named = nn.ModuleDict({"up": nn.Linear(2, 3), "down": nn.Linear(3, 1, bias=False)})
        self.weights = nn.ParameterList([nn.Parameter(torch.rand(1)) for _ in range(3)])

    def forward(self, x: Tensor) -> Tuple[Tensor, str, List[Tensor], int]:
        names = ""
        for layer in self.layers:
            x = layer(x)
        for name, layer in self.named.items():
            x = layer(x)
            names += name
        rows = [row * 2 for row in x]
        total = 0
        for i, v in enumerate([5, 6, 7]):
            for a, b in zip([1, 2], [3, 4]):
                total += i * v + a * b
        for key in {"p": 1, "q": 2}:
            names += key
        return x, names, rows, total


# MARK: values

class Lists(nn.Module):
    def forward(self, a: List[int], b: List[float]) -> Tuple[List[int], List[int], List[int], List[float], int, float, List[int], List[List[int]], bool]:
        c = a.copy()
        c.append(4)
        c.extend([6, 5])
        c.insert(1, 99)
        c[0] = -1
        c += [0]
        last = c.pop()
        c.remove(99)
        d = sorted(c)
        d.reverse()
        e = a[1:] + a[:-1] + a[::2]
        f = [x * 0.5 for x in b]
        del c[1]
        nested = [[i * j for j in range(2)] for i in range(3)]
        nested[1][0] = 8
        b.sort(reverse=True)
        return c, d, e, f, last + len(c) + max(a) + min(1, 2) + sum(a) + a.index(2) + a.count(2), b[0], [0] * 3, nested, 3 in a


class Dictionaries(nn.Module):
    def forward(self, d: Dict[str, int]) -> Tuple[Dict[str, int], List[str], List[int], List[Tuple[str, int]], int, Dict[int, str], Dict[str, Tensor]]:
        e = d.copy()
        e["new"] = 5
        e["a"] += 10
        removed = e.pop("b")
        del e["c"]
        e.update({"z": 26})
        known = e.get("nothing", -1) + e.setdefault("s", 3)
        if "a" in e:
            known += 100
        squares = {i: str(i * i) for i in range(3)}
        tensors: Dict[str, Tensor] = {}
        tensors["x"] = torch.ones(2)
        tensors["x"].add_(1)
        return e, list(e.keys()), list(e.values()), list(e.items()), removed + known + len(e), squares, tensors


class Point(NamedTuple):
    x: Tensor
    scale: float
    tag: str = "point"


class Tuples(nn.Module):
    def forward(self, p: Tuple[int, Tensor]) -> Tuple[Point, Tensor, float, Tuple[int, str], Tuple[Tensor, int]]:
        n, x = p
        point = Point(x * n, 0.5, "p")
        a, (b, c) = 1, (2, "three")
        y, scale, tag = point
        return point, point.x + point[0], point.scale * len(tag), (a + b, c), (y, p[0])


class Optionals(nn.Module):
    def forward(self, x: Optional[Tensor], n: Optional[int] = None, u: Union[int, str, None] = None) -> Tuple[Optional[Tensor], int, str]:
        y = x
        if x is not None:
            y = x + 1
        m = n if n is not None else -5
        text = "none"
        if isinstance(u, int):
            text = "int {}".format(u)
        elif isinstance(u, str):
            text = "str " + u
        return y, m, text


class Anything(nn.Module):
    def forward(self, v: Any) -> str:
        if isinstance(v, int):
            return "int"
        if isinstance(v, (float, bool)):
            return "float or bool"
        if isinstance(v, str):
            return "str"
        if isinstance(v, Tensor):
            return "tensor"
        if isinstance(v, List[int]):
            return "ints"
        if isinstance(v, Tuple[int, str]):
            return "pair"
        return "other"


class Strings(nn.Module):
    def forward(self, s: str, n: int) -> List[str]:
        return [
            s.upper(), s.lower(), s.strip(), s.replace("a", "--"), s[0], s[1:3], s[-2:], "-".join(s.split(",")), str(n), str(1.5), str(True),
            "{} of {}: {}".format(n, 2.0, [1, 2]), "%d %s" % (n, s), str(s.find("b")), str(s.startswith(" a")), str(len(s)), str(ord("a")),
            chr(98), s + "é\n\"quoted\"'", str("a" < "b"), str(s == " a,b,A "), str([0.1, 1e20, 1e-7]), str((1, "x")), str({"k": 2.5}),
            str(s.count("a")), str(s.endswith(" ")), hex(255), str(s.rfind(",")), str(s.isdigit()), s.lstrip(), s.rstrip(), str(None),
        ]


class Numbers(nn.Module):
    def forward(self, a: int, b: int, x: float) -> Tuple[List[int], List[float], List[bool]]:
        ints = [a + b, a - b, a * b, a // b, a % b, int(a ** 3), -a, abs(a), int(x), a & b, a | b, a ^ b, a << 2, a >> 1, min(a, b), max(a, b),
                math.floor(x), math.ceil(x), int(a > b), -a // b, -a % b, int("12"), math.gcd(a, b)]
        floats = [x + a, x - a, x * a, x / a, x // 2.0, x % 2.0, x ** 2, -x, abs(x), a / b, float(a), math.sqrt(x), math.sin(x), math.log(x), math.exp(x),
                  math.pow(x, 2.0), math.pi, float("inf"), float("2.5"), round(x), -x // 2.0, -x % 2.0, float(a ** -1), math.atan2(x, 1.0), math.fabs(-x),
                  math.inf, min(x, 1.0), max(x, 1.0)]
        flags = [a < b, a <= b, a > b, a >= b, a == b, a != b, x < a, a == 7.0, bool(a), not bool(b), math.isnan(x), a in [7, 8], a not in [7], x > 1 and x < 9]
        return ints, floats, flags


class Complexes(nn.Module):
    def forward(self, x: Tensor) -> Tuple[complex, Tensor, float]:
        z = complex(1.0, 2.0)
        w = z * 2j + 1
        return w, torch.view_as_real(torch.complex(x, x * 2) * w), abs(z)


class Color(Enum):
    RED = 1
    GREEN = 2


class Enums(nn.Module):
    def __init__(self):
        super().__init__()
        self.color = Color.GREEN

    def forward(self, c: int) -> Tuple[int, str, bool, int]:
        chosen = Color.RED if c == 1 else Color.GREEN
        total = 0
        for each in Color:
            total += each.value
        return chosen.value, chosen.name, chosen == self.color, total


# MARK: classes

@torch.jit.script
class Counter:
    def __init__(self, start: int):
        self.value = start
        self.seen: List[int] = []

    def add(self, n: int) -> int:
        self.value += n
        self.seen.append(n)
        return self.value

    def __lt__(self, other: "Counter") -> bool:
        return self.value < other.value

    def __len__(self) -> int:
        return len(self.seen)

    def __getitem__(self, i: int) -> int:
        return self.seen[i]

    def __contains__(self, n: int) -> bool:
        return n in self.seen


@torch.jit.script
class Pair:
    def __init__(self, a: Counter, x: Tensor):
        self.a = a
        self.x = x

    @staticmethod
    def make(n: int) -> "Pair":
        return Pair(Counter(n), torch.zeros(2))


class Classes(nn.Module):
    def forward(self, n: int) -> Tuple[int, int, Tensor, bool, List[int]]:
        pair = Pair.make(n)
        same = pair.a
        for i in range(3):
            same.add(i)
        pair.x[0] = 4
        x = pair.x
        x += 1
        pair.x = pair.x * 2
        counters = [Counter(3), Counter(1), Counter(2)]
        counters.sort()
        return pair.a.value, len(pair.a), torch.cat([pair.x, x]), 2 in pair.a, [c.value for c in counters] + [pair.a[1]]


@torch.jit.interface
class Step:
    def apply(self, x: Tensor) -> Tensor:
        pass


@torch.jit.script
class Double:
    def __init__(self):
        self.k = 2

    def apply(self, x: Tensor) -> Tensor:
        return x * self.k


@torch.jit.script
class Shift:
    def __init__(self, by: float):
        self.by = by

    def apply(self, x: Tensor) -> Tensor:
        return x + self.by


class Interfaces(nn.Module):
    def forward(self, x: Tensor, flag: bool) -> Tensor:
        steps: List[Step] = [Double(), Shift(0.5)]
        for step in steps:
            x = step.apply(x)
        return x


@torch.jit.script
class Scope:
    def __init__(self, log: List[str], name: str):
        self.log = log
        self.name = name

    def __enter__(self):
        self.log.append("in " + self.name)
        return self

    def __exit__(self, kind: Any, value: Any, trace: Any):
        self.log.append("out " + self.name)


class With(nn.Module):
    def forward(self, x: Tensor) -> Tuple[List[str], bool, bool, Tensor]:
        log: List[str] = []
        with Scope(log, "a"):
            with Scope(log, "b") as b:
                log.append(b.name)
        with torch.no_grad():
            inside = torch.is_grad_enabled()
            y = x * 2
        return log, inside, y.requires_grad, y


class Constants(nn.Module):
    __constants__ = ["size", "sizes"]
    size: int
    factor: torch.jit.Final[float]

    def __init__(self):
        super().__init__()
        self.size = 3
        self.sizes = [1, 2]
        self.factor = 0.25
        self.table = {"a": torch.ones(2), "b": torch.arange(3.0)}
        self.pair = (1, "x")
        self.names: List[str] = ["p", "q"]
        self.device = torch.device("cpu")
        self.dtype = torch.float64

    def forward(self, x: Tensor = torch.tensor([1.5, -2.0])) -> Tuple[Tensor, Tensor, float, int, str, Tensor]:
        y = x.to(self.dtype)
        return y, self.table["b"], self.factor, self.size + self.sizes[1] + self.pair[0], self.names[1] + self.pair[1], torch.zeros(2, device=self.device)


class Unicode(nn.Module):
    def forward(self) -> Tuple[str, str]:
        return "Grüße, 世界 🎈", "tab\tnew\nline \\ \x01"


# MARK: operators

class Conversions(nn.Module):
    def forward(self, x: Tensor) -> List[Tensor]:
        n = x.size(0)
        return [
            torch.tensor([1, 2, 3]), torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor(5), torch.tensor(True), torch.tensor([n, n]),
            x.to(torch.float64), x.to(torch.int32).to(x), x.type_as(torch.ones(1, dtype=torch.float64)),
            torch.zeros([n, 2], dtype=torch.int64), torch.ones_like(x), torch.full([2], 3.5), torch.arange(5), torch.arange(1, 7, 2), torch.linspace(0, 1, 3),
            torch.empty(0), x.new_zeros(2), torch.eye(2), torch.as_tensor([1.5]), torch.zeros(2, 2, dtype=x.dtype), x.to("cpu"), x > 0,
        ]


class Properties(nn.Module):
    def forward(self, x: Tensor) -> Tuple[List[int], int, int, int, bool, bool, bool, List[int], float, List[float], str]:
        values: List[float] = x[0].tolist()
        return list(x.shape), x.dim(), x.numel(), x.size(-1), x.is_floating_point(), x.is_cuda, x.requires_grad, list(x.stride()), x[0, 0].item(), values, str(x.device)


class TensorOperators(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> List[Tensor]:
        a, b = x.max(dim=1)
        values, order = torch.sort(x, dim=1, descending=True)
        u, s = torch.topk(x, 2)
        return [
            x + y, x - 1, 1 - x, x * 2.5, 2 / (y.abs() + 1), x / y, x // 2, x % 2, x ** 2, 2 ** x, -x, abs(x), x @ y.t(), x > 0, x == y, x != y, x <= 0.5,
            ~(x > 0), (x > 0) & (y > 0), (x > 0) | (y > 0), a, b, values, order, u, s, x.sum(), x.mean(1), x.sum([0, 1]), x.std(), x.var(1), x.amax(0), x.argmax(1),
            x.min(), torch.max(x, y), torch.where(x > 0, x, y), torch.where(x > 0, 1.0, 0.0), torch.cat([x, y], 1), torch.stack([x, y]), x.reshape(-1), x.flatten(),
            F.softmax(x, -1), F.log_softmax(x, dim=1), F.relu(x), F.gelu(x), F.silu(x), F.leaky_relu(x, 0.2), F.elu(x), F.hardtanh(x), torch.sigmoid(x), x.tanh(),
            F.pad(x, [1, 2]), F.pad(x, [1, 1], "constant", 2.0), F.normalize(x), F.layer_norm(x, [4]), torch.einsum("ij,kj->ik", x, y), x.clamp(-1, 1), x.clamp(min=0.0),
            x.repeat(2, 1), x.expand(2, 3, 4), torch.outer(x[0], y[0]), x.cumsum(1), x.flip([0]), x.roll(1, 0), torch.tril(x), x.gather(1, b.unsqueeze(1)), x.index_select(0, torch.tensor([2, 0])),
            F.interpolate(x[None, None], scale_factor=2.0, mode="nearest"), F.interpolate(x[None, None], size=[4, 6], mode="bilinear", align_corners=False),
            F.one_hot(b, 4), torch.nonzero(x > 0), F.cosine_similarity(x, y), torch.bmm(x[None], y.t()[None]), F.avg_pool1d(x[None], 2), F.max_pool1d(x[None], 2),
            torch.addmm(y[:, :3], x, y.t()), torch.norm(x), x.norm(2, 1), torch.lerp(x, y, 0.25), torch.split(x, 2, 1)[1], torch.meshgrid([x[0], y[0]], indexing="ij")[0],
            torch.baddbmm(torch.zeros(1, 3, 3), x[None], y.t()[None]), x.masked_fill(x > 0, 0.0), F.embedding(torch.tensor([1, 0]), x), x.fmod(2), torch.atan2(x, y),
            torch.logsumexp(x, 1), x.prod(1), torch.any(x > 0), torch.all(x > 0, dim=1), F.glu(x), F.softplus(x), F.mse_loss(x, y), F.l1_loss(x, y), F.smooth_l1_loss(x, y),
            F.binary_cross_entropy_with_logits(x, (y > 0).float()), F.cross_entropy(x, b), F.nll_loss(F.log_softmax(x, 1), b, reduction="sum"),
            F.kl_div(F.log_softmax(x, 1), F.softmax(y, 1), reduction="batchmean"), torch.addcmul(x, x, y, value=0.5), F.dropout(x, 0.5, False), x.square().sqrt().rsqrt(),
        ]


# MARK: layers

def network(*layers):
    return nn.Sequential(*layers)


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(4, 3, num_layers=2, bidirectional=True, batch_first=True)
        self.gru = nn.GRU(4, 5)
        self.rnn = nn.RNN(4, 2, nonlinearity="relu", bias=False)
        self.projected = nn.LSTM(4, 6, proj_size=2)
        self.cell = nn.LSTMCell(4, 3)
        self.gate = nn.GRUCell(4, 3)
        self.simple = nn.RNNCell(4, 3)

    def forward(self, x: Tensor) -> List[Tensor]:
        a, (h, c) = self.lstm(x)
        b, g = self.gru(x)
        r, s = self.rnn(x, torch.ones(1, x.size(1), 2))
        p, (q, t) = self.projected(x)
        u, v = self.cell(x[0])
        w, z = self.cell(x[1], (u, v))
        return [a, h, c, b, g, r, s, p, q, t, u, v, w, z, self.gate(x[0]), self.gate(x[0], u), self.simple(x[0])]


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, dropout=0.0)
        self.embedding = nn.Embedding(10, 8)

    def forward(self, tokens: Tensor) -> Tuple[Tensor, Tensor]:
        x = self.embedding(tokens)
        y, _ = self.attention(x, x, x, need_weights=False)
        return self.layer(y), y


class Traced(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 3, 3, padding=1)
        self.up = nn.ConvTranspose2d(3, 2, 2, stride=2)
        self.norm = nn.BatchNorm2d(3)

    def forward(self, x):
        y = F.relu(self.norm(self.conv(x)))
        y = self.up(y)
        return y.view(y.size(0), -1).mean(1) + x.shape[2], y[:, :, 1:, ::2]


class Hooked(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(4, 4)
        self.twin = self.inner
        self.alias = nn.Linear(4, 4)
        self.alias.weight = self.inner.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.twin(self.inner(x)) + self.alias(x)


class Ignored(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            x = x * 2
        return self.linear(x)


class Fork(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        future = torch.jit.fork(helper, x, 2)
        return torch.jit.wait(future) + x


def helper(x: Tensor, n: int) -> Tensor:
    return x * n


def plain(x: Tensor, n: int = 2) -> Tensor:
    return x * n


def main():
    x = torch.tensor([[0.5, -1.0, 2.0, 0.25], [1.5, -0.75, 3.0, -2.0], [-0.5, 1.25, 0.75, -1.5]])
    y = torch.tensor([[1.0, -1.0, 0.5, 2.0], [-0.25, 0.5, 1.0, -2.0], [0.75, -1.25, 0.5, 1.5]])
    i = torch.tensor([0, 2])
    picture = torch.rand(2, 2, 6, 8)
    cases = []

    def case(module, *calls, mode=None, name=None):
        """Calls are argument tuples of forward, or (method, arguments) in a list."""
        torch.manual_seed(2)
        name = name or type(module).__name__
        compiled = module if isinstance(module, (torch.jit.ScriptModule, torch.jit.ScriptFunction)) else torch.jit.script(module)
        if mode == "eval":
            compiled.eval()
        cases.append((name, compiled, calls))

    case(SelectWrites(), (x,))
    case(ViewWrites(), (x,))
    case(NestedViews(), (x,))
    case(InPlaceShapes(), (x,))
    case(IndexWrites(), (x, i))
    case(LoopWrites(), (4,))
    case(SameTensor(), (x,))
    case(Outs(), (x,))
    case(State(), (x[0],), ["state", ()], (x[1],), ["reset", (True,)], ["state", ()], (x[2],), ["reset", ()], ["state", ()])
    case(ControlFlow(), (10,), (27,), (1,), (3,), (-1,))
    case(EarlyReturn(), ([3, 1, 2], 1), ([3, 1, 2], 7))
    case(Raises(), (2,), (-1,), (3,), (4,), (5,), (6,), (1, x), (8,))
    case(Recursion(), (8,))
    case(Iteration(), (x,))
    case(Lists(), ([3, 1, 2], [0.5, 2.5, -1.0]))
    case(Dictionaries(), ({"a": 1, "b": 2, "c": 3},))
    case(Tuples(), ((3, x),))
    case(Optionals(), (None,), (x, 4), (None, None, 3), (None, None, "s"))
    case(Anything(), (1,), (1.5,), (True,), ("s",), (x,), ([1, 2],), ((1, "a"),), (None,))
    case(Strings(), (" a,b,A ", 7))
    case(Numbers(), (7, 3, 2.75), (8, 8, 9.5))
    case(Complexes(), (x,))
    case(Enums(), (1,), (2,))
    case(Classes(), (5,))
    case(Interfaces(), (x, True))
    case(With(), (x,))
    case(Constants(), (), (x,))
    case(Unicode(), ())
    case(Conversions(), (x,))
    case(Properties(), (x,))
    case(TensorOperators(), (x, y))
    case(Recurrent(), (torch.rand(3, 2, 4),))
    case(Attention(), (torch.tensor([[1, 2, 3], [4, 5, 6]]),), mode="eval")
    case(torch.jit.trace(Traced().eval(), picture), (picture,), name="Traced")
    case(torch.jit.freeze(torch.jit.script(Ignored().eval())), (x,), name="Frozen")
    case(Hooked(), (x,))
    case(Ignored(), (x,))
    case(Ignored(), (x,), mode="eval", name="Evaluated")
    case(Fork(), (x,))
    case(torch.jit.script(plain), (x,), (x, 5), name="Function")
    convolutions = network(
        nn.Conv2d(2, 4, 3, stride=2, padding=1), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.Conv2d(4, 4, 3, groups=2, padding="same"), nn.GELU(), nn.MaxPool2d(2),
        nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, 3), nn.Dropout(0.5), nn.Softmax(dim=-1))
    case(convolutions, (picture,), (picture,), name="Convolutions", mode="eval")
    norms = network(nn.BatchNorm1d(4), nn.Linear(4, 6), nn.LayerNorm(6), nn.PReLU(), nn.BatchNorm1d(6, affine=False), nn.Hardswish(), nn.GroupNorm(2, 6))
    case(norms, (x,), (y,), name="Norms")
    ones = network(nn.Conv1d(2, 3, 3, padding=1, padding_mode="reflect"), nn.InstanceNorm1d(3, affine=True, track_running_stats=True), nn.ConvTranspose1d(3, 2, 4, stride=2),
                   nn.SiLU(), nn.AvgPool1d(2), nn.ZeroPad1d(1), nn.ELU(), nn.Upsample(scale_factor=2))
    case(ones, (torch.rand(2, 2, 9),), (torch.rand(2, 2, 9),), name="Signals")

    modules = {}
    for name, compiled, calls in cases:
        archive = saved(compiled)
        if "-v" in sys.argv:
            source = zipfile.ZipFile(io.BytesIO(archive))
            for entry in source.namelist():
                if entry.endswith(".py"):
                    print(f"# {name} {entry}\n" + source.read(entry).decode("utf-8", "replace"))
        loaded = torch.jit.load(io.BytesIO(archive))
        records = []
        for call in calls:
            method, arguments = call if isinstance(call, list) else ("forward", call)
            given = [copied(a) for a in arguments]
            record = {"method": method, "arguments": [copied(a) for a in arguments]}
            try:
                result = (loaded if method == "forward" else getattr(loaded, method))(*given)
                record["result"] = plained(result)
            except Exception as error:  # what the code raises
                # Its own words; what PyTorch says is not compared.
                last = str(error).strip().split("\n")[-1]
                record["error"] = next((text for text in ("negative: -1", "three", "four") if last.endswith(text)), "")
            records.append(record)
        state = loaded.state_dict() if hasattr(loaded, "state_dict") else {}
        records.append({"state": {k: v.detach().clone() for k, v in state.items()}})
        modules[name] = {"archive": slim(archive), "calls": records}
    write(modules, pathlib.Path(__file__).parent.parent / "torchscript.pt")


main()

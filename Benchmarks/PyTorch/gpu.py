"""PyTorch's side of scripts/bench-gpu: the same names and sizes as Benchmarks/GPU, a line of JSON for each workload.

    gpu.py [--tiny] [--device cpu] [--compile] NAME ...
"""
import json
import statistics
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

arguments = sys.argv[1:]
TINY = "--tiny" in arguments
DEVICE = "cpu" if "cpu" in arguments else "cuda"
COMPILES = "--compile" in arguments
BF16 = torch.bfloat16


def size(full, tiny):
    return tiny if TINY else full


def synchronize():
    if DEVICE == "cuda":
        torch.cuda.synchronize()


def measure(body, repeats=7, inner=1, warm_up=3):
    for _ in range(warm_up):
        body()
    synchronize()
    times = []
    for _ in range(2 if TINY else repeats):
        start = time.perf_counter()
        for _ in range(inner):
            body()
        synchronize()
        times.append((time.perf_counter() - start) / inner)
    return statistics.median(times)


def normal(shape, dtype=torch.float32, seed=1):
    generator = torch.Generator(DEVICE).manual_seed(seed)
    return torch.randn(shape, device=DEVICE, generator=generator).to(dtype)


def integers(high, shape):
    return torch.randint(0, high, shape, device=DEVICE, generator=torch.Generator(DEVICE).manual_seed(3))


def compiled(function, **options):
    return torch.compile(function, **options) if COMPILES else function


def product(n):
    a, b = normal((n, n), BF16, 1), normal((n, n), BF16, 2)
    return measure(lambda: a @ b, inner=10), 2 * n**3


def chain(x):
    return (((((x * 2 + 1).tanh() * x).sigmoid() - 0.5).abs()) + x).relu()


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.c_attn, self.c_proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.c_fc, self.out = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.heads = heads

    def forward(self, x, cache=None, positions=None, mask=None):
        batch, length, width = x.shape
        q, k, v = self.c_attn(self.ln_1(x)).view(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        if positions is not None:
            # Of fixed size, [batch, heads, 1024, features]: rows are written at their positions, and a mask hides what is not there yet.
            k, v = self.keys.index_copy_(2, positions, k), self.values.index_copy_(2, positions, v)
        elif cache is not None:
            if cache:
                k, v = torch.cat([cache[0], k], 2), torch.cat([cache[1], v], 2)
            cache[:] = [k, v]
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=length > 1 and mask is None)
        x = x + self.c_proj(y.transpose(1, 2).reshape(batch, length, width))
        return x + self.out(F.gelu(self.c_fc(self.ln_2(x)), approximate="tanh"))


class GPT2(nn.Module):
    def __init__(self, vocabulary, layers, heads, width):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(vocabulary, width), nn.Embedding(1024, width)
        self.h = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.ln_f = nn.LayerNorm(width)
        for name, p in self.named_parameters():
            if p.dim() > 1:
                nn.init.normal_(p, std=0.02 / (2 * layers) ** 0.5 if "c_proj" in name or ".out" in name else 0.02)
            elif "bias" in name:
                nn.init.zeros_(p)

    def forward(self, tokens, caches=None, start=0):
        x = self.wte(tokens) + self.wpe(torch.arange(start, start + tokens.shape[1], device=tokens.device))
        for i, block in enumerate(self.h):
            x = block(x, None if caches is None else caches[i])
        return F.linear(self.ln_f(x), self.wte.weight)

    def add_caches(self):
        """Buffers, whose addresses stay: a CUDA graph may write into them."""
        width = self.wte.weight.shape[1]
        for block in self.h:
            for name in ("keys", "values"):
                block.register_buffer(name, self.wte.weight.new_zeros((1, block.heads, 1024, width // block.heads)))

    def step(self, tokens, positions):
        """Logits of the last token; positions int64 [length], on the device."""
        x = self.wte(tokens) + self.wpe(positions)
        mask = torch.arange(1024, device=tokens.device) <= positions[:, None]
        for block in self.h:
            x = block(x, None, positions, mask)
        return F.linear(self.ln_f(x[:, -1:]), self.wte.weight)


def gpt(vocabulary):
    return GPT2(vocabulary, size(12, 2), size(12, 2), size(768, 128)).to(DEVICE)


def train(model, optimizer, loss_of):
    def step():
        with torch.autocast(DEVICE, BF16):
            loss = loss_of(model)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        step.loss = loss.detach()

    return step


def run_gpt():
    batch, length, vocabulary = size(16, 2), size(1024, 16), size(50304, 100)
    model = gpt(vocabulary)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4, weight_decay=0.1, fused=DEVICE == "cuda")
    tokens = integers(vocabulary, (batch, length + 1))
    x, y = tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous()
    call = compiled(model)
    step = train(call, optimizer, lambda m: F.cross_entropy(m(x).view(-1, vocabulary), y.view(-1)))
    return measure(step, repeats=5), batch * length, step.loss.item()


def run_decode():
    vocabulary, count = size(50304, 100), size(64, 4)
    model = gpt(vocabulary).to(BF16).eval()
    prompt = integers(vocabulary, (1, size(512, 8)))

    @torch.no_grad()
    def generate():
        caches = [[] for _ in model.h]
        tokens = prompt
        following, start = tokens, 0
        for _ in range(count):
            logits = model(following, caches, start)
            start += following.shape[1]
            following = logits[:, -1].argmax(-1, keepdim=True)
            tokens = torch.cat([tokens, following], 1)
        return tokens

    return measure(generate, repeats=3, warm_up=1) / count, 1


def run_decode_compiled():
    """As run_decode, with a static cache and one compiled step per token, the way of gpt-fast."""
    vocabulary, count, length = size(50304, 100), size(64, 4), size(512, 8)
    model = gpt(vocabulary).to(BF16).eval()
    prompt = integers(vocabulary, (1, length))
    model.add_caches()

    def following(tokens, positions):
        return model.step(tokens, positions).argmax(-1)

    one = compiled(following, mode="reduce-overhead", fullgraph=True)
    every = torch.arange(1025, device=DEVICE)

    @torch.no_grad()
    def generate():
        token = following(prompt, every[:length])
        tokens = [prompt, token]
        positions = every[length : length + 1].clone()
        for _ in range(count - 1):
            # The next replay writes over what this one returns.
            token = one(token, positions).clone()
            tokens.append(token)
            positions += 1
        return torch.cat(tokens, 1)

    for _ in range(3):
        tokens = generate()
    if TINY:
        with torch.no_grad():
            for i in range(length, length + count):
                assert tokens[0, i] == model(tokens[:, :i])[0, -1].argmax(), "the cache changes what is generated"
    return measure(generate, repeats=3, warm_up=1) / count, 1


def run_lstm(dtype):
    length, batch, width = size(128, 4), size(64, 2), size(1024, 32)
    model = nn.LSTM(width, width, num_layers=2).to(DEVICE, dtype)
    x = normal((length, batch, width), dtype)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

    def step():
        output, _ = model(x)
        optimizer.zero_grad()
        output.square().mean().backward()
        optimizer.step()

    return measure(step, repeats=5), length * batch


def run_resnet():
    import torchvision

    batch, side = size(128, 2), size(224, 32)
    model = torchvision.models.resnet50().to(DEVICE, memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    x = normal((batch, 3, side, side)).to(memory_format=torch.channels_last)
    y = integers(1000, (batch,))
    call = compiled(model)
    step = train(call, optimizer, lambda m: F.cross_entropy(m(x), y))
    return measure(step, repeats=5), batch


def run(name):
    rows, columns = size(16384, 16), size(50304, 100)
    if name == "add10":
        x = normal((10,))
        return (measure(lambda: x + x, inner=size(10000, 100)),)
    if name == "add10-gradient":
        x = normal((10,)).requires_grad_()
        return (measure(lambda: x + x, inner=size(10000, 100)),)
    if name in ("copy", "chain", "chain-compiled"):
        x = normal((size(64 << 20, 1000),))
        call = {"copy": torch.clone, "chain": chain, "chain-compiled": compiled(chain)}[name]
        return measure(lambda: call(x), inner=3 if name == "chain" else 10), x.numel() * 8
    if name.startswith("gemm-"):
        return product(size(int(name[5:]), 64))
    if name == "softmax":
        x = normal((rows, columns), BF16)
        return measure(lambda: x.softmax(-1)), x.numel() * 4
    if name.startswith("layer-norm"):
        x = normal((rows, 768), BF16)
        layer = nn.LayerNorm(768, device=DEVICE, dtype=BF16)
        if name == "layer-norm":
            with torch.no_grad():
                return measure(lambda: layer(x), inner=20), x.numel() * 4
        x.requires_grad_()
        g = normal((rows, 768), BF16)
        return measure(lambda: layer(x).backward(g), inner=10), x.numel() * 10
    if name == "cross-entropy":
        x = normal((rows, columns), BF16).requires_grad_()
        targets = integers(columns, (rows,))

        def step():
            x.grad = None
            F.cross_entropy(x, targets).backward()

        return measure(step, repeats=5), x.numel() * 8
    if name.startswith("attention"):
        shape = (size(16, 2), size(12, 2), size(1024, 32), 64)
        q, k, v, g = (normal(shape, BF16, s) for s in (1, 2, 3, 4))
        if name == "attention-forward":
            return (measure(lambda: F.scaled_dot_product_attention(q, k, v, is_causal=True)),)
        for t in (q, k, v):
            t.requires_grad_()
        return (measure(lambda: F.scaled_dot_product_attention(q, k, v, is_causal=True).backward(g)),)
    if name == "gpt":
        return run_gpt()
    if name == "decode":
        return run_decode()
    if name == "decode-compiled":
        return run_decode_compiled()
    if name == "lstm":
        return run_lstm(torch.float32)
    if name == "lstm-bf16":
        return run_lstm(BF16)
    if name == "resnet50":
        return run_resnet()
    raise ValueError("there is no such workload")


for name in [a for a in arguments if not a.startswith("--") and a != "cpu"]:
    try:
        seconds, *more = run(name)
        line = {"name": name, "seconds": seconds}
        if more:
            line["rate"] = more[0] / seconds
        if len(more) > 1:
            line["check"] = more[1]
    except Exception as error:  # one workload's failure is a result
        line = {"name": name, "error": str(error).splitlines()[0][:200]}
    print(json.dumps(line), flush=True)
    if DEVICE == "cuda":
        torch.cuda.empty_cache()

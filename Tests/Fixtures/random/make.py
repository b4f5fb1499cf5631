"""Writes pytorch-<version>.json: what PyTorch's CPU generator draws, for tests to compare bit by bit.

Run with any Python that has torch:  python make.py
On a machine with an Intel CPU, PyTorch's MKL draws bernoulli_(p) in another way (and on one without AVX2 float32 normals
differ in the last bits), so make the file on an AMD machine with AVX2 or AVX-512.

Each sequence seeds the generator and makes calls one after the other, which also checks the state that calls leave:
  call     the method or function of torch
  dtype, n the tensor it fills
  args     its numbers, in order
  values   the first numbers drawn: floats as decimal numbers that read back exactly, integers beyond 2^53 as strings
  last     the last four, when there are more
  fnv      FNV-1a (64 bits, hexadecimal) of the whole tensor's bytes, little-endian
"""

import json
import os

import torch

SHOWN = 12


def fnv(data: bytes) -> str:
    value = 0xCBF29CE484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def raw(tensor: torch.Tensor) -> bytes:
    return bytes(tensor.contiguous().view(torch.uint8).flatten().tolist())


def number(x):
    if isinstance(x, bool):
        return int(x)
    if isinstance(x, int) and abs(x) > 2**53:
        return str(x)
    return x


def draw(call: str, dtype: torch.dtype, n: int, args: list) -> torch.Tensor:
    if call == "rand":
        return torch.rand(n, dtype=dtype)
    if call == "randn":
        return torch.randn(n, dtype=dtype)
    if call == "randint":
        return torch.randint(args[0], args[1], (n,), dtype=dtype)
    if call == "randperm":
        return torch.randperm(n)
    if call == "bernoulli":  # a tensor of probabilities: i / n
        return torch.bernoulli(torch.arange(n, dtype=dtype) / n)
    if call == "poisson":  # rates: i / 2
        return torch.poisson(torch.arange(n, dtype=dtype) / 2)
    if call == "multinomial":  # weights 1, 2, ..., n; args: samples, with replacement or not
        return torch.multinomial(torch.arange(1, n + 1, dtype=dtype), args[0], bool(args[1]))
    if call == "kaiming_uniform_":  # args: rows, columns, a
        weight = torch.empty(args[0], args[1], dtype=dtype)
        return torch.nn.init.kaiming_uniform_(weight, a=args[2]).flatten()
    if call == "trunc_normal_":
        return torch.nn.init.trunc_normal_(torch.empty(n, dtype=dtype), *args)
    return getattr(torch.empty(n, dtype=dtype), call)(*args)


def entry(call: str, dtype: torch.dtype, n: int, *args) -> dict:
    result = draw(call, dtype, n, list(args))
    values = [number(x) for x in result.tolist()]
    item = {"call": call, "dtype": str(dtype).removeprefix("torch."), "n": n}
    if args:
        item["args"] = [number(a) for a in args]
    item["values"] = values[:SHOWN]
    if len(values) > SHOWN:
        item["last"] = values[-4:]
    item["fnv"] = fnv(raw(result))
    return item


def main() -> None:
    f32, f64, f16, bf16, i64 = torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64
    plans = []
    for dtype in (f32, f64, f16, bf16):
        plans.append((0, [("rand", dtype, 5), ("randn", dtype, 1), ("randn", dtype, 15), ("randn", dtype, 16),
                          ("randn", dtype, 17), ("randn", dtype, 31), ("uniform_", dtype, 31, -2.5, 3.75),
                          ("normal_", dtype, 100, 1.25, 0.02), ("rand", dtype, 1000), ("randn", dtype, 1000)]))
    plans.append((42, [("rand", f32, 20001), ("randn", f32, 20001), ("randn", f64, 5001), ("randperm", i64, 1000)]))
    plans.append((2**32 + 5, [("rand", f32, 2)]))
    plans.append((2**63 + 11, [("rand", f32, 2)]))
    plans.append((7, [("randint", i64, 20, 0, 10), ("randint", i64, 8, -100, 100), ("randint", i64, 8, 0, 2**28 - 1),
                      ("randint", i64, 8, 0, 2**28), ("randint", i64, 8, -(2**63), 2**63 - 1),
                      ("randint", torch.int32, 8, -(2**31), 2**31 - 1), ("randint", torch.uint8, 8, 0, 256),
                      ("random_", i64, 8), ("random_", torch.int32, 8), ("random_", torch.bool, 8), ("random_", f32, 8),
                      ("random_", f16, 8), ("randperm", i64, 1), ("randperm", i64, 15), ("randperm", i64, 100)]))
    plans.append((11, [("bernoulli", f32, 20), ("bernoulli", f64, 20), ("bernoulli_", f32, 20, 0.3),
                       ("geometric_", f32, 12, 0.2), ("geometric_", i64, 12, 0.2), ("exponential_", f32, 12, 1.5),
                       ("exponential_", f64, 12, 1.0), ("cauchy_", f32, 12, 1.0, 2.0), ("log_normal_", f32, 12, 0.3, 0.7),
                       ("poisson", f32, 60), ("multinomial", f32, 10, 12, 1), ("multinomial", f64, 10, 12, 1),
                       ("multinomial", f32, 10, 5, 0), ("multinomial", f32, 10, 1, 0)]))
    plans.append((3, [("kaiming_uniform_", f32, 0, 8, 5, 5**0.5), ("trunc_normal_", f32, 40, 0.0, 0.02, -0.05, 0.05)]))

    sequences = []
    for seed, calls in plans:
        torch.manual_seed(seed)
        items = [entry(*call) for call in calls]
        state = fnv(bytes(torch.get_rng_state().tolist()))
        sequences.append({"seed": str(seed), "calls": items, "state_fnv": state})

    version = ".".join(torch.__version__.split("+")[0].split(".")[:2])
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), f"pytorch-{version}.json")
    with open(path, "w") as file:
        file.write('{"torch": "%s", "sequences": [\n' % torch.__version__)
        texts = []
        for sequence in sequences:
            lines = ",\n".join("   " + json.dumps(item) for item in sequence["calls"])
            texts.append(' {"seed": "%s", "state_fnv": "%s", "calls": [\n%s]}' % (sequence["seed"], sequence["state_fnv"], lines))
        file.write(",\n".join(texts) + "\n]}\n")


if __name__ == "__main__":
    main()

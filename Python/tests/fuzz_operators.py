"""Calls every operator with arguments of all kinds: whatever is wrong with them must be an error, and nothing may crash.

    fuzz_operators.py [rounds [seed]]

Operators are called in a process of their own, which is started again behind one that ends it. Prints what crashed, and fails if anything did.
"""

import random
import re
import resource
import subprocess
import sys

MEMORY = 4 << 30
EXTREME = [0, 1, 2, 3, -1, -2, 5, -9, 2**31, 2**62, -(2**63), 2**63 - 1]


def tensor(ember, r):
    shape = [r.choice([0, 1, 2, 3, 4]) for _ in range(r.choice([0, 1, 2, 2, 3, 4]))]
    kind = r.choice(
        [ember.float32] * 5 + [ember.float64, ember.int64, ember.bool, ember.complex64, ember.bfloat16, ember.uint8])
    x = (ember.randn(shape) * 3).to(kind)
    if r.random() < 0.2 and x.ndim > 1:
        x = x.transpose(0, 1)
    if r.random() < 0.2 and kind in (ember.float32, ember.float64):
        x.requires_grad_()
    return x


def argument(ember, r, kind):
    if kind.endswith("?") and r.random() < 0.3:
        return None
    if r.random() < 0.04:
        return r.choice([None, 1, -1, 2.5, "x", [], tensor(ember, r), True, [1, 2]])
    if "[" in kind:
        return [argument(ember, r, kind[: kind.index("[")]) for _ in range(r.choice([0, 1, 1, 2, 2, 3, 4, 9]))]
    kind = kind.rstrip("?")
    if kind == "Tensor":
        return tensor(ember, r)
    return {
        "int": lambda: r.choice(EXTREME) if r.random() < 0.4 else r.choice([0, 1, 2, 3]),
        "float": lambda: r.choice([0.0, 1.0, 0.5, -1.0, float("nan"), float("inf"), 1e300]),
        "bool": lambda: r.random() < 0.5,
        "Scalar": lambda: r.choice([0, 1, -1, 2.5, True, 1j, float("nan"), 2**62]),
        "str": lambda: r.choice(["mean", "sum", "none", "floor", "reflect", "bilinear", "x", "ij,jk->ik", "reduced", ""]),
        "ScalarType": lambda: r.choice(list(ember.dtype)),
        "Device": lambda: ember.device(r.choice(["cpu", "meta"])),
    }.get(kind.replace("SymInt", "int"), lambda: None)()


def call_all(start, rounds, seed):
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    import ember

    declarations = [d for name in sorted(ember.declarations) for d in ember.declarations[name]]
    r = random.Random()
    for i in range(start, len(declarations)):
        name = declarations[i][: declarations[i].index("(")]
        plain = re.sub(r"\(a[^)]*\)", "", declarations[i])
        parts = re.split(r",(?![^\[]*\])", plain[plain.index("(") + 1 : plain.rindex(")", 0, plain.index("->"))])
        for k in range(rounds):
            r.seed(f"{seed}-{i}-{k}")
            ember.manual_seed(k)
            positional, named, goes_by_name = [], {}, False
            for part in filter(None, map(str.strip, parts)):
                kind, _, rest = part.partition(" ")
                if part == "*" or "=" in rest and r.random() < 0.5:
                    goes_by_name = True
                    continue
                value = argument(ember, r, kind)
                if goes_by_name:
                    named[rest.partition("=")[0]] = value
                else:
                    positional.append(value)
            print(i, k, name, flush=True)
            try:
                result = ember.call(name, *positional, **named)
                if isinstance(result, ember.Tensor) and result.requires_grad and not result.dtype.is_complex:
                    result.sum().backward()
            except (ember.EmberError, TypeError, ValueError):
                pass
    print("end", flush=True)


def main():
    rounds, seed = (int(a) for a in (sys.argv[1:] + ["12", "1"][len(sys.argv) - 1 :]))
    start, crashes = 0, 0
    while True:
        command = [sys.executable, __file__, "--from", str(start), str(rounds), str(seed)]
        process = subprocess.run(command, capture_output=True, text=True)
        last = process.stdout.strip().rpartition("\n")[2]
        if last == "end":
            break
        crashes += 1
        print(f"crash (status {process.returncode}) at operator, round, name: {last}\n{process.stderr.strip()[-500:]}", flush=True)
        start = int(last.split()[0]) + 1 if last else sys.exit("no operator was called")
    print(f"{crashes} crashes")
    sys.exit(crashes > 0)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--from"]:
        call_all(*map(int, sys.argv[2:]))
    else:
        main()

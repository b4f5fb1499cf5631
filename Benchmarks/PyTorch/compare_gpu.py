"""Prints a table of what `run bench` measured: the best of two rounds of Ember and of PyTorch, and their ratio."""
import json
import sys


def read(path):
    found = {}
    try:
        lines = open(path).read().splitlines()
    except OSError:
        return found
    for line in lines:
        try:
            item = json.loads(line)
        except ValueError:
            continue
        found[item["name"]] = item
    return found


folder = sys.argv[1] if len(sys.argv) > 1 else "."
ember = [read(f"{folder}/ember-{i}.json") for i in (1, 2)]
torch = [read(f"{folder}/pytorch-{i}.json") for i in (1, 2)]
compiled = read(f"{folder}/compiled.json")
print("| workload | Ember, ms | PyTorch, ms | ratio | ratio of each round |")
print("|---|---|---|---|---|")
for name in ember[0]:
    mine = [r[name].get("seconds") for r in ember if name in r]
    theirs = [r[name].get("seconds") for r in torch if name in r]
    if mine and theirs and all(mine) and all(theirs):
        rounds = ", ".join(f"{a / b:.2f}" for a, b in zip(mine, theirs))
        print(f"| {name} | {min(mine) * 1e3:.4g} | {min(theirs) * 1e3:.4g} | {min(mine) / min(theirs):.2f} | {rounds} |")
        # Decoding is compiled over a cache of fixed size, which is a workload of its own.
        other = compiled.get("decode-compiled" if name == "decode" else name, {}).get("seconds")
        if other:
            print(f"| {name}, torch.compile | {min(mine) * 1e3:.4g} | {other * 1e3:.4g} | {min(mine) / other:.2f} | |")
    else:
        print(f"| {name} | {ember[0][name].get('error', '')} | | | |")

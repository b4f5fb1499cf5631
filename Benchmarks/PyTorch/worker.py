"""PyTorch's side of the benchmark: prepares one workload and obeys lines on standard input, as Benchmarks/Suite/Worker.swift does."""

import os
import resource
import sys
import time

import torch

from workloads import WORKLOADS


def main():
    torch.set_num_threads(int(os.environ.get("BENCHMARK_THREADS", "2")))
    numbers, body = WORKLOADS[sys.argv[1]]()
    print("ready", *map(repr, numbers), flush=True)
    for line in sys.stdin:
        words = line.split()
        if words[0] == "run":
            count = int(words[1])
            start = time.perf_counter()
            for _ in range(count):
                body()
            print("time", time.perf_counter() - start, flush=True)
        elif words[0] == "peak":
            print("peak", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, flush=True)
        else:
            return


if __name__ == "__main__":
    main()

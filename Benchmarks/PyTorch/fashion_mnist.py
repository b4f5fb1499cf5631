"""The demo's training run in PyTorch: the same model, data, batch size, seeds, optimizer and order of pictures.

Prints the first 20 losses and the time of each epoch, to be compared with

    fashion-mnist train --epochs 3 --print-losses 20
"""

import argparse
import gzip
import os
import time

import numpy as np
import torch
from torch import nn


def load(folder, split):
    def read(kind, offset):
        with gzip.open(os.path.join(folder, f"{split}-{kind}-ubyte.gz")) as file:
            return np.frombuffer(file.read(), np.uint8, offset=offset)

    images = torch.from_numpy(read("images-idx3", 16).copy()).reshape(-1, 1, 28, 28)
    labels = torch.from_numpy(read("labels-idx1", 8).copy())
    return images.float() * (1 / 255.0), labels.long()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--limit", type=int, default=60000, help="pictures to use")
    parser.add_argument("--data", default="/usr/share/datasets/fashion-mnist")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    images, labels = (tensor[:options.limit] for tensor in load(options.data, "train"))
    test_images, test_labels = (tensor[:options.limit] for tensor in load(options.data, "t10k"))

    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(64 * 7 * 7, 128), nn.ReLU(), nn.Linear(128, 10),
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, options.epochs)
    # One generator for the order of all epochs, as the demo's loader has it.
    generator = torch.Generator().manual_seed(0)
    print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads")
    step = 0
    for epoch in range(options.epochs):
        start = time.perf_counter()
        model.train()
        order = torch.randperm(len(images), generator=generator)
        total = 0.0
        for first in range(0, len(order), 64):
            rows = order[first:first + 64]
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(images[rows]), labels[rows])
            loss.backward()
            optimizer.step()
            step += 1
            value = loss.item()
            total += value
            if step <= 20:
                print(f"step {step} loss {value!r}", flush=True)
        schedule.step()
        seconds = time.perf_counter() - start
        model.eval()
        with torch.no_grad():
            correct = sum(
                (model(test_images[i:i + 500]).argmax(1) == test_labels[i:i + 500]).sum().item() for i in range(0, len(test_images), 500)
            )
        batches = (len(order) + 63) // 64
        print(f"epoch {epoch + 1}: {seconds:.1f} s, training loss {total / batches:.4f}, test accuracy {100 * correct / len(test_images):.2f} %", flush=True)


if __name__ == "__main__":
    main()

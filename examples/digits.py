"""Trains the pLSTM image model of specs/plstm.rdl on scikit-learn's digits: 1,797 scans of 8x8 points.

python examples/digits.py [seed]
"""

import sys
import time
from pathlib import Path

import torch
from rich.progress import track
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

import recdsl

SPEC = Path(__file__).parents[1] / "specs" / "plstm.rdl"
EPOCHS, BATCH, RATE = 20, 64, 8e-3


def digits() -> list[Tensor]:
    """Images to train on and to test on `[n, 8, 8, 1]`, and their classes `[n]`; a fifth is held out."""
    images, classes = load_digits(return_X_y=True)
    parts = train_test_split(images / 16, classes, test_size=0.2, stratify=classes, random_state=0)
    x, held_out, y, held_out_y = (torch.tensor(part) for part in parts)
    return [x.float().reshape(-1, 8, 8, 1), y, held_out.float().reshape(-1, 8, 8, 1), held_out_y]


def train(model: nn.Module, x: Tensor, y: Tensor) -> None:
    steps = EPOCHS * -(-len(x) // BATCH)
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.5)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    batches = (batch for _ in range(EPOCHS) for batch in torch.randperm(len(x)).split(BATCH))
    for batch in track(batches, "training", total=steps):
        loss = cross_entropy(model(x[batch]), y[batch], label_smoothing=0.1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()


def main(seed: int = 0) -> None:
    torch.set_num_threads(1)  # the tensors are small: more threads would mostly wait for each other
    torch.manual_seed(seed)
    x, y, held_out, held_out_y = digits()
    model = recdsl.compile(SPEC)()
    start = time.perf_counter()
    train(model, x, y)
    seconds = time.perf_counter() - start
    with torch.no_grad():
        accuracy = (model(held_out).argmax(-1) == held_out_y).double().mean().item()
    print(f"test accuracy {accuracy:.4f} after {seconds:.0f} s")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

"""Trains pLSTM and a vision transformer of like size on arrow pointing at 48 x 48 points, and asks both at 96 x 96.

python examples/arrow_pointing/train.py [--seeds 3] [--steps 1500] [--workers 2] [--picture arrows.png]

The six runs take 44 minutes of processor time together, one core each.

Everything is four times smaller than in the paper (192 x 192 to 384 x 384; Poeppel et al. 2025, arXiv 2506.11997, table 1): the images, the objects
in them, and about that the patches. The paper's models saw five million images, 1,500 steps see 48,000, and that is too few: with three seeds
each the transformer had 0.521 (0.521 to 0.521) of the small images right and 0.500 (0.500 to 0.500) of the large ones, pLSTM 0.523 (0.521 to
0.528) and 0.500 (0.500 to 0.500). Saying the same of every image gets 0.521 and 0.500. So these runs show nothing of how either extrapolates;
more steps are what it takes to see more than chance, and 4,000 of the transformer were not enough.
"""

import argparse
import os
import statistics
import time
from collections.abc import MutableMapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import Manager, get_context
from pathlib import Path

import torch
from arrows import ArrowPointing
from rich.progress import MofNCompleteColumn, Progress
from torch import Generator, Tensor, nn
from torch.nn.functional import cross_entropy

import recdsl

HERE = Path(__file__).parent
SPECS = {"pLSTM": HERE.parents[1] / "specs" / "plstm.rdl", "ViT": HERE / "vit.rdl"}
SIZES = {"ViT": {"D": 32, "H": 4, "depth": 2}, "pLSTM": {"D": 32, "H": 8, "depth": 1}}
SMALL, LARGE, SHRINK, PATCH = 48, 96, 4.0, 4
BATCH, RATE, WARM = 32, 2e-3, 0.1
TESTED = 2048  # images of each size


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one model with one seed: its weights, seconds of training, and its accuracy by the size of images."""

    weights: dict[str, Tensor]
    seconds: float
    accuracy: dict[int, float]


def made(name: str) -> nn.Module:
    """A new model of two classes on images of one channel."""
    return recdsl.compile(SPECS[name])(Channels=1, Classes=2, patch=PATCH, **SIZES[name])


def train(
    model: nn.Module, steps: int, seed: int, done: MutableMapping[tuple[str, int], int], job: tuple[str, int]
) -> None:
    """Every step sees new images; `done` counts the steps of each job."""
    images = ArrowPointing(SMALL, BATCH, shrink=SHRINK)
    generator = Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps, pct_start=WARM)
    for step in range(steps):
        x, y = images.batch(generator, BATCH)
        loss = cross_entropy(model(1 - x), y)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        done[job] = step + 1


def tested(size: int) -> tuple[Tensor, Tensor]:
    """The images and classes of one size that every model is asked for."""
    return ArrowPointing(size, TESTED, shrink=SHRINK).batch(Generator().manual_seed(2**31 + size), TESTED)


@torch.no_grad()
def answers(model: nn.Module, x: Tensor) -> Tensor:
    """The class that the model gives to each image."""
    return torch.cat([model(1 - part).argmax(-1) for part in x.split(BATCH)])


def run(job: tuple[str, int], steps: int, done: MutableMapping[tuple[str, int], int]) -> Result:
    """Train one model with one seed on one core, and test it."""
    name, seed = job
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    model = made(name)
    start = time.perf_counter()
    train(model, steps, seed, done, job)
    seconds = time.perf_counter() - start
    accuracy = {}
    for size in (SMALL, LARGE):
        x, y = tested(size)
        accuracy[size] = (answers(model, x) == y).double().mean().item()
    return Result(model.state_dict(), seconds, accuracy)


def run_all(jobs: Sequence[tuple[str, int]], steps: int, workers: int) -> dict[tuple[str, int], Result]:
    """As many jobs at a time as there are workers, with their progress."""
    # glibc, which reads these when a process starts, would hand memory back after every step and fetch it again.
    os.environ |= {"MALLOC_MMAP_THRESHOLD_": str(2**25), "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1)}
    bars = Progress(*Progress.get_default_columns(), MofNCompleteColumn())
    with Manager() as manager, ProcessPoolExecutor(workers, get_context("spawn")) as pool, bars:
        done: MutableMapping[tuple[str, int], int] = manager.dict(dict.fromkeys(jobs, 0))
        rows = {job: bars.add_task(f"{job[0]}, seed {job[1]}", total=steps) for job in jobs}
        futures: dict[tuple[str, int], Future[Result]] = {job: pool.submit(run, job, steps, done) for job in jobs}
        while not all(each.done() for each in futures.values()):
            for job, row in rows.items():
                bars.update(row, completed=done[job])
            time.sleep(0.5)
        return {job: each.result() for job, each in futures.items()}


def report(name: str, results: Sequence[Result]) -> None:
    """One line: mean and spread over seeds."""
    parameters = sum(each.numel() for each in made(name).parameters())
    seconds = statistics.mean(each.seconds for each in results)
    shown = []
    for size in (SMALL, LARGE):
        found = [each.accuracy[size] for each in results]
        shown.append(f"{size} x {size}: {statistics.mean(found):.3f} ({min(found):.3f} to {max(found):.3f})")
    print(f"{name}, {parameters:,} parameters, {seconds:.0f} s a seed · {' · '.join(shown)}")


def picture(models: dict[str, nn.Module], path: Path) -> None:
    """A few large images with every model's answer; wrong ones are red."""
    from matplotlib import pyplot

    x, y = tested(LARGE)
    x, y = x[:12], y[:12]
    figure, places = pyplot.subplots(len(models), len(x), figsize=(len(x) * 1.2, len(models) * 1.5), squeeze=False)
    for row, (name, model) in zip(places, models.items(), strict=True):
        for place, image, right, found in zip(row, x, y.tolist(), answers(model, x).tolist(), strict=True):
            place.imshow(image[..., 0], cmap="gray", vmin=0, vmax=1)
            place.set_title("hit" if found else "miss", color="black" if found == right else "red", fontsize=8)
            place.set_xticks([])
            place.set_yticks([])
        row[0].set_ylabel(name)
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    print(f"wrote {path}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Arrow pointing at two sizes: pLSTM beside a vision transformer.")
    parser.add_argument("--models", nargs="+", choices=list(SPECS), default=list(SPECS), help="which models to train")
    parser.add_argument("--seeds", type=int, default=3, help="how many times to train each model")
    parser.add_argument("--steps", type=int, default=1500, help=f"training steps, each on {BATCH} new images")
    parser.add_argument(
        "--picture", type=Path, default=Path("arrow_pointing.png"), help="where to draw answers at the larger size"
    )
    parser.add_argument(
        "--workers", type=int, default=os.cpu_count(), help="how many to train at a time, each on one core"
    )
    chosen = parser.parse_args()
    jobs = [(name, seed) for name in chosen.models for seed in range(chosen.seeds)]
    results = run_all(jobs, chosen.steps, chosen.workers)
    models = {}
    for name in chosen.models:
        own = [results[name, seed] for seed in range(chosen.seeds)]
        report(name, own)
        models[name] = made(name)
        models[name].load_state_dict(own[-1].weights)
    picture(models, chosen.picture)


if __name__ == "__main__":
    main()

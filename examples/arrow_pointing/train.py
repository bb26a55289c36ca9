"""Trains pLSTM and a vision transformer of like size on arrow pointing at 48 x 48 points, and asks both at 96 x 96.

python examples/arrow_pointing/train.py [--seeds 3] [--steps 1500] [--picture arrows.png]

Everything is four times smaller than in the paper (192 x 192 to 384 x 384; Poeppel et al. 2025, arXiv 2506.11997, table 1): the images, the objects
in them, and about that the patches. The paper's models saw five million images, 1,500 steps see 48,000, and that is too few: with three seeds
each the transformer had 0.521 (0.521 to 0.521) of the small images right and 0.500 (0.500 to 0.500) of the large ones, pLSTM 0.523 (0.521 to
0.528) and 0.500 (0.500 to 0.500). Saying the same of every image gets 0.521 and 0.500. So these runs show nothing of how either extrapolates;
more steps are what it takes to see more than chance, and 4,000 of the transformer were not enough.
"""

import argparse
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from arrows import ArrowPointing
from rich.progress import track
from torch import Generator, Tensor, nn
from torch.nn.functional import cross_entropy

import recdsl

HERE = Path(__file__).parent
SPECS = {"pLSTM": HERE.parents[1] / "specs" / "plstm.rdl", "ViT": HERE / "vit.rdl"}
SIZES = {"ViT": {"D": 32, "H": 4, "depth": 2}, "pLSTM": {"D": 32, "H": 8, "depth": 1}}
SMALL, LARGE, SHRINK, PATCH = 48, 96, 4.0, 4
BATCH, RATE, WARM = 32, 2e-3, 0.1
TESTED = 2048  # images of each size


@dataclass(slots=True)
class Result:
    """What became of one model: its parameters, seconds of training, and its accuracy by the size of images for every seed."""

    name: str
    parameters: int = 0
    seconds: list[float] = field(default_factory=list)
    accuracy: dict[int, list[float]] = field(default_factory=lambda: {SMALL: [], LARGE: []})
    model: nn.Module | None = None


def made(name: str) -> nn.Module:
    """A new model of two classes on images of one channel."""
    return recdsl.compile(SPECS[name])(Channels=1, Classes=2, patch=PATCH, **SIZES[name])


def train(model: nn.Module, name: str, steps: int, seed: int) -> None:
    """Every step sees new images."""
    images = ArrowPointing(SMALL, BATCH, shrink=SHRINK)
    generator = Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps, pct_start=WARM)
    for _ in track(range(steps), f"{name}, seed {seed}"):
        x, y = images.batch(generator, BATCH)
        loss = cross_entropy(model(1 - x), y)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()


def tested(size: int) -> tuple[Tensor, Tensor]:
    """The images and classes of one size that every model is asked for."""
    return ArrowPointing(size, TESTED, shrink=SHRINK).batch(Generator().manual_seed(2**31 + size), TESTED)


@torch.no_grad()
def answers(model: nn.Module, x: Tensor) -> Tensor:
    """The class that the model gives to each image."""
    return torch.cat([model(1 - part).argmax(-1) for part in x.split(BATCH)])


def run(name: str, seeds: int, steps: int) -> Result:
    result = Result(name)
    for seed in range(seeds):
        torch.manual_seed(seed)
        result.model = model = made(name)
        result.parameters = sum(each.numel() for each in model.parameters())
        start = time.perf_counter()
        train(model, name, steps, seed)
        result.seconds.append(time.perf_counter() - start)
        for size, found in result.accuracy.items():
            x, y = tested(size)
            found.append((answers(model, x) == y).double().mean().item())
    return result


def report(results: Sequence[Result]) -> None:
    """One line for each model: mean and spread over seeds."""
    for each in results:
        shown = [
            f"{size} x {size}: {statistics.mean(found):.3f} ({min(found):.3f} to {max(found):.3f})"
            for size, found in each.accuracy.items()
        ]
        print(
            f"{each.name}, {each.parameters:,} parameters, {statistics.mean(each.seconds):.0f} s a seed · {' · '.join(shown)}"
        )


def picture(results: Sequence[Result], path: Path) -> None:
    """A few large images with every model's answer; wrong ones are red."""
    from matplotlib import pyplot

    x, y = tested(LARGE)
    x, y = x[:12], y[:12]
    figure, places = pyplot.subplots(len(results), len(x), figsize=(len(x) * 1.2, len(results) * 1.5), squeeze=False)
    for row, result in zip(places, results, strict=True):
        assert result.model is not None
        for place, image, right, found in zip(row, x, y.tolist(), answers(result.model, x).tolist(), strict=True):
            place.imshow(image[..., 0], cmap="gray", vmin=0, vmax=1)
            place.set_title("hit" if found else "miss", color="black" if found == right else "red", fontsize=8)
            place.set_xticks([])
            place.set_yticks([])
        row[0].set_ylabel(result.name)
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
    chosen = parser.parse_args()
    results = [run(name, chosen.seeds, chosen.steps) for name in chosen.models]
    report(results)
    picture(results, chosen.picture)


if __name__ == "__main__":
    main()

"""Arrow pointing: does the arrow point at the disc? (Poeppel et al. 2025, arXiv 2506.11997, section 4.1)

An image shows one arrow and one disc, black on white, anywhere. In half of the images the arrow's line meets the disc, by a clear margin in
the others it does not. Objects keep their size in points when images grow, so a larger image asks for the same over longer distances.
"""

from dataclasses import dataclass
from math import pi

import torch
from numpy.random import SeedSequence
from torch import Generator, Tensor
from torch.utils.data import Dataset

PADDING, RADII, LENGTHS, WIDTHS = 30, (15, 30), (15, 30), (2, 4)  # in points of the original images
MARGIN = 1.2  # how far from the disc's rim a line ends up at least, as a factor of its radius
HEAD, SPREAD = 2.5, 0.5  # strokes of the head: shaft / HEAD long, at SPREAD radians


@dataclass(frozen=True, slots=True)
class Scene:
    """Arrows and discs of some images, each `[n]`, lengths in points; `hit` is whether the arrow points at the disc."""

    x: Tensor
    y: Tensor
    angle: Tensor
    length: Tensor
    width: Tensor
    disc_x: Tensor
    disc_y: Tensor
    radius: Tensor
    hit: Tensor


@dataclass(frozen=True)
class ArrowPointing(Dataset[tuple[Tensor, Tensor]]):
    """`count` images of `size` by `size` points, all objects `shrink` times smaller than in the paper (sizes 192 and 384 there).

    Item i is the image `[size, size, 1]`, white 1, black 0, and its class, 1 where the arrow points at the disc; it depends on
    `seed` and i only. Raises ValueError for images too small to hold the objects.
    """

    size: int
    count: int
    seed: int = 0
    shrink: float = 1.0

    def __post_init__(self) -> None:
        least = 2 * PADDING + 4 * RADII[1]
        if self.size * self.shrink < least:
            raise ValueError(
                f"size {self.size} is too small: at least {least / self.shrink:.0f} points hold the objects"
            )

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Raises IndexError past the end."""
        if not 0 <= index < self.count:
            raise IndexError(index)
        (own,) = SeedSequence((self.seed, index)).generate_state(1)
        images, classes = self.batch(Generator().manual_seed(int(own)), 1)
        return images[0], classes[0]

    def batch(self, generator: Generator, count: int) -> tuple[Tensor, Tensor]:
        """Fresh images `[count, size, size, 1]` and their classes `[count]`."""
        scene = _scene(generator, count, self.size * self.shrink - 2 * PADDING)
        return _drawn(scene, self.size, self.shrink), scene.hit.long()


def _scene(generator: Generator, count: int, window: float) -> Scene:
    """Arrows anywhere in the window, discs at a distance of two radii at least along each axis, counted round the window's rim."""

    def uniform(low: float | Tensor = 0.0, high: float | Tensor = 1.0) -> Tensor:
        return low + (high - low) * torch.rand(count, generator=generator, dtype=torch.float64)

    hit = uniform() < 0.5
    radius = uniform(*RADII)
    x, y = uniform(0, window), uniform(0, window)
    disc_x, disc_y = (at + 2 * radius + (window - 4 * radius) * uniform() for at in (x, y))
    disc_x, disc_y = (torch.where(at > window, at - window, at) for at in (disc_x, disc_y))
    towards = torch.atan2(disc_y - y, disc_x - x)
    seen = torch.where(hit, radius / MARGIN, radius * MARGIN) / torch.hypot(disc_x - x, disc_y - y)
    half = torch.asin(seen.clamp(max=1))  # of the angle under which the disc, or the disc with its margin, is seen
    angle = towards + torch.where(hit, uniform(-half, half), uniform(half, 2 * pi - half))
    length, width = uniform(*LENGTHS).floor(), uniform(*WIDTHS).floor()
    return Scene(x + PADDING, y + PADDING, angle, length, width, disc_x + PADDING, disc_y + PADDING, radius, hit)


def _drawn(scene: Scene, size: int, shrink: float) -> Tensor:
    """The images. A point that a shape covers in part is grey: edges count by their distance to the point's centre."""
    at = (torch.arange(size, dtype=torch.float64) + 0.5) * shrink
    x, y = at[None, None, :], at[None, :, None]

    def wide(value: Tensor) -> Tensor:
        return value[:, None, None]

    def stroke(from_x: Tensor, from_y: Tensor, angle: Tensor, length: Tensor) -> Tensor:
        """The distance of each point to the outline of a line from a point, less than 0 inside."""
        along = (x - wide(from_x)) * wide(angle.cos()) + (y - wide(from_y)) * wide(angle.sin())
        along = along.clamp(min=torch.zeros(()), max=wide(length))
        near_x = wide(from_x) + along * wide(angle.cos())
        near_y = wide(from_y) + along * wide(angle.sin())
        return torch.hypot(x - near_x, y - near_y) - wide(scene.width) / 2

    half = scene.length / 2
    tip_x, tip_y = scene.x + half * scene.angle.cos(), scene.y + half * scene.angle.sin()
    back = scene.angle + pi
    head = (scene.length / HEAD).floor()
    shapes = (
        stroke(tip_x, tip_y, back, scene.length),
        stroke(tip_x, tip_y, back - SPREAD, head),
        stroke(tip_x, tip_y, back + SPREAD, head),
        torch.hypot(x - wide(scene.disc_x), y - wide(scene.disc_y)) - wide(scene.radius),
    )
    nearest = torch.stack(shapes).amin(0)
    return (nearest / shrink + 0.5).clamp(0, 1).float().unsqueeze(-1)

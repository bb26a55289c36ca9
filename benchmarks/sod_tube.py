"""Sod's shock tube: the error of specs/sod_tube.rdl against the exact solution, and its order.

python benchmarks/sod_tube.py [ZONES ...]

Equal zones on [0, 1] up to t = 0.2 at 2 * ZONES steps; errors are means over zones of the distance to the exact solution of the Riemann problem
(Sod 1978; Toro 2009, section 4.2) in density, pressure and speed.
"""

import math
import sys
import time
from pathlib import Path

import torch
from scipy.optimize import brentq
from torch import Tensor

import recdsl

SPEC = Path(__file__).parents[1] / "specs" / "sod_tube.rdl"
GAMMA, END = 1.4, 0.2
LEFT, RIGHT = (1.0, 1.0), (0.125, 0.1)  # density and pressure on both sides of x = 1/2


def _jump(p: float, side: tuple[float, float]) -> float:
    """The change of speed through the wave that brings a gas at rest to pressure p: a shock, or a rarefaction."""
    rho, before = side
    if p > before:
        return (p - before) * math.sqrt(2 / ((GAMMA + 1) * p + (GAMMA - 1) * before) / rho)
    return 2 / (GAMMA - 1) * math.sqrt(GAMMA * before / rho) * ((p / before) ** ((GAMMA - 1) / (2 * GAMMA)) - 1)


def exact(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Density, pressure and speed at places x and time END."""
    p = brentq(lambda p: _jump(p, LEFT) + _jump(p, RIGHT), 1e-6, 10.0, xtol=1e-15)
    u = _jump(p, RIGHT)
    sound = math.sqrt(GAMMA * LEFT[1] / LEFT[0])
    inner = LEFT[0] * (p / LEFT[1]) ** (1 / GAMMA)
    grown = p / RIGHT[1]
    weak = (GAMMA - 1) / (GAMMA + 1)
    outer = RIGHT[0] * (grown + weak) / (1 + weak * grown)
    shock = u * outer / (outer - RIGHT[0])
    s = (x - 0.5) / END
    fan_u = 2 / (GAMMA + 1) * (sound + s)
    fan = (1 - (GAMMA - 1) / 2 * fan_u / sound).clamp(min=0)
    head, tail = -sound, u - math.sqrt(GAMMA * p / inner)
    places = [s < head, s < tail, s < u, s < shock]

    def pieces(left: float, rarefied: Tensor, behind: float, before: float, right: float) -> Tensor:
        values = [torch.full_like(s, left), rarefied, torch.full_like(s, behind), torch.full_like(s, before)]
        found = torch.full_like(s, right)
        for place, value in reversed(list(zip(places, values, strict=True))):
            found = torch.where(place, value, found)
        return found

    rho = pieces(LEFT[0], LEFT[0] * fan ** (2 / (GAMMA - 1)), inner, outer, RIGHT[0])
    pressure = pieces(LEFT[1], LEFT[1] * fan ** (2 * GAMMA / (GAMMA - 1)), p, p, RIGHT[1])
    return rho, pressure, pieces(0.0, fan_u, u, u, 0.0)


def run(zones: int) -> tuple[list[float], float]:
    """Mean errors in density, pressure and speed, and the seconds that the run took."""
    steps = 2 * zones
    tube = recdsl.compile(SPEC)(N=zones, dt=END / steps).double()
    width = 1 / zones
    start = torch.where(torch.arange(zones) < zones / 2, LEFT[0], RIGHT[0]).double() * width
    begin = time.perf_counter()
    with torch.no_grad():
        rho, p, u, x, _ = (each[0, -1] for each in tube(start.expand(1, steps, -1)))
    seconds = time.perf_counter() - begin
    faces = torch.cat((x, x.new_ones(1)))
    speeds = torch.cat((u, u.new_zeros(1)))
    middles = (faces[1:] + faces[:-1]) / 2
    found = (rho, p, (speeds[1:] + speeds[:-1]) / 2)
    errors = [((a - b).abs() * faces.diff()).sum().item() for a, b in zip(found, exact(middles), strict=True)]
    return errors, seconds


def main(sizes: list[int]) -> None:
    print(f"{'zones':>6} {'density':>9} {'pressure':>9} {'speed':>9} {'order':>6} {'seconds':>8}")
    before: tuple[int, float] | None = None
    for zones in sizes:
        (rho, p, u), seconds = run(zones)
        order = "" if before is None else f"{math.log(before[1] / rho) / math.log(zones / before[0]):.2f}"
        print(f"{zones:>6} {rho:>9.2e} {p:>9.2e} {u:>9.2e} {order:>6} {seconds:>8.1f}")
        before = zones, rho


if __name__ == "__main__":
    main([int(each) for each in sys.argv[1:]] or [100, 200, 400])

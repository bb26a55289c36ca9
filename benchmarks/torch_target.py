"""The torch target by class: what it compiles to, beside its own step-by-step schedule and beside peers, in one process.

python benchmarks/torch_target.py [CASE ...] [--rounds 7] [--threads 2] [--compiled] [--device cpu|cuda]

For each class: medians of interleaved rounds, forward and forward with backward, in milliseconds, and what each peer takes in
times of ours. Gates are part of the work on both sides; the error is the largest difference to a float64 loop on a short sequence, in
terms of its scale. Peers: torch's `associative_scan` (`--compiled` adds its compiled form, half a minute a case), and pure-torch code
that is written out here or comes from packages where they are installed (mambapy, transformers).
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from rounds import medians
from torch import Tensor

import recdsl

Function = Callable[..., Tensor]
SHORT = 96  # points on which peers are compared with a float64 loop


@dataclass(frozen=True)
class Case:
    """A program, the sizes of its dims, the shapes of its inputs, and other ways to compute it."""

    program: str
    sizes: dict[str, int]
    shapes: tuple[tuple[int, ...], ...]
    peers: dict[str, Function] = field(default_factory=dict)
    schedules: tuple[str, ...] = ()  # further algorithms to be timed
    once: frozenset[str] = frozenset()  # ways whose backward takes so long that it is timed once


def scan(combine: Callable[..., tuple[Tensor, ...]], *elements: Tensor) -> tuple[Tensor, ...]:
    from torch._higher_order_ops.associative_scan import associative_scan

    return associative_scan(combine, elements, 1, combine_mode="generic")


def affine(x: tuple[Tensor, ...], y: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return x[0] * y[0], x[1] * y[0] + y[1]


# ---- diagonal


def diagonal_associative(a: Tensor, b: Tensor) -> Tensor:
    return scan(affine, torch.sigmoid(a), b)[1]


def diagonal_loop(a: Tensor, b: Tensor) -> Tensor:
    h, out = torch.zeros_like(b[:, 0]), []
    for decay, given in zip(torch.sigmoid(a).unbind(1), b.unbind(1), strict=True):
        h = decay * h + given
        out.append(h)
    return torch.stack(out, 1)


def diagonal_doubling(a: Tensor, b: Tensor) -> Tensor:
    a, step = torch.sigmoid(a), 1
    while step < a.shape[1]:
        b = torch.cat((b[:, :step], a[:, step:] * b[:, :-step] + b[:, step:]), 1)
        a = torch.cat((a[:, :step], a[:, step:] * a[:, :-step]), 1)
        step *= 2
    return b


def diagonal_mambapy(a: Tensor, b: Tensor) -> Tensor:
    from mambapy.pscan import pscan

    return pscan(torch.sigmoid(a).unsqueeze(-1), b.unsqueeze(-1)).squeeze(-1)


# ---- the others


def lti_convolution(x: Tensor) -> Tensor:
    length = x.shape[1]
    kernel = torch.sigmoid(x.new_full((x.shape[2], 1), 3.0)) ** torch.arange(length, device=x.device, dtype=x.dtype)
    spectrum = torch.fft.rfft(x.transpose(1, 2), 2 * length) * torch.fft.rfft(kernel, 2 * length)
    return torch.fft.irfft(spectrum, 2 * length)[..., :length].transpose(1, 2)


def gla_loop(q: Tensor, k: Tensor, v: Tensor, g: Tensor) -> Tensor:
    decay = torch.exp(F.logsigmoid(g) / 16)
    state, out = q.new_zeros(*q.shape[:1], *q.shape[2:], v.shape[-1]), []
    for q_t, k_t, v_t, a_t in zip(q.unbind(1), k.unbind(1), v.unbind(1), decay.unbind(1), strict=True):
        state = a_t[..., None] * state + k_t[..., None] * v_t[..., None, :]
        out.append(torch.einsum("bhk,bhkv->bhv", q_t, state))
    return torch.stack(out, 1)


def gla_loop_slices(q: Tensor, k: Tensor, v: Tensor, g: Tensor) -> Tensor:
    decay = torch.exp(F.logsigmoid(g) / 16)
    state, out = q.new_zeros(*q.shape[:1], *q.shape[2:], v.shape[-1]), []
    for t in range(q.shape[1]):
        state = decay[:, t, :, :, None] * state + k[:, t, :, :, None] * v[:, t, :, None, :]
        out.append(torch.einsum("bhk,bhkv->bhv", q[:, t], state))
    return torch.stack(out, 1)


def retention_loop(q: Tensor, k: Tensor, v: Tensor, g: Tensor) -> Tensor:
    decay = torch.sigmoid(g)
    state, out = q.new_zeros(*q.shape[:1], *q.shape[2:], v.shape[-1]), []
    for q_t, k_t, v_t, a_t in zip(q.unbind(1), k.unbind(1), v.unbind(1), decay.unbind(1), strict=True):
        state = a_t[..., None, None] * state + k_t[..., None] * v_t[..., None, :]
        out.append(torch.einsum("bhk,bhkv->bhv", q_t, state))
    return torch.stack(out, 1)


def delta_loop(q: Tensor, k: Tensor, v: Tensor, b: Tensor, g: Tensor) -> Tensor:
    k, beta, decay = F.normalize(k, dim=-1), torch.sigmoid(b), torch.sigmoid(g)
    state, out = q.new_zeros(*q.shape[:1], *q.shape[2:], v.shape[-1]), []
    for q_t, k_t, v_t, b_t, a_t in zip(*(x.unbind(1) for x in (q, k, v, beta, decay)), strict=True):
        state = a_t[..., None, None] * state
        seen = torch.einsum("bhk,bhkv->bhv", k_t, state)
        state = state + (b_t[..., None] * k_t)[..., None] * (v_t - seen)[..., None, :]
        out.append(torch.einsum("bhk,bhkv->bhv", q_t, state))
    return torch.stack(out, 1)


def delta_transformers(q: Tensor, k: Tensor, v: Tensor, b: Tensor, g: Tensor) -> Tensor:
    from transformers.models.qwen3_next.modeling_qwen3_next import torch_chunk_gated_delta_rule

    k = F.normalize(k, dim=-1)
    scaled = q * q.shape[-1] ** 0.5
    return torch_chunk_gated_delta_rule(scaled, k, v, F.logsigmoid(g), torch.sigmoid(b))[0]


def maximum_cummax(a: Tensor, b: Tensor) -> Tensor:
    total = F.logsigmoid(a).cumsum(1)
    return total + torch.maximum((b - total).cummax(1).values, torch.zeros_like(b[:, :1]))


def maximum_associative(a: Tensor, b: Tensor) -> Tensor:
    a = F.logsigmoid(a)
    shift, best = scan(lambda x, y: (x[0] + y[0], torch.maximum(x[1] + y[0], y[1])), a, b)
    return torch.maximum(best, shift)


def logsum_cumsum(a: Tensor, b: Tensor) -> Tensor:
    total = F.logsigmoid(a).cumsum(1)
    return total + torch.logaddexp((b - total).logcumsumexp(1), torch.zeros_like(b[:, :1]))


def logsum_associative(a: Tensor, b: Tensor) -> Tensor:
    a = F.logsigmoid(a)
    shift, total = scan(lambda x, y: (x[0] + y[0], torch.logaddexp(x[1] + y[0], y[1])), a, b)
    return torch.logaddexp(total, shift)


def clamp_loop(a: Tensor, b: Tensor) -> Tensor:
    h, out = torch.zeros_like(b[:, 0]), []
    for decay, given in zip(torch.tanh(a).unbind(1), b.unbind(1), strict=True):
        h = torch.relu(decay * h + given)
        out.append(h)
    return torch.stack(out, 1)


def block_associative(a: Tensor, b: Tensor, x: Tensor) -> Tensor:
    a, b = torch.sigmoid(a), 0.5 * torch.tanh(b)
    matrix = torch.stack((a, b, torch.ones_like(a), torch.zeros_like(a)), -1).unflatten(-1, (2, 2))
    vector = torch.stack((x, torch.zeros_like(x)), -1)[..., None]
    return scan(lambda p, r: (r[0] @ p[0], r[0] @ p[1] + r[1]), matrix, vector)[1][..., 0, 0]


def dense_associative(matrix: Tensor, x: Tensor) -> Tensor:
    matrix = matrix * 0.1
    return scan(lambda p, r: (r[0] @ p[0], r[0] @ p[1] + r[1]), matrix, x[..., None])[1][..., 0]


def mamba_mambapy(dt: Tensor, x: Tensor, b: Tensor, c: Tensor, rate: Tensor) -> Tensor:
    from mambapy.pscan import pscan

    dt = F.softplus(dt)
    decay = torch.exp(-dt[..., None] * torch.exp(rate))
    return (pscan(decay, (dt * x)[..., None] * b[:, :, None]) * c[:, :, None]).sum(-1)


LENGTH = 4096
WIDE = (4, LENGTH, 512)
HEADS = (2, 2048, 4, 64)

CASES = {
    "diagonal": Case(
        "layer f(D) over t:\n  in a, b : D\n  h : D = sigmoid(a) * h[t-1] + b\n  out h\n",
        {"D": 512},
        (WIDE, WIDE),
        {
            "eager loop": diagonal_loop,
            "associative_scan": diagonal_associative,
            "Hillis-Steele": diagonal_doubling,
            "mambapy pscan": diagonal_mambapy,
        },
    ),
    "lti": Case(
        "layer f(D) over t:\n  in x : D\n  param a : D = 3\n  h : D = sigmoid(a) * h[t-1] + x\n  out h\n",
        {"D": 256},
        ((4, LENGTH, 256),),
        {"FFT convolution": lti_convolution},
        ("fourier",),
    ),
    "rank-one": Case(
        "layer f(H, K, V) over t:\n  in q, k : H K\n  in v : H V\n  in g : H K\n"
        "  S : H K V = sigmoid(g) ^ (1/16) * S[t-1] + k * v\n  out o = sum[K](q * S)\n",
        {"H": 4, "K": 64, "V": 64},
        (HEADS, HEADS, HEADS, HEADS),
        {"eager loop, x[:, t]": gla_loop_slices, "eager loop, unbind": gla_loop},
        once=frozenset({"eager loop, x[:, t]"}),
    ),
    "rank-one-scalar": Case(
        "layer f(H, K, V) over t:\n  in q, k : H K\n  in v : H V\n  in g : H\n"
        "  S : H K V = sigmoid(g) * S[t-1] + k * v\n  out o = sum[K](q * S)\n",
        {"H": 4, "K": 64, "V": 64},
        (HEADS, HEADS, HEADS, HEADS[:3]),
        {"eager loop": retention_loop},
    ),
    "delta": Case(
        "layer f(H, K, V) over t:\n  in q, k : H K\n  in v : H V\n  in b, g : H\n  u : H K = k * rsqrt(sum[K](k ^ 2))\n"
        "  P : H K V = sigmoid(g) * S[t-1]\n  S : H K V = P + sigmoid(b) * u * (v - sum[K](u * P))\n"
        "  out o = sum[K](q * S)\n",
        {"H": 4, "K": 64, "V": 64},
        (HEADS, HEADS, HEADS, HEADS[:3], HEADS[:3]),
        {"eager loop": delta_loop, "transformers chunk": delta_transformers},
    ),
    "mamba": Case(
        "layer f(E, N) over t:\n  in d, x : E\n  in b, c : N\n  in r : E N static\n  dt : E = softplus(d)\n"
        "  s : E N = exp(-dt * exp(r)) * s[t-1] + dt * b * x\n  out y = sum[N](c * s)\n",
        {"E": 768, "N": 16},
        ((1, 2048, 768), (1, 2048, 768), (1, 2048, 16), (1, 2048, 16), (1, 768, 16)),
        {"mambapy pscan": mamba_mambapy},
        ("diagonal",),
    ),
    "block": Case(
        "layer f(D) over t:\n  in a, b, x : D\n  h : D = sigmoid(a) * h[t-1] + 0.5 * tanh(b) * h[t-2] + x\n  out h\n",
        {"D": 128},
        ((4, 2048, 128),) * 3,
        {"associative_scan": block_associative},
    ),
    "dense": Case(
        "layer f(N, M = N) over t:\n  in A : N M\n  in x : N\n  h : N = sum[M](0.1 * A * h[t-1][N->M]) + x\n  out h\n",
        {"N": 16},
        ((4, 2048, 16, 16), (4, 2048, 16)),
        {"associative_scan": dense_associative},
    ),
    "max-plus": Case(
        "layer f(D) over t:\n  in a, b : D\n  h : D = max(logsigmoid(a) + h[t-1], b)\n  init h = 0\n  out h\n",
        {"D": 512},
        (WIDE, WIDE),
        {"cumsum + cummax": maximum_cummax, "associative_scan": maximum_associative},
    ),
    "log-sum-exp": Case(
        "layer f(D) over t:\n  in a, b : D\n  h : D = logaddexp(logsigmoid(a) + h[t-1], b)\n  init h = 0\n  out h\n",
        {"D": 512},
        (WIDE, WIDE),
        {"cumsum + logcumsumexp": logsum_cumsum, "associative_scan": logsum_associative},
    ),
    "clamp": Case(
        "layer f(D) over t:\n  in a, b : D\n  h : D = relu(tanh(a) * h[t-1] + b)\n  out h\n",
        {"D": 512},
        (WIDE, WIDE),
        {"eager loop": clamp_loop},
    ),
    "nonlinear": Case(
        "layer f(D) over t:\n  in x, y : D\n  z : D = sigmoid(x + 0.5 * h[t-1])\n"
        "  h : D = (1 - z) * h[t-1] + z * tanh(y + 0.5 * h[t-1])\n  out h\n",
        {"D": 256},
        ((4, 2048, 256), (4, 2048, 256)),
        schedules=("newton",),
    ),
}


def inputs(case: Case, device: str, dtype: torch.dtype, length: int | None = None) -> list[Tensor]:
    """Draws of the shapes of a case; `length` cuts them along T."""
    torch.manual_seed(0)
    longest = max(shape[1] for shape in case.shapes if len(shape) > 2)
    drawn = [torch.randn(*shape, dtype=torch.float64) for shape in case.shapes]
    if length is not None:
        drawn = [x[:, :length] if x.shape[1] == longest else x for x in drawn]
    return [x.to(device, dtype) for x in drawn]


def clock_of(device: str) -> Callable[[], float]:
    """The time when all that was begun is done."""

    def clock() -> float:
        if device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()

    return clock


def both_ways(function: Function, given: list[Tensor], seed: Tensor) -> None:
    leaves = [x.detach().requires_grad_() for x in given]
    torch.autograd.grad(function(*leaves), leaves, seed, allow_unused=True)


def run(name: str, options: argparse.Namespace) -> None:
    case = CASES[name]
    device, clock = options.device, clock_of(options.device)
    names = {"recdsl": "auto", "recdsl sequential": "sequential"} | {f"recdsl {each}": each for each in case.schedules}
    ways: dict[str, Function] = {}
    for each, schedule in names.items():
        ways[each] = recdsl.compile(case.program, schedule=schedule)(**case.sizes).to(device)
    exact = recdsl.compile(case.program, schedule="sequential")(**case.sizes).double().to(device)
    short = inputs(case, device, torch.float64, SHORT)
    wanted = exact(*short)
    scale = wanted.abs().max()
    for peer, function in case.peers.items():
        try:
            function(*(x.float() for x in short))
        except ImportError as missing:
            print(f"  {peer}: left out, {missing.name} is not installed")
            continue
        ways[peer] = function
        if options.compiled and "associative" in peer:
            ways[f"{peer}, compiled"] = torch.compile(function)
    errors = {
        each: float((function(*(x.float() for x in short)) - wanted).abs().max() / scale)
        for each, function in ways.items()
    }
    given = inputs(case, device, torch.float32)
    seed = torch.randn_like(ways["recdsl"](*given))
    with torch.no_grad():
        forward = medians({each: lambda f=f: f(*given) for each, f in ways.items()}, options.rounds, clock)
    backward = medians(
        {each: lambda f=f: both_ways(f, given, seed) for each, f in ways.items() if each not in case.once},
        options.rounds,
        clock,
    )
    for each in case.once & set(ways):
        start = clock()
        both_ways(ways[each], given, seed)
        backward[each] = 1000 * (clock() - start)
    bytes = sum(x.numel() * x.element_size() for x in given) + seed.numel() * seed.element_size()
    print(f"\n{name}: {' '.join(str(tuple(shape)) for shape in case.shapes)}, {bytes / 1e6:.0f} MB in and out")
    print(f"  {'':28} {'forward':>9} {'ratio':>7} {'+backward':>10} {'ratio':>7} {'error':>8}")
    for each in ways:
        ahead = forward[each] / forward["recdsl"]
        behind = backward.get(each, math.nan) / backward["recdsl"]
        row = f"  {each:28} {forward[each]:9.2f} {ahead:7.2f} {backward.get(each, math.nan):10.2f} {behind:7.2f}"
        print(f"{row} {errors[each]:8.0e}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", choices=[*CASES, []], help="all of them if none is named")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--compiled", action="store_true", help="compile the peers that are scans, too")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(
        f"torch {torch.__version__}, {options.device}, {options.threads} threads, float32, medians of {options.rounds} rounds"
    )
    a, b = torch.randn(WIDE), torch.randn(WIDE)
    ways = {"torch.add": lambda: torch.add(a, b)}
    print(f"torch.add of {WIDE}: {medians(ways, options.rounds)['torch.add']:.2f} ms")
    for name in options.cases or CASES:
        run(name, options)


if __name__ == "__main__":
    main()

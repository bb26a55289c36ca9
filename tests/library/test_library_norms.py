"""Norms against torch's."""

from __future__ import annotations

import torch
from library_run import Layer, draw, equal, give
from torch import nn

B, T, D, H = 2, 3, 6, 2


def test_rmsnorm_works_along_all_dims() -> None:
    ours = Layer("layer f(D) over t:\n  in x : D\n  out rmsnorm(x, eps = 1e-3)\n", D=D)
    theirs = give(nn.RMSNorm(D, eps=1e-3), {"weight": ours.parameters["rmsnorm.weight"]})
    x = draw(B, T, D)
    equal(ours(x), theirs(x))


def test_rmsnorm_along_one_dim_keeps_the_other_apart() -> None:
    ours = Layer("layer f(H, D) over t:\n  in x : H D\n  out rmsnorm[D](x, eps = 1e-3)\n", H=H, D=D)
    theirs = give(nn.RMSNorm(D, eps=1e-3), {"weight": ours.parameters["rmsnorm.weight"]})
    x = draw(B, T, H, D)
    equal(ours(x), theirs(x))


def test_rmsnorm_merges_the_dims_that_it_works_along() -> None:
    ours = Layer("layer f(H, D) over t:\n  in x : H D\n  out rmsnorm(x, eps = 1e-3)\n", H=H, D=D)
    theirs = give(nn.RMSNorm((H, D), eps=1e-3), {"weight": ours.parameters["rmsnorm.weight"]})
    x = draw(B, T, H, D)
    equal(ours(x), theirs(x))


def test_layernorm() -> None:
    ours = Layer("layer f(D) over t:\n  in x : D\n  out layernorm(x)\n", D=D)
    weights = {name: ours.parameters[f"layernorm.{name}"] for name in ("weight", "bias")}
    x = draw(B, T, D)
    equal(ours(x), give(nn.LayerNorm(D), weights)(x))


def test_groupnorm() -> None:
    ours = Layer("layer f(D) over t:\n  in x : D\n  out groupnorm(x, 2)\n", D=D)
    weights = {name: ours.parameters[f"groupnorm.{name}"] for name in ("weight", "bias")}
    x = draw(B, T, D)
    equal(ours(x), give(nn.GroupNorm(2, D), weights)(x.flatten(0, 1)))


def test_l2norm_gives_length_one() -> None:
    ours = Layer("layer f(H, D) over t:\n  in x : H D\n  out l2norm[D](x, eps = 0)\n", H=H, D=D)
    x = draw(B, T, H, D)
    equal(ours(x), nn.functional.normalize(x, dim=-1))


BATCHNORM = "layer f(D) over i, j:\n  in x : D\n  out batchnorm(x)\n"


def batchnorms() -> tuple[Layer, nn.Module]:
    ours = Layer(BATCHNORM, D=D)
    names = ("weight", "bias", "running_mean", "running_var")
    weights = {name: ours.parameters[f"batchnorm.{name}"].clone() for name in names}
    return ours, give(nn.BatchNorm2d(D, momentum=0.1), {**weights, "num_batches_tracked": torch.tensor(0)})


def test_batchnorm_in_training() -> None:
    ours, theirs = batchnorms()
    x = draw(B, 4, 3, D)
    equal(ours(x, training=True), theirs.train()(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1))
    for name in ("running_mean", "running_var"):
        equal(ours.parameters[f"batchnorm.{name}"], theirs.get_buffer(name))


def test_batchnorm_in_use_reads_the_running_statistics() -> None:
    ours, theirs = batchnorms()
    x = draw(B, 4, 3, D)
    equal(ours(x), theirs.eval()(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1))

"""A second target needs no more than the plan: one of under 100 lines prints every spec (`toy_target.py`).

RECDSL_UPDATE=1 pytest tests/lower/test_toy_target.py        writes the goldens anew; read the difference before committing it
"""

from __future__ import annotations

import ast
import os
from pathlib import Path

import pytest
import toy_target

from recdsl import pipeline
from recdsl.ir.graph import node_of, results_of
from recdsl.lower.lower import lower
from recdsl.lower.plan import ProgramPlan, Recurrence, Whole
from recdsl.rewrite.differentiate import expand_gradients

ROOT = Path(__file__).parents[2]
SPECS = sorted((ROOT / "specs").glob("*.rdl"))
GOLDENS = Path(__file__).parent / "toy"
UPDATE = os.environ.get("RECDSL_UPDATE") == "1"


def planned(spec: Path) -> ProgramPlan:
    return lower(expand_gradients(pipeline.check(pipeline.load(spec)).program))


def test_the_target_is_small_and_knows_no_other() -> None:
    text = Path(toy_target.__file__).read_text(encoding="utf-8")
    assert len(text.splitlines()) < 100
    imported = {node.module or "" for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ImportFrom)}
    layers = {".".join(name.split(".")[:2]) for name in imported if name.startswith("recdsl")}
    assert layers == {"recdsl.ir", "recdsl.lower"}


def test_the_plan_knows_no_target() -> None:
    for folder in ("lower", "rewrite", "classify", "ir"):
        paths = list((ROOT / "recdsl" / folder).rglob("*.py"))
        assert paths
        for path in paths:
            text = path.read_text(encoding="utf-8")
            assert "recdsl.backends" not in text, path


@pytest.mark.parametrize("spec", SPECS, ids=lambda each: each.stem)
def test_every_stage_role_and_state_is_printed(spec: Path) -> None:
    plan = planned(spec)
    for module in plan.modules.values():
        lines = [line.strip() for line in toy_target.print_module(module, plan)]
        for stage in module.stages:
            items = (stage.item,) if isinstance(stage, Whole) else stage.items
            for name in (name for item in items for name in results_of(item)):
                assert any(line.startswith(f"{name} = ") or f"{name} from" in line for line in lines), name
            if isinstance(stage, Recurrence):
                check_recurrence(stage, lines)


def check_recurrence(stage: Recurrence, lines: list[str]) -> None:
    """The line of the algorithm opens a block that says all that the plan says of it."""
    opening = f"{stage.algorithm} along {stage.vector}, a {stage.class_} recurrence over a {stage.domain}"
    blocks = [lines[place + 1 :] for place, line in enumerate(lines) if line == opening]
    first = node_of(stage.items[0])
    (block,) = [each for each in blocks if any(line.startswith(f"{first} ") for line in until_gradient(each))]
    if stage.solve is None:
        assert stage.algorithm == "sequential"
        return
    head = until_gradient(block)
    assert f"states {', '.join(stage.solve.states)}" in head
    for name, _ in (*stage.solve.roles, *stage.solve.constants):
        assert any(f" {name} = " in line for line in head), name
    assert sum(line.startswith("link ") for line in head) == len(stage.solve.links)
    assert sum(line.startswith("reading ") for line in head) == len(stage.solve.readings)


def until_gradient(lines: list[str]) -> list[str]:
    """What is said of a recurrence before its gradient."""
    end = next(place for place, line in enumerate(lines) if line.startswith(("gradient along", "no gradient: ")))
    return lines[:end]


@pytest.mark.parametrize("name", ["gla", "elman", "plstm_dag"])
def test_the_text_is_as_it_was(name: str) -> None:
    found = toy_target.print_program(planned(ROOT / "specs" / f"{name}.rdl")) + "\n"
    golden = GOLDENS / f"{name}.txt"
    if UPDATE:
        GOLDENS.mkdir(exist_ok=True)
        golden.write_text(found, encoding="utf-8")
    assert found == golden.read_text(encoding="utf-8")


def test_a_target_that_is_entered_is_compiled_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(pipeline.PRINTERS, "toy", lambda: toy_target.print_program)
    monkeypatch.setattr(pipeline, "TARGETS", (*pipeline.TARGETS, "toy"))
    found = pipeline.compile_source(pipeline.load(ROOT / "specs" / "ema.rdl"), "toy").text
    assert found == toy_target.print_program(planned(ROOT / "specs" / "ema.rdl"))


def test_the_architecture_page_shows_what_is_printed() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    plan = planned(ROOT / "specs" / "ema.rdl")
    assert f"```\n{toy_target.print_program(plan)}\n```" in page

"""Tensors by labels: reordering, lining up and spreading, as text.

Dimensions are counted from the right, because in a pointwise module the batch stands for any number of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from recdsl.emit.precedence import ATOM, BATCH, Text


def united(order: Sequence[str], texts: Iterable[Text]) -> tuple[str, ...]:
    """The labels of an elementwise result in this order; labels that it lacks come first."""
    present = dict.fromkeys(label for text in texts for label in text.labels)
    strange = [label for label in present if label not in order and label != BATCH]
    return (*((BATCH,) if BATCH in present else ()), *strange, *(label for label in order if label in present))


def place(text: Text, label: str) -> int:
    """The index of a dimension, counted from the right."""
    return text.labels.index(label) - len(text.labels)


def permuted(text: Text, order: Sequence[str]) -> Text:
    """The tensor with its labels in this order (the same labels)."""
    order = tuple(order)
    assert sorted(order) == sorted(text.labels), (order, text.labels)
    if order == text.labels:
        return text
    width = len(order)
    moved = [index for index in range(width) if order[index] != text.labels[index]]
    for label in (order[moved[0]], order[moved[-1]]):
        if tuple(_moved_one(text.labels, label, order.index(label))) == order:
            source, target = text.labels.index(label) - width, order.index(label) - width
            if abs(source - target) == 1:
                return _with(text, f"transpose({min(source, target)}, {max(source, target)})", order)
            return _with(text, f"movedim({source}, {target})", order)
    sources = tuple(text.labels.index(order[index]) - width for index in moved)
    return _with(text, f"movedim({sources}, {tuple(index - width for index in moved)})", order)


def _moved_one(labels: tuple[str, ...], label: str, to: int) -> list[str]:
    rest = [each for each in labels if each != label]
    return [*rest[:to], label, *rest[to:]]


def _with(text: Text, method: str, labels: tuple[str, ...]) -> Text:
    return replace(text, code=f"{text.at(ATOM)}.{method}", labels=labels, strength=ATOM)


def aligned(text: Text, order: Sequence[str]) -> Text:
    """The tensor so that it broadcasts against others with the labels `order`: permuted, with `None` for what it lacks.
    Numbers stay as they are."""
    if text.number or not text.labels:
        return text
    text = permuted(text, [label for label in order if label in text.labels])
    after = order[order.index(text.labels[0]) :]
    missing = [index for index, label in enumerate(after) if label not in text.labels]
    if not missing:
        return text
    inserted = ["None" if label not in text.labels else ":" for label in after[missing[0] :]]
    return replace(text, code=f"{text.at(ATOM)}[..., {', '.join(inserted)}]", strength=ATOM, labels=tuple(after))


def spread(text: Text, order: Sequence[str], size: Callable[[str], str]) -> Text:
    """The tensor with all the labels `order`, each in its full size."""
    lined = aligned(text, order)
    sizes = [size(label) if label not in text.labels or label == BATCH else "-1" for label in order]
    if set(text.labels) == set(order):
        return lined
    return replace(lined, code=f"{lined.at(ATOM)}.expand({', '.join(sizes)})", labels=tuple(order), strength=ATOM)


def tuple_code(items: Sequence[str]) -> str:
    """A tuple, with the comma that one of a single item needs."""
    return f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"

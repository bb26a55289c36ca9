"""Scene → places: a rectangle for every box and group, a route for every arrow.

A group is laid out on its own and is then one node of the group around it, so that it encloses nothing foreign; an
arrow across its border passes a port in its first or last row. Arrows run downwards from row to row; those that close
a recurrence run back in lanes on the right of their group, one lane for all reads of one value.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from recdsl.picture.layers import Edge, Layers, arrange
from recdsl.picture.scene import Arrow, Box, Group, boxes

LETTER = 0.61  # width of a letter of a monospaced font, in its size
TITLE, DETAIL, LABEL = 14.0, 11.0, 11.0
LINE = 17.0
LOOP = 26.0  # width of the arrow of a box that reads itself
_PAD = 18.0
_HEAD = 34.0
_GAP = 32.0
_TRACK = 8.0

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Rect:
    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> float:
        return self.x + self.width / 2

    @property
    def bottom(self) -> float:
        return self.y + self.height

    def moved(self, x: float, y: float) -> Rect:
        return Rect(self.x + x, self.y + y, self.width, self.height)


@dataclass(frozen=True, slots=True)
class Route:
    """The points between the two ends of an arrow; `label` is the centre of its text, None where it has none.
    `corner` is the index of the first of the four corners at which an arrow that runs back turns."""

    arrow: Arrow
    points: tuple[Point, ...]
    label: Point | None = None
    corner: int = 0

    def moved(self, x: float, y: float) -> Route:
        label = (self.label[0] + x, self.label[1] + y) if self.label else None
        return Route(self.arrow, _moved(self.points, x, y), label, self.corner)


@dataclass(slots=True)
class Places:
    """A group with its size and all that is in it, from its upper left corner. `passing` are the points of the arrows
    that cross its border, inside it."""

    width: float = 0
    height: float = 0
    rects: dict[str, Rect] = field(default_factory=dict)
    routes: list[Route] = field(default_factory=list)
    passing: dict[Arrow, tuple[Point, ...]] = field(default_factory=dict)


def _moved(points: Iterable[Point], x: float, y: float) -> tuple[Point, ...]:
    return tuple((a + x, b + y) for a, b in points)


def text_width(text: str, size: float) -> float:
    return len(text) * size * LETTER


def title_width(box: Box) -> float:
    """The width of the first line of a box."""
    return text_width(box.title, TITLE) + (8 + text_width(box.dims, TITLE - 2) if box.dims else 0)


def box_size(box: Box) -> tuple[float, float]:
    """Width and height of a box by its text."""
    lines = 2 if box.detail else 1
    return max(title_width(box), text_width(box.detail, DETAIL), 44) + 28, lines * LINE + 13


def place(group: Group, crossing: Sequence[Arrow] = ()) -> Places:
    """Places for a group and everything in it; `crossing` are the arrows with one end inside."""
    return _Assembly(group, crossing).places()


class _Assembly:
    """Lays out the children of one group."""

    def __init__(self, group: Group, crossing: Sequence[Arrow]) -> None:
        self.group = group
        self.owner = {box.key: child.key for child in group.children for box in boxes(child)}
        self.again = [arrow for arrow in group.arrows if arrow.again]
        self.forward = [arrow for arrow in group.arrows if not arrow.again]
        self.entering = [arrow for arrow in crossing if arrow.target in self.owner]
        self.leaving = [arrow for arrow in crossing if arrow.source in self.owner]
        self.inner = {c.key: place(c, self._crossing(c)) for c in group.children if isinstance(c, Group)}
        self.sizes = {child.key: self._size(child) for child in group.children}
        self.layers = self._arranged()
        self.row = {node: index for index, row in enumerate(self.layers.rows) for node in row}
        self.left = min((self.layers.centre[n] - self._width(n) / 2 for n in self.row), default=0) - _PAD
        self.tracks = Counter(
            gap for pair in {(a.source, a.label): self._gaps(a) for a in self.again}.values() for gap in pair
        )
        self.tops: list[float] = []
        self.bottoms: list[float] = []
        self.result = Places()

    def _crossing(self, child: Group) -> list[Arrow]:
        arrows = (*self.forward, *self.again, *self.entering, *self.leaving)
        inside = {box.key for box in boxes(child)}
        return [arrow for arrow in arrows if (arrow.source in inside) != (arrow.target in inside)]

    def _size(self, child: Box | Group) -> tuple[float, float]:
        if isinstance(child, Group):
            return self.inner[child.key].width, self.inner[child.key].height
        width, height = box_size(child)
        return width + (2 * (LOOP + text_width(child.loop, LABEL)) if child.loop else 0), height

    def _arranged(self) -> Layers:
        entries = {_entry(index): 0.0 for index in range(len(self.entering))}
        exits = {_exit(index): 0.0 for index in range(len(self.leaving))}
        edges = [Edge(self.owner[a.source], self.owner[a.target], _label_width(a)) for a in self.forward]
        edges += [Edge(name, self.owner[a.target]) for name, a in zip(entries, self.entering, strict=True)]
        edges += [Edge(self.owner[a.source], name) for name, a in zip(exits, self.leaving, strict=True)]
        inputs = [c.key for c in self.group.children if isinstance(c, Box) and c.kind == "input" and not entries]
        widths = {key: width for key, (width, _) in self.sizes.items()} | entries | exits
        return arrange(widths, edges, [*inputs, *entries], exits)

    def places(self) -> Places:
        self._stack()
        for child in self.group.children:
            self._put(child)
        chains = [self._chain(bends) for bends in self.layers.bends]
        count, entered = len(self.forward), len(self.forward) + len(self.entering)
        for arrow, chain, bends in zip(self.forward, chains[:count], self.layers.bends, strict=False):
            label = self._middle(bends[-1]) if arrow.label else None
            points = (*self._inside(arrow, arrow.source), *chain, *self._inside(arrow, arrow.target))
            self.result.routes.append(Route(arrow, points, label))
        for index, (arrow, chain) in enumerate(zip(self.entering, chains[count:entered], strict=True)):
            port = (self._x(_entry(index)), 0.0)
            self.result.passing[arrow] = (port, *chain, *self._inside(arrow, arrow.target))
        for index, (arrow, chain) in enumerate(zip(self.leaving, chains[entered:], strict=True)):
            port = (self._x(_exit(index)), self.result.height)
            self.result.passing[arrow] = (*self._inside(arrow, arrow.source), *chain, port)
        self._run_back()
        self.result.rects[self.group.key] = Rect(0, 0, self.result.width, self.result.height)
        return self.result

    def _width(self, node: str) -> float:
        return self.sizes[node][0] if node in self.sizes else 0

    def _x(self, node: str) -> float:
        return self.layers.centre[node] - self.left

    def _stack(self) -> None:
        """The top and the bottom of every row, and the height of all."""
        y = _HEAD
        for index, row in enumerate(self.layers.rows):
            y += self.tracks[index] * _TRACK + (self._gap(index) if index else 0)
            self.tops.append(y)
            y += max((self.sizes[n][1] if n in self.sizes else 0 for n in row), default=0) or self._bare(row)
            self.bottoms.append(y)
        self.result.height = y + self.tracks[len(self.tops)] * _TRACK + _PAD

    def _bare(self, row: tuple[str, ...]) -> float:
        """The height of a row without boxes: that of a label, or none for ports alone."""
        return 0 if _has_only_ports(row) else LINE

    def _gap(self, index: int) -> float:
        rows = self.layers.rows
        return _GAP / 3 if _has_only_ports(rows[index - 1]) or _has_only_ports(rows[index]) else _GAP

    def _put(self, child: Box | Group) -> None:
        width, height = self.sizes[child.key]
        top, bottom = self.tops[self.row[child.key]], self.bottoms[self.row[child.key]]
        x = self._x(child.key) - width / 2
        if isinstance(child, Group):
            inner = self.inner[child.key]
            self.result.rects.update({key: rect.moved(x, top) for key, rect in inner.rects.items()})
            self.result.routes.extend(route.moved(x, top) for route in inner.routes)
        else:
            room = width - box_size(child)[0]
            self.result.rects[child.key] = Rect(x + room / 2, (top + bottom - height) / 2, width - room, height)

    def _inside(self, arrow: Arrow, end: str) -> tuple[Point, ...]:
        """The points of an arrow inside the child that holds one of its ends."""
        key = self.owner[end]
        if key not in self.inner:
            return ()
        rect = self.result.rects[key]
        return _moved(self.inner[key].passing[arrow], rect.x, rect.y)

    def _chain(self, bends: tuple[str, ...]) -> list[Point]:
        return [(self._x(n), y) for n in bends for y in (self.tops[self.row[n]], self.bottoms[self.row[n]])]

    def _middle(self, bend: str) -> Point:
        return self._x(bend), (self.tops[self.row[bend]] + self.bottoms[self.row[bend]]) / 2

    # ---- arrows that run back

    def _gaps(self, arrow: Arrow) -> tuple[int, int]:
        """The gaps between rows (by the row below) in which an arrow leaves and arrives."""
        return self.row[self.owner[arrow.source]] + 1, self.row[self.owner[arrow.target]]

    def _run_back(self) -> None:
        lane = max((self._x(node) + self._width(node) / 2 for node in self.row), default=0)
        taken: Counter[int] = Counter()
        lanes: dict[tuple[str, str], tuple[float, float]] = {}
        arrivals: dict[tuple[str, str, int], float] = {}
        for arrow in self.again:
            below, above = self._gaps(arrow)
            bundle = (arrow.source, arrow.label)
            first = bundle not in lanes
            if first:
                lanes[bundle] = (lane + 14, self._track(below, taken))
                lane += 18 + text_width(arrow.label, LABEL) + 6
            x, leave = lanes[bundle]
            if (*bundle, above) not in arrivals:
                arrivals[*bundle, above] = self._track(above, taken)
            self._back(arrow, x, leave, arrivals[*bundle, above], with_label=first)
        self.result.width = max(lane + _PAD, text_width(self.group.title, TITLE) + 2 * _PAD)

    def _back(self, arrow: Arrow, lane: float, leave: float, arrive: float, with_label: bool) -> None:
        before, after = self._inside(arrow, arrow.source), self._inside(arrow, arrow.target)
        label = (lane + text_width(arrow.label, LABEL) / 2 + 5, (leave + arrive) / 2)
        points = (*before, (lane, leave), (lane, arrive), *after)
        self.result.routes.append(Route(arrow, points, label if with_label else None, len(before)))

    def _track(self, gap: int, taken: Counter[int]) -> float:
        taken[gap] += 1
        if gap == len(self.tops):
            return self.bottoms[-1] + taken[gap] * _TRACK + 2
        return self.tops[gap] - 8 - taken[gap] * _TRACK


def _entry(index: int) -> str:
    return f"entry {index}"


def _exit(index: int) -> str:
    return f"exit {index}"


def _has_only_ports(row: tuple[str, ...]) -> bool:
    return all(node.startswith(("entry ", "exit ")) for node in row)


def _label_width(arrow: Arrow) -> float:
    return text_width(arrow.label, LABEL) + 10 if arrow.label else 0

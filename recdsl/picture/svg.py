"""Scene → SVG: a picture of the equations, their reads and their recurrences. It follows the reader's light or dark setting."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from xml.sax.saxutils import escape

from recdsl.ir.module import Program
from recdsl.picture.build import scenes
from recdsl.picture.place import (
    DETAIL,
    LABEL,
    LINE,
    LOOP,
    TITLE,
    Places,
    Point,
    Rect,
    Route,
    place,
    text_width,
    title_width,
)
from recdsl.picture.scene import Box, Group, boxes

_MARGIN = 20.0
_ROUND = 6.0

_STYLE = """
  svg { background: #ffffff; }
  text { font-family: "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: #1f2430; }
  .title { font-weight: 600; }
  .dims { font-weight: 400; }
  .dims, .detail, .head { fill: #5b6475; }
  .label { fill: #b03a2e; }
  .label.forward { fill: #3d4b63; }
  .paper { fill: #ffffff; }
  .module { fill: #f7f8fa; stroke: #d9dde5; }
  .component { fill: #fdf1e3; stroke: #ecc48f; }
  .depth { fill: #eef0fb; stroke: #b9c0ea; }
  .behind { stroke: none; }
  .input { fill: #e3f2ea; stroke: #58a27c; }
  .equation { fill: #ffffff; stroke: #8a94a6; }
  .output { fill: #dfeafb; stroke: #4a7fd0; stroke-width: 2; }
  .arrow { fill: none; stroke: #8a94a6; stroke-width: 1.3; }
  .again { stroke: #c0503f; stroke-dasharray: 5 3; }
  .head-forward { fill: #8a94a6; }
  .head-again { fill: #c0503f; }
"""

_SIZES = f"""
  .title {{ font-size: {TITLE:g}px; }}
  .dims {{ font-size: {TITLE - 2:g}px; }}
  .detail, .head {{ font-size: {DETAIL:g}px; }}
  .label {{ font-size: {LABEL:g}px; }}
"""

_DARK = """
  @media (prefers-color-scheme: dark) {
    svg { background: #14171d; }
    text { fill: #e6e9ef; }
    .dims, .detail, .head { fill: #a3adbd; }
    .label { fill: #f0907f; }
    .label.forward { fill: #b9c4d6; }
    .paper { fill: #14171d; }
    .module { fill: #1a1e26; stroke: #363d4a; }
    .component { fill: #2b2419; stroke: #7d602f; }
    .depth { fill: #1f2233; stroke: #4c5487; }
    .behind { stroke: none; }
    .input { fill: #17302a; stroke: #4f9873; }
    .equation { fill: #222833; stroke: #6c7789; }
    .output { fill: #1b2c49; stroke: #5c8fdd; }
    .arrow { stroke: #7d8899; }
    .again { stroke: #e07563; }
    .head-forward { fill: #7d8899; }
    .head-again { fill: #e07563; }
  }
"""


def svg(program: Program) -> str:
    """The picture of a checked program as the text of an SVG file."""
    groups = scenes(program)
    placed = [place(group) for group in groups]
    width = max(each.width for each in placed) + 2 * _MARGIN
    height = sum(each.height + _MARGIN for each in placed) + _MARGIN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}" role="img">',
        f"<title>{escape(groups[0].title)}</title>",
        f"<style>{_SIZES}{_STYLE}{_DARK}</style>",
        f"<defs>{_marker('forward')}{_marker('again')}</defs>",
    ]
    y = _MARGIN
    for group, places in zip(groups, placed, strict=True):
        lines.append(f'<g transform="translate({_MARGIN:g} {y:.1f})">')
        lines.extend(_Drawing(places).group(group))
        lines.append("</g>")
        y += places.height + _MARGIN
    return "\n".join([*lines, "</svg>", ""])


def _marker(kind: str) -> str:
    return (
        f'<marker id="{kind}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path class="head-{kind}" d="M0,0.8 L7.5,4 L0,7.2 z"/></marker>'
    )


@dataclass(frozen=True, slots=True)
class _Drawing:
    places: Places

    def group(self, group: Group) -> Iterator[str]:
        """Grounds first, then arrows, then boxes, titles and labels, so that nothing hides a text."""
        for each in _groups(group):
            yield f'<rect class="{each.kind}" {_where(self.places.rects[each.key])} rx="{_ROUND + 4:g}"/>'
        ports = _Ports(self.places)
        for route in self.places.routes:
            yield _path(ports.ends(route), route)
        for box in boxes(group):
            yield from self._box(box)
        for each in _groups(group):
            yield from self._title(each)
        for route in self.places.routes:
            if route.label:
                yield _label(route.arrow.label, route.label, "" if route.arrow.again else " forward")

    def _title(self, group: Group) -> Iterator[str]:
        rect = self.places.rects[group.key]
        name, size = ("title", TITLE) if group.kind == "module" else ("head", DETAIL)
        ground = Rect(rect.x + 6, rect.y + 5, text_width(group.title, size) + 10, LINE + 2)
        yield f'<rect class="{group.kind} behind" {_where(ground)}/>'
        yield f'<text class="{name}" x="{rect.x + 11:.1f}" y="{rect.y + 19:.1f}">{escape(group.title)}</text>'

    def _box(self, box: Box) -> Iterator[str]:
        rect = self.places.rects[box.key]
        if box.loop:
            yield from _loop(rect, box.loop)
        rounded = rect.height / 2 if box.kind == "input" else _ROUND
        yield f'<rect class="{box.kind}" {_where(rect)} rx="{rounded:g}"/>'
        x, y = rect.middle - title_width(box) / 2, rect.y + LINE + 1
        yield f'<text class="title" x="{x:.1f}" y="{y:.1f}">{escape(box.title)}</text>'
        if box.dims:
            x += text_width(box.title, TITLE) + 8
            yield f'<text class="dims" x="{x:.1f}" y="{y:.1f}">{escape(box.dims)}</text>'
        if box.detail:
            y += LINE
            yield f'<text class="detail" x="{rect.middle:.1f}" y="{y:.1f}" text-anchor="middle">{escape(box.detail)}</text>'


def _groups(group: Group) -> Iterator[Group]:
    """A group and all groups in it, outer ones first."""
    yield group
    for child in group.children:
        if isinstance(child, Group):
            yield from _groups(child)


def _where(rect: Rect) -> str:
    return f'x="{rect.x:.1f}" y="{rect.y:.1f}" width="{rect.width:.1f}" height="{rect.height:.1f}"'


class _Ports:
    """Spreads the ends of the arrows along the upper and the lower edge of their boxes."""

    def __init__(self, places: Places) -> None:
        self.rects = places.rects
        leaving: dict[str, list[Route]] = defaultdict(list)
        arriving: dict[str, list[Route]] = defaultdict(list)
        for route in places.routes:
            leaving[route.arrow.source].append(route)
            arriving[route.arrow.target].append(route)
        self.leave = {id(r): x for key, routes in leaving.items() for r, x in self._spread(key, routes, first=True)}
        self.arrive = {id(r): x for key, routes in arriving.items() for r, x in self._spread(key, routes, first=False)}

    def _spread(self, key: str, routes: list[Route], first: bool) -> Iterable[tuple[Route, float]]:
        """Routes with their x; those that leave for the same lane share one."""
        lanes: dict[object, list[Route]] = defaultdict(list)
        for route in routes:
            shared = first and route.arrow.again
            lanes[route.points[route.corner] if shared else id(route)].append(route)
        ordered = sorted(lanes.values(), key=lambda lane: self._towards(lane[0], first))
        rect = self.rects[key]
        step = min(16.0, (rect.width - 16) / len(ordered))
        start = rect.middle - step * (len(ordered) - 1) / 2
        return [(route, start + step * index) for index, lane in enumerate(ordered) for route in lane]

    def _towards(self, route: Route, first: bool) -> float:
        if route.points:
            return route.points[0 if first else -1][0]
        return self.rects[route.arrow.target if first else route.arrow.source].middle

    def ends(self, route: Route) -> tuple[Point, Point]:
        source, target = self.rects[route.arrow.source], self.rects[route.arrow.target]
        return (self.leave[id(route)], source.bottom), (self.arrive[id(route)], target.y)


def _path(ends: tuple[Point, Point], route: Route) -> str:
    start, end = ends
    if route.arrow.again:
        before, after = [start, *route.points[: route.corner]], [*route.points[route.corner + 2 :], end]
        (lane, leave), (_, arrive) = route.points[route.corner : route.corner + 2]
        corners = [*before, (before[-1][0], leave), (lane, leave), (lane, arrive), (after[0][0], arrive), *after]
        return f'<path class="arrow again" marker-end="url(#again)" d="{_rounded(corners)}"/>'
    return f'<path class="arrow" marker-end="url(#forward)" d="{_curved([start, *route.points, end])}"/>'


def _curved(points: list[Point]) -> str:
    """Through all points, vertical at each."""
    text = f"M{points[0][0]:.1f},{points[0][1]:.1f}"
    for (x, y), (to_x, to_y) in pairwise(points):
        if abs(x - to_x) < 0.5:
            text += f" L{to_x:.1f},{to_y:.1f}"
        else:
            half = (y + to_y) / 2
            text += f" C{x:.1f},{half:.1f} {to_x:.1f},{half:.1f} {to_x:.1f},{to_y:.1f}"
    return text


def _rounded(points: list[Point]) -> str:
    """Straight lines along the axes with rounded corners."""
    text = f"M{points[0][0]:.1f},{points[0][1]:.1f}"
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        enter, leave = _towards(corner, before), _towards(corner, after)
        text += f" L{enter[0]:.1f},{enter[1]:.1f} Q{corner[0]:.1f},{corner[1]:.1f} {leave[0]:.1f},{leave[1]:.1f}"
    return f"{text} L{points[-1][0]:.1f},{points[-1][1]:.1f}"


def _towards(corner: Point, other: Point) -> Point:
    distance = abs(other[0] - corner[0]) + abs(other[1] - corner[1])
    part = min(0.5, _ROUND / distance) if distance else 0
    return corner[0] + (other[0] - corner[0]) * part, corner[1] + (other[1] - corner[1]) * part


def _loop(rect: Rect, label: str) -> Iterator[str]:
    """The arrow of a box that reads itself, on its right."""
    x, low, high = rect.x + rect.width, rect.y + rect.height * 0.7, rect.y + rect.height * 0.3
    out = x + LOOP - 4
    yield (
        f'<path class="arrow again" marker-end="url(#again)" '
        f'd="M{x:.1f},{low:.1f} C{out:.1f},{low + 5:.1f} {out:.1f},{high - 5:.1f} {x:.1f},{high:.1f}"/>'
    )
    yield _label(label, (out + text_width(label, LABEL) / 2, (low + high) / 2), "")


def _label(text: str, centre: Point, kind: str) -> str:
    width = text_width(text, LABEL) + 4
    x, y = centre
    back = f'<rect class="paper" x="{x - width / 2:.1f}" y="{y - 8:.1f}" width="{width:.1f}" height="15" rx="3" opacity="0.8"/>'
    return f'{back}<text class="label{kind}" x="{x:.1f}" y="{y + 3.5:.1f}" text-anchor="middle">{escape(text)}</text>'

"""Graphs laid out in layers, from left to right: places of boxes, and ways of lines between them.

What depends on nothing stands in the first layer, all else in the one after the last that it depends on. Lines over
several layers pass each of them at a place of their own. The order within layers follows the middle of neighbours, and
boxes are as near to their neighbours as the order allows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Generic, NamedTuple, TypeVar

Key = TypeVar("Key", bound=Hashable)

WIDTH, HEIGHT = 216.0, 46.0
"""The size of a box."""

GAP_X, GAP_Y = 72.0, 18.0
"""The room between layers, and between boxes of a layer."""

_LINE_HEIGHT = 8.0
_SWEEPS = 8


class Box(NamedTuple):
    """Where a box is.

    Args:
        x: The left edge.
        y: The upper edge.
        width: The width.
        height: The height.
    """

    x: float
    y: float
    width: float = WIDTH
    height: float = HEIGHT


class Plan(NamedTuple, Generic[Key]):
    """A graph that is laid out.

    Args:
        boxes: Where each node is.
        ways: The points that the line of each edge passes, from its first node to its second.
        width: The width of all.
        height: The height of all.
    """

    boxes: dict[Key, Box]
    ways: dict[tuple[Key, Key], list[tuple[float, float]]]
    width: float
    height: float


class _Spot(NamedTuple):
    """A place in a layer: of a node, or where a line passes.

    Args:
        number: Which one.
        height: The room that it takes.
    """

    number: int
    height: float


def lay_out(nodes: Sequence[Key], edges: Iterable[tuple[Key, Key]]) -> Plan[Key]:
    """Return where the boxes of a graph go, and the ways of its lines. Cycles are no hindrance.

    Args:
        nodes: What the boxes stand for, in the order in which they are to stand where nothing else decides.
        edges: What comes before what; pairs of one and the same, or with others than the nodes, are left out.
    """
    numbers = {key: number for number, key in enumerate(nodes)}
    pairs = dict.fromkeys(
        (numbers[before], numbers[after])
        for before, after in edges
        if before in numbers and after in numbers and before != after
    )
    tied = {number for pair in pairs for number in pair}
    layering = _Layering(sorted(tied), list(pairs))
    layering.order()
    centres = layering.centres()
    boxes = {
        nodes[number]: Box(layering.layer[number] * (WIDTH + GAP_X), centres[number] - HEIGHT / 2) for number in tied
    }
    width = max((box.x + WIDTH for box in boxes.values()), default=0.0)
    height = max((box.y + HEIGHT for box in boxes.values()), default=0.0)
    loose = [key for key in nodes if numbers[key] not in tied]
    width, height = _place_loose(loose, boxes, width, height)
    ways = {(nodes[before], nodes[after]): layering.way(before, after, centres) for before, after in pairs}
    return Plan({key: boxes[key] for key in nodes}, ways, width, height)


def _place_loose(loose: Sequence[Key], boxes: dict[Key, Box], width: float, height: float) -> tuple[float, float]:
    """Put what depends on nothing, and nothing on it, in rows below the rest; return the size of all."""
    top = height + 2 * GAP_Y if height else 0.0
    across = max(3 if len(loose) > 1 else 1, int((width + GAP_X) // (WIDTH + GAP_X)))
    for place, key in enumerate(loose):
        row, column = divmod(place, across)
        box = boxes[key] = Box(column * (WIDTH + GAP_X), top + row * (HEIGHT + GAP_Y))
        width, height = max(width, box.x + WIDTH), max(height, box.y + HEIGHT)
    return width, height


class _Layering:
    """Layers in the making.

    Args:
        numbers: The nodes.
        pairs: The edges.
    """

    def __init__(self, numbers: Sequence[int], pairs: Sequence[tuple[int, int]]) -> None:
        forward = _without_cycles(numbers, pairs)
        self.layer = _layers_of(numbers, forward)
        self._layers: list[list[_Spot]] = [[] for _ in range(max(self.layer.values(), default=-1) + 1)]
        self._before: defaultdict[int, list[int]] = defaultdict(list)
        self._after: defaultdict[int, list[int]] = defaultdict(list)
        self._chains: dict[tuple[int, int], list[int]] = {}
        for number in numbers:
            self._layers[self.layer[number]].append(_Spot(number, HEIGHT))
        spare = max(numbers, default=0) + 1
        for first, second in forward:
            chain = [first]
            for layer in range(self.layer[first] + 1, self.layer[second]):
                self._layers[layer].append(_Spot(spare, _LINE_HEIGHT))
                self.layer[spare] = layer
                chain.append(spare)
                spare += 1
            chain.append(second)
            self._chains[first, second] = chain
            for left, right in pairwise(chain):
                self._after[left].append(right)
                self._before[right].append(left)

    def order(self) -> None:
        """Order each layer by the middle of its neighbours: those before it, then those after it, and so on."""
        place = {spot.number: float(at) for spots in self._layers for at, spot in enumerate(spots)}
        for sweep in range(_SWEEPS):
            onward = sweep % 2 == 0
            neighbours = self._before if onward else self._after
            for spots in self._layers if onward else reversed(self._layers):
                middle = {spot.number: _mean([place[one] for one in neighbours[spot.number]]) for spot in spots}
                spots.sort(key=lambda spot: _or(middle[spot.number], place[spot.number]))
                place.update((spot.number, float(at)) for at, spot in enumerate(spots))

    def centres(self) -> dict[int, float]:
        """Return how far down the middle of each spot is: near those of its neighbours; the first one is at the top."""
        centre: dict[int, float] = {}
        for spots in self._layers:
            down = 0.0
            for spot in spots:
                centre[spot.number] = down + spot.height / 2
                down += spot.height + GAP_Y
        for sweep in range(_SWEEPS):
            onward = sweep % 2 == 0
            for spots in self._layers if onward else reversed(self._layers):
                self._settle(spots, centre, onward)
        top = min((centre[spot.number] - spot.height / 2 for spots in self._layers for spot in spots), default=0.0)
        return {number: round(value - top, 3) for number, value in centre.items()}

    def _settle(self, spots: list[_Spot], centre: dict[int, float], onward: bool) -> None:
        sides = (self._before, self._after) if onward else (self._after, self._before)
        wanted, offsets, down = [], [], 0.0
        for at, spot in enumerate(spots):
            if at:
                down += (spots[at - 1].height + spot.height) / 2 + GAP_Y
            means = [_mean([centre[one] for one in side[spot.number]]) for side in sides]
            wish = next((mean for mean in means if mean is not None), centre[spot.number])
            offsets.append(down)
            wanted.append(wish - down)
        for spot, offset, value in zip(spots, offsets, _rising(wanted), strict=True):
            centre[spot.number] = value + offset

    def way(self, before: int, after: int, centre: Mapping[int, float]) -> list[tuple[float, float]]:
        """Return the points that a line passes.

        Args:
            before: Where it begins.
            after: Where it ends.
            centre: How far down each spot is.
        """
        turned = (before, after) not in self._chains
        chain = self._chains[(after, before) if turned else (before, after)]
        points = []
        for place, number in enumerate(chain):
            left, middle = self.layer[number] * (WIDTH + GAP_X), centre[number]
            if place:
                points.append((left, middle))
            if place < len(chain) - 1:
                points.append((left + WIDTH, middle))
        return points[::-1] if turned else points


def _without_cycles(numbers: Sequence[int], pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the edges with those turned round that lead back to where one came from, each once."""
    after: defaultdict[int, list[int]] = defaultdict(list)
    for first, second in pairs:
        after[first].append(second)
    done: set[int] = set()
    kept: dict[tuple[int, int], None] = {}
    for root in numbers:
        if root in done:
            continue
        path, stack = {root}, [(root, iter(after[root]))]
        while stack:
            number, rest = stack[-1]
            following = next(rest, None)
            if following is None:
                stack.pop()
                path.discard(number)
                done.add(number)
                continue
            kept[(following, number) if following in path else (number, following)] = None
            if following not in done and following not in path:
                path.add(following)
                stack.append((following, iter(after[following])))
    return list(kept)


def _layers_of(numbers: Sequence[int], pairs: Sequence[tuple[int, int]]) -> dict[int, int]:
    """Return the layer of each node: the length of the longest way to it."""
    after: defaultdict[int, list[int]] = defaultdict(list)
    open_ends = dict.fromkeys(numbers, 0)
    for first, second in pairs:
        after[first].append(second)
        open_ends[second] += 1
    layer = dict.fromkeys(numbers, 0)
    ready = [number for number in numbers if not open_ends[number]]
    for number in ready:  # which grows meanwhile
        for following in after[number]:
            layer[following] = max(layer[following], layer[number] + 1)
            open_ends[following] -= 1
            if not open_ends[following]:
                ready.append(following)
    return layer


def _rising(values: Sequence[float]) -> list[float]:
    """Return the numbers nearest to some that never fall: neighbours that do are replaced by their mean."""
    blocks: list[tuple[float, int]] = []
    for value in values:
        total, count = value, 1
        while blocks and blocks[-1][0] / blocks[-1][1] > total / count:
            before, more = blocks.pop()
            total, count = total + before, count + more
        blocks.append((total, count))
    return [total / count for total, count in blocks for _ in range(count)]


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _or(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value

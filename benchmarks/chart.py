"""A picture of a run: for each line, how many times its promised limit every engine needs, on a logarithmic
axis.

One axis serves times, ratios and bytes alike, because every point is divided by the limit of its own line:
1 is the promise, and left of it is better. The figures themselves stand in columns beside the plot, under
the engine's colour.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

from benchmarks.quantities import DASH, quantity
from benchmarks.results import Findings, Promise, Results

FONT = 13
ROW = 34
MARGIN = 24
PLOT = 420
HEADER = 108
FOOTER = 56
RADIUS = 6
GLYPH = 0.62
"""The width of an average character as a part of the font size; common sans-serif fonts are narrower."""

COLOURS = ("#0b7a4b", "#b54e12", "#b0307a", "#3f63c4")
DARK_COLOURS = ("#4fd39a", "#ff9d5c", "#f07cc0", "#8fb0ff")
"""One colour a subject, ours first; each at least 4.5:1 against its background."""

SHAPES = (
    f"M{-RADIUS} 0a{RADIUS} {RADIUS} 0 1 0 {2 * RADIUS} 0a{RADIUS} {RADIUS} 0 1 0 {-2 * RADIUS} 0z",
    "M-5 -5h10v10h-10z",
    "M0 -7l7 7l-7 7l-7 -7z",
    "M0 -6.5l6.5 11.5h-13z",
)
"""One shape a subject: circle, square, diamond, triangle, drawn around the origin."""

Anchor = Literal["start", "middle", "end"]


@dataclass(frozen=True)
class Text:
    """A line of text and the room it takes."""

    x: float
    y: float
    content: str
    style: str = "ink"
    anchor: Anchor = "start"
    size: int = FONT

    @property
    def width(self) -> float:
        """The width it may take at the most."""
        return text_width(self.content, self.size)

    @property
    def left(self) -> float:
        """Where it may begin at the leftmost."""
        return self.x - {"start": 0.0, "middle": 0.5, "end": 1.0}[self.anchor] * self.width

    def __str__(self) -> str:
        return (
            f'<text x="{self.x:.1f}" y="{self.y:.1f}" class="{self.style}" text-anchor="{self.anchor}" '
            f'font-size="{self.size}">{escape(self.content)}</text>'
        )


@dataclass(frozen=True)
class Axis:
    """Multiples of the promise, from one power of ten to another, laid over the plot's width."""

    left: float
    lowest: int
    highest: int

    def x(self, multiple: float) -> float:
        """Where a multiple lies; what is beyond an end lies at the end."""
        share = (math.log10(multiple) - self.lowest) / (self.highest - self.lowest)
        return self.left + PLOT * min(1.0, max(0.0, share))

    @property
    def powers(self) -> range:
        """The powers of ten that get a tick."""
        return range(self.lowest, self.highest + 1)


def text_width(content: str, size: int = FONT) -> float:
    """Estimate the width of a text in pixels, on the wide side."""
    return len(content) * size * GLYPH


def svg(results: Results) -> str:
    """Draw the results as a stand-alone SVG document for light and dark pages."""
    layout = Layout(results)
    body = "\n".join([*layout.marks(), *map(str, layout.texts())])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {layout.width:.0f} {layout.height:.0f}" '
        f'width="{layout.width:.0f}" height="{layout.height:.0f}" role="img" '
        "font-family=\"system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif\">\n"
        f"<title>{escape(layout.title)}</title>\n<style>{_style()}</style>\n"
        f'<rect class="page" width="100%" height="100%"/>\n{body}\n</svg>\n'
    )


class Layout:
    """Where everything goes: labels on the left, the plot, and a column of figures for each subject."""

    def __init__(self, results: Results) -> None:
        self.title = "How many times its promised limit each line takes; 1 is the promise, left is better"
        self._results = results
        self._lines = [promise for promise in results.promises if any(_multiple(promise, s) for s in results.subjects)]
        labels = [text for promise in self._lines for text in (promise.name, promise.promise)]
        self._label_width = max(map(text_width, labels), default=0.0)
        self.axis = Axis(MARGIN + self._label_width + MARGIN, *_powers_around(self._multiples()))
        self._columns = list(self._place_columns())
        self.height = HEADER + ROW * len(self._lines) + FOOTER
        self.width = MARGIN + max(text.left + text.width for text in self.texts())

    def texts(self) -> Iterator[Text]:
        """All texts of the picture."""
        yield Text(MARGIN, MARGIN + FONT, self.title, "ink title", size=FONT + 2)
        source = f"{self._results.taken}, {self._results.machine}"
        yield Text(MARGIN, self.height - MARGIN / 2, source, "faint", size=11)
        for index, (subject, right) in enumerate(self._columns):
            yield Text(right, HEADER - 18, subject.title, f"text{index}", "end")
        for power in self.axis.powers:
            yield Text(self.axis.x(10.0**power), self._bottom + 18, _tick(power), "faint", "middle", 11)
        for number, promise in enumerate(self._lines):
            y = self._row(number)
            yield Text(MARGIN, y - 2, promise.name)
            yield Text(MARGIN, y + 12, promise.promise, "faint", size=11)
            yield from self._figures(promise, y + 4)

    def marks(self) -> Iterator[str]:
        """All lines and points of the picture."""
        for power in self.axis.powers:
            yield self._vertical(10.0**power, "grid")
        yield self._vertical(1.0, "promise")
        for index, (_subject, right) in enumerate(self._columns):
            yield _point(index, right - RADIUS, HEADER - 36)
        for number, promise in enumerate(self._lines):
            y = self._row(number)
            yield _line("grid", self.axis.left, y, self.axis.left + PLOT, y)
            for index, subject in reversed(list(enumerate(self._results.subjects))):
                multiple = _multiple(promise, subject)
                if multiple is not None:
                    yield _point(index, self.axis.x(multiple), y)

    @property
    def _bottom(self) -> float:
        return HEADER + ROW * len(self._lines)

    def _row(self, number: int) -> float:
        return HEADER + ROW * (number + 0.5)

    def _vertical(self, multiple: float, style: str) -> str:
        x = self.axis.x(multiple)
        return _line(style, x, HEADER - 8, x, self._bottom + 4)

    def _figures(self, promise: Promise, y: float) -> Iterator[Text]:
        for index, (subject, right) in enumerate(self._columns):
            reading = subject.readings.get(promise.key)
            figure = DASH if reading is None else quantity(reading.figure, promise.unit)
            yield Text(right, y, figure, f"text{index}", "end")

    def _place_columns(self) -> Iterator[tuple[Findings, float]]:
        right = self.axis.left + PLOT
        for subject in self._results.subjects:
            figures = [
                quantity(subject.readings[promise.key].figure, promise.unit)
                for promise in self._lines
                if promise.key in subject.readings
            ]
            right += MARGIN + max(map(text_width, [subject.title, *figures]))
            yield subject, right

    def _multiples(self) -> list[float]:
        found = (_multiple(promise, subject) for promise in self._lines for subject in self._results.subjects)
        return [multiple for multiple in found if multiple is not None]


def _point(index: int, x: float, y: float) -> str:
    """Mark a place with the colour and the shape of a subject, so that neither is needed alone."""
    return f'<path class="dot{index}" transform="translate({x:.1f} {y:.1f})" d="{SHAPES[index]}"/>'


def _line(style: str, x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="{style}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _multiple(promise: Promise, subject: Findings) -> float | None:
    reading = subject.readings.get(promise.key)
    if reading is None or promise.judged(reading) <= 0:
        return None
    return promise.judged(reading) / promise.limit


def _powers_around(multiples: Sequence[float]) -> tuple[int, int]:
    """The powers of ten that hold all the values, and 0.1 to 10 at the least."""
    lowest = min((math.floor(math.log10(value)) for value in multiples), default=-1)
    highest = max((math.ceil(math.log10(value)) for value in multiples), default=1)
    return min(lowest, -1), max(highest, 1)


def _tick(power: int) -> str:
    return f"{10**power:,}" if power >= 0 else f"{10.0**power:.{-power}f}"


def _style() -> str:
    light = _palette("#ffffff", "#1c2126", "#5b6670", "#d9dee3", COLOURS)
    dark = _palette("#14181c", "#e8ecef", "#a3adb7", "#343b42", DARK_COLOURS)
    shape = ".title{font-weight:600}.promise{stroke-width:2;stroke-dasharray:5 4}"
    return f"{shape}{light}@media (prefers-color-scheme: dark){{{dark}}}"


def _palette(page: str, ink: str, faint: str, grid: str, colours: Sequence[str]) -> str:
    subjects = "".join(
        f".dot{index},.text{index}{{fill:{colour}}}.dot{index}{{stroke:{page};stroke-width:1.5}}"
        for index, colour in enumerate(colours)
    )
    texts = f".page{{fill:{page}}}.ink{{fill:{ink}}}.faint{{fill:{faint}}}"
    return f"{texts}.grid{{stroke:{grid}}}.promise{{stroke:{ink}}}{subjects}"

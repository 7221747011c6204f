from __future__ import annotations

import dataclasses
import itertools
import xml.etree.ElementTree as ET

import pytest

from benchmarks import chart
from benchmarks.chart import Axis, Layout, Text
from benchmarks.lines import Reading
from benchmarks.results import Findings, Results

SVG = "{http://www.w3.org/2000/svg}"


def overlap(one: Text, other: Text) -> bool:
    beside = one.left + one.width <= other.left or other.left + other.width <= one.left
    apart = abs(one.y - other.y) >= min(one.size, other.size)
    return not beside and not apart


def test_the_chart_is_well_formed_and_has_a_point_for_every_reading(results: Results) -> None:
    tree = ET.fromstring(chart.svg(results))

    points = sum(len(subject.readings) for subject in results.subjects)
    assert len(tree.findall(f"{SVG}path")) == len(results.subjects) + points


def test_every_figure_name_and_promise_is_written_out(results: Results) -> None:
    written = {element.text for element in ET.fromstring(chart.svg(results)).iter(f"{SVG}text")}

    assert {"a no-op task", "≤ 0.75 × bare hop", "10.0 µs", "4.00 ms", "450 B", "Other engine"} <= written


def test_no_text_is_clipped_and_no_two_texts_overlap(results: Results) -> None:
    layout = Layout(results)
    texts = list(layout.texts())

    assert all(text.left >= 0 and text.left + text.width <= layout.width for text in texts)
    assert all(text.size <= text.y <= layout.height for text in texts)
    assert [pair for pair in itertools.combinations(texts, 2) if overlap(*pair)] == []


def test_long_names_widen_the_chart_instead_of_leaving_it(results: Results) -> None:
    long = dataclasses.replace(results.promises[0], name="a no-op task " * 12)
    layout = Layout(dataclasses.replace(results, promises=(long, *results.promises[1:])))

    assert layout.width > Layout(results).width
    assert all(text.left >= 0 and text.left + text.width <= layout.width for text in layout.texts())


def test_equal_factors_are_equal_distances_on_the_axis() -> None:
    axis = Axis(left=100.0, lowest=-1, highest=3)

    assert axis.x(0.1) == 100.0
    assert axis.x(1_000.0) == pytest.approx(100.0 + chart.PLOT)
    assert axis.x(10.0) - axis.x(1.0) == pytest.approx(axis.x(100.0) - axis.x(10.0))


def test_a_reading_lies_left_of_the_promise_exactly_when_it_keeps_it(results: Results) -> None:
    tree = ET.fromstring(chart.svg(results))
    promise = next(line for line in tree.iter(f"{SVG}line") if line.get("class") == "promise")
    ours = [place(point)[0] for point in tree.iter(f"{SVG}path") if point.get("class") == "dot0"]

    _legend, kept, broken = ours
    assert kept < float(promise.attrib["x1"]) < broken


def test_the_axis_holds_every_value(results: Results) -> None:
    far = Findings("far", "Far", "peer", {"direct": Reading(1.0, 0.75e5), "database": Reading(0.004)}, {})
    axis = Layout(dataclasses.replace(results, subjects=(results.ours, far))).axis

    assert 10.0**axis.lowest <= 0.004 / 400
    assert 10.0**axis.highest >= 1e5


def test_the_chart_carries_its_own_background_and_colours_for_light_and_dark_pages(results: Results) -> None:
    text = chart.svg(results)

    assert "prefers-color-scheme: dark" in text
    assert text.count(".page{fill:") == 2
    assert all(text.count(f".dot{index}{{") == 2 for index in range(4))


@pytest.mark.parametrize(("page", "colours"), [("#ffffff", chart.COLOURS), ("#14181c", chart.DARK_COLOURS)])
def test_every_colour_of_text_stands_out_from_its_page(page: str, colours: tuple[str, ...]) -> None:
    assert min(contrast(colour, page) for colour in colours) >= 4.5


def test_markup_in_a_name_is_escaped(results: Results) -> None:
    sneaky = dataclasses.replace(results.promises[0], name="<b> & co")

    assert "&lt;b&gt; &amp; co" in chart.svg(dataclasses.replace(results, promises=(sneaky,)))


def test_subjects_differ_in_shape_as_well_as_in_colour() -> None:
    assert len(set(chart.SHAPES)) == len(set(chart.COLOURS)) == len(set(chart.DARK_COLOURS)) == 4


def place(point: ET.Element) -> tuple[float, float]:
    """Where a point is drawn."""
    x, y = point.attrib["transform"].removeprefix("translate(").removesuffix(")").split()
    return float(x), float(y)


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours, by the definition of WCAG 2."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    """The relative luminance of a colour, by the definition of WCAG 2."""
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

"""Graphs laid out in layers."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from sluiceway.rules.layers import GAP_X, HEIGHT, WIDTH, Box, lay_out

GRAPHS = st.integers(0, 12).flatmap(
    lambda size: st.tuples(
        st.just(range(size)), st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=30)
    )
)


def _layer(box: Box) -> int:
    return round(box.x / (WIDTH + GAP_X))


def test_a_chain_is_a_straight_line_from_left_to_right() -> None:
    plan = lay_out("abc", [("a", "b"), ("b", "c")])
    assert [_layer(plan.boxes[key]) for key in "abc"] == [0, 1, 2]
    assert {box.y for box in plan.boxes.values()} == {0.0}
    assert plan.ways["a", "b"] == [(WIDTH, HEIGHT / 2), (WIDTH + GAP_X, HEIGHT / 2)]
    assert (plan.width, plan.height) == (3 * WIDTH + 2 * GAP_X, HEIGHT)


def test_what_joins_two_stands_in_the_middle_of_them() -> None:
    plan = lay_out("abc", [("a", "c"), ("b", "c")])
    assert plan.boxes["c"].y == (plan.boxes["a"].y + plan.boxes["b"].y) / 2


def test_lines_that_cross_are_untangled() -> None:
    plan = lay_out("abcd", [("a", "d"), ("b", "c")])
    assert (plan.boxes["a"].y < plan.boxes["b"].y) == (plan.boxes["d"].y < plan.boxes["c"].y)


def test_a_long_line_passes_the_layers_between() -> None:
    plan = lay_out("abc", [("a", "b"), ("b", "c"), ("a", "c")])
    middle = plan.boxes["b"]
    passing = [y for x, y in plan.ways["a", "c"] if middle.x <= x <= middle.x + WIDTH]
    assert len(passing) == 2
    assert all(not middle.y < y < middle.y + HEIGHT for y in passing)


def test_a_cycle_is_drawn_with_a_line_back() -> None:
    plan = lay_out("ab", [("a", "b"), ("b", "a")])
    assert [_layer(plan.boxes[key]) for key in "ab"] == [0, 1]
    assert plan.ways["b", "a"] == plan.ways["a", "b"][::-1]


def test_what_hangs_on_nothing_stands_in_rows_below() -> None:
    plan = lay_out("abxyz", [("a", "b")])
    below = plan.boxes["a"].y + HEIGHT
    assert all(plan.boxes[key].y >= below for key in "xyz")
    assert plan.boxes["x"].y == plan.boxes["y"].y
    assert plan.boxes["x"].x < plan.boxes["y"].x


def test_an_empty_graph_has_no_size() -> None:
    assert lay_out([], []) == ({}, {}, 0.0, 0.0)


@example((range(7), [(0, 1), (0, 6), (2, 0), (3, 4), (5, 1)]))
@given(GRAPHS)
def test_boxes_never_overlap_and_all_lines_are_there(graph: tuple[range, list[tuple[int, int]]]) -> None:
    nodes, edges = graph
    plan = lay_out(nodes, edges)
    assert list(plan.boxes) == list(nodes)
    columns: dict[float, list[float]] = {}
    for box in plan.boxes.values():
        assert 0 <= box.y <= plan.height - HEIGHT + 0.01
        columns.setdefault(box.x, []).append(box.y)
    for tops in columns.values():
        assert all(second - first >= HEIGHT - 0.01 for first, second in pairwise(sorted(tops)))
    known = {(first, second) for first, second in edges if first != second and first in nodes and second in nodes}
    assert set(plan.ways) == known
    for (first, second), way in plan.ways.items():
        ends = sorted([way[0][0], way[-1][0]])
        assert ends[0] in (plan.boxes[first].x + WIDTH, plan.boxes[second].x + WIDTH)

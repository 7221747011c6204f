"""Drawings: the texts that stand for graphs."""

from __future__ import annotations

from sluiceway.rules.drawing import Graph


def _graph(*names: str, edges: tuple[tuple[int, int], ...] = ()) -> Graph:
    graph = Graph()
    for key, name in enumerate(names):
        graph.add(key, name)
    for before, after in edges:
        graph.connect(before, after)
    return graph


def test_calls_of_one_name_are_counted() -> None:
    assert _graph("load", "clean", "load").labels == ["load-0", "clean-0", "load-1"]


def test_an_edge_is_drawn_once_and_only_between_calls_that_are_drawn() -> None:
    graph = _graph("load", "clean", edges=((0, 1), (0, 1), (7, 1)))
    assert graph.edges == [("load-0", "clean-0")]


def test_mermaid_text_names_the_calls_and_then_what_depends_on_what() -> None:
    assert _graph("load", "clean", edges=((0, 1),)).as_mermaid() == (
        'flowchart TD\n    load_0["load-0"]\n    clean_0["clean-0"]\n    load_0 --> clean_0'
    )


def test_names_that_differ_only_in_signs_stay_apart_in_mermaid_text() -> None:
    text = _graph("a b", "a-b", edges=((0, 1),)).as_mermaid()
    assert '    a_b_0["a b-0"]' in text
    assert '    a_b_0_["a-b-0"]' in text
    assert "    a_b_0 --> a_b_0_" in text


def test_signs_with_a_meaning_are_spelled_out() -> None:
    graph = _graph('say "#1" <b>')
    assert graph.as_mermaid().endswith('["say #34;#35;1#34; #60;b#62;-0"]')
    assert graph.as_dot() == 'digraph {\n    "say \\"#1\\" <b>-0"\n}'


def test_dot_text_names_the_calls_and_then_what_depends_on_what() -> None:
    text = _graph("load", "clean", edges=((0, 1),)).as_dot()
    assert text == 'digraph {\n    "load-0"\n    "clean-0"\n    "load-0" -> "clean-0"\n}'

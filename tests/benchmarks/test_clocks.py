from __future__ import annotations

import pytest

from benchmarks.clocks import Rounds, alternate


def test_the_ratio_is_the_median_of_the_rounds_ratios_not_the_ratio_of_the_medians() -> None:
    rounds = Rounds(bare=(1.0, 10.0, 2.0), measured=(3.0, 10.0, 2.0))

    assert rounds.ratio == 1.0
    assert rounds.figure == 3.0
    assert rounds.yardstick == 2.0


def test_one_round_disturbed_by_a_neighbour_does_not_move_the_ratio() -> None:
    calm = Rounds(bare=(2.0,) * 5, measured=(1.0,) * 5)
    disturbed = calm._replace(measured=(1.0, 1.0, 90.0, 1.0, 1.0))

    assert disturbed.ratio == calm.ratio == 0.5


def test_a_machine_that_slows_down_halfway_does_not_move_the_ratio() -> None:
    assert Rounds(bare=(1.0, 1.0, 7.0, 7.0), measured=(2.0, 2.0, 14.0, 14.0)).ratio == 2.0


def test_yardstick_and_workload_are_timed_in_turn() -> None:
    order: list[str] = []

    def stopwatch(name: str, seconds: float) -> float:
        order.append(name)
        return seconds

    rounds = alternate(lambda: stopwatch("bare", 2.0), lambda: stopwatch("measured", 3.0), 3)

    assert order == ["bare", "measured"] * 3
    assert rounds == Rounds(bare=(2.0,) * 3, measured=(3.0,) * 3)


def test_no_rounds_at_all_are_refused() -> None:
    with pytest.raises(ValueError, match="rounds must be at least 1, not 0"):
        alternate(float, float, 0)

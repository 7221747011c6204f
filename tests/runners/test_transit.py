"""Exceptions that go from one process to another arrive as they were."""

from __future__ import annotations

import copyreg
import pickle
import threading
from typing import Any

import pytest

from sluiceway.exceptions import CrashedRun, PausedRun
from sluiceway.runners.transit import pack_error, traceback_of


class TakesMore(ValueError):
    """Hands less to `Exception` than it takes."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class MakesText(Exception):
    """Makes its text of what it takes, so that pickling would make it twice."""

    def __init__(self, code: int) -> None:
        super().__init__(f"code {code}")


class KeywordOnly(Exception):
    """Cannot be made of `args`."""

    def __init__(self, *, reason: str) -> None:
        super().__init__()
        self.reason = reason

    def __str__(self) -> str:
        return f"because of {self.reason}"


class Stubborn(KeyError):
    """Refuses to be pickled, in every way."""

    def __reduce__(self) -> Any:
        raise TypeError("never")


def _arrived(error: BaseException) -> BaseException:
    arrived = pickle.loads(pack_error(error))
    assert isinstance(arrived, BaseException)
    return arrived


@pytest.mark.parametrize(
    "error",
    [
        ValueError("bad", 3),
        KeyError("key"),
        OSError(2, "No such file", "a.txt"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
        SystemExit(3),
        KeyboardInterrupt(),
        ExceptionGroup("several", [ValueError(1), TakesMore(2, "two")]),
        CrashedRun("gone"),
        PausedRun("paused", state=None),
        TakesMore(7, "seven"),
        MakesText(5),
        KeywordOnly(reason="rain"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_exception_arrives_with_its_type_text_and_attributes(error: BaseException) -> None:
    arrived = _arrived(error)
    assert type(arrived) is type(error)
    assert str(arrived) == str(error)
    assert arrived.args == error.args or isinstance(error, ExceptionGroup)
    assert vars(arrived).keys() == vars(error).keys()


def test_an_attribute_that_cannot_travel_is_left_behind_alone() -> None:
    error = TakesMore(7, "seven")
    error.lock = threading.Lock()  # type: ignore[attr-defined]  # users attach what they like
    arrived = _arrived(error)
    assert (type(arrived), str(arrived), vars(arrived)) == (TakesMore, "seven", {"code": 7})


def test_for_a_class_that_cannot_travel_a_stand_in_of_the_same_name_arrives() -> None:
    def local() -> type[Exception]:
        class Held(ValueError):
            lock = threading.Lock()

        return Held

    error = local()("bad luck")
    arrived = _arrived(error)
    assert type(arrived).__name__ == "Held"
    assert str(arrived) == "bad luck"
    assert isinstance(arrived, ValueError)
    again = pickle.loads(pickle.dumps(arrived))
    assert (type(again).__name__, str(again)) == ("Held", "bad luck")


def test_an_exception_arrives_as_it_was_whatever_a_library_has_told_copyreg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(copyreg.dispatch_table, UnicodeDecodeError, lambda _: (ValueError, ("mangled",)))
    error = UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")
    arrived = _arrived(error)
    assert (type(arrived), str(arrived)) == (UnicodeDecodeError, str(error))


def test_notes_arrive() -> None:
    error = ValueError("bad")
    error.add_note("on a Monday")
    assert _arrived(error).__notes__ == ["on a Monday"]


def test_an_exception_that_refuses_to_be_pickled_arrives_all_the_same() -> None:
    arrived = _arrived(Stubborn("key"))
    assert (type(arrived), str(arrived)) == (Stubborn, "'key'")


def test_the_traceback_begins_with_the_users_code_and_tells_of_the_cause() -> None:
    def fails() -> None:
        try:
            raise KeyError("first")
        except KeyError as error:
            raise ValueError("second") from error

    with pytest.raises(ValueError, match="second") as caught:
        fails()
    text = traceback_of(caught.value)
    assert text.startswith("Traceback in the process that ran it:\n")
    assert text.endswith("ValueError: second")
    assert "KeyError: 'first'" in text
    assert "in fails" in text

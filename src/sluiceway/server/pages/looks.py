"""How things are shown on pages: states, moments, durations, amounts, values."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from html import escape
from typing import Any

from sluiceway.base import times
from sluiceway.base.ids import to_uuid
from sluiceway.model.runs import FlowRun, TaskRun
from sluiceway.model.states import StateType

_TONE_OF_NAME = {"Cached": "cached", "AwaitingRetry": "retrying", "Retrying": "running", "Late": "late"}

TONES: tuple[str, ...] = (
    "completed",
    "cached",
    "failed",
    "crashed",
    "cancelled",
    "cancelling",
    "running",
    "retrying",
    "paused",
    "pending",
    "scheduled",
    "late",
)
"""The looks of states, which the stylesheet and the symbols go by; in the order in which bars are stacked."""

TYPE_ORDER: tuple[StateType, ...] = (
    StateType.RUNNING,
    StateType.FAILED,
    StateType.CRASHED,
    StateType.COMPLETED,
    StateType.CANCELLED,
    StateType.CANCELLING,
    StateType.PAUSED,
    StateType.SCHEDULED,
    StateType.PENDING,
)
"""The types of states in the order in which a person looks for them."""


class Html(str):
    """A text that is HTML already: templates put it in as it is."""

    __slots__ = ()

    def __html__(self) -> str:
        """Return the text, as templates ask for it."""
        return str(self)


_NONE = Html('<span class="none">–</span>')


def tone(kind: StateType | str, name: str | None = None) -> str:
    """Return the look of a state, which its colour and symbol go by.

    Args:
        kind: The type of the state.
        name: The name of the state, since some names have a look of their own.
    """
    return _TONE_OF_NAME.get(name or "") or str(StateType(kind).value).lower()


def instant(moment: times.Moment | datetime) -> str:
    """Return a moment as `datetime` attributes have it.

    Args:
        moment: The moment.
    """
    when = moment if isinstance(moment, datetime) else times.to_datetime(moment)
    return when.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def relative(moment: times.Moment, now: times.Moment) -> str:
    """Return how long ago a moment was, or in what time it will be.

    Args:
        moment: The moment.
        now: The present moment.
    """
    seconds = abs(now - moment) / times.SECOND
    if seconds < 1:
        return "now"
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")):
        if seconds >= size:
            text = f"{seconds // size:.0f}{unit}"
            return f"{text} ago" if moment <= now else f"in {text}"
    return "now"


def when(moment: times.Moment | datetime | None) -> Html:
    """Return a moment, relative to now, with the exact one on hover; a dash for none.

    Args:
        moment: The moment.
    """
    if moment is None:
        return _NONE
    exact = moment if isinstance(moment, int) else times.from_datetime(moment)
    text = instant(exact)
    full = text.replace("T", " ")[:-1]
    return Html(f'<time datetime="{text}" title="{full} UTC">{relative(exact, times.now())}</time>')


def lasted(start: times.Moment | None, end: times.Moment | None) -> Html:
    """Return how long something took; where it has not ended, how long it has taken, which a script keeps counting.

    Args:
        start: When it began; None where it has not.
        end: When it ended; None where it has not.
    """
    if start is None:
        return _NONE
    if end is None:
        text = seconds((times.now() - start) / times.SECOND)
        return Html(f'<span class="elapsed" data-since="{instant(start)}">{text}</span>')
    return Html(escape(seconds((end - start) / times.SECOND)))


def seconds(amount: float | None) -> str:
    """Return a short text of a duration.

    Args:
        amount: Seconds; None for none.
    """
    return "–" if amount is None else times.duration_text(max(0.0, amount))


def size(amount: int | float) -> str:
    """Return a short text of a number of bytes.

    Args:
        amount: The number.
    """
    rest = float(amount)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if rest < 1024 or unit == "GiB":
            return f"{rest:.0f} {unit}" if unit == "B" or rest >= 100 else f"{rest:.1f} {unit}"
        rest /= 1024
    return f"{rest:.1f} GiB"


def count(amount: int) -> str:
    """Return a number with separators.

    Args:
        amount: The number.
    """
    return f"{amount:,}"


def percent(part: float, whole: float) -> str:
    """Return a share in percent; a dash where there is nothing to share.

    Args:
        part: The share.
        whole: All there is.
    """
    if not whole:
        return "–"
    value = 100 * part / whole
    return f"{value:.0f} %" if value in (0, 100) or 1 <= value < 99 else f"{value:.1f} %"


def identifier(key: bytes) -> str:
    """Return an identifier as people copy it.

    Args:
        key: Its 16 bytes.
    """
    return str(to_uuid(key))


def brief(value: Any, limit: int = 60) -> str:
    """Return a value on one line, cut if it is over-long.

    Args:
        value: Plain data.
        limit: How many characters to keep.
    """
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = " ".join(text.split())
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def pretty(value: Any) -> str:
    """Return plain data as indented JSON.

    Args:
        value: The data.
    """
    return json.dumps(value, ensure_ascii=False, indent=2, default=str)


_PREAMBLES = ("Flow run encountered an exception: ", "Task run encountered an exception: ")


def reason(message: str) -> str:
    """Return why a run ended as it did, without what its state says anyway.

    Args:
        message: The message of its state.
    """
    for preamble in _PREAMBLES:
        message = message.removeprefix(preamble)
    return message


def in_json(value: Any) -> str:
    """Return plain data as JSON on one line.

    Args:
        value: The data.
    """
    return json.dumps(value, ensure_ascii=False, default=str)


def plural(amount: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun.

    Args:
        amount: The number.
        one: The noun for one.
        many: The noun for several; by default with an s.
    """
    return f"{amount:,} {one if amount == 1 else many or one + 's'}"


def run_path(run: FlowRun | TaskRun) -> tuple[str, dict[str, str]]:
    """Return where the page of a run is: the path, and what goes into the query.

    Args:
        run: A flow run, or a task run, which is shown on the page of its flow run.
    """
    if isinstance(run, FlowRun):
        return f"/runs/{identifier(run.key)}", {}
    if run.flow_run_key is None:
        return f"/task-runs/{identifier(run.key)}", {}
    return f"/runs/{identifier(run.flow_run_key)}", {"step": identifier(run.key)}


GLOBALS: Mapping[str, Any] = {
    "tone": tone,
    "when": when,
    "lasted": lasted,
    "percent": percent,
    "plural": plural,
    "run_path": run_path,
    "StateType": StateType,
    "TYPE_ORDER": TYPE_ORDER,
}
"""What templates may call."""

FILTERS: Mapping[str, Callable[..., Any]] = {
    "id": identifier,
    "instant": instant,
    "seconds": seconds,
    "size": size,
    "count": count,
    "brief": brief,
    "pretty": pretty,
    "json": in_json,
    "reason": reason,
}
"""What templates may filter values with."""

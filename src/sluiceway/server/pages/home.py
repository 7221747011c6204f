"""The first page: what fails now, what runs now, what is late or stuck, and how it has gone lately."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from sluiceway.base import times
from sluiceway.base.times import SECOND, Moment
from sluiceway.model.overview import Bucket, FlowSummary
from sluiceway.model.queries import FlowRunQuery, RunOrder
from sluiceway.model.states import StateType
from sluiceway.ports.store import Store
from sluiceway.server.pages import charts
from sluiceway.server.pages.filters import one_of, text_of
from sluiceway.server.pages.frame import render
from sluiceway.server.pages.looks import TONES, tone
from sluiceway.server.pages.sorting import SUMMARIES, arrange
from sluiceway.server.requests import StoreHere

router: APIRouter = APIRouter()


class Span(NamedTuple):
    """How far back the page looks.

    Args:
        title: What it is called.
        width: Seconds that a column of the chart stands for.
        columns: How many columns there are.
        each: What a column is called.
    """

    title: str
    width: int
    columns: int
    each: str


SPANS = {
    "1h": Span("hour", 60, 60, "a minute"),
    "24h": Span("24 hours", 1_800, 48, "half an hour"),
    "7d": Span("7 days", 3 * 3_600, 56, "3 hours"),
    "30d": Span("30 days", 12 * 3_600, 60, "12 hours"),
}

FLOWS = 12
"""How many flows are told of."""

RUNS = 6
"""How many runs of a kind are told of."""

WIDTH, HEIGHT = 960, 120


class Chart(NamedTuple):
    """Columns of runs by state.

    Args:
        slabs: The shapes.
        columns: Each column's left edge, and the beginning and end of what it stands for, as addresses have them.
        step: How wide a column is.
        most: The number that the height stands for.
        looks: The looks of states that occur.
        start: Where it begins.
        end: Where it ends.
        total: How many runs it tells of.
    """

    slabs: list[charts.Slab]
    columns: list[tuple[float, str | None, str | None]]
    step: float
    most: float
    looks: list[str]
    start: Moment
    end: Moment
    total: int


def chart_of(buckets: Sequence[Bucket], width: Moment, across: float = WIDTH, tall: float = HEIGHT) -> Chart:
    """Return a history as a chart.

    Args:
        buckets: The history, one bucket at least.
        width: How long each bucket is.
        across: How wide the chart is.
        tall: How high it is.
    """
    counts = [_by_look(bucket) for bucket in buckets]
    labels = [f"{times.to_datetime(bucket.start):%Y-%m-%d %H:%M} UTC" for bucket in buckets]
    step = across / len(buckets)
    return Chart(
        charts.stack(counts, TONES, across, tall, labels),
        [
            (round(place * step, 2), text_of(bucket.start), text_of(bucket.start + width))
            for place, bucket in enumerate(buckets)
        ],
        round(step, 2),
        charts.ceiling(max(sum(column.values()) for column in counts)),
        [look for look in TONES if any(look in column for column in counts)],
        buckets[0].start,
        buckets[-1].start + width,
        sum(sum(column.values()) for column in counts),
    )


def _by_look(bucket: Bucket) -> dict[str, int]:
    return {tone(kind): amount for kind, amount in bucket.counts.items()}


def first_start(now: Moment, width: Moment, columns: int) -> Moment:
    """Return when the first of several spans begins, the last of which has the present moment in it.

    Args:
        now: The present moment.
        width: How long each is; they begin at whole multiples.
        columns: How many there are.
    """
    return now // width * width - (columns - 1) * width


@router.get("/")
def home(request: Request, store: StoreHere) -> Response:
    """Show what matters now."""
    name = one_of("span", request.query_params.get("span", "") or "24h", SPANS)
    span, now = SPANS[name], times.now()
    width = span.width * SECOND
    start = first_start(now, width, span.columns)
    query = FlowRunQuery(roots_only=True)
    history = chart_of(store.read_flow_run_history(query, start, width, span.columns), width)
    counts: dict[StateType, int] = {}
    for (kind, _), amount in store.count_flow_runs_by_state(query._replace(created_after=start)).items():
        counts[kind] = counts.get(kind, 0) + amount
    return render(
        request,
        "home.html",
        title="Home",
        section="home",
        spans=SPANS,
        span_name=name,
        span=span,
        start=start,
        chart=history,
        width=WIDTH,
        height=HEIGHT,
        counts=counts,
        attention=store.read_attention(start, now, limit=RUNS),
        flows=arrange(request, _flows(store, start, now), SUMMARIES, ""),
        scheduled=_scheduled(store),
    )


def _flows(store: Store, since: Moment, now: Moment) -> list[FlowSummary]:
    """Return how the flows went that have run lately, those that failed most in front."""
    names = [flow.name for flow in store.read_flows(limit=200).items]
    ran = [summary for summary in store.read_flow_summaries(names, since, now, last=24) if summary.runs]
    ran.sort(key=lambda summary: (summary.success_rate if summary.success_rate is not None else 2.0, -summary.runs))
    return ran[:FLOWS]


def _scheduled(store: Store) -> tuple[object, ...]:
    query = FlowRunQuery(state_types=(StateType.SCHEDULED,), roots_only=True)
    runs = store.read_flow_runs(query, order=RunOrder.OLDEST_FIRST, limit=50).items
    return tuple(sorted(runs, key=lambda run: run.next_start or run.expected_start or 0)[:RUNS])

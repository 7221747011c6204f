"""What the journal takes, what it keeps, and letting old runs go."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from sluiceway.model.keeping import Pruned, Sizes
from sluiceway.ports.services import Services
from sluiceway.ports.store import Store
from sluiceway.rules.retention import Retention
from sluiceway.server.pages.filters import duration_of
from sluiceway.server.pages.frame import back, posted, render
from sluiceway.server.pages.looks import plural, size
from sluiceway.server.pages.sorting import arrange
from sluiceway.server.requests import ServicesHere, StoreHere
from sluiceway.wiring.configuration import SETTINGS
from sluiceway.wiring.retention import make_pruner, policy_of
from sluiceway.wiring.setting_kinds import SIZE_LIMIT, Place

router: APIRouter = APIRouter()

MEASURED_AT_ONCE = 64 * 2**20
"""Bytes up to which a journal is measured whenever the page is shown; a larger one, when somebody asks."""


@router.get("/storage")
def storage(request: Request, store: StoreHere, services: ServicesHere) -> Response:
    """Show how large the journal is, and what it keeps."""
    described = store.describe()
    asked = request.query_params.get("measure") == "1"
    sizes = store.measure() if asked or described["bytes"] <= MEASURED_AT_ONCE else None
    settings = services.settings
    return render(
        request,
        "storage.html",
        title="Storage",
        section="storage",
        described=described,
        sizes=sizes,
        tables=arrange(
            request, _tables(sizes), {"name": lambda table: table[0], "-size": lambda table: table[1]}, "-size"
        ),
        retention=arrange(
            request,
            [
                (setting, settings.origin_of(setting.name), setting.told(getattr(settings, setting.name)))
                for setting in SETTINGS
                if setting.name.startswith("retention_")
            ],
            {"name": lambda kept: kept[0].name, "value": lambda kept: kept[2], "from": lambda kept: kept[1]},
            "",
            name="kept",
        ),
    )


def _tables(sizes: Sizes | None) -> list[tuple[str, int, float]]:
    """Return the tables by size: the name, the bytes, and the share of the largest in percent."""
    if sizes is None or not sizes.row_bytes:
        return []
    largest = max(sizes.row_bytes.values()) or 1
    found = sorted(sizes.row_bytes.items(), key=lambda item: -item[1])
    return [(name, taken, round(100 * taken / largest, 1)) for name, taken in found if taken]


@router.post("/storage")
async def let_go(request: Request, services: ServicesHere) -> Response:
    """Remove old runs, or say which would be removed, or give free space back; then show the page again."""
    fields = dict(await posted(request))
    notice = await run_in_threadpool(_done, fields, services)
    return back(request, "/storage", {"notice": notice})


def _done(fields: dict[str, str], services: Services) -> str:
    action = fields.get("action", "")
    if action == "vacuum":
        return _compacted(services.store)
    if action not in ("preview", "prune"):
        raise HTTPException(400, f"action={action} is none of: preview, prune, vacuum.")
    policy, pruner = _policy(fields, services), make_pruner(services)
    if action == "preview":
        would = pruner.would_prune(policy)
        return f"This would remove {plural(would.flow_runs, 'flow run')} and {plural(would.task_runs, 'task run')}."
    return f"Removed {_text(pruner.prune(policy))}."


def _policy(fields: dict[str, str], services: Services) -> Retention:
    """Return what is kept according to a form; where it says nothing, according to the settings."""
    age = duration_of("older_than", fields.get("older_than", ""))
    keep, most = fields.get("keep", "").strip(), fields.get("max_size", "").strip()
    if age is None and not keep and not most:
        return policy_of(services.settings)
    if age == 0:
        raise HTTPException(400, "An age of 0 would remove everything; to keep 0 runs says so.")
    if keep and not (keep.isascii() and keep.isdigit() and len(keep) < 12):
        raise HTTPException(400, f"keep={keep} is no number of runs.")
    return Retention(age, int(keep) if keep else None, None, _bytes(most), spared=0.0)


def _bytes(text: str) -> int | None:
    if not text:
        return None
    try:
        found = int(SIZE_LIMIT.parse(text, Place("/", "/")))
    except ValueError as error:
        raise HTTPException(400, f"max_size={text} is no size. Write it as 500MB or 2GB.") from error
    if not found:
        raise HTTPException(400, "A size of 0 would remove everything; to keep 0 runs says so.")
    return found


def _text(pruned: Pruned) -> str:
    parts = [plural(pruned.flow_runs, "flow run"), plural(pruned.task_runs, "task run")]
    parts += [plural(pruned.log_lines, "log line"), plural(pruned.cached_results, "expired cached result")]
    return ", ".join([*parts, plural(pruned.stored_results, "stored result")])


def _compacted(store: Store) -> str:
    before = store.describe()["bytes"]
    store.compact()
    return f"The database had {size(before)}, and has {size(store.describe()['bytes'])} now."

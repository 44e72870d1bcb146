"""The figures of a finished run, from the trading core, Dagster and the lake.

Belongs here: asking for them, and sums over the sessions of the range.
Keep out: doing the run (runs.py) and how the figures look (summary.py).
"""

from collections import Counter
from collections.abc import Iterable, Mapping

from deploy.local import moves, set_aside
from deploy.local.api import Core
from deploy.local.dagster_api import Dagster, RunState, Step
from deploy.local.report import Report, Stage
from deploy.local.request import Request


def collect(
    request: Request,
    core: Core,
    dagster: Dagster,
    lake_url: str,
    *,
    run_id: str,
    state: RunState,
    seconds: float,
) -> Report:
    """What there is to say about the range and about the account after the run."""
    first, last = request.first_session.isoformat(), request.last_session.isoformat()
    sessions = core.sessions(request.account, first, last)
    earliest = core.fills(request.account, limit=1)
    signalled = core.signals_of_fills(request.account, first, last)
    return Report(
        run_id=run_id,
        run_url=dagster.run_url(run_id),
        dagster_url=dagster.url,
        core_url=core.url,
        first_session=first,
        last_session=last,
        sessions=request.sessions,
        seconds=round(seconds, 2),
        stages=stages_of(state.steps),
        account=core.account(request.account),
        dispositions=summed(each["dispositions"] for each in sessions),
        refusals=summed(each["refusals"] for each in sessions),
        fills=sum(each["fills"] for each in sessions),
        moved=moves.by_analysis(signalled, _bounds(core, request)),
        set_aside=set_aside.read(lake_url, request),
        equity=core.equity(request.account, first, last),
        positions=core.positions(request.account),
        first_fill=str(earliest[0]["fill_id"]) if earliest else None,
    )


def _bounds(core: Core, request: Request) -> moves.Bounds:
    """The scores from which on the account's sizing acts on the strategy."""
    account = next(each for each in core.accounts() if each["account"] == request.account)
    return moves.bounds_of(account["sizing"][request.strategy])


def stages_of(steps: Iterable[Step]) -> list[Stage]:
    """Seconds by asset, which may be several steps; None where none of them has finished."""
    found: dict[str, float | None] = {}
    for step in steps:
        asset = step.name.partition(".")[0]
        known = [each for each in (found.get(asset), step.seconds) if each is not None]
        found[asset] = sum(known) if known else None
    return [Stage(asset, seconds) for asset, seconds in found.items()]


def summed(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Counts by name, added up."""
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return dict(total)

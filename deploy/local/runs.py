"""Do a request on a running stack: open the account, launch the job, follow it to its end.

Belongs here: the conversation with Dagster and the trading core about one run.
Keep out: starting the stack, and printing anything but progress.
"""

import threading
import time
from collections.abc import Callable
from datetime import date
from typing import Any

from deploy.local.api import Core
from deploy.local.dagster_api import CodeServerUnreachableError, Dagster, RunState, UnreachableError
from deploy.local.errors import BadInputError, DeployError, RunFailedError
from deploy.local.report import Report, Stage
from deploy.local.request import Request

JOB = "replay_job"
POLL_S = 0.5
UNREACHABLE_LIMIT_S = 60.0
INTERRUPTED = "DagsterExecutionInterruptedError"
"""What a run says whose process was told to stop."""

RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"

Show = Callable[[str, float | None], None]
"""Shows what is going on, and how much of it is done (0 to 1) where that is known."""


class InterruptedRunError(DeployError):
    """Somebody asked to stop before the job was done."""

    exit_code = 130


def execute(
    request: Request, core: Core, dagster: Dagster, show: Show, stop: threading.Event
) -> Report:
    """Run the job and say what happened; raises RunFailedError with the reason."""
    began = time.monotonic()
    ensure_account(core, request)
    run_id = _launch(request, dagster, stop)
    progress = Progress(request, core)
    state = _follow(run_id, dagster, lambda state: show(*progress.of(state)), stop)
    if state.status != "SUCCESS":
        raise RunFailedError(_failure(run_id, state, dagster))
    return collect(request, core, dagster, run_id, state, time.monotonic() - began)


def run_config(request: Request) -> dict[str, Any]:
    """The configuration of the job's feed."""
    feed = {
        "source": request.source,
        "path": request.path,
        "symbols": list(request.symbols),
        "account": request.account,
        "strategy": request.strategy_file,
    }
    return {"resources": {"feed": {"config": feed}}}


def run_tags(request: Request) -> dict[str, str]:
    """One run over the whole range of sessions."""
    return {
        RANGE_START: request.first_session.isoformat(),
        RANGE_END: request.last_session.isoformat(),
        "trading/account": request.account,
    }


def ensure_account(core: Core, request: Request) -> None:
    """Open the replay account unless it is there; refuse one that takes other inputs."""
    known = {each["account"]: each for each in core.accounts()}
    account = known.get(request.account)
    if account is None:
        core.open_account(request.account, [request.strategy], [request.source])
        return
    if account["mode"] != "replay":
        raise BadInputError(
            f"account {request.account} is a {account['mode']} account: a run over past sessions "
            "needs a replay account."
        )
    if request.strategy not in account["strategies"]:
        raise BadInputError(
            f"account {request.account} trades {', '.join(account['strategies'])}, "
            f"not {request.strategy}: name another one with --account."
        )
    if request.source not in account["sources"]:
        raise BadInputError(
            f"account {request.account} takes prices from {', '.join(account['sources'])}, "
            f"not from {request.source}: name another one with --account."
        )


def collect(
    request: Request, core: Core, dagster: Dagster, run_id: str, state: RunState, seconds: float
) -> Report:
    """What there is to say about the account after the run."""
    first, last = request.first_session.isoformat(), request.last_session.isoformat()
    latest = core.fills(request.account, limit=1)
    return Report(
        run_id=run_id,
        run_url=dagster.run_url(run_id),
        dagster_url=dagster.url,
        core_url=core.url,
        first_session=first,
        last_session=last,
        sessions=request.sessions,
        seconds=round(seconds, 2),
        stages=[Stage(each.name, each.seconds) for each in state.steps],
        account=core.account(request.account),
        equity=core.equity(request.account, first, last),
        positions=core.positions(request.account),
        example_fill=str(latest[0]["fill_id"]) if latest else None,
    )


def _launch(request: Request, dagster: Dagster, stop: threading.Event) -> str:
    """Ask for the run, and again while the code server is being restarted."""
    deadline = time.monotonic() + UNREACHABLE_LIMIT_S
    while True:
        try:
            return dagster.launch(JOB, run_config(request), run_tags(request))
        except CodeServerUnreachableError:
            if stop.wait(POLL_S) or time.monotonic() > deadline:
                raise


class Progress:
    """How far the account is, as text and as a share of the range."""

    def __init__(self, request: Request, core: Core) -> None:
        self._request, self._core = request, core
        self._closed_before = self._closed()

    def of(self, state: RunState) -> tuple[str, float | None]:
        """What the run does now; the account's session too once this run has moved it."""
        working = [each.name for each in state.steps if each.status == "IN_PROGRESS"]
        text = ", ".join(working) or state.status.lower().replace("_", " ")
        closed = self._closed()
        if closed is None or closed == self._closed_before:
            return text, None
        return f"{text}, {closed} closed", share(date.fromisoformat(closed), self._request)

    def _closed(self) -> str | None:
        try:
            session = self._core.account(self._request.account)["closed_session"]
        except DeployError:
            return None
        return str(session) if session else None


def share(session: date, request: Request) -> float | None:
    """How far a session is into the range; None outside it, as after an earlier run."""
    whole = (request.last_session - request.first_session).days or 1
    done = (session - request.first_session).days
    return done / whole if 0 <= done <= whole else None


def _follow(
    run_id: str, dagster: Dagster, show: Callable[[RunState], None], stop: threading.Event
) -> RunState:
    """Poll until the run has finished; a server that is being restarted may be silent a while."""
    silent_since: float | None = None
    while not stop.is_set():
        try:
            state = dagster.state(run_id)
            silent_since = None
        except UnreachableError:
            silent_since = silent_since or time.monotonic()
            if time.monotonic() - silent_since > UNREACHABLE_LIMIT_S:
                raise
            state = RunState("UNKNOWN")
        if state.finished:
            return state
        show(state)
        stop.wait(POLL_S)
    raise InterruptedRunError("Stopped before the job was done; trading run takes it up again.")


def _failure(run_id: str, state: RunState, dagster: Dagster) -> str:
    reason = dagster.failure(run_id)
    if INTERRUPTED in reason or state.status == "CANCELED":
        text = "The job was stopped from outside; trading run takes it up again."
    else:
        text = f"The job failed: {reason}" if reason else "The job failed."
    return f"{text}\nThe run: {dagster.run_url(run_id)}"

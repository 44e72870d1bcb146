"""Do a request on a running stack: launch the job, follow it to its end, cancel it on a stop.

Belongs here: the conversation with Dagster about one run, and its progress.
Keep out: starting the stack, the account (accounts.py), the figures at the end (figures.py).
"""

import threading
import time
from collections.abc import Callable
from datetime import date
from typing import Any

from deploy.local import accounts, figures
from deploy.local.api import Core
from deploy.local.dagster_api import CodeServerUnreachableError, Dagster, RunState, UnreachableError
from deploy.local.errors import (
    DeployError,
    InterruptedRunError,
    NotRunningError,
    RunFailedError,
)
from deploy.local.report import Report
from deploy.local.request import Request

JOB = "replay_job"
JOB_WITH_NEWS = "replay_with_news_job"
NOT_STARTED = "Stopped before the job was started."
POLL_S = 0.5
UNREACHABLE_LIMIT_S = 60.0
INTERRUPTED = "DagsterExecutionInterruptedError"
"""What a run says whose process was told to stop."""

RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"

Show = Callable[[str, float | None], None]
"""Shows what is going on, and how much of it is done (0 to 1) where that is known."""


def execute(
    request: Request,
    core: Core,
    dagster: Dagster,
    lake_url: str,
    show: Show,
    stop: threading.Event,
    alive: Callable[[], bool],
) -> Report:
    """Run the job and say what happened; raises RunFailedError with the reason.

    `alive` says whether the stack is there, so that nobody waits for one that ended.
    """
    began = time.monotonic()
    request = accounts.prepare(core, request)
    run_id = _launch(request, dagster, stop)
    progress = Progress(request, core)
    state = _follow(run_id, dagster, lambda state: show(*progress.of(state)), stop, alive)
    if state is None:
        raise InterruptedRunError(_cancel(run_id, dagster))
    if state.status != "SUCCESS":
        raise RunFailedError(_failure(run_id, state, dagster))
    seconds = time.monotonic() - began
    return figures.collect(
        request, core, dagster, lake_url, run_id=run_id, state=state, seconds=seconds
    )


def run_config(request: Request) -> dict[str, Any]:
    """The configuration of the job's feed."""
    feed = {
        "source": request.source,
        "path": request.path,
        "symbols": list(request.symbols),
        "account": request.account,
        "strategy": request.chosen_strategy,
    }
    return {"resources": {"feed": {"config": feed}}}


def run_tags(request: Request) -> dict[str, str]:
    """One run over the whole range of sessions."""
    return {
        RANGE_START: request.first_session.isoformat(),
        RANGE_END: request.last_session.isoformat(),
        "trading/account": request.account,
    }


def _launch(request: Request, dagster: Dagster, stop: threading.Event) -> str:
    """Ask for the run, and again while the code server is being restarted."""
    job = JOB_WITH_NEWS if request.weighs_news else JOB
    deadline = time.monotonic() + UNREACHABLE_LIMIT_S
    while True:
        try:
            return dagster.launch(job, run_config(request), run_tags(request))
        except CodeServerUnreachableError:
            if time.monotonic() > deadline:
                raise
            if stop.wait(POLL_S):
                raise InterruptedRunError(NOT_STARTED) from None


class Progress:
    """How far the account is, as text and as a share of the range."""

    def __init__(self, request: Request, core: Core) -> None:
        self._request, self._core = request, core
        self._closed_before = self._closed()

    def of(self, state: RunState) -> tuple[str, float | None]:
        """What the run does now; the account's session too once this run has moved it."""
        steps = [each.name for each in state.steps if each.status == "IN_PROGRESS"]
        working = dict.fromkeys(name.partition(".")[0] for name in steps)  # an asset may be several
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
    run_id: str,
    dagster: Dagster,
    show: Callable[[RunState], None],
    stop: threading.Event,
    alive: Callable[[], bool],
) -> RunState | None:
    """Poll until the run has finished, None when asked to stop before that.

    A server that is being restarted may be silent a while.
    """
    silent_since: float | None = None
    while not stop.is_set():
        try:
            state = dagster.state(run_id)
            silent_since = None
        except UnreachableError as error:
            if not alive():
                raise NotRunningError(
                    "The stack ended during the job; start it again, and trading run takes it up."
                ) from error
            silent_since = silent_since or time.monotonic()
            if time.monotonic() - silent_since > UNREACHABLE_LIMIT_S:
                raise
            state = RunState("UNKNOWN")
        if state.finished:
            return state
        show(state)
        stop.wait(POLL_S)
    return None


def _cancel(run_id: str, dagster: Dagster) -> str:
    """Do not leave the job running behind the back of a person who stopped it."""
    try:
        dagster.cancel(run_id)
    except DeployError as error:
        where = dagster.run_url(run_id)
        return f"Stopped watching before the job was done; it may go on ({where}): {error}"
    return (
        f"Stopped before the job was done: run {run_id} was canceled; "
        "trading run takes it up again."
    )


def _failure(run_id: str, state: RunState, dagster: Dagster) -> str:
    reason = dagster.failure(run_id)
    if INTERRUPTED in reason or state.status == "CANCELED":
        text = "The job was stopped from outside; trading run takes it up again."
    else:
        text = f"The job failed: {reason}" if reason else "The job failed."
    return f"{text}\nThe run: {dagster.run_url(run_id)}"

"""How politely a provider is asked: at most so often, and again for a while when it is busy.

Belongs here: the pace of requests, bounded repetition with backoff, and reading Retry-After.
Keep out: which answer means what (the providers).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TypeVar

from pipelines.errors import ProviderAwayError

Answer = TypeVar("Answer")


class BusyError(Exception):
    """The provider may answer the same request later; `after_s` is what it said of when."""

    def __init__(self, reason: str, after_s: float | None = None) -> None:
        super().__init__(reason)
        self.after_s = after_s


@dataclass(frozen=True)
class Patience:
    """How often a request is made again, and how long is waited in between."""

    attempts: int = 5
    first_pause_s: float = 1.0
    longest_pause_s: float = 60.0
    """A provider that asks for a longer one is left alone until the next run."""

    def pause_s(self, failed: int, after_s: float | None) -> float | None:
        """Seconds before the next attempt after `failed` ones, None where it is given up."""
        if failed >= self.attempts or (after_s or 0.0) > self.longest_pause_s:
            return None
        if after_s is not None:
            return after_s
        return min(self.first_pause_s * 2.0 ** (failed - 1), self.longest_pause_s)


class Asker:
    """One provider's requests: none sooner than its pace allows, busy answers asked for again."""

    def __init__(self, place: str, per_minute: float, patience: Patience) -> None:
        self.place = place
        self._between_s = 60.0 / per_minute
        self._patience = patience
        self._next = 0.0

    def ask(self, request: Callable[[], Answer]) -> Answer:
        """The answer; raises ProviderAwayError when the provider stays busy."""
        failed = 0
        while True:
            self._wait_turn()
            try:
                return request()
            except BusyError as error:
                failed += 1
                pause = self._patience.pause_s(failed, error.after_s)
                if pause is None:
                    raise ProviderAwayError(self.place, self._given_up(error, failed)) from error
                time.sleep(pause)

    def _wait_turn(self) -> None:
        now = time.monotonic()
        time.sleep(max(0.0, self._next - now))
        self._next = max(now, self._next) + self._between_s

    def _given_up(self, error: BusyError, failed: int) -> str:
        times = "once" if failed == 1 else f"{failed} times"
        wait = f"in {error.after_s:.0f} s" if error.after_s else "in some minutes"
        return f"{error}, asked {times}: what came is stored; run it again {wait}"


def require_free(status: int, retry_after: str | None) -> None:
    """Raise BusyError for an answer that says so: 429 and 5xx."""
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        raise BusyError("it allows no more requests now (429)", seconds(retry_after))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise BusyError(f"it answers with an error of its own ({status})", seconds(retry_after))


def seconds(retry_after: str | None) -> float | None:
    """The header Retry-After as seconds from now; None where it says nothing usable."""
    text = (retry_after or "").strip()
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())

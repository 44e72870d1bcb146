"""How long a provider is asked again, and what it may say about that."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from pipelines.errors import ProviderAwayError
from pipelines.sources.patience import Asker, BusyError, Patience, seconds


def test_retry_after_is_a_number_or_a_date() -> None:
    assert seconds("7") == 7.0
    assert seconds(" 0.5 ") == 0.5
    ahead = seconds(format_datetime(datetime.now(UTC) + timedelta(hours=2)))
    assert ahead is not None
    assert 7000 < ahead <= 7200
    assert seconds(format_datetime(datetime.now(UTC) - timedelta(hours=2))) == 0.0
    assert seconds(None) is seconds("soon") is seconds("") is None


def test_pauses_double_up_to_the_longest_and_obey_the_provider() -> None:
    patience = Patience(attempts=6, first_pause_s=1.0, longest_pause_s=5.0)
    assert [patience.pause_s(n, None) for n in range(1, 7)] == [1.0, 2.0, 4.0, 5.0, 5.0, None]
    assert patience.pause_s(1, 3.5) == 3.5
    assert patience.pause_s(1, 5.5) is None


def test_an_answer_ends_the_asking_and_another_error_passes() -> None:
    asker = Asker("here", 100_000, Patience(3, 0.0, 0.0))
    answers = iter([BusyError("busy"), BusyError("busy"), 5])

    def request() -> int:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert asker.ask(request) == 5
    with pytest.raises(StopIteration):
        asker.ask(request)


def test_it_is_given_up_with_the_reason() -> None:
    asker = Asker("here", 100_000, Patience(2, 0.0, 0.0))

    def request() -> int:
        raise BusyError("it is closed")

    with pytest.raises(ProviderAwayError, match="here: it is closed, asked 2 times"):
        asker.ask(request)

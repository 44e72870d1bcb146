"""The request of a run: defaults, and one sentence for each way it can be wrong."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from deploy.local import request
from deploy.local.errors import BadInputError
from deploy.local.request import Asked
from execution.domain.config import Sizing


def test_the_defaults_are_the_samples_2012() -> None:
    checked = request.check(Asked())
    assert (checked.source, checked.account, checked.symbols) == ("sample", "sample", ())
    assert (checked.first_session, checked.last_session) == (date(2012, 1, 3), date(2012, 12, 31))
    assert checked.sessions == 250


def test_the_sample_is_traded_with_news_and_ones_own_prices_without(tmp_path: Path) -> None:
    checked = request.check(Asked())
    assert (checked.strategy, checked.chosen_strategy) == ("blend", "blend")
    assert (checked.weighs_news, checked.asked_for) == (True, False)
    file = tmp_path / "prices.csv"
    file.write_text("symbol,date,open,high,low,close,volume\nABC,2012-03-01,1,1,1,1,1\n")
    checked = request.check(Asked("files", str(file), "2012-03-01", "2012-03-01"))
    assert (checked.strategy, checked.account, checked.weighs_news) == ("technical", "files", False)
    named = request.check(Asked(strategy="technical"))
    assert (named.strategy, named.account, named.asked_for) == ("technical", "technical", True)
    assert request.with_shipped(named, "blend").weighs_news


def test_the_universe_of_a_strategy_is_what_a_run_reads(tmp_path: Path) -> None:
    file = tmp_path / "trend.toml"
    file.write_text('symbols = ["IBM", "MSFT"]\n' + STRATEGY)
    assert request.check(Asked(strategy=str(file))).symbols == ("IBM", "MSFT")
    assert request.check(Asked(strategy=str(file), symbols="AAPL")).symbols == ("AAPL",)


def test_the_known_sessions_are_those_with_good_bars(tmp_path: Path) -> None:
    file = tmp_path / "prices.csv"
    rows = ["ABC,2012-03-01,1,1,1,1,1", "ABC,2012-03-02,9,1,1,1,1", "ABC,2012-03-05,1,1,1,1,1"]
    file.write_text("\n".join(["symbol,date,open,high,low,close,volume", *rows]))
    checked = request.check(Asked("files", str(file), "2012-03-01", "2012-03-05"))
    assert checked.known_sessions == (date(2012, 3, 1), date(2012, 3, 5))


def test_symbols_and_path_are_made_plain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    header = "symbol,date,open,high,low,close,volume\n"
    Path("prices.csv").write_text(header + "ABC,2012-03-01,1,1,1,1,1\n")
    asked = Asked("files", "prices.csv", "2012-03-01", "2012-03-01", " abc,ABC ", "mine")
    checked = request.check(asked)
    assert checked.path == str(tmp_path / "prices.csv")
    assert checked.symbols == ("ABC",)
    assert checked.account == "mine"


STRATEGY = 'name = "trend"\nversion = "1"\nthreshold = 0.2\n[weights]\nmacd_score = 1.0\n'


def test_a_strategys_file_may_say_how_its_scores_become_positions(tmp_path: Path) -> None:
    file = tmp_path / "trend.toml"
    file.write_text(STRATEGY)
    assert request.check(Asked(strategy=str(file))).sizing is None
    file.write_text(STRATEGY + "[sizing]\nmax_weight = 0.05\n")
    checked = request.check(Asked(strategy=str(file)))
    assert (checked.strategy, checked.account) == ("trend", "trend")
    assert checked.sizing == Sizing(max_weight=Decimal("0.05"))
    file.write_text(STRATEGY + "[sizing]\nmax_wait = 0.05\n")
    with pytest.raises(BadInputError, match="unknown field `max_wait`") as caught:
        request.check(Asked(strategy=str(file)))
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        (Asked(source="nowhere"), "'nowhere'"),
        (Asked(start="2012-02-30"), "--from is '2012-02-30'"),
        (Asked(end="soon"), "--to is 'soon'"),
        (Asked(start="2012-03-01", end="2012-02-01"), "2012-03-01"),
        (Asked(start="2012-03-03", end="2012-03-04"), "2012-03-03"),
        (Asked(end="2025-01-31"), "2025-01-31"),
        (Asked(symbols="AAPL,ZZZZ"), "ZZZZ"),
        (Asked(symbols=","), "names no symbol"),
        (Asked(account="My Account"), "--account is 'My Account'"),
        (Asked(source="files"), "path"),
        (Asked(path="prices.csv"), "add --source files"),
        (Asked(source="files", path="/nowhere/prices.csv"), "/nowhere/prices.csv"),
    ],
)
def test_what_is_wrong_is_named_in_one_sentence(asked: Asked, named: str) -> None:
    with pytest.raises(BadInputError) as caught:
        request.check(asked)
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)

"""A strategy class of one's own: how it is found, what it is given, and what it may answer."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.analyses.technical import technical
from pipelines.errors import StrategyError
from pipelines.strategies.opened import Opened
from pipelines.strategy_file import GROUP, from_toml, open_strategy
from tests.pipelines.dagster_runs import run
from tests.pipelines.frames import actions, bars, walk

SOURCE = '''
from pipelines.errors import StrategyError


class Trend:
    """Up while the close is above its average of 20 bars, by as much as `strength` says."""

    analyses = ("technical",)
    reads = ("close", "sma_20")
    warm_up = 19

    def __init__(self, settings):
        self.strength = settings.options["strength"]
        self.wire_version = settings.wire_version
        if self.strength > 1:
            raise StrategyError(f"strategy {settings.name}: strength is above 1")

    def signals(self, rows):
        self.seen = rows
        ready = rows.dropna()
        up = ready["close"] > ready["sma_20"]
        return ready[["symbol", "session"]].assign(score=up * self.strength)


class Looking(Trend):
    reads = ("close", "tomorrow")


class NewsAlone(Trend):
    analyses = ("news",)


class Odd(Trend):
    def signals(self, rows):
        answer = super().signals(rows)
        return eval(ANSWER, {"answer": answer, "rows": rows})


class NoMethod:
    def __init__(self, settings):
        pass


ANSWER = "answer"
'''
ENTRY_POINTS = """trend = tiny_strategies:Trend
looking = tiny_strategies:Looking
news_alone = tiny_strategies:NewsAlone
odd = tiny_strategies:Odd
no_method = tiny_strategies:NoMethod
gone = nowhere_at_all:Class
weighted_sum = tiny_strategies:Trend
twice = tiny_strategies:Trend
twice= tiny_strategies:Odd
"""
SETTINGS = 'name = "mine"\nversion = "3"\nclass = "trend"\nstrength = 0.5\n'
FRAME = technical(bars(walk(60), "IBM"), actions())


@pytest.fixture(autouse=True)
def _installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A tiny distribution with these entry points, as pip would have installed it."""
    (tmp_path / "tiny_strategies.py").write_text(SOURCE)
    info = tmp_path / "tiny_strategies-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-strategies\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\n{ENTRY_POINTS}")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("tiny_strategies", None)


def opened(kind: str = "trend") -> Opened:
    return from_toml(SETTINGS.replace('"trend"', f'"{kind}"'))


def test_an_installed_class_is_opened_by_the_name_that_a_file_says() -> None:
    strategy = opened()
    found = strategy.signals(FRAME)
    expected = FRAME.dropna(subset=["sma_20"])
    assert len(found) == len(FRAME) - strategy.warm_up
    assert found["score"].tolist() == ((expected["close"] > expected["sma_20"]) * 0.5).tolist()
    assert found["content"].is_unique
    assert found["technical_part"].tolist() == found["score"].tolist()  # no other had a part
    assert set(found["technical_without"]) == {0.0}
    assert found["confidence"].isna().all()


def test_its_signals_are_of_its_settings_and_of_what_it_read() -> None:
    strategy = opened()
    other = from_toml(SETTINGS.replace("0.5", "0.25"))
    assert strategy.wire_version.startswith("3.")
    assert strategy.wire_version != other.wire_version
    contents = [
        strategy.signals(frame)["content"].tolist()
        for frame in (FRAME, FRAME.assign(rsi=0.0), FRAME.assign(close=FRAME["close"] + 1))
    ]
    assert contents[0] == contents[1] != contents[2]


def test_it_is_shown_one_session_and_what_it_reads_alone() -> None:
    strategy = opened()
    strategy.signals(FRAME)
    seen = strategy.strategy.seen  # type: ignore[attr-defined]
    assert seen.columns.tolist() == ["symbol", "session", "close", "sma_20"]
    assert seen["session"].tolist() == [FRAME["session"].max()]


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("nobody", "there is no class of strategies 'nobody': install its package"),
        ("gone", r"gone \(nowhere_at_all:Class\) cannot be used: ModuleNotFoundError"),
        ("looking", "reads 'tomorrow', which no analysis that it needs gives"),
        ("news_alone", "needs the analyses news"),
        ("no_method", "its class has no analyses"),
        ("twice", "'twice' is there more than once: tiny_strategies:Odd, tiny_strategies:Trend"),
    ],
)
def test_a_class_that_cannot_be_used_is_one_sentence(kind: str, said: str) -> None:
    with pytest.raises(StrategyError, match=said) as caught:
        opened(kind)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("strength = 0.5", "strength = 2", "strength is above 1"),
        ("strength = 0.5", "", "cannot be used: KeyError: 'strength'"),
    ],
)
def test_options_that_a_class_refuses_are_one_sentence(old: str, new: str, said: str) -> None:
    with pytest.raises(StrategyError, match=said):
        from_toml(SETTINGS.replace(old, new))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("answer.assign(score=1.5)", "answered the score 1.5 for IBM"),
        ("answer.assign(score=float('nan'))", "answered the score nan"),
        ("answer.assign(score='up')", "answered the score up"),
        ("answer.assign(confidence=-0.1)", "answered the confidence -0.1"),
        ("answer.assign(technical_part=2.0)", "answered the technical_part 2.0"),
        ("answer.assign(symbol='MSFT')", "more than one row for one that it was given"),
        ("answer.loc[[0, 0]]", "more than one row for one that it was given"),
        ("answer.drop(columns='score')", "did not answer a frame"),
        ("None", "did not answer a frame"),
        ("answer / 0", "failed: TypeError"),
    ],
)
def test_an_answer_that_cannot_be_meant_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, answer: str, said: str
) -> None:
    import tiny_strategies  # type: ignore[import-not-found]

    monkeypatch.setattr(tiny_strategies, "ANSWER", answer)
    strategy = opened("odd")
    with pytest.raises(StrategyError, match=said) as caught:
        strategy.signals(FRAME.tail(1))
    assert "strategy mine (tiny_strategies.Odd)" in str(caught.value)


def test_what_a_class_says_of_itself_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    import tiny_strategies

    told = "confidence=0.75, reasons='because', technical_part=0.4, technical_without=0.1"
    monkeypatch.setattr(tiny_strategies, "ANSWER", f"answer.assign({told})")
    found = opened("odd").signals(FRAME.tail(1)).iloc[0]
    assert (found["confidence"], found["reasons"]) == (0.75, "because")
    assert (found["technical_part"], found["technical_without"]) == (0.4, 0.1)


def test_the_asset_signals_runs_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADING_LAKE_URL", str(tmp_path / "lake"))
    monkeypatch.setenv("TRADING_HOME", str(tmp_path))
    file = tmp_path / "mine.toml"
    file.write_text(SETTINGS)
    assert run("2012-03-01", "2012-03-02", strategy=str(file)).success


def test_no_other_package_stands_in_for_the_shipped_class() -> None:
    assert type(open_strategy("technical").strategy).__name__ == "WeightedSum"

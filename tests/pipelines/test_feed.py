"""Rows to messages: order, exact figures, and versions that cover all that a message says."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pandas as pd
import pytest

from pipelines import calendar
from pipelines.feed import Tables, bars_versions, exact, in_feed_order
from pipelines.publishing import address, to_live, to_replay
from router.messages import Bars, Dividend, Signal, SignalSet, Split, decode, encode
from tests.pipelines.frames import actions, bars

D = Decimal
DAYS = [date(2012, 1, 3), date(2012, 1, 4)]


def lake_bars(closes: list[float], symbol: str = "IBM") -> pd.DataFrame:
    rows = bars(closes, symbol)
    closing = rows["session"].map(calendar.closes(rows["session"]))
    return rows.assign(suspect=False, event_time=closing, known_at=closing + pd.Timedelta("15min"))


def lake_signals(scores: list[float], symbol: str = "IBM") -> pd.DataFrame:
    rows = bars(scores, symbol)[["symbol", "session"]]
    days = rows["session"].dt.date
    return rows.assign(
        score=scores,
        reasons="RSI 24.1 below 30\nand more",
        confidence=0.25,
        horizon=5,
        content="0" * 32,
        strategy="technical",
        strategy_version="1",
        as_of=days.map(calendar.close_of),
        valid_until=days.map(lambda day: calendar.open_of(calendar.next_session(day))),
        run_id="run",
        code_version="1",
        bars_version="b",
        technical_version="t",
    )


def tables(before: date | None = None) -> Tables:
    return Tables(
        source="sample",
        strategy="technical",
        bars=pd.concat([lake_bars([10, 11], "A"), lake_bars([20, 21], "B")], ignore_index=True),
        actions=actions(("A", 1, 2.0, 0.25)),
        signals=pd.concat([lake_signals([0.5, -0.25], "A"), lake_signals([0, 1], "B")]),
        before=before,
    )


def test_each_session_is_its_bars_then_its_signals_then_its_set() -> None:
    kinds = [(type(m).__name__, m.session) for m in in_feed_order(tables())]
    one_day = ["Bars", "Signal", "Signal", "SignalSet"]
    assert kinds == [(kind, day) for day in DAYS for kind in one_day]


def test_bars_name_the_session_before_and_the_actions_of_the_day() -> None:
    first, second = (m for m in in_feed_order(tables()) if isinstance(m, Bars))
    assert (first.previous, second.previous) == (None, DAYS[0])
    assert (first.starts, second.starts) == (True, False)
    assert first.actions == ()
    assert second.actions == (
        Dividend(symbol="A", amount=Decimal("0.25")),
        Split(symbol="A", new_shares=2, old_shares=1),
    )
    assert second.bar_end == datetime(2012, 1, 4, 21, 0, tzinfo=UTC)
    assert second.known_at == datetime(2012, 1, 4, 21, 15, tzinfo=UTC)


def test_a_range_goes_on_from_the_session_before_it_and_a_fresh_account_may_begin_there() -> None:
    whole = [m for m in in_feed_order(tables()) if isinstance(m, Bars)]
    given = tables(before=DAYS[0])
    later = given.bars[given.bars["session"] > pd.Timestamp(DAYS[0])]
    part = Tables("sample", "technical", later, given.actions, given.signals, DAYS[0])
    first = next(iter(in_feed_order(part)))
    assert isinstance(first, Bars)
    assert (first.previous, first.starts) == (DAYS[0], True)
    assert first.input_id == whole[1].input_id


def test_signals_say_where_they_came_from_and_until_when_they_hold() -> None:
    signal = next(m for m in in_feed_order(tables()) if isinstance(m, Signal))
    assert signal.score == Decimal("0.5")
    assert signal.reasons == ("RSI 24.1 below 30", "and more")
    assert signal.as_of == datetime(2012, 1, 3, 21, 0, tzinfo=UTC)
    assert signal.valid_until == datetime(2012, 1, 4, 14, 30, tzinfo=UTC)
    assert signal.provenance.partition == "2012-01-03"
    assert signal.provenance.input_versions == {"bars": "b", "technical": "t"}


def first_signal(rows: pd.DataFrame) -> Signal:
    given = Tables(**{**vars(tables()), "signals": rows})
    return next(m for m in in_feed_order(given) if isinstance(m, Signal))


def test_signals_tell_what_each_analysis_that_spoke_had_to_do_with_them() -> None:
    signal = first_signal(
        lake_signals([0.5], "A").assign(
            technical_part=0.45,
            technical_without=0.0,
            technical_reasons="RSI 24.1 below 30\nMACD 0.1 above its signal line",
            news_part=0.05,
            news_without=0.45,
            news_reasons="x" * 600,
            sentiment_part=float("nan"),
            sentiment_without=0.5,
            sentiment_reasons="",
        )
    )
    assert (signal.confidence, signal.horizon) == (Decimal("0.25"), 5)
    technical, news = signal.contributions
    assert (technical.analysis, technical.part, technical.without) == ("technical", D("0.45"), 0)
    assert technical.reasons == ("RSI 24.1 below 30", "MACD 0.1 above its signal line")
    assert (news.analysis, news.part, news.without) == ("news", D("0.05"), D("0.45"))
    assert news.reasons == ("x" * 500,)
    assert decode(encode(signal)) == signal


@pytest.mark.parametrize("change", ["left out", "not said"])
def test_rows_that_were_stored_before_signals_told_so_much_are_sent_as_they_are(
    change: str,
) -> None:
    rows, new = lake_signals([0.5], "A"), ["confidence", "horizon"]
    old = rows.drop(columns=new)
    if change == "not said":  # beside rows of the same year that do
        none = dict.fromkeys([*new, "technical_part", "technical_without"], float("nan"))
        old = rows.assign(**none, technical_reasons=None)
    signal = first_signal(old)
    assert (signal.confidence, signal.horizon, signal.contributions) == (None, None, ())


@pytest.mark.parametrize("count", [1, 20, 21, 300])
def test_signals_name_the_newest_articles_and_count_them_all(count: int) -> None:
    ids, hashes = ([f"{letter}{n}" for n in range(count)] for letter in "ac")
    origin = first_signal(
        lake_signals([0.5], "A").assign(
            article_ids=" ".join(ids), content_hashes=" ".join(hashes), model_hash="m"
        )
    ).provenance
    assert origin.article_count == count
    assert origin.models == {"sentiment": "m"}
    assert [each.article_id for each in origin.articles] == ids[-20:]
    assert [each.content_hash for each in origin.articles] == hashes[-20:]


def test_a_signal_without_articles_is_no_larger_for_the_others() -> None:
    rows = pd.concat([lake_signals([0.5], "A"), lake_signals([0.5], "B")]).assign(
        article_ids=["a1", float("nan")], content_hashes=["c1", float("nan")], model_hash=None
    )
    given = Tables(**{**vars(tables()), "signals": rows})
    with_news, without = (m for m in in_feed_order(given) if isinstance(m, Signal))
    assert (with_news.provenance.article_count, with_news.provenance.models) == (1, {})
    assert without.provenance.articles == ()
    assert b"article" not in encode(without)


def test_the_set_names_every_signal() -> None:
    messages = list(in_feed_order(tables()))
    for marker in (m for m in messages if isinstance(m, SignalSet)):
        ids = [
            m.input_id for m in messages if isinstance(m, Signal) and m.session == marker.session
        ]
        assert list(marker.signal_ids) == ids


def test_the_set_names_what_is_withheld_and_why() -> None:
    because = {"C": "no good bar since 2012-01-03"}
    given = Tables(**{**vars(tables()), "withheld": {DAYS[1]: because}})
    first, second = (m for m in in_feed_order(given) if isinstance(m, SignalSet))
    assert (first.withheld, second.withheld) == ({}, because)


def test_a_session_without_signals_has_an_empty_set_so_that_nobody_waits() -> None:
    given = tables()
    bare = Tables("sample", "mine", given.bars, given.actions, given.signals.iloc[:0], None)
    messages = list(in_feed_order(bare))
    assert [type(m) for m in messages] == [Bars, SignalSet, Bars, SignalSet]
    sets = [m for m in messages if isinstance(m, SignalSet)]
    assert {(s.strategy, s.signal_ids) for s in sets} == {("mine", ())}


def test_the_version_of_a_session_covers_bars_suspects_and_actions() -> None:
    given = tables()
    hashes = bars_versions(given.bars, given.actions)
    without = bars_versions(given.bars, actions())
    suspected = bars_versions(given.bars.assign(suspect=True), given.actions)
    later = bars_versions(given.bars.assign(known_at="later"), given.actions)
    assert hashes[DAYS[0]] == without[DAYS[0]]
    assert hashes[DAYS[1]] != without[DAYS[1]]
    assert hashes[DAYS[0]] != suspected[DAYS[0]]
    assert hashes == later


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.1 + 0.2, "0.3"), (42.05, "42.05"), (3.0, "3"), (-0.0, "0"), (1e-6, "0.000001"),
     (573576400.0, "573576400"), (38.2318, "38.2318"), (123456789.123456, "123456789.123456")],
)  # fmt: skip
def test_figures_are_the_shortest_decimals(value: float, text: str) -> None:
    assert str(exact(value, 6)) == text


def test_subjects_and_ids_follow_the_message() -> None:
    sent = list(address(in_feed_order(tables()), to_replay("mine")))
    assert [message.subject for message in sent[:4]] == [
        "replay.mine.bars.sample",
        "replay.mine.signal.technical",
        "replay.mine.signal.technical",
        "replay.mine.set.technical",
    ]
    first = decode(sent[0].payload)
    assert isinstance(first, Bars)
    assert sent[0].message_id == f"replay.mine.bars.sample:{first.input_id}"
    live = next(iter(address(in_feed_order(tables()), to_live())))
    assert live.subject == "live.bars.sample"


@pytest.mark.parametrize(
    ("ratio", "shares"),
    [(2.0, (2, 1)), (1.5, (3, 2)), (0.333333, (1, 3)), (0.1, (1, 10)), (1.05, (21, 20))],
)
def test_a_splits_ratio_is_read_as_whole_shares(ratio: float, shares: tuple[int, int]) -> None:
    given = tables()
    fed = in_feed_order(Tables(**{**vars(given), "actions": actions(("A", 1, ratio, 0.0))}))
    (split,) = (action for m in fed if isinstance(m, Bars) for action in m.actions)
    assert isinstance(split, Split)
    assert (split.new_shares, split.old_shares) == shares

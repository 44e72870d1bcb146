"""The assets themselves, run by Dagster on the sample and on small files."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from pipelines.assets.publish import load
from pipelines.assets.resources import Feed
from pipelines.feed import in_feed_order
from pipelines.lake import Lake, open_lake
from router import streams
from router.client import connected
from router.messages import Bars, Signal, SignalSet, decode
from tests.pipelines.dagster_runs import checks, failure, metadata, run
from tests.pipelines.fake_core import TOKEN, FakeCore, serving
from tests.pipelines.frames import SESSIONS, bars, walk

YEAR = (date(2012, 1, 1), date(2012, 12, 31))
IDENTITY = ["symbol", "session", "score", "reasons", "content", "bars_version", "as_of"]


@pytest.fixture(autouse=True)
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    monkeypatch.setenv("TRADING_LAKE_URL", str(tmp_path / "lake"))
    monkeypatch.setenv("TRADING_HOME", str(tmp_path))
    (tmp_path / "api-token").write_text(TOKEN)
    return open_lake(str(tmp_path / "lake"))


@pytest.fixture
def core(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeCore]:
    """An account that is fresh at the first look and has closed three sessions from then on."""
    with serving(FakeCore(lambda look: "2012-01-05" if look > 1 else None)) as fake:
        monkeypatch.setenv("TRADING_CORE_URL", fake.url)
        yield fake


def prices(folder: Path, **changes: str) -> Path:
    """A file of two symbols over three sessions; `changes` replace whole rows by `symbol_day`."""
    rows = {
        f"{symbol}_{day}": f"{symbol},2012-01-0{day},10,12,9,11,100"
        for symbol in ("A", "B")
        for day in (3, 4, 5)
    }
    file = folder / "prices.csv"
    lines = ["symbol,date,open,high,low,close,volume", *{**rows, **changes}.values()]
    file.write_text("\n".join(lines) + "\n")
    return file


def test_one_session_gives_what_a_range_gives(lake: Lake) -> None:
    run("2012-06-27", "2012-07-10")
    of_range = lake.read("signals", "sample-technical", date(2012, 7, 9), date(2012, 7, 9))
    run("2012-07-09")
    alone = lake.read("signals", "sample-technical", date(2012, 7, 9), date(2012, 7, 9))
    pd.testing.assert_frame_equal(of_range[IDENTITY], alone[IDENTITY], check_exact=True)
    assert alone["symbol"].tolist() == ["AAPL", "FB", "GOOG", "IBM", "MSFT"]
    assert len(lake.read("signals", "sample-technical", *YEAR)["session"].unique()) == 9


def test_facebook_begins_when_it_has_warmed_up(lake: Lake) -> None:
    """Its 34th bar, the first with a MACD, is that of 2012-07-06."""
    run("2012-05-17", "2012-07-06")
    signals = lake.read("signals", "sample-technical", *YEAR)
    assert signals[signals["symbol"] == "FB"]["session"].dt.date.tolist() == [date(2012, 7, 6)]
    bars = lake.read("bars", "sample", *YEAR)
    assert bars[bars["symbol"] == "FB"]["session"].min() == pd.Timestamp("2012-05-18")


def test_an_edited_weight_gives_signals_of_another_identity(tmp_path: Path) -> None:
    day, ids = date(2012, 7, 9), []
    for weight in ("0.5", "0.4999999"):
        file = tmp_path / "mine.toml"
        text = 'name = "mine"\nversion = "1"\nthreshold = 0.1\n[weights]\nrsi_score = '
        file.write_text(text + weight)
        run(day.isoformat(), strategy=str(file))
        messages = in_feed_order(load(Feed(strategy=str(file)), [day]))
        signals = [message for message in messages if isinstance(message, Signal)]
        assert {signal.strategy_version[:2] for signal in signals} == {"1."}
        ids.append({signal.input_id for signal in signals})
    assert len(ids[0]) == len(ids[1]) == 5
    assert not ids[0] & ids[1]


def test_a_person_sees_counts_a_table_and_a_plot() -> None:
    result = run("2012-06-27", "2012-06-29")
    of_bars, of_signals = metadata(result, "bars"), metadata(result, "signals")
    assert [of_bars[day]["dagster/partition_row_count"] for day in sorted(of_bars)] == [5, 5, 5]
    assert "preview" not in of_bars["2012-06-27"]
    assert "| AAPL | 2012-06-29 |" in of_bars["2012-06-29"]["preview"]
    plot = of_signals["2012-06-29"]["scores"]
    assert plot.startswith("![scores](data:image/png;base64,")
    assert len(plot) < 60_000


def test_every_check_passes_on_the_sample() -> None:
    found = checks(run("2012-06-27", "2012-06-29"))
    assert len(found) == 10
    assert all(check.passed for check in found.values())


def test_bad_rows_are_set_aside_by_name_and_the_rest_goes_on(lake: Lake, tmp_path: Path) -> None:
    file = prices(tmp_path, A_4="A,2012-01-04,10,12,9,,100", B_5="B,2012-01-05,99,12,9,11,100")
    result = run("2012-01-03", "2012-01-05", source="files", path=str(file))
    dataset = next((tmp_path / "lake/bars").iterdir()).name
    rejected = lake.read("bars_rejected", dataset, *YEAR)
    assert rejected[["symbol", "reason"]].to_numpy().tolist() == [
        ["A", "MISSING_PRICE"],
        ["B", "OHLC_ORDER"],
    ]
    found = checks(result)
    assert found["missing_values"].metadata["where"].value == "A 2012-01-04"
    assert found["ohlc_order"].metadata["where"].value == "B 2012-01-05"
    assert found["calendar_gaps"].metadata["where"].value == "A 2012-01-04"
    assert found["tradable"].passed
    assert len(lake.read("bars", dataset, *YEAR)) == 4


def test_a_symbol_whose_row_was_rejected_is_withheld_and_the_set_says_why(tmp_path: Path) -> None:
    rows = pd.concat([bars(walk(40), "A"), bars(walk(40), "B")], ignore_index=True)
    rows.loc[40 + 38, "open"] = 1e6
    rows.to_csv(tmp_path / "prices.csv", index=False)
    feed = Feed(source="files", path=str(tmp_path / "prices.csv"))
    days = [SESSIONS[n].date() for n in (37, 38, 39)]
    expected = [{}, {"B": f"no good bar since {days[0]}: OHLC_ORDER"}, {}]
    for first in (0, 1):  # the same, wherever the range begins
        run(days[first].isoformat(), days[-1].isoformat(), source="files", path=feed.path)
        messages = in_feed_order(load(feed, days[first:]))
        assert [m.withheld for m in messages if isinstance(m, SignalSet)] == expected[first:]


def test_a_session_without_a_good_row_stops_the_run_before_any_signal(tmp_path: Path) -> None:
    bad = {f"{s}_4": f"{s},2012-01-04,10,12,9,0,100" for s in ("A", "B")}
    result = run("2012-01-04", raises=False, source="files", path=str(prices(tmp_path, **bad)))
    assert not result.success
    assert not checks(result)["tradable"].passed
    assert not result.asset_materializations_for_node("technical")


def test_a_jump_is_named_and_marks_the_symbol_as_suspect(lake: Lake, tmp_path: Path) -> None:
    file = prices(tmp_path, A_4="A,2012-01-04,5,6,4,5,100", A_5="A,2012-01-05,5,6,4,5,100")
    result = run("2012-01-03", "2012-01-05", source="files", path=str(file))
    assert checks(result)["unexplained_jumps"].metadata["where"].value == "A 2012-01-04"
    dataset = next((tmp_path / "lake/bars").iterdir()).name
    bars = lake.read("bars", dataset, *YEAR)
    assert bars[bars["suspect"]]["session"].dt.day.tolist() == [4, 5]


def test_a_malformed_file_fails_with_its_sentence_and_writes_nothing(tmp_path: Path) -> None:
    file = prices(tmp_path, A_4="A,2012-01-04,10,12,9,abc,100")
    result = run("2012-01-04", raises=False, source="files", path=str(file))
    assert "line 3: close 'abc' is not a finite number" in failure(result, "bars")
    assert not (tmp_path / "lake").exists()


def test_a_choice_of_symbols_has_tables_of_its_own(tmp_path: Path) -> None:
    run("2012-06-29", symbols=["IBM"])
    run("2012-06-29")
    assert len(list((tmp_path / "lake/bars").iterdir())) == 2


@pytest.mark.parametrize(
    ("start", "end", "tags", "clock", "reason"),
    [
        ("2012-06-29", None, {}, "2012-06-29T20:30:00+00:00", "does not carry the tag"),
        ("2012-06-29", None, {"trading/publish": "live"}, "", "not the current session"),
        ("2012-06-28", "2012-06-29", {"trading/publish": "live"}, "", "range"),
    ],
)
def test_live_publishing_is_denied_and_says_why(
    start: str, end: str | None, tags: dict[str, str], clock: str, reason: str
) -> None:
    result = run(start, end, ["published_signals"], tags, clock=clock)
    for values in metadata(result, "published_signals").values():
        assert values["published"] == 0
        assert reason in values["reason"]


async def _stored(url: str, subject: str) -> list[bytes]:
    async with connected(url, "test") as connection:
        await streams.ensure(connection.js)
        subscription = await connection.js.pull_subscribe(subject, "reader")
        count = (await subscription.consumer_info()).num_pending
        return [message.data for message in await subscription.fetch(count)] if count else []


async def test_a_range_is_replayed_in_order_and_read_back(
    nats_url: str, monkeypatch: pytest.MonkeyPatch, core: FakeCore
) -> None:
    monkeypatch.setenv("NATS_URL", nats_url)
    names = ["bars", "technical", "signals", "replayed_signals", "portfolio"]
    result = await _in_thread("2012-01-03", "2012-01-05", names)
    sent = metadata(result, "replayed_signals")["2012-01-05"]
    assert sent == {
        "account": "sample",
        "signals": 4,
        "sent": 18,
        "stored": 18,
        "duplicates": 0,
        "sessions": 3,
        "span": "2012-01-03 to 2012-01-05",
    }
    messages = [decode(raw) for raw in await _stored(nats_url, "replay.sample.>")]
    of_bars = [m for m in messages if isinstance(m, Bars)]
    assert [m.session.day for m in of_bars] == [3, 4, 5]
    assert [m.previous for m in of_bars] == [date(2011, 12, 30), *(m.session for m in of_bars[:2])]
    assert [m.starts for m in of_bars] == [True, False, False]
    assert [type(m) for m in messages][5::6] == [SignalSet] * 3
    books = metadata(result, "portfolio")
    assert books["2012-01-03"]["equity"] == 100100.5
    assert books["2012-01-03"]["refusals"] == {"POSITION_LIMIT": 1}
    assert "no good bars" in books["2012-01-05"]["note"]
    assert books["2012-01-05"]["fills_by_symbol"] == {"IBM": 3}
    assert "feed" not in books["2012-01-05"]
    assert books["2012-01-05"]["refusals_in_range"] == {"POSITION_LIMIT": 2}
    assert "| IBM | 5 |" in books["2012-01-05"]["positions_now"]
    repeated = await _in_thread("2012-01-03", "2012-01-05", names[3:])
    again = metadata(repeated, "replayed_signals")["2012-01-05"]
    assert (again["stored"], again["duplicates"]) == (0, 18)
    note = metadata(repeated, "portfolio")["2012-01-05"]["feed"]
    assert note == again["note"]
    assert note.startswith("fed before; nothing changed")


@pytest.mark.parametrize(
    ("day", "sentence"),
    [
        ("2012-01-03", "account sample began on 2012-01-04 and cannot go back"),
        ("2012-01-09", "stands at 2012-01-05: the next session is 2012-01-06"),
    ],
)
async def test_an_account_is_fed_without_gaps_or_not_at_all(
    nats_url: str, monkeypatch: pytest.MonkeyPatch, core: FakeCore, day: str, sentence: str
) -> None:
    monkeypatch.setenv("NATS_URL", nats_url)
    core.first, core.closed = "2012-01-04", lambda _: "2012-01-05"
    names = ["bars", "technical", "signals", "replayed_signals", "portfolio"]
    result = await _in_thread(day, None, names, raises=False)
    assert sentence in failure(result, "replayed_signals")
    assert not result.asset_materializations_for_node("portfolio")
    assert not await _stored(nats_url, "replay.sample.>")


def test_an_unknown_account_fails_with_the_command_that_opens_it(core: FakeCore) -> None:
    core.known = False
    names = ["bars", "technical", "signals", "replayed_signals"]
    result = run("2012-01-03", None, names, raises=False, account="mine")
    sentence = "no account mine: `trading run --account mine` opens it"
    assert sentence in failure(result, "replayed_signals")


def test_a_core_that_is_away_fails_the_feed_before_anything_is_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TRADING_CORE_URL", "http://127.0.0.1:1")
    names = ["bars", "technical", "signals", "replayed_signals"]
    result = run("2012-01-03", None, names, raises=False, patience_s=0.0)
    assert "the trading core at http://127.0.0.1:1" in failure(result, "replayed_signals")


@pytest.mark.parametrize(
    ("start", "end", "sentence"),
    [
        ("2012-01-05", "2012-01-09", "the range ends on 2012-01-09, but the data on 2012-01-05"),
        ("2011-12-30", "2012-01-04", "the range begins on 2011-12-30, but the data on 2012-01-03"),
    ],
)
def test_sessions_beyond_the_data_fail_at_once(
    tmp_path: Path, start: str, end: str, sentence: str
) -> None:
    result = run(start, end, raises=False, source="files", path=str(prices(tmp_path)))
    assert sentence in failure(result, "bars")
    assert not (tmp_path / "lake").exists()


async def test_a_live_run_of_the_current_session_is_published(
    nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NATS_URL", nats_url)
    names = ["bars", "technical", "signals", "published_signals"]
    clock = "2012-06-29T16:30:00-04:00"
    result = await _in_thread("2012-06-29", None, names, {"trading/publish": "live"}, clock=clock)
    assert metadata(result, "published_signals")["2012-06-29"]["published"] == 6
    messages = [decode(raw) for raw in await _stored(nats_url, "live.>")]
    assert [type(message) for message in messages] == [Bars, *[Signal] * 4, SignalSet]
    first = messages[0]
    assert isinstance(first, Bars)
    assert (first.previous, first.starts) == (date(2012, 6, 28), True)


async def _in_thread(*arguments: object, **feed: object):  # noqa: ANN202
    """Dagster's steps start event loops of their own, which a running loop does not allow."""
    import asyncio

    return await asyncio.to_thread(run, *arguments, **feed)

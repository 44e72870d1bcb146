"""The summary and the answer to why: what a person must find in them, within 80 columns."""

import dataclasses
import io
import json
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console, RenderableType

from deploy.local import summary, why
from deploy.local.moves import Fill, Moved
from deploy.local.report import Report, Stage
from deploy.local.set_aside import Named, SetAside

ACCOUNT: dict[str, Any] = {
    "account": "sample",
    "mode": "replay",
    "currency": "USD",
    "capital": "100000",
    "cash": "50000",
    "equity": "104321.17",
    "decision_hash": "0123456789abcdef0123456789abcdef",
    "orders": {"FILLED": 120, "CANCELLED": 3, "REJECTED": 0},
    "dispositions": {"EXECUTED": 240, "NO_CHANGE": 1800},
    "refusals": {"POSITION_LIMIT": 14},
    "fills": {"AAPL": 99, "IBM": 7},
}
POSITION = {
    "sleeve": "technical",
    "symbol": "AAPL",
    "quantity": "1234",
    "cost": "1",
    "average_price": "76.123456",
    "mark": "532.17",
    "market_value": "20222.46",
    "unrealised": "-123.4",
    "realised": "0",
}
REPORT = Report(
    run_id="5f0c9a52-7b0c-4f5c-9d2f-0a3a4b5c6d7e",
    run_url="http://127.0.0.1:3000/runs/5f0c9a52-7b0c-4f5c-9d2f-0a3a4b5c6d7e",
    dagster_url="http://127.0.0.1:3000",
    core_url="http://127.0.0.1:8080",
    first_session="2012-01-03",
    last_session="2012-12-31",
    sessions=250,
    seconds=12.34,
    stages=[Stage("bars", 1.25), Stage("portfolio", None)],
    account=ACCOUNT,
    dispositions={"EXECUTED": 120, "NO_CHANGE": 900},
    refusals={"POSITION_LIMIT": 7},
    fills=1066,
    moved=[
        Moved("technical", 1_040, 26, [Fill("AAPL", "2012-01-10", "buy")] * 3),
        Moved("news", 0, 41, []),
    ],
    set_aside=SetAside(0, {}, []),
    equity=[
        {
            "session": f"day {index}",
            "equity": str(99_000 + index * 20),
            "cash": "0",
            "exposure": "0",
        }
        for index in range(250)
    ],
    positions=[POSITION, {**POSITION, "symbol": "GONE", "quantity": "0"}],
    first_fill="fill-1",
)


def text_of(renderable: RenderableType) -> str:
    out = io.StringIO()
    Console(file=out, width=80).print(renderable)
    return out.getvalue()


def test_the_summary_says_what_happened() -> None:
    text = text_of(summary.render(REPORT))
    for expected in (
        "Account sample (replay), 2012-01-03 to 2012-12-31, 250 sessions",
        "100,000.00 -> 103,980.00 USD (+3.98 %)",
        "lowest 99,000.00, highest 103,980.00",
        "AAPL (technical)",
        "1,234",
        "-123.40",
        "FILLED 120, CANCELLED 3 (whole account)",
        "1,066; by symbol: AAPL 99, IBM 7 (whole account)",
        "NO_CHANGE 900, EXECUTED 120",
        "technical    1,040     26  AAPL 2012-01-10 buy, AAPL 2012-01-10 buy,",
        "AAPL 2012-01-10 buy, 1,037 more",
        "news             0     41  none",
        "POSITION_LIMIT 7",
        "0123456789abcdef0123456789abcdef",
        "http://127.0.0.1:3000",
        "http://127.0.0.1:8080",
        "trading token",
        "trading why fill-1",
    ):
        assert expected in text
    assert "GONE" not in text
    assert "REJECTED" not in text


def test_the_summary_fits_80_columns_without_wrapping_the_runs_address() -> None:
    lines = text_of(summary.render(REPORT)).splitlines()
    assert max(len(line) for line in lines) <= 80
    assert any(line.rstrip().endswith(REPORT.run_url) for line in lines)


def test_an_account_that_did_nothing_is_told_too() -> None:
    idle = {**ACCOUNT, "orders": {}, "fills": {}}
    counts: dict[str, Any] = {"dispositions": {}, "refusals": {}, "fills": 0, "first_fill": None}
    counts["moved"] = []
    empty = dataclasses.replace(REPORT, account=idle, equity=[], positions=[], **counts)
    text = text_of(summary.render(empty))
    assert "no session was closed in this range" in text
    assert text.count("none") == 5
    assert "Set aside" not in text
    assert "trading why" not in text
    assert "Decided" not in text


def test_rows_that_were_set_aside_are_told_with_reason_and_name() -> None:
    named = [
        Named("CHD", "2014-05-19", "OHLC_ORDER"),
        Named("ABC", "2014-05-20", "MISSING_PRICE"),
        Named("ABC", "2014-05-21", "MISSING_PRICE"),
    ]
    some = SetAside(1203, {"OHLC_ORDER": 1, "MISSING_PRICE": 1200, "DUPLICATE": 2}, named)
    words = " ".join(text_of(summary.render(dataclasses.replace(REPORT, set_aside=some))).split())
    assert (
        "Set aside 1,203 rows: MISSING_PRICE 1,200 (ABC 2014-05-20, ABC 2014-05-21), "
        "DUPLICATE 2, OHLC_ORDER 1 (CHD 2014-05-19)"
    ) in words
    one = SetAside(1, {"DUPLICATE": 1}, [])
    assert "1 row: DUPLICATE 1" in text_of(
        summary.render(dataclasses.replace(REPORT, set_aside=one))
    )


def test_a_lake_that_cannot_be_read_is_not_told_as_nothing() -> None:
    text = text_of(summary.render(dataclasses.replace(REPORT, set_aside=None)))
    assert "the lake cannot be read" in text


def test_a_long_line_wraps_below_its_text() -> None:
    many = {f"SYMBOL{number:02}": 1 for number in range(10)}
    account = {**ACCOUNT, "fills": many}
    lines = text_of(summary.render(dataclasses.replace(REPORT, account=account))).splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("Fills"))
    assert lines[at + 1].startswith(" " * summary.LABEL_WIDTH + "SYMBOL")


def test_ten_symbols_are_named_and_the_rest_counted() -> None:
    counts = {f"S{number:02}": number for number in range(13)}
    line = summary.most_line(counts)
    assert line.startswith("S12 12, S11 11, ")
    assert line.endswith("S03 3 and 2 more")
    assert summary.most_line({"A": 1}) == "A 1"
    assert summary.most_line({}) == "none"


def test_the_report_is_json() -> None:
    document = json.loads(json.dumps(REPORT.as_json()))
    assert document["account"]["decision_hash"] == ACCOUNT["decision_hash"]
    assert document["set_aside"] == {"rows": 0, "reasons": {}, "named": []}
    assert document["stages"][0] == {"name": "bars", "seconds": 1.25}


amounts = st.lists(st.decimals(min_value=-(10**9), max_value=10**9, places=2), max_size=300)


@given(amounts, st.integers(min_value=1, max_value=80))
def test_a_sparkline_is_as_wide_as_its_values_and_shows_extremes(
    values: list[Decimal], width: int
) -> None:
    line = summary.sparkline(values, width)
    assert len(line) == min(len(values), width)
    assert set(line) <= set(summary.BLOCKS)
    if len(values) <= width and len(set(values)) > 1:
        assert line[values.index(max(values))] == "█"
        assert line[values.index(min(values))] == "▁"


ANSWER: dict[str, Any] = {
    "fill": {
        "fill_id": "f-1",
        "side": "buy",
        "quantity": "10.000000000",
        "symbol": "AAPL",
        "price": "58.75",
    },
    "order": {
        "order_id": "o-1",
        "type": "market",
        "side": "buy",
        "quantity": "10",
        "symbol": "AAPL",
    },
    "checks": [
        {
            "code": "POSITION_LIMIT",
            "outcome": "passed",
            "numbers": {"limit": "10000.00", "found": "587.50"},
        }
    ],
    "sizing": {"target_weight": "0.15"},
    "signal": {
        "strategy": "technical",
        "symbol": "AAPL",
        "session": "2012-02-01",
        "score": "0.41",
        "reasons": ["news and sentiment are capped at 0.1"],
        "confidence": "0.81",
        "contributions": [
            {
                "analysis": "technical",
                "part": "0.41",
                "without": "0",
                "reasons": ["RSI 28 is oversold"],
            },
            {"analysis": "news", "part": "-0.05", "without": "0.46"},
        ],
    },
    "provenance": {
        "run_id": "run-1",
        "partition": "2012-02-01",
        "code_version": "v1",
        "input_versions": {"bars": "abc"},
        "models": {"sentiment": "hash-of-model"},
        "articles": [{"article_id": "a-1", "content_hash": "c-1"}],
        "article_count": 30,
    },
}


def test_why_names_every_link_of_the_chain() -> None:
    text = text_of(why.render(ANSWER, "http://127.0.0.1:3000"))
    for expected in (
        "Fill f-1 buy 10 AAPL 58.75",
        "Order o-1 market buy 10 AAPL",
        "target_weight: 0.15",
        "POSITION_LIMIT passed",
        "limit 10000, found 587.5",
        "Signal technical AAPL 2012-02-01 0.41",
        "news and sentiment are capped at 0.1",
        "technical: +0.41, without it the score is 0",
        "RSI 28 is oversold",
        "news: -0.05, without it the score is 0.46",
        "confidence: 0.81",
        "model of sentiment: hash-of-model",
        "article a-1, content c-1",
        "article_count: 30",
        "http://127.0.0.1:3000/runs/run-1",
        "code_version: v1",
        "input bars: abc",
    ):
        assert expected in text


def test_why_of_a_manual_order_says_that_there_is_no_signal() -> None:
    manual = {**ANSWER, "signal": None, "provenance": None, "sizing": None, "checks": []}
    assert "none: a person or another program sent this order" in text_of(why.render(manual, ""))

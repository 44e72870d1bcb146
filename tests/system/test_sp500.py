"""Five hundred real symbols with real defects: the bad rows are named, the rest trades."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.stack import LocalStack, up, wait_until_gone

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

DATA = os.environ.get("TRADING_TEST_DATA")


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[LocalStack]:
    with up(tmp_path) as started:
        yield started
    wait_until_gone(tmp_path)


@pytest.mark.skipif(not DATA, reason="TRADING_TEST_DATA names no folder with the S&P prices")
def test_a_month_of_the_sp500_trades_and_names_its_defects(stack: LocalStack) -> None:
    prices = Path(str(DATA)) / "prices" / "sp500_daily_2013_2018.parquet"
    report = stack.run(
        "--source", "files", "--path", str(prices), "--from", "2014-05-01", "--to", "2014-05-30"
    )
    assert report["account"]["closed_session"] == "2014-05-30"
    ended = report["account"]["dispositions"]
    assert sum(ended.values()) > 9_000  # 21 sessions of 480 symbols and more
    assert ended["executed"] > 0
    bars = stack.graphql(
        """{ assetNodes { assetKey { path }
             assetChecksOrError { ... on AssetChecks { checks { name
               executionForLatestMaterialization { evaluation { success metadataEntries {
                 label ... on TableMetadataEntry { table { records } }
                 ... on TextMetadataEntry { text } ... on MarkdownMetadataEntry { mdStr } } } }
             } } } } }"""
    )
    nodes = {node["assetKey"]["path"][-1]: node for node in bars["assetNodes"]}
    told = str(nodes["bars"]["assetChecksOrError"])
    assert "CHD" in told  # on 2014-05-19 its open is above its high
    assert "2014-05-19" in told
    url = stack.secret_environment()["DATABASE_URL"]
    from execution.verify import verify

    assert verify(url).sound

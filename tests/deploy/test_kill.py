"""`trading kill` from outside: the row in PostgreSQL, with no stack running at all."""

import json
import os
from pathlib import Path

import psycopg
import pytest

from deploy.local import credentials, kill, ports
from deploy.local import home as homes
from deploy.local.errors import DeployError, NotRunningError
from deploy.local.home import Home
from deploy.local.settings import read
from tests.deploy.test_cli import trading
from tests.servers import Database


def external(database: Database) -> dict[str, str]:
    return {
        "DATABASE_URL": database.app_url,
        "DATABASE_OWNER_URL": database.owner_url,
        "DAGSTER_DATABASE_URL": database.owner_url,
    }


def rows(database: Database) -> list[tuple[str, bool, str]]:
    with psycopg.connect(database.owner_url) as connection:
        found = connection.execute("SELECT scope, engaged, reason FROM kill_switches ORDER BY 1")
        return found.fetchall()


def test_it_engages_and_releases_without_any_other_process(
    database: Database, tmp_path: Path
) -> None:
    variables = external(database)
    done = trading(tmp_path, "kill", "--reason", "smoke", **variables)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Kill switch of all accounts engaged: new orders are refused")
    assert "the row in PostgreSQL, committed after" in done.stdout
    assert rows(database) == [("*", True, "smoke")]
    again = trading(tmp_path, "kill", "--off", "--json", **variables)
    assert json.loads(again.stdout)["engaged"] is False
    assert rows(database)[0][:2] == ("*", False)


def test_one_account_and_no_other(database: Database, tmp_path: Path) -> None:
    with psycopg.connect(database.owner_url) as connection:
        connection.execute("INSERT INTO accounts VALUES ('mine', 'replay', '')")
    done = trading(tmp_path, "kill", "--account", "mine", **external(database))
    assert "account mine engaged" in done.stdout
    assert [row[:2] for row in rows(database)] == [("*", False), ("mine", True)]
    unknown = trading(tmp_path, "kill", "--account", "nobody", **external(database))
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert "there is no account 'nobody'" in unknown.stderr


def test_a_database_that_is_gone_says_that_nothing_was_turned(tmp_path: Path) -> None:
    gone = "postgresql://trading_app:x@127.0.0.1:9/trading_system"
    with pytest.raises(DeployError, match="was NOT turned") as caught:
        kill.turn(gone, None, engaged=True, reason="a test", by="me")
    assert caught.value.exit_code == 1


def test_before_the_first_start_there_is_nothing_to_turn(tmp_path: Path) -> None:
    done = trading(tmp_path / "home", "kill")
    assert (done.returncode, done.stdout) == (3, "")
    assert not (tmp_path / "home").exists()


def test_the_address_comes_from_the_state_folder_when_nothing_runs(tmp_path: Path) -> None:
    home = Home(tmp_path)
    homes.prepare(home)
    settings = read({**os.environ, "TRADING_HOME": str(tmp_path)}, tmp_path)
    with pytest.raises(NotRunningError):
        kill.database_url(settings)
    secrets, chosen = credentials.load_or_create(home), ports.internal(home)
    url = kill.database_url(settings)
    assert f":{chosen['postgres']}/trading_system" in url
    assert secrets.trading_app in url

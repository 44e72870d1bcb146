"""The embedded PostgreSQL: as root below a folder that only root may enter, and over a restart."""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from deploy.local import postgres
from deploy.local.errors import HomeError
from tests.servers import free_port

PASSWORD = "it's a /secret@"
PASSWORDS = {role: f"{role}-password" for role in postgres.ROLES}


@contextmanager
def server(data: Path, log: Path) -> Iterator[int]:
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="t-", dir="/tmp") as sockets:
        postgres.make_socket_dir(Path(sockets))
        with log.open("ab") as out:
            process = subprocess.Popen(
                postgres.command(data, port, Path(sockets)), stdout=out, stderr=out
            )
        try:
            deadline = time.monotonic() + 30
            while not postgres.ready(superuser(port)):
                assert time.monotonic() < deadline, log.read_text()
                assert process.poll() is None, log.read_text()
                time.sleep(0.05)
            yield port
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=30) == 0


def superuser(port: int) -> str:
    return postgres.url(postgres.SUPERUSER, PASSWORD, port, "postgres")


def test_it_keeps_data_over_a_restart_below_a_private_folder(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    data, log = private / "home" / "postgres", tmp_path / "log"
    postgres.initialise(data, PASSWORD)
    owner, app = postgres.OWNER_ROLE, postgres.APP_ROLE
    with server(data, log) as port:
        postgres.provision(superuser(port), PASSWORDS)
        mine = postgres.url(owner, PASSWORDS[owner], port, "trading_system")
        with psycopg.connect(mine) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    postgres.initialise(data, "ignored: the folder is there")
    with server(data, log) as port:
        postgres.provision(superuser(port), {**PASSWORDS, app: "changed"})
        mine = postgres.url(owner, PASSWORDS[owner], port, "trading_system")
        with psycopg.connect(mine) as connection:
            assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
            for name, value in {
                "fsync": "on",
                "synchronous_commit": "on",
                "data_checksums": "on",
            }.items():
                found = connection.execute("SELECT current_setting(%s)", [name]).fetchone()
                assert found == (value,)
        assert postgres.ready(postgres.url(app, "changed", port, "trading_system"))
        assert not postgres.ready(postgres.url(app, PASSWORDS[app], port, "trading_system"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts the server as another user")
def test_as_root_the_data_belongs_to_nobody(tmp_path: Path) -> None:
    postgres.initialise(tmp_path / "postgres", PASSWORD)
    assert (tmp_path / "postgres").stat().st_uid == postgres.NOBODY
    assert postgres.command(tmp_path / "postgres", 1, tmp_path)[0].endswith("setpriv")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs setpriv")
def test_as_root_without_setpriv_one_sentence_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HomeError, match=r"setpriv .* is not installed"):
        postgres.command(tmp_path, 1, tmp_path)


def test_data_of_another_major_version_is_refused(tmp_path: Path) -> None:
    (tmp_path / "PG_VERSION").write_text("16\n")
    with pytest.raises(HomeError, match="made by PostgreSQL 16 and this is PostgreSQL 18"):
        postgres.initialise(tmp_path, PASSWORD)


def test_an_interrupted_first_start_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "postgres.partial" / "base").mkdir(parents=True)
    postgres.initialise(tmp_path / "postgres", PASSWORD)
    assert (tmp_path / "postgres" / "PG_VERSION").read_text().strip() == "18"
    assert not (tmp_path / "postgres.partial").exists()

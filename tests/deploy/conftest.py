"""Fakes on the loopback and the clients that talk to them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.api import Core
from deploy.local.dagster_api import Dagster
from tests.deploy.fakes import FakeCore, FakeDagster, served


@pytest.fixture
def fake_dagster() -> FakeDagster:
    return FakeDagster()


@pytest.fixture
def fake_core() -> FakeCore:
    return FakeCore()


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    file = tmp_path / "api-token"
    file.write_text("secret\n")
    return file


@pytest.fixture
def dagster(fake_dagster: FakeDagster) -> Iterator[Dagster]:
    with served(fake_dagster) as url:
        yield Dagster(url)


@pytest.fixture
def core(fake_core: FakeCore, token_file: Path) -> Iterator[Core]:
    with served(fake_core) as url:
        yield Core(url, token_file)

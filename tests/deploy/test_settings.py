"""What the environment says: defaults, external servers, and refusals."""

from pathlib import Path

import pytest

from deploy.local import settings
from deploy.local.errors import BadInputError

DATABASES = {
    "DATABASE_URL": "postgresql://app@db/trading_system",
    "DATABASE_OWNER_URL": "postgresql://owner@db/trading_system",
    "DAGSTER_DATABASE_URL": "postgresql://dagster@db/dagster",
}


def test_defaults(tmp_path: Path) -> None:
    found = settings.read({}, tmp_path)
    assert found.home == tmp_path / ".trading"
    assert (found.core_port, found.dagster_port) == (8080, 3000)
    assert found.external == settings.External()


def test_the_home_is_absolute_wherever_the_command_starts(tmp_path: Path) -> None:
    assert settings.read({"TRADING_HOME": "state"}, tmp_path).home == tmp_path / "state"
    assert settings.read({"TRADING_HOME": "/srv/t"}, tmp_path).home == Path("/srv/t")


@pytest.mark.parametrize("text", ["x", "0", "65536", "-1", "80.5"])
@pytest.mark.parametrize("name", ["TRADING_CORE_PORT", "DAGSTER_PORT"])
def test_a_port_that_is_none_is_refused_by_name(name: str, text: str, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=f"{name} is '{text}'"):
        settings.read({name: text}, tmp_path)


@pytest.mark.parametrize("missing", DATABASES)
def test_an_external_database_needs_all_its_urls(missing: str, tmp_path: Path) -> None:
    given = {name: url for name, url in DATABASES.items() if name != missing}
    with pytest.raises(BadInputError, match=f"{missing} is not set"):
        settings.read(given, tmp_path)
    assert settings.read(DATABASES, tmp_path).external.database_url == DATABASES["DATABASE_URL"]

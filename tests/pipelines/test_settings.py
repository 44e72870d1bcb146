"""What the environment says, and what holds without it."""

from pathlib import Path

from pipelines.settings import read_settings


def test_everything_has_a_place_under_home() -> None:
    settings = read_settings({"TRADING_HOME": "/srv/trading"})
    assert settings.lake_url == "/srv/trading/lake"
    assert settings.token_file == Path("/srv/trading/api-token")
    assert Path(read_settings({}).lake_url).is_absolute()


def test_addresses_replace_the_defaults() -> None:
    settings = read_settings(
        {"TRADING_LAKE_URL": "s3://bucket/lake", "TRADING_CORE_URL": "http://core:80/"}
    )
    assert settings.lake_url == "s3://bucket/lake"
    assert settings.core_url == "http://core:80"

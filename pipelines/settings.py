"""What a pipeline process takes from its environment, read in this one place.

Keep out: what a person chooses per run (assets/resources.py) and every default of an analysis.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """Where the services are; a step reads it when it starts, nothing reads it at import."""

    lake_url: str
    nats_url: str
    core_url: str
    token_file: Path
    market_file: Path = Path("market.toml")
    """Which provider gives prices, of which symbols (sources/market_file.py)."""
    alpaca_key: str = field(default="", repr=False)
    alpaca_secret: str = field(default="", repr=False)
    news_folder: Path = Path("news")
    """What sources of news have seen, and answers of a language model that were kept."""
    news_model_key: str = field(default="", repr=False)


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of this process; every variable has a default for a laptop."""
    env = os.environ if environment is None else environment
    home = Path(env.get("TRADING_HOME") or ".trading").absolute()
    return Settings(
        lake_url=env.get("TRADING_LAKE_URL") or str(home / "lake"),
        nats_url=env.get("NATS_URL") or "nats://127.0.0.1:4222",
        core_url=(env.get("TRADING_CORE_URL") or "http://127.0.0.1:8080").rstrip("/"),
        token_file=Path(env.get("TRADING_TOKEN_FILE") or home / "api-token"),
        market_file=Path(env.get("TRADING_MARKET_FILE") or home / "market.toml"),
        alpaca_key=env.get("APCA_API_KEY_ID") or "",
        alpaca_secret=env.get("APCA_API_SECRET_KEY") or "",
        news_folder=Path(env.get("TRADING_NEWS_FOLDER") or home / "news"),
        news_model_key=env.get("TRADING_NEWS_MODEL_KEY") or "",
    )

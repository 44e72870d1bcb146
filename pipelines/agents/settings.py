"""What an agent takes from its environment, read once.

Keep out: reading the environment anywhere else, and every default of an analysis.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pipelines.errors import RequestError

MAX_PORT = 65535


@dataclass(frozen=True)
class Settings:
    """Where an agent connects, where it shows health and metrics, and its model by name."""

    nats_url: str = "nats://127.0.0.1:4222"
    host: str = "127.0.0.1"
    port: int = 8080
    provider: str = "finance_minilm"


def read_settings(environment: Mapping[str, str], port: int | None = None) -> Settings:
    """The settings; `port` of the command line wins. Raises RequestError for an unusable port."""
    defaults = Settings()
    asked = environment.get("TRADING_AGENT_PORT") if port is None else str(port)
    return Settings(
        nats_url=environment.get("NATS_URL") or defaults.nats_url,
        host=environment.get("TRADING_AGENT_HOST") or defaults.host,
        port=_port(asked or str(defaults.port)),
        provider=environment.get("TRADING_SENTIMENT_PROVIDER") or defaults.provider,
    )


def _port(text: str) -> int:
    """A port that probes can find; 0 would be any."""
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 1 <= int(text) <= MAX_PORT):
        raise RequestError(
            f"an agent's port is {text[:20]!r}: it must be a number from 1 to {MAX_PORT}"
        )
    return int(text)

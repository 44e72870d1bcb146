"""`python -m execution`: the trading core as a process."""

import asyncio
import logging
import sys

import psycopg

from execution.errors import TradingCoreError
from execution.service import serve
from execution.settings import SettingsError, from_environment
from router.errors import RouterError


def main() -> None:
    """Run until stopped; a start that fails ends with one sentence."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        asyncio.run(serve(from_environment()))
    except (SettingsError, TradingCoreError, RouterError, psycopg.OperationalError) as error:
        sys.exit(f"trading-core: {error}")


if __name__ == "__main__":
    main()

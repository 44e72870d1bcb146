"""`python -m execution`: the trading core as a process."""

import gc
import logging
import sys

import psycopg
import uvloop

from execution.errors import TradingCoreError
from execution.service import serve
from execution.settings import SettingsError, from_environment
from router.errors import RouterError

GC_THRESHOLD = (50_000, 20, 50)
"""A batch makes tens of thousands of values and no cycles: looking for some took a tenth of it."""


def main() -> None:
    """Run until stopped; a start that fails ends with one sentence."""
    gc.set_threshold(*GC_THRESHOLD)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        uvloop.run(serve(from_environment()))
    except (SettingsError, TradingCoreError, RouterError, psycopg.OperationalError) as error:
        sys.exit(f"trading-core: {error}")


if __name__ == "__main__":
    main()

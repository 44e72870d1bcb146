"""The central router as a process: `python -m router`.

Belongs here: logging, signals and the exit status.
Keep out: everything else.
"""

import asyncio
import logging
import os
import signal
import sys

from router.errors import RouterError
from router.service import run
from router.settings import Settings, from_environment

log = logging.getLogger("router")


def main() -> int:
    """Route until SIGTERM or SIGINT; 0 then, 1 when it cannot go on."""
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
        stream=sys.stderr,
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        asyncio.run(_main(from_environment(os.environ)))
    except RouterError as error:
        log.error("router.refused %s", error)  # noqa: TRY400 - the sentence says it all
        return 1
    except Exception:
        log.exception("router.died")
        return 1
    return 0


async def _main(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, stop.set)
    await run(settings, stop)


if __name__ == "__main__":
    sys.exit(main())

"""`python -m execution.paper_venue`: the external venue as a process."""

import logging
import sys

import uvloop

from execution.paper_venue.errors import VenueError
from execution.paper_venue.service import serve
from execution.paper_venue.settings import from_environment


def main() -> None:
    """Run until stopped; a start that fails ends with one sentence."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        uvloop.run(serve(from_environment()))
    except VenueError as error:
        sys.exit(f"paper-venue: {error}")


if __name__ == "__main__":
    main()

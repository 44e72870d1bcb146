"""Waiting for the disk, so that what was written outlasts a power cut.

Keep out: what is written.
"""

import os
from pathlib import Path


def sync(path: str | Path) -> None:
    """Return when the disk has a file's bytes, or a folder's names; raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

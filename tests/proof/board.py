"""Numbers that a proof's processes share, whichever of them is killed.

Keep out: anything that decides; the board only counts.
"""

import mmap

SLOTS = (
    "wanted",  # chunks that the feeder may send
    "published",  # chunks of which every message was acknowledged
    "messages",  # messages of those chunks, each counted once however often it was sent
    "poison",  # poison messages that a feeder shall have sent
    "head",  # the last journal row that a core saw committed
    "core_batches",  # batches that a core began with
    "core_fired",  # the fail point that killed a core, counted from 1; 0: none
    "router_batches",
    "router_fired",
    "redelivered",  # messages that the server had delivered before
)


class Board:
    """Shared, anonymous memory; one writer per slot at a time."""

    def __init__(self) -> None:
        self._slots = memoryview(mmap.mmap(-1, 8 * len(SLOTS))).cast("q")

    def __getitem__(self, name: str) -> int:
        return self._slots[SLOTS.index(name)]

    def __setitem__(self, name: str, value: int) -> None:
        self._slots[SLOTS.index(name)] = value

    def add(self, name: str, count: int = 1) -> None:
        """Count on."""
        self._slots[SLOTS.index(name)] += count

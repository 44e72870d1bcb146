"""The file that says what runs now, so that another terminal finds it.

Belongs here: its contents, reading, writing, and telling a running stack from a dead one.
Keep out: starting and stopping.
"""

import msgspec

from deploy.local import processes
from deploy.local.home import Home, write_private
from deploy.local.processes import Identity

STARTING = "starting"
READY = "ready"
STOPPING = "stopping"


class ChildRecord(msgspec.Struct, frozen=True):
    """One child of the supervisor as it was when the file was written."""

    name: str
    state: str
    restarts: int = 0
    process: Identity | None = None


class StackRecord(msgspec.Struct, frozen=True):
    """A supervisor and its children; `environment` holds the URLs that clients need."""

    supervisor: Identity
    phase: str
    core_url: str
    dagster_url: str
    ports: dict[str, int]
    environment: dict[str, str]
    children: tuple[ChildRecord, ...] = ()


def write(home: Home, record: StackRecord) -> None:
    """Replace the file in one step."""
    write_private(home.stack_file, msgspec.json.format(msgspec.json.encode(record)).decode() + "\n")


def read(home: Home) -> StackRecord | None:
    """What the file says, or None where there is none that can be read."""
    try:
        return msgspec.json.decode(home.stack_file.read_bytes(), type=StackRecord)
    except (FileNotFoundError, NotADirectoryError, msgspec.MsgspecError):
        return None


def running(home: Home) -> StackRecord | None:
    """The stack that runs on this folder now, if its supervisor lives."""
    record = read(home)
    return record if record and processes.is_alive(record.supervisor) else None


def clean_up_leftovers(home: Home) -> str | None:
    """End what an earlier, crashed start left alive; one sentence when there was something.

    Only the holder of the folder's lock may call this.
    """
    record = read(home)
    if record is None:
        had_file = home.stack_file.exists()
        home.stack_file.unlink(missing_ok=True)
        return "An earlier start was cut off; it left nothing running." if had_file else None
    left = [each for each in record.children if each.process and processes.is_alive(each.process)]
    processes.end_groups(each.process.pid for each in left if each.process)
    home.stack_file.unlink(missing_ok=True)
    names = ", ".join(each.name for each in left)
    earlier = f"An earlier stack (process {record.supervisor.pid}) did not stop cleanly"
    return f"{earlier}; stopped what it left: {names}." if left else f"{earlier}; nothing is left."

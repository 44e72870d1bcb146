"""The state folder: where everything is in it, its version, and who may use it.

Belongs here: paths, the layout file, the lock, moving the folder aside, private files.
Keep out: what the files of other modules contain.
"""

import fcntl
import json
import os
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from deploy.local.errors import AlreadyRunningError, HomeError
from execution import disk

LAYOUT_VERSION = 2
LOCK_ATTEMPTS = 5


@dataclass(frozen=True)
class Home:
    """Paths below the state folder."""

    root: Path

    @property
    def layout_file(self) -> Path:
        """Says which version of this system made the folder."""
        return self.root / "layout.json"

    @property
    def lock_file(self) -> Path:
        """Locked by the one supervisor."""
        return self.root / "lock"

    @property
    def secrets_file(self) -> Path:
        """Generated passwords; only the owner may read it."""
        return self.root / "secrets.json"

    @property
    def token_file(self) -> Path:
        """The bearer token of the trading core's API; only the owner may read it."""
        return self.root / "api-token"

    @property
    def stack_file(self) -> Path:
        """What runs now: how a second terminal finds the stack."""
        return self.root / "stack.json"

    @property
    def ports_file(self) -> Path:
        """The internal ports chosen at the first start."""
        return self.root / "ports.json"

    @property
    def logs(self) -> Path:
        """One log per child."""
        return self.root / "logs"

    @property
    def config(self) -> Path:
        """Configuration files written at each start."""
        return self.root / "config"

    @property
    def postgres(self) -> Path:
        """PostgreSQL's data folder."""
        return self.root / "postgres"

    @property
    def nats(self) -> Path:
        """JetStream's store."""
        return self.root / "nats"

    @property
    def dagster(self) -> Path:
        """DAGSTER_HOME."""
        return self.root / "dagster"

    @property
    def heads(self) -> Path:
        """Chain heads of each account's journal, kept outside PostgreSQL."""
        return self.root / "heads"

    @property
    def lake(self) -> Path:
        """Tables of bars and analyses."""
        return self.root / "lake"


class Lock:
    """Held by the one process that may start children on a state folder."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def release(self) -> None:
        """Let another process have the folder."""
        os.close(self._descriptor)


def prepare(home: Home) -> None:
    """Create the folder, or refuse one that this version did not make."""
    try:
        home.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        require_ours(home)
        if home.layout_file.exists():
            _require_version(home)
        else:
            write_private(home.layout_file, json.dumps({"layout": LAYOUT_VERSION}) + "\n")
    except OSError as error:
        raise HomeError(f"The state folder {home.root} cannot be used: {error}") from error


def require_ours(home: Home) -> None:
    """Refuse a folder that has something in it and was not made by this system."""
    if not home.layout_file.exists() and any(home.root.iterdir()):
        raise HomeError(
            f"{home.root} is not empty and was not made by this system: "
            "set TRADING_HOME to another folder."
        )


def lock(home: Home) -> Lock:
    """Take the folder for this process, or refuse because another has it."""
    for _ in range(LOCK_ATTEMPTS):
        descriptor = os.open(home.lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            time.sleep(0.1)
            continue
        if _is_still(home.lock_file, descriptor):
            return Lock(descriptor)
        os.close(descriptor)
    raise AlreadyRunningError(f"Another process runs a stack on {home.root}: see trading status.")


def move_aside(home: Home, now: datetime) -> Path:
    """Rename the folder, keeping everything in it, and say where it went."""
    target = home.root.with_name(f"{home.root.name}-{now:%Y%m%d-%H%M%S}")
    count = 1
    while target.exists():
        count += 1
        target = home.root.with_name(f"{home.root.name}-{now:%Y%m%d-%H%M%S}-{count}")
    try:
        home.root.rename(target)
    except OSError as error:
        raise HomeError(f"{home.root} cannot be moved aside to {target}: {error}") from error
    return target


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step, readable by its owner alone, safe against a power cut."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    disk.sync(path.parent)


def _require_version(home: Home) -> None:
    try:
        found = json.loads(home.layout_file.read_text())["layout"]
    except (ValueError, KeyError, TypeError) as error:
        raise HomeError(
            f"{home.layout_file} cannot be read: restore it, or start over with "
            "trading run --fresh, which moves the folder aside."
        ) from error
    if found != LAYOUT_VERSION:
        raise HomeError(
            f"{home.root} has layout version {found} and this program needs {LAYOUT_VERSION}: "
            "use the program that made it, or start over with trading run --fresh, "
            "which moves the folder aside."
        )


def _is_still(path: Path, descriptor: int) -> bool:
    """Whether the path still names the locked file: the folder may have been moved aside."""
    try:
        return path.stat().st_ino == os.fstat(descriptor).st_ino
    except FileNotFoundError:
        return False

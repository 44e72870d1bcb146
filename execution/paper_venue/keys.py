"""Who may trade: one key pair per account and one key for the operator, in a private file.

The file is made at the first start; nothing has a default key.
Keep out: where keys are asked for (access.py, stream.py).
"""

import hmac
import os
import secrets
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import msgspec

from execution import disk
from execution.paper_venue.errors import KeysError
from router.messages import Name

OPENING_CASH = Decimal(100_000)
LEAST_LENGTH = 16


class AccountKeys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An account's key pair, and the cash that it is opened with."""

    key_id: str
    secret_key: str
    cash: Decimal = OPENING_CASH


class Keys(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that opens the venue."""

    admin_key: str
    accounts: dict[Name, AccountKeys]

    def account_of(self, key_id: str, secret_key: str) -> str | None:
        """The account that a key pair belongs to, None where it belongs to none."""
        for name, pair in self.accounts.items():
            if hmac.compare_digest(pair.key_id.encode(), key_id.encode(errors="replace")):
                right = hmac.compare_digest(
                    pair.secret_key.encode(), secret_key.encode(errors="replace")
                )
                return name if right else None
        return None

    def is_admin(self, key: str) -> bool:
        """Whether this is the operator's key."""
        return hmac.compare_digest(self.admin_key.encode(), key.encode(errors="replace"))


def load_or_create(path: Path, accounts: Iterable[str]) -> Keys:
    """The keys of the file, with new ones for accounts that it does not name.

    Raises KeysError where the file is not ours alone or cannot be read.
    """
    found = _load(path) if path.exists() else Keys(secrets.token_urlsafe(32), {})
    missing = {name: _pair() for name in accounts if name not in found.accounts}
    if missing or not path.exists():
        found = Keys(found.admin_key, {**found.accounts, **missing})
        _write(path, msgspec.json.format(msgspec.json.encode(found), indent=2))
    return found


def _pair() -> AccountKeys:
    return AccountKeys(f"PK{secrets.token_hex(9).upper()}", secrets.token_urlsafe(30))


def _load(path: Path) -> Keys:
    try:
        if path.stat().st_mode & 0o077:
            raise KeysError(f"{path} can be read by others: run chmod 600 {path}")
        found = msgspec.json.decode(path.read_bytes(), type=Keys)
    except (OSError, msgspec.MsgspecError) as error:
        raise KeysError(f"{path} cannot be read: {error}") from error
    known = [pair.key_id for pair in found.accounts.values()]
    texts = [found.admin_key, *known, *(pair.secret_key for pair in found.accounts.values())]
    if min(map(len, texts)) < LEAST_LENGTH or len(set(texts)) != len(texts):
        raise KeysError(f"{path}: keys differ from each other and have {LEAST_LENGTH} characters")
    return found


def _write(path: Path, text: bytes) -> None:
    temporary = path.with_name(f"{path.name}.{os.getpid()}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(text + b"\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    disk.sync(path.parent)

"""Which accounts exist and what each takes; pure data.

Belongs here: the mapping from account names to announcements, and questions about it.
Keep out: NATS (announcements.py), and decisions about a message (routing.py).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from router.messages import AccountRegistered, Bars, Input

REPLAY_MODE = "replay"


@dataclass(frozen=True, slots=True)
class Registry:
    """The accounts at one moment."""

    accounts: Mapping[str, AccountRegistered] = field(default_factory=dict)

    @classmethod
    def of(cls, announcements: Iterable[AccountRegistered]) -> "Registry":
        """The registry after these announcements; the last one of an account counts."""
        return cls(MappingProxyType({each.account: each for each in announcements}))

    def find(self, account: str) -> AccountRegistered | None:
        """The account of that name."""
        return self.accounts.get(account)

    def live_takers(self, message: Input) -> tuple[AccountRegistered, ...]:
        """The paper and live accounts that take this message, by name."""
        return tuple(
            account
            for _, account in sorted(self.accounts.items())
            if account.mode != REPLAY_MODE and takes(account, message)
        )


def takes(account: AccountRegistered, message: Input) -> bool:
    """Whether the account takes bars of that source or trades that strategy."""
    if isinstance(message, Bars):
        return message.source in account.sources
    return message.strategy in account.strategies

"""The trading core's own errors; the class docstring says what to do.

Keep out: errors of the pure domain, which stand beside what raises them.
"""


class TradingCoreError(Exception):
    """Something in the trading core failed; the message names it."""


class ConcurrentWriterError(TradingCoreError):
    """Another process wrote to this account: memory is stale, reload and decide again."""


class UnknownAccountError(TradingCoreError):
    """No such account: open it, or name one of GET /api/v1/accounts."""


class AccountConflictError(TradingCoreError):
    """The account exists with another configuration: choose another name."""


class CommandConflictError(TradingCoreError):
    """This client_order_id was used for another order: choose a new one."""


class HeadsUnreadableError(TradingCoreError):
    """The file of kept chain heads has a line that is none: keep the file, and find out why."""


class ArchiveError(TradingCoreError):
    """A journal cannot be archived, or its archive not be read; nothing was deleted."""


class SchemaMissingError(TradingCoreError):
    """The database has no schema of ours: run `python -m execution.migrate` as its owner."""


class PluginError(TradingCoreError):
    """An installed package brings something that cannot be used: correct or remove the package."""


class UnknownMethodError(TradingCoreError):
    """An account names a sizing method that is not there: install its package, or name another."""

"""The venue's durable store: SQLite, one transaction a request, on the disk before the answer.

One connection holds the file alone: a second process is refused. Decimals and times are text.
Keep out: rules of the market (market.py) and what a request means (venue.py).
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from execution.domain.money import ZERO
from execution.paper_venue.books import Account, Holding, Mark
from execution.paper_venue.errors import StoreError
from execution.paper_venue.orders import FillRecord, VenueOrder

VERSION = 1

_SCHEMA = """
CREATE TABLE accounts (name TEXT PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE holdings (
    account TEXT NOT NULL, symbol TEXT NOT NULL, quantity TEXT NOT NULL, cost TEXT NOT NULL,
    PRIMARY KEY (account, symbol)
);
CREATE TABLE orders (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    account TEXT NOT NULL,
    client_order_id TEXT NOT NULL,
    symbol TEXT NOT NULL,
    side TEXT NOT NULL,
    working INTEGER NOT NULL,
    submitted_at TEXT NOT NULL,
    parent TEXT,
    body BLOB NOT NULL,
    UNIQUE (account, client_order_id)
);
CREATE INDEX orders_working ON orders (working, account) WHERE working = 1;
CREATE INDEX orders_submitted ON orders (account, submitted_at);
CREATE INDEX orders_parent ON orders (parent) WHERE parent IS NOT NULL;
CREATE TABLE fills (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    execution_id TEXT NOT NULL UNIQUE,
    account TEXT NOT NULL,
    at TEXT NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX fills_account ON fills (account, seq);
CREATE TABLE marks (symbol TEXT PRIMARY KEY, price TEXT NOT NULL, previous TEXT NOT NULL);
CREATE TABLE sessions (session TEXT PRIMARY KEY, content TEXT NOT NULL, result BLOB NOT NULL);
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
INSERT INTO counters VALUES ('event', 0);
"""

_ORDERS = """
SELECT body FROM orders
WHERE account = ?1 AND submitted_at > ?2 AND submitted_at < ?3
  AND (?4 IS NULL OR working = ?4) AND (?5 IS NULL OR side = ?5)
  AND (?6 IS NULL OR symbol IN (SELECT value FROM json_each(?6)))
  AND (?8 = 0 OR parent IS NULL)
ORDER BY seq ASC LIMIT ?7
"""
_FILLS = """
SELECT body FROM fills
WHERE account = ?1 AND at > ?2 AND at < ?3
  AND (?4 IS NULL OR seq > (SELECT seq FROM fills WHERE execution_id = ?4))
ORDER BY seq ASC LIMIT ?5
"""
"""Oldest first; the other way is the same with two words changed."""

_encode = msgspec.json.encode
_order = msgspec.json.Decoder(VenueOrder)
_fill = msgspec.json.Decoder(FillRecord)
_account = msgspec.json.Decoder(Account)

EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
LATEST = datetime(2199, 12, 31, tzinfo=UTC)


class Stepped(NamedTuple):
    """A session that was traded: the hash of its bars, and what the answer was."""

    content: str
    result: dict[str, Any]


class OrderQuery(NamedTuple):
    """Which orders are listed: `working` None for all; bounds exclude themselves."""

    working: bool | None = True
    after: datetime = EARLIEST
    until: datetime = LATEST
    side: str | None = None
    symbols: tuple[str, ...] = ()
    oldest_first: bool = False
    limit: int = 50
    without_legs: bool = False


class FillQuery(NamedTuple):
    """Which executions are listed: `beyond` is the one after which the page begins."""

    after: datetime = EARLIEST
    until: datetime = LATEST
    beyond: str | None = None
    oldest_first: bool = False
    limit: int = 100


class Store:
    """Everything that the venue knows; there is no second copy in memory."""

    def __init__(self, path: Path) -> None:
        """Open or make the file; raises StoreError where another process has it."""
        try:
            self._db = sqlite3.connect(path, isolation_level=None, timeout=2)
            self._execute("PRAGMA locking_mode = EXCLUSIVE")
            self._execute("PRAGMA journal_mode = WAL")
            self._execute("PRAGMA synchronous = FULL")
            self._migrate()
        except sqlite3.Error as error:
            raise StoreError(f"{path} cannot be used: {error}") from error
        path.chmod(0o600)

    def _migrate(self) -> None:
        self._execute("BEGIN EXCLUSIVE")
        version = self._execute("PRAGMA user_version").fetchone()[0]
        self._execute("COMMIT")
        if version not in (0, VERSION):
            raise StoreError(f"the store has version {version}, this program needs {VERSION}")
        if version == 0:
            self._db.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")

    def close(self) -> None:
        """Let the file go."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, and on the disk when the block is left."""
        self._execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._execute("ROLLBACK")
            raise
        self._execute("COMMIT")

    def _execute(self, statement: str, values: tuple[Any, ...] = ()) -> sqlite3.Cursor:
        return self._db.execute(statement, values)

    def _one(self, statement: str, *values: Any) -> Any:  # noqa: ANN401 - a column of any type
        """The first column of the first row, None where there is none."""
        row = self._execute(statement, values).fetchone()
        return None if row is None else row[0]

    def last_moment(self) -> datetime:
        """The newest time that an order or execution carries."""
        found = self._one(
            "SELECT max(at) FROM (SELECT max(at) AS at FROM fills"
            " UNION ALL SELECT max(submitted_at) FROM orders)"
        )
        return EARLIEST if found is None else datetime.fromisoformat(found)

    def next_event(self) -> int:
        """A number that rises with every event, over restarts too."""
        number: int = self._one(
            "UPDATE counters SET value = value + 1 WHERE name = 'event' RETURNING value"
        )
        return number

    def account(self, name: str) -> Account | None:
        """An account, or None where it was never opened."""
        body = self._one("SELECT body FROM accounts WHERE name = ?", name)
        return None if body is None else _account.decode(body)

    def accounts(self) -> list[Account]:
        """Every account, by name."""
        rows = self._execute("SELECT body FROM accounts ORDER BY name").fetchall()
        return [_account.decode(row[0]) for row in rows]

    def save_account(self, account: Account) -> None:
        """Open an account or change it."""
        self._execute("REPLACE INTO accounts VALUES (?, ?)", (account.name, _encode(account)))

    def holding(self, account: str, symbol: str) -> Holding:
        """What is held of a symbol, perhaps nothing."""
        row = self._execute(
            "SELECT symbol, quantity, cost FROM holdings WHERE account = ? AND symbol = ?",
            (account, symbol),
        ).fetchone()
        return Holding(symbol) if row is None else _holding(row)

    def holdings(self, account: str) -> list[Holding]:
        """Everything held, by symbol."""
        rows = self._execute(
            "SELECT symbol, quantity, cost FROM holdings WHERE account = ? ORDER BY symbol",
            (account,),
        )
        return [_holding(row) for row in rows]

    def save_holding(self, account: str, holding: Holding) -> None:
        """Change what is held; nothing leaves no row."""
        key = (account, holding.symbol)
        if holding.quantity == ZERO:
            self._execute("DELETE FROM holdings WHERE account = ? AND symbol = ?", key)
        else:
            values = (*key, str(holding.quantity), str(holding.cost))
            self._execute("REPLACE INTO holdings VALUES (?, ?, ?, ?)", values)

    def add_order(self, order: VenueOrder) -> None:
        """A new order; raises sqlite3.IntegrityError where its client order id was used."""
        inner = order.order
        self._execute(
            "INSERT INTO orders (id, account, client_order_id, symbol, side, working,"
            " submitted_at, parent, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                inner.order_id,
                order.account,
                inner.client_order_id,
                inner.symbol,
                inner.side.value,
                order.working,
                _text(order.created_at),
                order.parent,
                _encode(order),
            ),
        )

    def save_order(self, order: VenueOrder) -> None:
        """Change an order that is there."""
        self._execute(
            "UPDATE orders SET working = ?, body = ? WHERE id = ?",
            (order.working, _encode(order), order.order.order_id),
        )

    def order(self, account: str, order_id: str) -> VenueOrder | None:
        """An order of this account by the venue's id."""
        body = self._one("SELECT body FROM orders WHERE id = ? AND account = ?", order_id, account)
        return None if body is None else _order.decode(body)

    def order_by_client_id(self, account: str, client_order_id: str) -> VenueOrder | None:
        """An order of this account by the client's id."""
        body = self._one(
            "SELECT body FROM orders WHERE account = ? AND client_order_id = ?",
            account,
            client_order_id,
        )
        return None if body is None else _order.decode(body)

    def orders(self, account: str, query: OrderQuery) -> list[VenueOrder]:
        """Orders by when they were submitted."""
        statement = _ORDERS if query.oldest_first else _ORDERS.replace("seq ASC", "seq DESC")
        working = None if query.working is None else int(query.working)
        symbols = _encode(query.symbols).decode() if query.symbols else None
        rows = self._execute(
            statement,
            (
                account,
                _text(query.after),
                _text(query.until),
                working,
                query.side,
                symbols,
                query.limit,
                query.without_legs,
            ),
        )
        return [_order.decode(row[0]) for row in rows]

    def legs(self, order_id: str) -> list[VenueOrder]:
        """The legs of an order, as they came."""
        rows = self._execute("SELECT body FROM orders WHERE parent = ? ORDER BY seq", (order_id,))
        return [_order.decode(row[0]) for row in rows]

    def working(self, account: str | None = None) -> list[VenueOrder]:
        """Every working order, as they came; of one account where it is named."""
        rows = self._execute(
            "SELECT body FROM orders WHERE working = 1 AND (?1 IS NULL OR account = ?1)"
            " ORDER BY seq",
            (account,),
        )
        return [_order.decode(row[0]) for row in rows]

    def add_fill(self, fill: FillRecord) -> None:
        """A new execution; raises sqlite3.IntegrityError where its id was used."""
        self._execute(
            "INSERT INTO fills (execution_id, account, at, body) VALUES (?, ?, ?, ?)",
            (fill.execution_id, fill.account, _text(fill.at), _encode(fill)),
        )

    def fills(self, account: str, query: FillQuery) -> list[FillRecord]:
        """Executions in the order in which they were booked, which is what a page goes by."""
        statement = _FILLS
        if not query.oldest_first:
            statement = _FILLS.replace("seq ASC", "seq DESC").replace("seq >", "seq <")
        rows = self._execute(
            statement,
            (account, _text(query.after), _text(query.until), query.beyond, query.limit),
        )
        return [_fill.decode(row[0]) for row in rows]

    def marks(self, account: str | None = None) -> dict[str, Mark]:
        """The last closes by symbol, of what an account holds where one is named.

        A symbol that never had a bar has none.
        """
        rows = self._execute(
            "SELECT symbol, price, previous FROM marks WHERE ?1 IS NULL"
            " OR symbol IN (SELECT symbol FROM holdings WHERE account = ?1) ORDER BY symbol",
            (account,),
        )
        return {row[0]: Mark(Decimal(row[1]), Decimal(row[2])) for row in rows}

    def mark(self, symbol: str) -> Mark | None:
        """The last close of one symbol."""
        row = self._execute(
            "SELECT price, previous FROM marks WHERE symbol = ?", (symbol,)
        ).fetchone()
        return None if row is None else Mark(Decimal(row[0]), Decimal(row[1]))

    def save_marks(self, marks: dict[str, Mark]) -> None:
        """Change the closes of these symbols."""
        self._db.executemany(
            "REPLACE INTO marks VALUES (?, ?, ?)",
            [(symbol, str(mark.price), str(mark.previous)) for symbol, mark in marks.items()],
        )

    def session(self) -> date | None:
        """The last session that was traded."""
        found = self._one("SELECT max(session) FROM sessions")
        return None if found is None else date.fromisoformat(found)

    def stepped(self, session: date) -> Stepped | None:
        """What a session's bars were and did."""
        row = self._execute(
            "SELECT content, result FROM sessions WHERE session = ?", (session.isoformat(),)
        ).fetchone()
        return None if row is None else Stepped(row[0], msgspec.json.decode(row[1]))

    def add_session(self, session: date, stepped: Stepped) -> None:
        """Record that a session was traded."""
        self._execute(
            "INSERT INTO sessions VALUES (?, ?, ?)",
            (session.isoformat(), stepped.content, _encode(stepped.result)),
        )


def _holding(row: tuple[str, str, str]) -> Holding:
    return Holding(row[0], Decimal(row[1]), Decimal(row[2]))


def _text(moment: datetime) -> str:
    """Of one length and zone, so that texts compare as the times do."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")

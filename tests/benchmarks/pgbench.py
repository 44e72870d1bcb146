"""What PostgreSQL's own pgbench reaches on the same server and disk: the yardstick of our figures.

Belongs here: its scripts and runs. Keep out: our own code paths.
"""

import re
import subprocess
from pathlib import Path

import psycopg

from deploy.local import postgres
from tests.servers import Database

SCHEMA = """
CREATE SCHEMA yardstick;
SET search_path TO yardstick;
CREATE TABLE accounts (account int PRIMARY KEY, cash numeric(28, 2) NOT NULL);
INSERT INTO accounts SELECT n, 1000000 FROM generate_series(1, 1000) AS n;
CREATE TABLE inbox (input_id text PRIMARY KEY, account int NOT NULL);
CREATE TABLE orders (order_id text PRIMARY KEY, account int NOT NULL, symbol text NOT NULL,
    side text NOT NULL, quantity numeric(28, 9) NOT NULL, price numeric(28, 8) NOT NULL);
CREATE TABLE ledger (txn_id text, line smallint, account int NOT NULL, ledger_account text NOT NULL,
    amount numeric(28, 2) NOT NULL, PRIMARY KEY (txn_id, line));
CREATE TABLE outbox (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, payload bytea NOT NULL);
CREATE TABLE single (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, payload text NOT NULL);
"""

ORDER = r"""
\set account random(1, :accounts)
\set one random(1, 9000000000000000)
\set two random(1, 9000000000000000)
BEGIN;
INSERT INTO yardstick.inbox VALUES (:one || '-' || :two, :account) ON CONFLICT DO NOTHING;
UPDATE yardstick.accounts SET cash = cash - 1000 WHERE account = :account AND cash > -1e20;
INSERT INTO yardstick.orders VALUES (:one || '-' || :two, :account, 'AAPL', 'buy', 10, 100);
INSERT INTO yardstick.ledger VALUES (:one || '-' || :two, 0, :account, 'cash', -1000),
    (:one || '-' || :two, 1, :account, 'positions', 1000);
INSERT INTO yardstick.outbox (payload) VALUES (decode(repeat('00', 200), 'hex'));
COMMIT;
"""
"""One order as five statements: inbox, account, order, ledger, outbox."""

SINGLE = "INSERT INTO yardstick.single (payload) VALUES ('one');\n"


def prepare(database: Database) -> None:
    """Make the yardstick's tables in a schema of their own."""
    with psycopg.connect(database.owner_url) as connection:
        connection.execute(SCHEMA)


def orders_per_second(database: Database, folder: Path, accounts: int, seconds: int) -> float:
    """Orders that 32 clients place, over so many account rows."""
    return _run(database, folder, ORDER, 32, seconds, accounts)[0]


def commit_ms(database: Database, folder: Path, seconds: int) -> float:
    """What one committed insert of a single client takes, in milliseconds."""
    return _run(database, folder, SINGLE, 1, seconds)[1]


def _run(
    database: Database, folder: Path, script: str, clients: int, seconds: int, accounts: int = 1
) -> tuple[float, float]:
    file = folder / "script.sql"
    file.write_text(script)
    words = [str(postgres.program("pgbench")), "-n", "-M", "prepared", "-T", str(seconds)]
    words += ["-c", str(clients), "-j", str(min(clients, 2)), "-D", f"accounts={accounts}"]
    words += ["-f", str(file), "-d", database.owner_url]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return _figure(r"tps = ([\d.]+)", done.stdout), _figure(
        r"latency average = ([\d.]+)", done.stdout
    )


def _figure(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    if found is None:
        raise ValueError(f"pgbench said nothing like {pattern}: {text[-500:]}")
    return float(found.group(1))

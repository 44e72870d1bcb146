"""The first schema: journal, state, orders, books, and what the application may do with them.

Append-only tables (journal, dispositions, fills, ledger, equity) grant the application no UPDATE
and no DELETE. Quantities have 9 decimals, prices 8, money 2.
"""

from alembic import context, op

revision = "0001"
down_revision = None

SCHEMA = """
CREATE TABLE accounts (
    account text PRIMARY KEY,
    mode text NOT NULL CHECK (mode IN ('replay', 'paper', 'live')),
    config bytea NOT NULL,
    opened_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE journal (
    account text NOT NULL REFERENCES accounts,
    seq bigint NOT NULL CHECK (seq > 0),
    input_id text NOT NULL,
    kind text NOT NULL,
    input bytea NOT NULL,
    effects bytea NOT NULL,
    engine_version text NOT NULL,
    stamped_at timestamptz,
    received_at timestamptz NOT NULL,
    chain_hash bytea NOT NULL,
    decision_hash bytea NOT NULL,
    PRIMARY KEY (account, seq),
    UNIQUE (account, input_id)
);

CREATE TABLE engine_state (
    account text PRIMARY KEY REFERENCES accounts,
    seq bigint NOT NULL,
    chain_hash bytea NOT NULL,
    decision_hash bytea NOT NULL,
    state bytea NOT NULL
);

CREATE TABLE dispositions (
    account text NOT NULL REFERENCES accounts,
    signal_id text NOT NULL,
    strategy text NOT NULL,
    symbol text NOT NULL,
    session date NOT NULL,
    as_of timestamptz NOT NULL,
    score numeric(7, 6) NOT NULL,
    disposition text NOT NULL,
    code text,
    order_id text,
    detail jsonb NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (account, signal_id)
);
CREATE UNIQUE INDEX one_execution ON dispositions (account, strategy, symbol, as_of)
    WHERE disposition = 'executed';
CREATE INDEX ON dispositions (account, session, symbol);

CREATE TABLE orders (
    account text NOT NULL REFERENCES accounts,
    order_id text NOT NULL,
    client_order_id text NOT NULL,
    sleeve text NOT NULL,
    symbol text NOT NULL,
    side text NOT NULL CHECK (side IN ('buy', 'sell')),
    quantity numeric(28, 9) NOT NULL,
    type text NOT NULL,
    limit_price numeric(28, 8),
    time_in_force text NOT NULL,
    status text NOT NULL,
    code text,
    reference_price numeric(28, 8),
    filled_quantity numeric(28, 9) NOT NULL,
    filled_value numeric(38, 17) NOT NULL,
    session date,
    accepted_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    signal_id text,
    sizing jsonb NOT NULL,
    checks jsonb NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (account, order_id),
    UNIQUE (account, client_order_id),
    CHECK (filled_quantity BETWEEN 0 AND quantity OR status = 'refused')
);
CREATE INDEX ON orders (account, seq);
CREATE INDEX ON orders (account, status);
CREATE INDEX ON orders (account, session);

CREATE TABLE fills (
    account text NOT NULL,
    fill_id text NOT NULL,
    order_id text NOT NULL,
    sleeve text NOT NULL,
    symbol text NOT NULL,
    side text NOT NULL,
    quantity numeric(28, 9) NOT NULL CHECK (quantity > 0),
    price numeric(28, 8) NOT NULL CHECK (price > 0),
    commission numeric(28, 2) NOT NULL,
    realised numeric(28, 2) NOT NULL,
    session date NOT NULL,
    at timestamptz NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (account, fill_id),
    FOREIGN KEY (account, order_id) REFERENCES orders
);
CREATE INDEX ON fills (account, seq);
CREATE INDEX ON fills (fill_id text_pattern_ops);
CREATE INDEX ON fills (account, session);

CREATE TABLE positions (
    account text NOT NULL REFERENCES accounts,
    sleeve text NOT NULL,
    symbol text NOT NULL,
    quantity numeric(28, 9) NOT NULL CHECK (quantity <> 0),
    cost numeric(28, 2) NOT NULL,
    lots jsonb NOT NULL,
    PRIMARY KEY (account, sleeve, symbol)
);

CREATE TABLE ledger (
    account text NOT NULL REFERENCES accounts,
    txn_id text NOT NULL,
    line smallint NOT NULL,
    kind text NOT NULL,
    sleeve text NOT NULL,
    ledger_account text NOT NULL,
    symbol text,
    currency text NOT NULL,
    amount numeric(28, 2) NOT NULL,
    at timestamptz NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (account, txn_id, line)
);

CREATE FUNCTION require_balance() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM ledger WHERE account = NEW.account AND txn_id = NEW.txn_id
        GROUP BY currency HAVING sum(amount) <> 0
    ) THEN
        RAISE EXCEPTION 'transaction % of account % does not balance', NEW.txn_id, NEW.account
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER balanced AFTER INSERT OR UPDATE ON ledger
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION require_balance();

CREATE TABLE equity (
    account text NOT NULL REFERENCES accounts,
    session date NOT NULL,
    equity numeric(28, 2) NOT NULL,
    cash numeric(28, 2) NOT NULL,
    exposure numeric(28, 2) NOT NULL,
    sleeves jsonb NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (account, session)
);

CREATE TABLE commands (
    account text NOT NULL REFERENCES accounts,
    client_order_id text NOT NULL,
    input bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    seq bigint,
    PRIMARY KEY (account, client_order_id)
);
CREATE INDEX ON commands (account, created_at) WHERE seq IS NULL;

CREATE TABLE kill_switches (
    scope text PRIMARY KEY,
    engaged boolean NOT NULL,
    reason text NOT NULL,
    changed_by text NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN kill_switches.scope IS 'an account, or * for all of them';

CREATE TABLE dead_letters (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account text NOT NULL,
    subject text NOT NULL,
    reason text NOT NULL,
    detail text NOT NULL,
    payload bytea NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id text NOT NULL,
    subject text NOT NULL,
    payload bytea NOT NULL
);
"""

GRANTS = """
GRANT SELECT, INSERT ON accounts, journal, dispositions, fills, ledger, equity, dead_letters
    TO {role};
GRANT SELECT, INSERT, UPDATE ON engine_state, orders, commands, kill_switches TO {role};
GRANT SELECT, INSERT, UPDATE, DELETE ON positions TO {role};
GRANT SELECT, INSERT, DELETE ON outbox TO {role};
"""


def upgrade() -> None:
    """Create everything, and grant the application its part."""
    connection = op.get_bind()
    role = context.config.attributes["app_role"]
    op.execute(SCHEMA)
    op.execute(GRANTS.format(role=connection.dialect.identifier_preparer.quote(role)))

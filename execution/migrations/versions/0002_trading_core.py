"""Order types, commands of every kind, limits, receivables, suspense, archive, the switch's lock.

The kill switch's rows take a lock when they change that every commit of decisions shares: once the
change is committed, nothing that was decided without it can be.
"""

from alembic import context, op

revision = "0002"
down_revision = "0001"

SCHEMA = """
ALTER TABLE orders
    ADD COLUMN stop_price numeric(28, 8),
    ADD COLUMN notional numeric(28, 2),
    ADD COLUMN replaces text,
    ADD COLUMN reduce_only boolean NOT NULL DEFAULT false,
    ADD COLUMN flatten boolean NOT NULL DEFAULT false,
    ADD COLUMN limits_version integer NOT NULL DEFAULT 1;
ALTER TABLE equity ADD COLUMN receivable numeric(28, 2) NOT NULL DEFAULT 0;
CREATE INDEX ON ledger (account, sleeve, symbol) INCLUDE (amount)
    WHERE ledger_account = 'realised';

CREATE INDEX ON ledger (account, sleeve) INCLUDE (amount) WHERE ledger_account = 'capital';
CREATE INDEX ON ledger (account, seq);

CREATE VIEW average_costs AS
    SELECT account, sleeve, symbol, quantity, cost, round(cost / quantity, 8) AS average_cost
    FROM positions;

ALTER TABLE commands RENAME COLUMN client_order_id TO command_id;
UPDATE commands SET command_id = 'order/' || command_id;

CREATE TABLE limits (
    account text NOT NULL REFERENCES accounts,
    version integer NOT NULL,
    limits jsonb NOT NULL,
    changed_by text NOT NULL,
    reason text NOT NULL,
    at timestamptz,
    seq bigint NOT NULL,
    PRIMARY KEY (account, version)
);

CREATE TABLE suspense (
    account text NOT NULL REFERENCES accounts,
    execution_id text NOT NULL,
    client_order_id text NOT NULL,
    symbol text NOT NULL,
    side text NOT NULL,
    quantity numeric(28, 9) NOT NULL,
    price numeric(28, 8) NOT NULL,
    reason text NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (account, execution_id, seq)
);

CREATE TABLE archived_inputs (
    account text NOT NULL REFERENCES accounts,
    input_id text NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (account, input_id)
);
COMMENT ON TABLE archived_inputs IS 'inputs whose journal rows are in the lake: still known';

CREATE TABLE archive_segments (
    account text NOT NULL REFERENCES accounts,
    first_seq bigint NOT NULL,
    last_seq bigint NOT NULL CHECK (last_seq >= first_seq),
    file text NOT NULL,
    sha256 bytea NOT NULL,
    chain_hash bytea NOT NULL,
    PRIMARY KEY (account, first_seq)
);
COMMENT ON TABLE archive_segments IS
    'files of the lake that hold journal rows: digest, and the hash that the chain ends with';

ALTER TABLE outbox ADD COLUMN messages bytea;
UPDATE outbox SET messages = convert_to(json_build_array(
    json_build_array(subject, message_id, convert_from(payload, 'UTF8')::json))::text, 'UTF8');
ALTER TABLE outbox
    DROP COLUMN message_id, DROP COLUMN subject, DROP COLUMN payload,
    ALTER COLUMN messages SET NOT NULL, ALTER COLUMN messages SET STORAGE EXTERNAL;
COMMENT ON COLUMN outbox.messages IS 'JSON: subject, id and payload of each, in order';

ALTER TABLE engine_state ALTER COLUMN state SET STORAGE EXTERNAL;
ALTER TABLE orders
    ALTER COLUMN checks TYPE json, ALTER COLUMN sizing TYPE json;
ALTER TABLE dispositions ALTER COLUMN detail TYPE json;

INSERT INTO kill_switches (scope, engaged, reason, changed_by)
    VALUES ('*', false, '', 'installation') ON CONFLICT DO NOTHING;

CREATE FUNCTION lock_kill_switch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('kill_switch'));
    RETURN NULL;
END $$;
CREATE FUNCTION kill_switch_engaged(of_account text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtext('kill_switch'));
    RETURN (SELECT coalesce(bool_or(engaged), true) OR NOT bool_or(scope = '*')
            FROM kill_switches WHERE scope IN ('*', of_account));
END $$;
COMMENT ON FUNCTION kill_switch_engaged IS
    'whether it is, for as long as the transaction lasts; without its row it is';
CREATE TRIGGER locked BEFORE INSERT OR UPDATE OR DELETE ON kill_switches
    FOR EACH STATEMENT EXECUTE FUNCTION lock_kill_switch();
"""

GRANTS = """
GRANT SELECT, INSERT ON limits, suspense TO {role};
GRANT SELECT ON archived_inputs, archive_segments, average_costs TO {role};
"""


def upgrade() -> None:
    """Alter and create, and grant the application its part."""
    connection = op.get_bind()
    role = context.config.attributes["app_role"]
    op.execute(SCHEMA)
    op.execute(GRANTS.format(role=connection.dialect.identifier_preparer.quote(role)))

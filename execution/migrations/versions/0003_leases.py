"""Which replica of the trading core drives which account."""

from alembic import context, op

revision = "0003"
down_revision = "0002"

SCHEMA = """
CREATE TABLE replicas (
    replica text PRIMARY KEY,
    seen_at timestamptz NOT NULL
);
COMMENT ON TABLE replicas IS 'processes of the trading core; seen_at is their last sign of life';

CREATE TABLE leases (
    account text PRIMARY KEY REFERENCES accounts,
    holder text NOT NULL,
    epoch bigint NOT NULL CHECK (epoch > 0),
    expires_at timestamptz NOT NULL
);
COMMENT ON TABLE leases IS 'who may write to an account; the epoch rises with each new holder';
"""

GRANTS = """
GRANT SELECT, INSERT, UPDATE, DELETE ON replicas TO {role};
GRANT SELECT, INSERT, UPDATE ON leases TO {role};
"""


def upgrade() -> None:
    """Create both, and grant the application its part."""
    connection = op.get_bind()
    role = context.config.attributes["app_role"]
    op.execute(SCHEMA)
    op.execute(GRANTS.format(role=connection.dialect.identifier_preparer.quote(role)))

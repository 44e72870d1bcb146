"""The texts of the configuration files that the stack writes at each start.

Belongs here: one pure function per file.
Keep out: writing them, and the order of starting.
"""

from pathlib import Path

NATS_USER = "trading"
LOCATION = "pipelines"


def nats(*, port: int, monitor_port: int, store: Path, password: str) -> str:
    """A single NATS server with JetStream that syncs every message to disk."""
    return f"""\
server_name: trading
listen: 127.0.0.1:{port}
http: 127.0.0.1:{monitor_port}
max_payload: 8MB
jetstream {{
  store_dir: "{store}"
  sync_interval: always
}}
authorization {{
  user: "{NATS_USER}"
  password: "{password}"
}}
"""


def valkey(*, port: int, folder: Path, password: str) -> str:
    """A cache and nothing more: no persistence, bounded memory."""
    return f"""\
bind 127.0.0.1
port {port}
requirepass {password}
daemonize no
dir "{folder}"
save ""
appendonly no
maxmemory 64mb
maxmemory-policy allkeys-lru
"""


def dagster(*, storage: Path) -> str:
    """Dagster's instance: PostgreSQL through the environment, a quick queue, one run per pool.

    It reports nothing to its makers and opens with the assets instead of a sign-up (`nux`).
    """
    return f"""\
storage:
  postgres:
    postgres_url:
      env: DAGSTER_PG_URL
local_artifact_storage:
  module: dagster.core.storage.root
  class: LocalArtifactStorage
  config:
    base_dir: "{storage}"
run_queue:
  dequeue_interval_seconds: 1
concurrency:
  pools:
    default_limit: 1
    granularity: op
run_monitoring:
  enabled: true
  start_timeout_seconds: 180
  poll_interval_seconds: 30
  free_slots_after_run_end_seconds: 60
retention:
  schedule:
    purge_after_days:
      skipped: 7
      failure: 30
      success: 30
  sensor:
    purge_after_days:
      skipped: 1
      failure: 30
      success: 30
telemetry:
  enabled: false
nux:
  enabled: false
"""


def workspace(*, port: int) -> str:
    """The one code location, served by the one code server."""
    return f"""\
load_from:
  - grpc_server:
      host: 127.0.0.1
      port: {port}
      location_name: {LOCATION}
"""

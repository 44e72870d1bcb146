"""The counts as Prometheus reads them."""

from collections import Counter

import httpx
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from router import metrics
from router.errors import SettingsError
from router.metrics import Counts, CountsCollector
from tests.servers import NatsServer


def test_every_count_is_shown() -> None:
    counts = Counts(routed=3, duplicates=2, failures=1, dead=Counter(NO_ACCOUNT=4), lag={"LIVE": 5})
    registry = CollectorRegistry()
    registry.register(CountsCollector(counts))
    shown = generate_latest(registry).decode()
    for line in (
        "router_routed_total 3.0",
        "router_duplicates_total 2.0",
        "router_failures_total 1.0",
        'router_dead_total{reason="NO_ACCOUNT"} 4.0',
        'router_lag{stream="LIVE"} 5.0',
    ):
        assert line in shown


def test_a_port_of_zero_serves_nothing() -> None:
    metrics.serve(Counts(), "256.0.0.0", 0)


def test_a_port_that_is_taken_is_named(nats_server: NatsServer) -> None:
    with pytest.raises(SettingsError, match=f"127.0.0.1:{nats_server.port}"):
        metrics.serve(Counts(), "127.0.0.1", nats_server.port)
    assert httpx.get(f"{nats_server.monitor_url}/healthz").is_success

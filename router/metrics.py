"""What the router has done, counted once, for Prometheus and for the status request.

Belongs here: the counts and their two views.
Keep out: deciding what to count.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from router.errors import SettingsError


@dataclass
class Counts:
    """Totals since the start; `lag` is how many messages wait in each stream."""

    routed: int = 0
    duplicates: int = 0
    failures: int = 0
    dead: Counter[str] = field(default_factory=Counter)
    lag: dict[str, int] = field(default_factory=dict)


class CountsCollector(Collector):
    """Shows counts to Prometheus."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        """Every metric of the router."""
        counts = self._counts
        yield CounterMetricFamily(
            "router_routed", "Messages handed to an account.", value=counts.routed
        )
        yield CounterMetricFamily(
            "router_duplicates", "Messages that the server already had.", value=counts.duplicates
        )
        yield CounterMetricFamily(
            "router_failures", "Messages put back because sending failed.", value=counts.failures
        )
        dead = CounterMetricFamily("router_dead", "Dead letters by reason.", labels=["reason"])
        for reason, value in counts.dead.items():
            dead.add_metric([reason], value)
        yield dead
        lag = GaugeMetricFamily("router_lag", "Messages waiting in a stream.", labels=["stream"])
        for stream, value in counts.lag.items():
            lag.add_metric([stream], value)
        yield lag


def serve(counts: Counts, host: str, port: int) -> None:
    """Answer Prometheus on `host`:`port` until the process ends; port 0 means no one asks."""
    if port:
        registry = CollectorRegistry()
        registry.register(CountsCollector(counts))
        try:
            start_http_server(port, host, registry)
        except OSError as error:
            raise SettingsError(f"metrics cannot be served on {host}:{port}: {error}") from error

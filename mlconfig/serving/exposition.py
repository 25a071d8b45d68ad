"""The endpoint's metrics as Prometheus text (https://prometheus.io/docs/instrumenting/exposition_formats, version 0.0.4).

Counts are of all replicas and never shrink, whichever replica is asked: it writes its own to the service log first and then
shows the log's sum, and nothing that is not in the log.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from mlconfig import __version__
from mlconfig.records.metrics_snapshot import FILE, MetricsSnapshot, read_snapshot
from mlconfig.records.prediction_log import log_folder
from mlconfig.records.service import latency_bucket
from mlconfig.records.service_counts import ServiceCounts
from mlconfig.records.service_totals import ServiceTotals
from mlconfig.serving import metrics_catalog as catalog
from mlconfig.serving.metrics_catalog import STATES, Metric
from mlconfig.serving.service import Service
from mlconfig.vocabulary import format_duration

if TYPE_CHECKING:
    from prometheus_client.core import Metric as Family

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Upper bounds of the latency histogram's buckets, in seconds."""
MAX_LABEL = 200
"""Characters of a label's value; what is longer is cut."""

Labels = tuple[str, ...]
Samples = Iterable[tuple[Labels, float]]


class Exposition:
    """Renders one service's metrics. May be called from any thread; the first call loads prometheus_client."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._totals = ServiceTotals(log_folder(service.storage, service.endpoint))
        self._monitoring = MonitoringText(service.endpoint, log_folder(service.storage, service.endpoint))
        self._lock = threading.Lock()

    def render(self) -> bytes:
        """The text. Damaged files are passed over: what they would have said is missing."""
        with self._lock:
            self._service.write_counts()
            return _rendered([*self._counted(), *self._replica()]) + self._monitoring.render()

    def _counted(self) -> Iterator[Family]:
        counts, endpoint = self._totals.read(), self._service.endpoint
        yield from _counters(endpoint, counts)
        yield _duration(endpoint, counts)

    def _replica(self) -> Iterator[Family]:
        state, endpoint = self._service.state, self._service.endpoint
        yield _gauge(catalog.BUILD, [((__version__,), 1)])
        yield _gauge(catalog.FAULTY, [((endpoint,), float(self._service.fault is not None))])
        if state is not None:
            champion = state.table.champion
            labels = (endpoint, champion.version, champion.artifact_sha256, state.signature.task)
            yield _gauge(catalog.MODEL, [(labels, 1)])
            yield _gauge(catalog.GENERATION, [((endpoint,), state.table.generation)])


class MonitoringText:
    """Monitoring's snapshot as text, made again only when the file is another: it may be thousands of lines."""

    def __init__(self, endpoint: str, folder: Path) -> None:
        self._endpoint, self._folder = endpoint, folder
        self._seen: tuple[int, int, int] | None = None
        self._text = b""

    def render(self) -> bytes:
        """The text; empty when there is no snapshot that can be read."""
        try:
            file = (self._folder / FILE).stat()
        except OSError:
            return b""
        mark = (file.st_ino, file.st_mtime_ns, file.st_size)
        if mark != self._seen:
            snapshot = read_snapshot(self._folder)
            self._seen, self._text = mark, _rendered(_monitoring(self._endpoint, snapshot)) if snapshot else b""
        return self._text


class _Families:
    """Families as prometheus_client's collector."""

    def __init__(self, families: Iterable[Family]) -> None:
        self._families = families

    def collect(self) -> Iterable[Family]:
        return self._families


def _rendered(families: Iterable[Family]) -> bytes:
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families(families))
    return generate_latest(registry)


def _counters(endpoint: str, counts: ServiceCounts) -> Iterator[Family]:
    from prometheus_client.core import CounterMetricFamily

    requests = CounterMetricFamily(catalog.REQUESTS.name, catalog.REQUESTS.help, labels=catalog.REQUESTS.labels)
    for route, by_status in sorted(counts.requests.items()):
        for status, count in sorted(by_status.items()):
            requests.add_metric([endpoint, _text(route), str(status)], count)
    yield requests
    for metric, count in (
        (catalog.PREDICTIONS, counts.rows), (catalog.FAILURES, counts.failures), (catalog.FALLBACK, counts.fallback),
        (catalog.LOG_DROPPED, counts.log_dropped), (catalog.FEEDBACK_DROPPED, counts.feedback_dropped),
    ):  # fmt: skip
        family = CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
        family.add_metric([endpoint], count)
        yield family


def _duration(endpoint: str, counts: ServiceCounts) -> Family:
    from prometheus_client.core import HistogramMetricFamily

    metric = catalog.DURATION
    family = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
    buckets = [
        (f"{bound:g}", sum(count for bucket, count in counts.latency.items() if bucket <= last))
        for bound, last in zip(BOUNDS, map(latency_bucket, BOUNDS), strict=True)
    ]
    buckets.append(("+Inf", sum(counts.latency.values())))
    family.add_metric([endpoint], buckets, counts.latency_ns / 1e9)
    return family


def _monitoring(endpoint: str, found: MetricsSnapshot) -> Iterator[Family]:
    at = [(endpoint, each.version, each.signal, _scale(each.scale)) for each in found.signals]
    states = [float(STATES.get(each.state, STATES["unknown"])) for each in found.signals]
    yield _gauge(catalog.STATE, zip(at, states, strict=True))
    yield _gauge(catalog.WINDOW_ROWS, zip(at, (each.rows for each in found.signals), strict=True))
    yield _gauge(catalog.WINDOW_END, zip(at, (each.end for each in found.signals), strict=True))
    yield from _drift(endpoint, found)
    yield from _performance(endpoint, found)
    severities = dict.fromkeys(("info", "warning", "critical"), 0) | found.alerts
    yield _gauge(catalog.ALERTS, [((endpoint, severity), count) for severity, count in severities.items()])
    yield _gauge(catalog.COLUMNS_DROPPED, [((endpoint,), found.columns_dropped)])
    yield _gauge(catalog.LAST_RUN, [((endpoint,), found.at)])


def _drift(endpoint: str, found: MetricsSnapshot) -> Iterator[Family]:
    at = [
        (endpoint, each.version, each.signal, each.column, each.statistic, _scale(each.scale)) for each in found.drift
    ]
    yield _gauge(catalog.SCORE, zip(at, (each.score for each in found.drift), strict=True))
    yield _gauge(catalog.THRESHOLD, zip(at, (each.threshold for each in found.drift), strict=True))


def _performance(endpoint: str, found: MetricsSnapshot) -> Iterator[Family]:
    rows = found.performance
    at = [(endpoint, each.version, each.signal, each.column, each.metric, _scale(each.scale)) for each in rows]
    for metric, values in (
        (catalog.PERFORMANCE, [each.value for each in rows]),
        (catalog.PERFORMANCE_LOW, [each.low for each in rows]),
        (catalog.PERFORMANCE_HIGH, [each.high for each in rows]),
        (catalog.PERFORMANCE_REFERENCE, [each.reference for each in rows]),
    ):
        yield _gauge(metric, [(labels, value) for labels, value in zip(at, values, strict=True) if value is not None])
    coverage = [
        ((endpoint, each.version, each.signal, _scale(each.scale)), each.coverage)
        for each in rows
        if each.coverage is not None
    ]
    yield _gauge(catalog.COVERAGE, coverage)


def _gauge(metric: Metric, samples: Samples) -> Family:
    """A family of gauges. One series for one set of labels: a second would make Prometheus refuse all of them."""
    from prometheus_client.core import GaugeMetricFamily

    family = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, value in {tuple(map(_text, labels)): value for labels, value in samples}.items():
        family.add_metric(labels, value)
    return family


def _text(value: str) -> str:
    return value[:MAX_LABEL].encode("utf-8", "replace").decode()


def _scale(seconds: float) -> str:
    return format_duration(timedelta(seconds=seconds))

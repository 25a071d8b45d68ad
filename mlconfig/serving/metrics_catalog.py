"""The metrics of ``/metrics``: name, type, labels and meaning, each stated once; ``docs/monitoring-metrics.md`` is made of it.

Names follow https://prometheus.io/docs/practices/naming: base units, ``_total`` for what only grows, ``_info`` for what has the
value 1 and speaks by its labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

STATES = {"unknown": -1, "ok": 0, "suspect": 1, "alert": 2, "lasting": 3}
"""The value of `mlconfig_signal_state`."""


@dataclass(frozen=True)
class Metric:
    """One family. ``source``: ``service`` is of all replicas together, ``replica`` of the one that answered, ``monitoring``
    what the controller's last run found.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    source: Literal["service", "replica", "monitoring"]
    labels: tuple[str, ...]
    help: str


def _service(name: str, help_: str, *labels: str, kind: Literal["counter", "histogram"] = "counter") -> Metric:
    return Metric(name, kind, "service", ("endpoint", *labels), help_)


def _replica(name: str, help_: str, *labels: str) -> Metric:
    return Metric(name, "gauge", "replica", labels, help_)


def _monitoring(name: str, help_: str, *labels: str) -> Metric:
    return Metric(name, "gauge", "monitoring", ("endpoint", *labels), help_)


REQUESTS = _service("mlconfig_requests_total", "Requests answered, by route and HTTP status code.", "route", "code")
DURATION = _service(
    "mlconfig_request_duration_seconds",
    "Time to answer a predict request with a prediction. A bound is exact to 1/64 of itself.",
    kind="histogram",
)
PREDICTIONS = _service("mlconfig_predictions_total", "Rows predicted.")
FAILURES = _service("mlconfig_model_failures_total", "Predictions that the model broke on.")
FALLBACK = _service("mlconfig_fallback_total", "Predict requests answered by something other than the chosen version.")
LOG_DROPPED = _service("mlconfig_prediction_log_dropped_total", "Predictions that the disk refused to log.")
FEEDBACK_DROPPED = _service("mlconfig_feedback_dropped_total", "Labels that the disk refused.")

BUILD = _replica("mlconfig_build_info", "The version of mlconfig; the value is 1.", "version")
MODEL = _replica(
    "mlconfig_model_info", "The model version that answers; the value is 1.",
    "endpoint", "version", "artifact_sha256", "task",
)  # fmt: skip
GENERATION = _replica(
    "mlconfig_route_generation", "Generation of the route table; each promotion and rollback is one more.", "endpoint"
)
FAULTY = _replica(
    "mlconfig_replica_faulty",
    "1 while the replica cannot take over its newest route or write one of its logs, else 0.",
    "endpoint",
)

STATE = _monitoring(
    "mlconfig_signal_state",
    "State of a signal: 0 ok, 1 suspect, 2 alert, 3 lasting, -1 unknown (too little data).",
    "version", "signal", "scale",
)  # fmt: skip
WINDOW_ROWS = _monitoring(
    "mlconfig_window_rows", "Predictions in a signal's newest window.", "version", "signal", "scale"
)
WINDOW_END = _monitoring(
    "mlconfig_window_end_timestamp_seconds", "End of a signal's newest window, since 1970.",
    "version", "signal", "scale",
)  # fmt: skip
_FINDING = ("version", "signal", "column", "statistic", "scale")
SCORE = _monitoring(
    "mlconfig_drift_score",
    "What a signal measured in its newest window; the column is empty where it is of all.",
    *_FINDING,
)
THRESHOLD = _monitoring("mlconfig_drift_threshold", "What the score must not exceed.", *_FINDING)
_PERFORMANCE = ("version", "signal", "column", "metric", "scale")
PERFORMANCE = _monitoring("mlconfig_performance", "A metric over the newest window that is judged.", *_PERFORMANCE)
PERFORMANCE_LOW = _monitoring("mlconfig_performance_low", "Lower end of the metric's interval.", *_PERFORMANCE)
PERFORMANCE_HIGH = _monitoring("mlconfig_performance_high", "Upper end of the metric's interval.", *_PERFORMANCE)
PERFORMANCE_REFERENCE = _monitoring("mlconfig_performance_reference", "The metric at evaluation.", *_PERFORMANCE)
COVERAGE = _monitoring(
    "mlconfig_label_coverage_fraction", "Share of a window's predictions that have a label.",
    "version", "signal", "scale",
)  # fmt: skip
ALERTS = _monitoring("mlconfig_alerts_open", "Alerts that are open, by severity.", "severity")
COLUMNS_DROPPED = _monitoring(
    "mlconfig_monitoring_columns_dropped",
    "Columns whose figures are not shown, because there are more than 200; those that drift are shown first.",
)
LAST_RUN = _monitoring("mlconfig_monitoring_last_run_timestamp_seconds", "When monitoring last ran, since 1970.")

METRICS: tuple[Metric, ...] = (
    REQUESTS, DURATION, PREDICTIONS, FAILURES, FALLBACK, LOG_DROPPED, FEEDBACK_DROPPED, BUILD, MODEL, GENERATION, FAULTY,
    STATE, WINDOW_ROWS, WINDOW_END, SCORE, THRESHOLD, PERFORMANCE, PERFORMANCE_LOW, PERFORMANCE_HIGH,
    PERFORMANCE_REFERENCE, COVERAGE, ALERTS, COLUMNS_DROPPED, LAST_RUN,
)  # fmt: skip
"""All of them, in the order of the page."""

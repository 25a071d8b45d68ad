"""Writes what the code says of its metrics: ``python docs/metrics.py`` makes ``monitoring-metrics.md`` and
``grafana.json`` anew.

Nothing of the two is written by hand; a test makes them again and compares.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mlconfig.serving.metrics_catalog import METRICS, STATES

DOCS = Path(__file__).resolve().parent
SOURCES = {
    "service": "Of all replicas together, since the endpoint exists.",
    "replica": "Of the replica that answered the scrape.",
    "monitoring": "What the controller's last run of monitoring found; missing until there is one.",
}
HEAD = """\
# Metrics

Made by `python docs/metrics.py` out of `mlconfig/serving/metrics_catalog.py`; do not edit.

Each replica answers `GET /v1/<endpoint>/metrics`, and `GET /metrics` where the endpoint has the root, with Prometheus text
(version 0.0.4). It answers before a version is loaded, and whatever has become of the files behind it.

**Any replica answers for all.** Before it answers, a replica writes its own counts to the endpoint's service log
(`predictions/<endpoint>/service/` in the storage folder), and what it shows is the sum of that log: counts never shrink,
whichever replica the proxy chooses, and outlive a replica that is killed (all but its last ten seconds). So scrape the
endpoint's own address, once:

```yaml
scrape_configs:
  - job_name: mlconfig
    scrape_interval: 15s
    metrics_path: /v1/churn/metrics
    static_configs:
      - targets: ["127.0.0.1:8000"]
```

One who scrapes each replica gets every count as often; `max by` puts that right, and the dashboard does it. While the disk
refuses the log, counts stand still and `mlconfig_replica_faulty` is 1; what was counted meanwhile is added when it takes
it again.

[grafana.json](grafana.json) is a dashboard of them: in Grafana, *Dashboards*, *New*, *Import*; it asks for the Prometheus data
source. A new model version is marked on all of its time axes.

Alerts are sent by the recipe's own `alerts.sinks`; one rule is worth having beside them, because a controller that is gone says
nothing. Twice `monitoring.every` is a good bound:

```yaml
groups:
  - name: mlconfig
    rules:
      - alert: MonitoringStopped
        expr: time() - mlconfig_monitoring_last_run_timestamp_seconds > 7200
```
"""
TAIL = """\
`scale` is a window's length (`1h`, `1d`, `7d`). Figures of monitoring are kept of 200 columns at most: those that drift
first, then by name.
"""


def metrics_page() -> str:
    """The page: how to scrape, then a table a source."""
    parts = [HEAD]
    for source, said in SOURCES.items():
        rows = [
            f"| `{metric.name}` | {metric.kind} | {', '.join(f'`{label}`' for label in metric.labels)} | {metric.help} |"
            for metric in METRICS
            if metric.source == source
        ]
        parts.append(f"## {source.capitalize()}\n\n{said}\n")
        parts.append("\n".join(["| metric | type | labels | meaning |", "|---|---|---|---|", *rows]) + "\n")
    return "\n".join([*parts, TAIL])


Panel = dict[str, Any]
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
HERE = 'endpoint="$endpoint"'
WATCHED = f'{HERE},scale="$scale"'
COLORS = {"unknown": "text", "ok": "green", "suspect": "yellow", "alert": "orange", "lasting": "red"}


def _query(expr: str, legend: str = "", **more: object) -> dict[str, Any]:
    return {"datasource": DATASOURCE, "editorMode": "code", "expr": expr, "legendFormat": legend, **more}


def _panel(kind: str, title: str, described: str, *queries: dict[str, Any], **field: Any) -> Panel:
    overrides = field.pop("overrides", [])
    return {
        "type": kind,
        "title": title,
        "description": described,
        "datasource": DATASOURCE,
        "targets": [{**query, "refId": chr(ord("A") + place)} for place, query in enumerate(queries)],
        "fieldConfig": {"defaults": field, "overrides": overrides},
    }


def _drawn(series: str, **custom: object) -> dict[str, Any]:
    """How the series are drawn whose name matches."""
    listed = [{"id": f"custom.{key}", "value": value} for key, value in custom.items()]
    return {"matcher": {"id": "byRegexp", "options": f"/^{series}/"}, "properties": listed}


def _rate(metric: str, labels: str, by: str) -> str:
    """A rate, the same whether one replica is scraped or each of them."""
    return f"max by ({by}) (rate({metric}{{{labels}}}[$__rate_interval]))"


def _predict(code: str = "") -> str:
    labels = f'{HERE},route="predict"' + (f',code=~"{code}"' if code else "")
    return f"sum({_rate('mlconfig_requests_total', labels, 'code')})"


def _share(code: str) -> str:
    return f"({_predict(code)} or vector(0)) / {_predict()}"


def _latency(quantile: float) -> str:
    return f"histogram_quantile({quantile}, {_rate('mlconfig_request_duration_seconds_bucket', HERE, 'le')})"


def _thresholds(*steps: tuple[float | None, str]) -> dict[str, Any]:
    return {"mode": "absolute", "steps": [{"value": value, "color": color} for value, color in steps]}


def _service() -> list[Panel]:
    count = _rate("mlconfig_requests_total", f'{HERE},route="predict"', "code")
    share = _thresholds((None, "green"), (0.01, "orange"), (0.05, "red"))
    dropped = [
        _query(f"max(increase({name}{{{HERE}}}[$__rate_interval]))", legend)
        for name, legend in (
            ("mlconfig_prediction_log_dropped_total", "predictions not logged"),
            ("mlconfig_feedback_dropped_total", "labels not kept"),
            ("mlconfig_model_failures_total", "model failures"),
            ("mlconfig_fallback_total", "fallbacks"),
        )
    ]
    return [
        _panel("timeseries", "Predict requests", "By status code.", _query(count, "{{code}}"), unit="reqps", min=0),
        _panel(
            "timeseries", "Latency of answers", "Of predict requests, inside the replica.",
            _query(_latency(0.5), "p50"), _query(_latency(0.99), "p99"), unit="s", min=0,
        ),
        _panel("stat", "Errors", "Share of 5xx.", _query(_share("5..")), unit="percentunit", thresholds=share),
        _panel("stat", "Rejected", "Share of 4xx.", _query(_share("4..")), unit="percentunit", thresholds=share),
        _panel(
            "timeseries", "Rows predicted", "Rows a second.",
            _query(f"max(rate(mlconfig_predictions_total{{{HERE}}}[$__rate_interval]))", "rows"), unit="short", min=0,
        ),
        _panel("timeseries", "What went wrong", "Each should be none.", *dropped, unit="short", min=0),
        _panel(
            "table", "Version that answers", "As the replica says that answered the scrape.",
            _query(f"max by (version, task) (mlconfig_model_info{{{HERE}}})", instant=True, format="table"),
            _query("max by (version) (mlconfig_build_info)", instant=True, format="table"),
        ),
        _panel(
            "stat", "Replica faulty", "1: it cannot take over its newest route or write one of its logs.",
            _query(f"max(mlconfig_replica_faulty{{{HERE}}})"), thresholds=_thresholds((None, "green"), (1, "red")),
        ),
    ]  # fmt: skip


def _monitoring() -> list[Panel]:
    mappings = [
        {"type": "value", "options": {str(value): {"text": state, "color": COLORS[state]}}}
        for state, value in STATES.items()
    ]
    of_one = f'{WATCHED},signal="$signal"'
    ratio = f"max by (column) (mlconfig_drift_score{{{of_one}}} / mlconfig_drift_threshold{{{of_one}}})"
    column = f'{of_one},column="$column"'
    dashed = {"fill": "dash", "dash": [8, 8]}
    band = [
        _drawn("high", fillBelowTo="low", lineWidth=0, fillOpacity=20),
        _drawn("low", lineWidth=0),
        _drawn("at evaluation", lineStyle=dashed),
    ]
    return [
        _panel(
            "state-timeline", "Signals", "The state of each signal after each window.",
            _query(f"max by (signal) (mlconfig_signal_state{{{WATCHED}}})", "{{signal}}"), mappings=mappings,
        ),
        _panel(
            "timeseries", "Drift by column", "Score of `$signal` as a multiple of its threshold; above 1 it drifts.",
            _query(ratio, "{{column}}"), min=0, thresholds=_thresholds((None, "transparent"), (1, "red")),
            custom={"thresholdsStyle": {"mode": "dashed"}},
        ),
        _panel(
            "timeseries", "Drift of $column", "The score beside the threshold it must not exceed.",
            _query(f"max by (statistic) (mlconfig_drift_score{{{column}}})", "{{statistic}}"),
            _query(f"max by (statistic) (mlconfig_drift_threshold{{{column}}})", "threshold of {{statistic}}"),
            min=0, overrides=[_drawn("threshold", lineStyle=dashed)],
        ),
        _panel(
            "timeseries", "Performance", "With its interval, beside its value at evaluation.",
            *(
                _query(f'max by (metric) ({name}{{{WATCHED},signal="performance"}})', legend)
                for name, legend in (
                    ("mlconfig_performance", "{{metric}}"), ("mlconfig_performance_low", "low"),
                    ("mlconfig_performance_high", "high"), ("mlconfig_performance_reference", "at evaluation"),
                )
            ),
            _query(f'max(mlconfig_performance{{{WATCHED},signal="estimated_performance"}})', "estimated without labels"),
            overrides=band,
        ),
        _panel(
            "timeseries", "Labels' coverage", "Share of a window's predictions that have a label.",
            _query(f"max by (signal) (mlconfig_label_coverage_fraction{{{WATCHED}}})", "{{signal}}"),
            unit="percentunit", min=0, max=1,
        ),
        _panel(
            "timeseries", "Rows a window", "Predictions in the newest window of each signal.",
            _query(f"max by (signal) (mlconfig_window_rows{{{WATCHED}}})", "{{signal}}"), unit="short", min=0,
        ),
    ]  # fmt: skip


def _alerts() -> list[Panel]:
    red = _thresholds((None, "green"), (7200, "orange"), (86400, "red"))
    age = [
        _query(f"time() - max({name}{{{HERE}}})", legend)
        for name, legend in (
            ("mlconfig_monitoring_last_run_timestamp_seconds", "last run"),
            ("mlconfig_window_end_timestamp_seconds", "newest window"),
        )
    ]
    return [
        _panel(
            "timeseries", "Open alerts", "By severity.",
            _query(f"max by (severity) (mlconfig_alerts_open{{{HERE}}})", "{{severity}}"), unit="short", min=0,
            custom={"drawStyle": "bars", "stacking": {"mode": "normal"}},
        ),
        _panel("stat", "Age of monitoring", "Since it last ran, and since its newest window ended.", *age, unit="s",
               thresholds=red),
        _panel(
            "stat", "Columns not shown", "Beyond 200; those that drift are shown first.",
            _query(f"max(mlconfig_monitoring_columns_dropped{{{HERE}}})"),
            thresholds=_thresholds((None, "green"), (1, "orange")),
        ),
    ]  # fmt: skip


def _variable(name: str, metric: str, **more: object) -> dict[str, Any]:
    """A choice among the values of a label, named as the label."""
    query = f"label_values({metric}, {name})"
    return {
        "type": "query", "name": name, "label": name, "datasource": DATASOURCE, "refresh": 2, "sort": 1,
        "definition": query, "query": {"query": query, "refId": "A"}, **more,
    }  # fmt: skip


def _placed(rows: dict[str, list[Panel]]) -> list[Panel]:
    """The panels below their rows, two abreast of the 24 columns that Grafana has."""
    placed: list[Panel] = []
    y = 0
    for title, panels in rows.items():
        row: Panel = {"type": "row", "title": title, "collapsed": False, "panels": []}
        placed.append({**row, "gridPos": {"h": 1, "w": 24, "x": 0, "y": y}})
        for number, panel in enumerate(panels):
            placed.append({**panel, "gridPos": {"h": 8, "w": 12, "x": 12 * (number % 2), "y": y + 1 + number // 2 * 8}})
        y += 1 + (len(panels) + 1) // 2 * 8
    return [{"id": number, **panel} for number, panel in enumerate(placed, start=1)]


def _annotations() -> list[dict[str, Any]]:
    """Marks on all time axes: a version answers that did not a minute ago; the route changed at all."""
    live = "max by (version) (mlconfig_model_info{%s}%s)"
    new = f"{live % (HERE, '')} unless {live % (HERE, ' offset 1m')}"
    changed = f"max(changes(mlconfig_route_generation{{{HERE}}}[1m])) > 0"
    version = {
        "iconColor": "blue",
        "expr": new,
        "titleFormat": "version {{version}}",
        "textFormat": "answers from here on",
    }
    route = {
        "iconColor": "purple",
        "expr": changed,
        "titleFormat": "route changed",
        "textFormat": "promoted or rolled back",
    }
    both = {"datasource": DATASOURCE, "step": "1m"}
    return [
        {"name": "Version changes", "enable": True, **both, **version},
        {"name": "Route changes", "enable": False, **both, **route},
    ]


def dashboard() -> dict[str, Any]:
    """The dashboard in Grafana's JSON model, schema 39 (Grafana 10.4 and later)."""
    watched = f"mlconfig_signal_state{{{HERE}}}"
    drifting = f"mlconfig_drift_score{{{WATCHED}}}"
    source = {"type": "datasource", "name": "datasource", "label": "Data source", "query": "prometheus"}
    return {
        "uid": "mlconfig-endpoint",
        "title": "mlconfig endpoint",
        "tags": ["mlconfig"],
        "schemaVersion": 39,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-24h", "to": "now"},
        "timezone": "browser",
        "templating": {
            "list": [
                source,
                _variable("endpoint", "mlconfig_requests_total"),
                _variable("scale", watched),
                _variable("signal", drifting),
                _variable("column", f'mlconfig_drift_score{{{WATCHED},signal="$signal"}}'),
            ]
        },
        "annotations": {"list": _annotations()},
        "panels": _placed({"Service": _service(), "Monitoring": _monitoring(), "Alerts": _alerts()}),
    }


def dashboard_file() -> str:
    """The dashboard as its file holds it."""
    return json.dumps(dashboard(), indent=2) + "\n"


def main() -> None:
    """Write both."""
    (DOCS / "monitoring-metrics.md").write_text(metrics_page(), encoding="utf-8")
    (DOCS / "grafana.json").write_text(dashboard_file(), encoding="utf-8")


if __name__ == "__main__":
    main()

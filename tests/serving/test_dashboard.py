"""The page of metrics and the dashboard are made of the code, and ask for what `/metrics` shows."""

import importlib.util
import json
import re
import subprocess
from pathlib import Path

import yaml

from mlconfig.serving.metrics_catalog import METRICS

DOCS = Path(__file__).parents[2] / "docs"
SELECTOR = re.compile(r"(mlconfig_\w+)(?:\{([^}]*)\})?")
VARIABLES = {"$__rate_interval": "5m", "$endpoint": "churn", "$scale": "1h", "$signal": "input_drift", "$column": "age"}


def generator():
    spec = importlib.util.spec_from_file_location("docs_metrics", DOCS / "metrics.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def dashboard():
    return json.loads((DOCS / "grafana.json").read_text())


def expressions():
    board = dashboard()
    asked = [target["expr"] for panel in board["panels"] for target in panel.get("targets", ())]
    return asked + [annotation["expr"] for annotation in board["annotations"]["list"]]


def shown():
    """The labels of each series by its name: a histogram has three."""
    series = {metric.name: set(metric.labels) for metric in METRICS if metric.kind != "histogram"}
    for metric in METRICS:
        if metric.kind == "histogram":
            series |= {f"{metric.name}_{part}": set(metric.labels) for part in ("sum", "count")}
            series[f"{metric.name}_bucket"] = {*metric.labels, "le"}
    return series


def unknown(text):
    """Metrics, and labels of them, that a text asks for and nothing shows."""
    series, wrong = shown(), []
    for name, labels in SELECTOR.findall(text):
        asked = set(re.findall(r'(\w+)=~?"', labels))
        wrong += [name] if name not in series else [f"{name}.{label}" for label in asked - series[name]]
    return wrong


def test_the_page_and_the_dashboard_are_what_the_code_says():
    made = generator()
    for name, text in (("monitoring-metrics.md", made.metrics_page()), ("grafana.json", made.dashboard_file())):
        assert (DOCS / name).read_text(encoding="utf-8") == text, f"run python docs/metrics.py: {name} is out of date"


def test_the_dashboard_asks_for_what_is_shown():
    variables = [each["definition"] for each in dashboard()["templating"]["list"] if each["type"] == "query"]
    assert len(expressions()) > 20
    assert [wrong for text in [*expressions(), *variables] for wrong in unknown(text)] == []
    assert unknown('rate(mlconfig_gone_total[5m]) + mlconfig_alerts_open{signal="x"}') == [
        "mlconfig_gone_total", "mlconfig_alerts_open.signal",
    ]  # fmt: skip


def test_every_metric_of_the_service_and_of_monitoring_is_drawn():
    asked = {name.removesuffix("_bucket") for text in expressions() for name, _ in SELECTOR.findall(text)}
    assert {metric.name for metric in METRICS} - asked == set()


def test_the_dashboard_can_be_imported():
    board = dashboard()
    assert board["schemaVersion"] >= 39
    assert [each["name"] for each in board["templating"]["list"]][:2] == ["datasource", "endpoint"]
    assert [panel["title"] for panel in board["panels"] if panel["type"] == "row"] == [
        "Service",
        "Monitoring",
        "Alerts",
    ]
    numbers = [panel["id"] for panel in board["panels"]]
    assert numbers == sorted(set(numbers))
    cells = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        taken = {(place["x"] + across, place["y"] + down) for across in range(place["w"]) for down in range(place["h"])}
        assert not taken & cells, panel["title"]
        cells |= taken
        for target in panel.get("targets", ()):
            assert target["datasource"]["uid"] == "${datasource}"


def test_promtool_reads_every_expression(tmp_path, promtool):
    texts = expressions()
    for name, chosen in VARIABLES.items():
        texts = [text.replace(name, chosen) for text in texts]
    assert not [text for text in texts if "$" in text]
    rules = [{"record": f"panel:{number}", "expr": text} for number, text in enumerate(texts)]
    example = yaml.safe_load(
        re.findall(r"```yaml\n(groups:.*?)```", (DOCS / "monitoring-metrics.md").read_text(), re.DOTALL)[0]
    )
    groups = [{"name": "dashboard", "rules": rules}, *example["groups"]]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": groups}))
    command = [promtool, "check", "rules", "--lint=none", str(tmp_path / "rules.yaml")]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"SUCCESS: {len(rules) + 1} rules found" in checked.stdout

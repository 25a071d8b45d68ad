"""`/metrics`: of all replicas whichever answers, never smaller than before, right for Prometheus' own checker."""

import asyncio
import re
import subprocess

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from mlconfig.builtin.protocol_mlconfig import MlconfigProtocol
from mlconfig.records.metrics_snapshot import FILE, MAX_COLUMNS, write_snapshot
from mlconfig.records.prediction_log import log_folder
from mlconfig.records.service_compaction import compact_service_log
from mlconfig.records.service_log import COMPACTED, ServiceLog, log_files
from mlconfig.records.service_writer import SERVICE
from mlconfig.records.verdict import Alert, Finding, Verdict
from mlconfig.sections.serving import Serving
from mlconfig.serving import exposition
from mlconfig.serving.app import App
from mlconfig.serving.metrics_catalog import METRICS
from mlconfig.serving.service import Service
from mlconfig.vocabulary import Window

PROTOCOLS = {"mlconfig": MlconfigProtocol()}

ROW = {"age": 30, "hours-per-week": 40.5, "plan": "pro"}
HOUR = Window(start=0.0, end=3600.0)
ODD = 'a "column"\\with\nall'


@pytest.fixture
def replicas(tmp_path, make_version, make_route_table):
    """Make replicas of one endpoint, on one folder, ready or without a version."""
    made, route = [], make_route_table(make_version(tmp_path))

    def make(name: str, *, ready: bool = True) -> App:
        service = Service("churn", tmp_path, Serving(), PROTOCOLS, replica=name)
        made.append(service)
        assert not ready or service.swap(route), service.problem
        return App(service)

    yield make
    for service in made:
        service.close()


def ask(app, method="GET", path="/metrics", **options):
    async def run():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test") as client:
            return await client.request(method, path, **options)

    return asyncio.run(run())


def predict(app, count=1, **changes):
    for _ in range(count):
        ask(app, "POST", "/v1/churn/predict", json={**ROW, **changes})


def samples(app):
    """Each sample by name and labels, of a scrape that must succeed."""
    response = ask(app)
    assert response.status_code == 200
    found = [sample for family in text_string_to_metric_families(response.text) for sample in family.samples]
    by_key = {(sample.name, frozenset(sample.labels.items())): sample.value for sample in found}
    assert len(by_key) == len(found)
    return by_key


def value(of, name, **labels):
    return of.get((name, frozenset({"endpoint": "churn", **labels}.items())))


def requests(of, code="200", route="predict"):
    return value(of, "mlconfig_requests_total", route=route, code=code)


def verdict(signal, state, findings=(), scale=3600.0):
    return Verdict(
        endpoint="churn", version="1", signal=signal, detector="d", window=HOUR, scale=scale, rows=500, vote=None,
        state=state, findings=tuple(findings),
    )  # fmt: skip


def finding(column, score=0.1, *, statistic="psi", **details):
    return Finding(
        column=column, statistic=statistic, drift_score=score, threshold=0.05, is_drift=score > 0.05, details=details
    )


def watch(storage, columns=("age", "plan", ODD)):
    """Write what monitoring would; returns its endpoint's folder."""
    alert = Alert(
        recipe="r",
        endpoint="churn",
        version="1",
        signal="input_drift",
        state="alert",
        severity="critical",
        what="w",
        at=1.0,
    )
    measured = {"value": 0.8, "low": 0.75, "high": 0.85, "reference": 0.9, "coverage": 0.4}
    verdicts = [
        verdict("input_drift", "alert", [finding(name) for name in columns]),
        verdict("input_drift", "lasting", scale=86_400.0),
        verdict("confidence", "unknown"),
        verdict("performance", "suspect", [finding(None, statistic="performance_drop", **measured)]),
    ]
    folder = log_folder(storage, "churn")
    write_snapshot(folder, verdicts, [alert], at=7200.0, metric="roc_auc")
    return folder


def test_any_replica_answers_for_all(replicas):
    first, second = replicas("a"), replicas("b")
    predict(first, 3)
    predict(second, 2)
    predict(second, 1, plan=4711)
    samples(second)  # a replica's counts are there once it wrote them: here because it was asked
    for app in (first, second):
        found = samples(app)
        assert (requests(found), requests(found, "422")) == (5, 1)
        assert value(found, "mlconfig_predictions_total") == 5
        assert value(found, "mlconfig_request_duration_seconds_count") == 5
        assert value(found, "mlconfig_request_duration_seconds_bucket", le="+Inf") == 5
        assert 0 < value(found, "mlconfig_request_duration_seconds_sum") < 5


def test_counts_never_shrink_whichever_replica_answers(replicas, tmp_path):
    apps = [replicas(name) for name in "abc"]
    seen = []
    for turn in range(30):
        predict(apps[turn % 3], turn % 4)
        seen.append(requests(samples(apps[turn * 7 % 3])) or 0)
        if turn == 10:  # one ends, its file is compacted
            apps[0].service.close()
            assert compact_service_log(log_folder(tmp_path, "churn"), 1e10) >= 1
    assert seen == sorted(seen)
    assert max(requests(samples(app)) for app in apps) == sum(turn % 4 for turn in range(30))


def test_a_replica_that_comes_later_goes_on_where_the_others_ended(replicas):
    first = replicas("a")
    predict(first, 4)
    first.service.close()
    assert requests(samples(replicas("b", ready=False))) == 4


def test_monitoring_reads_the_same_counts(replicas, tmp_path):
    app = replicas("a")
    predict(app, 3)
    predict(app, 2, plan=4711)
    app.service.close()
    stats = ServiceLog(log_folder(tmp_path, "churn")).stats(0, 1e12)
    assert (stats.answered, stats.rejected, stats.errors) == (3, 2, 0)
    assert 0 < stats.quantile(0.5) < 10


def test_it_is_plain_text_at_both_paths_and_no_predict_request(replicas):
    app = replicas("a")
    for path in ("/metrics", "/v1/churn/metrics"):
        response = ask(app, path=path)
        assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert response.headers["content-length"] == str(len(response.content))
    head = ask(app, "HEAD")
    assert (head.status_code, head.content) == (200, b"")
    refused = ask(app, "POST")
    assert (refused.status_code, refused.headers["content-type"]) == (405, "application/json")
    found = samples(app)
    assert (requests(found, route="metrics"), requests(found, "405", "metrics")) == (3, 1)
    assert requests(found) is None
    assert value(found, "mlconfig_request_duration_seconds_count") == 0


def test_it_answers_before_a_version_is_loaded(replicas, tmp_path, make_version, make_route_table):
    app = replicas("a", ready=False)
    predict(app)
    found = samples(app)
    assert requests(found, "503") == 1
    assert not [key for key in found if key[0] in ("mlconfig_model_info", "mlconfig_route_generation")]
    app.service.swap(make_route_table(make_version(tmp_path, "7"), generation=3))
    found = samples(app)
    sha256 = app.service.state.table.champion.artifact_sha256
    assert value(found, "mlconfig_model_info", version="7", artifact_sha256=sha256, task="binary") == 1
    assert value(found, "mlconfig_route_generation") == 3


def test_failures_fallbacks_and_faults_are_told(replicas):
    app = replicas("a")
    app.service.state.versions.champion.predictor.score = None
    predict(app)
    app.service._answerer.fallbacks += 2
    found = samples(app)
    assert requests(found, "500") == value(found, "mlconfig_model_failures_total") == 1
    assert value(found, "mlconfig_fallback_total") == 2
    assert value(found, "mlconfig_replica_faulty") == 0
    app.service.problem = "the route cannot be taken over"
    assert value(samples(app), "mlconfig_replica_faulty") == 1


def test_figures_of_monitoring_are_shown(replicas, tmp_path):
    app = replicas("a")
    assert value(samples(app), "mlconfig_monitoring_last_run_timestamp_seconds") is None
    watch(tmp_path)
    found = samples(app)

    def state(signal, scale="1h"):
        return value(found, "mlconfig_signal_state", version="1", signal=signal, scale=scale)

    assert (state("input_drift"), state("input_drift", "1d"), state("confidence"), state("performance")) == (
        2,
        3,
        -1,
        1,
    )
    drift = {"version": "1", "signal": "input_drift", "statistic": "psi", "scale": "1h"}
    assert value(found, "mlconfig_drift_score", column=ODD, **drift) == 0.1
    assert value(found, "mlconfig_drift_threshold", column="age", **drift) == 0.05
    judged = {"version": "1", "signal": "performance", "scale": "1h"}
    metric = {"metric": "roc_auc", "column": "", **judged}
    names = ("mlconfig_performance", *(f"mlconfig_performance_{end}" for end in ("low", "high", "reference")))
    assert [value(found, name, **metric) for name in names] == [0.8, 0.75, 0.85, 0.9]
    assert value(found, "mlconfig_label_coverage_fraction", **judged) == 0.4
    assert value(found, "mlconfig_window_rows", **judged) == 500
    assert value(found, "mlconfig_window_end_timestamp_seconds", **judged) == 3600
    severities = [value(found, "mlconfig_alerts_open", severity=name) for name in ("info", "warning", "critical")]
    assert severities == [0, 0, 1]
    assert value(found, "mlconfig_monitoring_last_run_timestamp_seconds") == 7200
    watch(tmp_path, columns=[f"c{number}" for number in range(MAX_COLUMNS + 7)])
    found = samples(app)
    assert value(found, "mlconfig_monitoring_columns_dropped") == 7
    assert len([key for key in found if key[0] == "mlconfig_drift_score"]) == MAX_COLUMNS + 1


def test_text_is_made_again_only_for_another_snapshot(replicas, tmp_path, monkeypatch):
    app, folder = replicas("a"), watch(tmp_path)
    read = []
    monkeypatch.setattr(exposition, "read_snapshot", read.append)
    for _ in range(3):
        samples(app)
    assert read == [folder]
    watch(tmp_path)
    samples(app)
    assert read == [folder, folder]


def test_a_second_series_of_the_same_labels_never_leaves(replicas, tmp_path):
    long = "x" * exposition.MAX_LABEL
    watch(tmp_path, columns=["age", "age", f"{long}1", f"{long}2"])
    found = samples(replicas("a"))  # raises on a double
    assert len([key for key in found if key[0] == "mlconfig_drift_score"]) == 3


@pytest.mark.parametrize("damage", [b"", b"\x00\xff", b'{"v":1}\n', b'{"start":1}\n{"v":1,"start":'])
def test_damaged_files_break_no_scrape(replicas, tmp_path, damage):
    app, folder = replicas("a"), watch(tmp_path)
    predict(app, 2)
    app.service.write_counts()
    (folder / FILE).write_bytes(damage)
    for name in (COMPACTED, "other.jsonl"):
        (folder / SERVICE / name).write_bytes(damage)
    found = samples(app)
    assert requests(found) == 2
    assert value(found, "mlconfig_monitoring_last_run_timestamp_seconds") is None


def test_a_disk_that_refuses_breaks_no_request_and_no_scrape(replicas, tmp_path):
    app = replicas("a")
    (tmp_path / "predictions").write_text("in the way")
    predict(app)
    found = samples(app)
    assert requests(found) is None  # what is not in the log is not shown: another replica could not show it
    assert value(found, "mlconfig_replica_faulty") == 1
    (tmp_path / "predictions").unlink()
    found = samples(app)
    assert requests(found) == value(found, "mlconfig_prediction_log_dropped_total") == 1


def test_a_closed_service_leaves_its_file_to_the_compactor(replicas, tmp_path):
    app, folder = replicas("a"), log_folder(tmp_path, "churn")
    predict(app, 2)
    app.service.write_counts()
    assert compact_service_log(folder, 0.0) == 0
    app.service.close()
    assert compact_service_log(folder, 0.0) == 1
    assert log_files(folder / SERVICE) == []


def test_promtool_finds_nothing_to_say(replicas, tmp_path, promtool):
    app = replicas("a")
    watch(tmp_path)
    predict(app, 2)
    predict(app, 1, plan=4711)
    samples(app)
    text = ask(app).text
    checked = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
    broken = text.replace("mlconfig_predictions_total", "mlconfig_predictions")
    assert subprocess.run(
        [promtool, "check", "metrics"], input=broken, capture_output=True, text=True, check=False
    ).returncode


def test_the_catalogue_names_all_that_is_shown(replicas, tmp_path):
    app = replicas("a")
    watch(tmp_path)
    predict(app)
    samples(app)
    text = ask(app).text
    assert dict(re.findall(r"^# HELP (\S+) (.*)$", text, re.MULTILINE)) == {each.name: each.help for each in METRICS}
    assert dict(re.findall(r"^# TYPE (\S+) (.*)$", text, re.MULTILINE)) == {each.name: each.kind for each in METRICS}
    for family in text_string_to_metric_families(text):
        (metric,) = (each for each in METRICS if each.name in (family.name, f"{family.name}_total"))
        assert family.samples, metric.name
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == set(metric.labels), metric.name

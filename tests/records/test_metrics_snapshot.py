"""Monitoring's figures for `/metrics`: the newest window of each signal, bounded in columns, replaced in one step."""

import pytest

from mlconfig.records.metrics_snapshot import FILE, MAX_COLUMNS, read_snapshot, write_snapshot
from mlconfig.records.verdict import Alert, Finding, Verdict
from mlconfig.vocabulary import Window

MEASURED = {"value": 0.8, "low": 0.75, "high": 0.85, "reference": 0.9, "floor": 0.87, "rows": 300.0, "coverage": 0.4}


def finding(column=None, score=0.1, *, drifts=False, statistic="psi", **details):
    return Finding(
        column=column, statistic=statistic, drift_score=score, threshold=0.05, is_drift=drifts, details=details
    )


def verdict(signal="input_drift", end=7200.0, state="ok", findings=(), version="1", scale=3600.0):
    window = Window(start=end - scale, end=end)
    return Verdict(
        endpoint="churn", version=version, signal=signal, detector="d", window=window, scale=scale, rows=int(end),
        vote=None if state == "unknown" else False, state=state, findings=tuple(findings),
    )  # fmt: skip


def alert(severity="warning", signal="input_drift", **changes):
    return Alert(
        recipe="r", endpoint="churn", version="1", signal=signal, state="alert", severity=severity, what="w", at=1.0,
        **changes,
    )  # fmt: skip


def written(folder, verdicts, alerts=(), **options):
    write_snapshot(folder, verdicts, alerts, at=9000.0, **options)
    return read_snapshot(folder)


def test_the_newest_window_of_each_signal_and_scale_counts(tmp_path):
    given = [
        verdict(end=7200, state="alert"), verdict(end=3600), verdict(end=86_400, scale=86_400, state="lasting"),
        verdict("confidence", state="unknown"), verdict(end=7200, version="2"),
    ]  # fmt: skip
    found = written(tmp_path / "log", given)
    assert [(each.version, each.signal, each.scale, each.state, each.rows) for each in found.signals] == [
        ("1", "confidence", 3600.0, "unknown", 7200), ("1", "input_drift", 3600.0, "alert", 7200),
        ("1", "input_drift", 86_400.0, "lasting", 86_400), ("2", "input_drift", 3600.0, "ok", 7200),
    ]  # fmt: skip
    assert (found.at, found.alerts, found.drift, found.performance) == (9000.0, {}, (), ())


def test_performance_is_what_has_an_interval(tmp_path):
    measured = verdict("performance", findings=[finding(statistic="performance_drop", **MEASURED)])
    (figures,) = written(tmp_path, [measured, verdict(findings=[finding("a", ks=0.1)])], metric="roc_auc").performance
    assert (figures.signal, figures.column, figures.metric) == ("performance", "", "roc_auc")
    assert (figures.value, figures.low, figures.high, figures.reference, figures.coverage) == (
        0.8,
        0.75,
        0.85,
        0.9,
        0.4,
    )
    (unnamed,) = written(tmp_path, [measured]).performance
    assert unnamed.metric == "performance"
    confidence = verdict("confidence", findings=[finding(statistic="confidence_drop", value=0.9, low=0.8, high=1.0)])
    (figures,) = written(tmp_path, [confidence], metric="roc_auc").performance
    assert (figures.metric, figures.reference, figures.coverage) == ("confidence", None, None)


def test_columns_are_bounded_and_those_that_drift_come_first(tmp_path):
    columns = [f"c{number:03d}" for number in range(MAX_COLUMNS + 50)]
    late = columns[-1]
    drift = [finding(name, score=number, drifts=name == late) for number, name in enumerate(columns)]
    other = verdict("data_quality", findings=[finding(name) for name in columns])
    found = written(tmp_path, [verdict(findings=[*drift, finding(None)]), other])
    shown = {each.column for each in found.drift}
    assert shown == {"", *columns[: MAX_COLUMNS - 1], late}
    assert len(found.drift) == 2 * MAX_COLUMNS + 1
    assert found.columns_dropped == 50


def test_open_alerts_are_counted_once(tmp_path):
    alerts = [
        alert(), alert(repeated=True), alert("critical", rule="r1"), alert("critical", rule="r2"),
        alert(signal="service", resolved=True),
    ]  # fmt: skip
    assert written(tmp_path, [], alerts).alerts == {"warning": 1, "critical": 2}


@pytest.mark.parametrize(
    "damage",
    [b"", b"{", b"[]", b'{"at":1,"v":2}', b'{"at":1,"signals":[{"version":"1"}]}', b'{"at":1e999}', b"\xff"],
)
def test_a_damaged_or_newer_snapshot_is_none(tmp_path, damage):
    assert read_snapshot(tmp_path) is None
    assert written(tmp_path, []) is not None
    (tmp_path / FILE).write_bytes(damage)
    assert read_snapshot(tmp_path) is None


def test_a_scale_that_is_no_length_is_damage(tmp_path):
    written(tmp_path, [verdict()])
    file = tmp_path / FILE
    file.write_bytes(file.read_bytes().replace(b'"scale":3600.0', b'"scale":1e300'))
    assert read_snapshot(tmp_path) is None


def test_it_is_replaced_in_one_step(tmp_path, monkeypatch):
    written(tmp_path, [verdict(state="alert")])
    before = (tmp_path / FILE).read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_snapshot(tmp_path, [], [], at=1.0)
    monkeypatch.undo()
    assert (tmp_path / FILE).read_bytes() == before
    written(tmp_path, [])
    assert [path.name for path in tmp_path.iterdir()] == [FILE]

"""What else is kept: steps, verdicts, the manifest, version cards."""

from __future__ import annotations

from mlconfig.lifecycle import Store
from mlconfig.records.verdict import Verdict
from mlconfig.records.version import MetricValue, VersionCard
from mlconfig.vocabulary import FrozenDict, Window


def _verdict(start: float, state="ok", signal="input_drift", scale: float = 3600.0, version="1") -> Verdict:
    window = Window(start=start, end=start + scale)
    return Verdict(endpoint="churn", version=version, signal=signal, detector="psi", window=window, scale=scale, rows=900,
                   vote=state != "ok", state=state)  # fmt: skip


def test_a_step_is_found_by_its_run_key_only(store: Store) -> None:
    store.steps.record("k1", "train", "train", {"file": "m", "metrics": {"auc": 0.5}}, seconds=1.5, now=10.0)
    kept = store.steps.find("k1")
    assert kept is not None
    assert (kept.step, kept.output, kept.seconds, kept.at) == (
        "train",
        {"file": "m", "metrics": {"auc": 0.5}},
        1.5,
        10.0,
    )
    assert store.steps.find("k2") is None


def test_a_step_carried_out_again_keeps_its_newest_output_and_can_be_forgotten(store: Store) -> None:
    store.steps.record("k1", "train", "train", {"file": "old"}, seconds=1.0, now=10.0)
    store.steps.record("k1", "train", "train", {"file": "new"}, seconds=2.0, now=11.0)
    store.steps.record("k2", "read", "read", {}, seconds=2.0, now=12.0)
    assert [(kept.run_key, kept.output) for kept in store.steps.all()] == [("k2", {}), ("k1", {"file": "new"})]
    store.steps.forget("k1")
    assert store.steps.find("k1") is None


def test_verdicts_come_back_in_order_and_a_window_has_one(store: Store) -> None:
    store.verdicts.add([_verdict(7200.0), _verdict(0.0), _verdict(3600.0)])
    store.verdicts.add([_verdict(3600.0, "alert")])
    assert [(found.window.start, found.state) for found in store.verdicts.history("churn", "1", "input_drift", 3600.0)] == [
        (0.0, "ok"), (3600.0, "alert"), (7200.0, "ok"),
    ]  # fmt: skip
    assert [found.window.start for found in store.verdicts.history("churn", "1", limit=2)] == [3600.0, 7200.0]
    assert store.verdicts.history("churn", "2") == []


def test_the_latest_of_each_signal_and_scale_is_what_a_trigger_sees(store: Store) -> None:
    day = _verdict(0.0, "lasting", scale=86400.0)
    quality = _verdict(0.0, "alert", signal="data_quality")
    store.verdicts.add([_verdict(0.0), _verdict(3600.0, "suspect"), day, quality, _verdict(9e5, version="2")])
    assert store.verdicts.latest("churn", "1") == [quality, _verdict(3600.0, "suspect"), day]


def test_a_segment_is_in_the_manifest_once(store: Store) -> None:
    assert not store.manifest.has("r1-b1-0")
    assert store.manifest.add("r1-b1-0", ["day=1/a.parquet", "day=2/a.parquet"], rows=10, now=1.0)
    assert not store.manifest.add("r1-b1-0", ["other.parquet"], rows=10, now=2.0)
    assert store.manifest.add("r1-b1-1", ["day=2/b.parquet"], rows=5, now=3.0)
    assert store.manifest.has("r1-b1-0")
    assert store.manifest.files() == ["day=1/a.parquet", "day=2/a.parquet", "day=2/b.parquet"]


def _card(version: str, **more) -> VersionCard:
    return VersionCard(
        name="churn", version=version, artifact_sha256="a" * 64, folder=f"artifacts/{version}", created_at=float(version),
        run_key=f"key{version}", plan_digest="d", data_fingerprint="f", **more,
    )  # fmt: skip


def test_cards_are_kept_by_name_and_version(store: Store) -> None:
    for version in ("1", "2"):
        store.versions.add(_card(version))
    measured = _card("1", metrics=FrozenDict(auc=MetricValue(value=0.9, low=0.8, high=1.0, rows=10)))
    store.versions.add(measured)
    assert store.versions.get("churn", "1") == measured
    assert [card.version for card in store.versions.all("churn")] == ["2", "1"]
    assert store.versions.by_run_key("churn", "key2") == _card("2")
    assert store.versions.get("churn", "3") is None
    assert store.versions.by_run_key("fraud", "key2") is None

"""A version's reference: made, written, read back, refused where it is damaged; and what it knows of rows that are alike."""

import functools
import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from mlconfig.errors import DataError
from mlconfig.monitoring.baseline import FACTS, HOLDOUT, OUTPUTS, PROFILE, ROWS, SEASON, Baseline, read_baseline
from mlconfig.monitoring.reference import HeldOut, make_baseline, permutation_importance
from mlconfig.profiles import binary

from .conftest import BEGIN, HOUR, SIGNATURE, Log, inputs, make_watch

DAY = 24 * HOUR
GROUPED = SIGNATURE.model_copy(update={"groups": ("plan",)})


@functools.cache
def made(rows=3000, days=30, signature=None, spread=0.0, time=True, seed=0):
    """The files of a reference over some days; x moves from day to day by so many standard deviations."""
    rng = np.random.default_rng(seed)
    moments = BEGIN + np.sort(rng.uniform(0, days * DAY, rows))
    columns = inputs(rng, rows)
    columns["x"] += spread * rng.normal(size=days)[((moments - BEGIN) // DAY).astype(int)]
    held = np.arange(0, rows, 4)
    score = rng.random(len(held))
    y = (rng.random(len(held)) < score).astype(float)
    given = HeldOut(held, (score >= 0.5).astype(float), score, y)
    table = pa.table({name: pa.array(values) for name, values in columns.items()})
    return make_baseline(
        table, signature or GROUPED, given, moments if time else None, {"x": 0.5, "z": 0.1, "plan": 0.5}, 0
    )


def written(folder, files):
    for name, data in files.items():
        (folder / name).write_bytes(data)
    return folder


def test_it_comes_back_whole(tmp_path):
    files = made()
    found = read_baseline(written(tmp_path, files))
    assert binary.dump(found.inputs) == files[PROFILE]
    assert binary.dump(found.outputs) == files[OUTPUTS]
    assert (found.inputs.rows, found.outputs.rows, found.scores.rows) == (3000, 750, 750)
    assert found.scores.groups == ("", "plan=basic", "plan=pro", "plan=team")
    assert found.calibration.shape == (512,)
    assert sum(cell.rows for cell in found.season.cells.values()) == 3000
    assert sum(cell.rows for cell in found.output_season.cells.values()) == 750
    assert found.duplicate_fraction == pytest.approx(0.0, abs=0.06)
    assert set(found.rows.column_names) == {"x", "z", "plan"}
    assert set(found.holdout.column_names) == {"x", "z", "plan", "prediction.label", "prediction.score", "label.code"}
    assert found.clusters is not None


def test_the_features_that_matter_most_come_first_and_ties_by_name(tmp_path):
    found = read_baseline(written(tmp_path, made()))
    assert found.top(2) == ("plan", "x")
    assert found.top(9) == ("plan", "x", "z")


def test_the_same_rows_give_the_same_bytes_and_rows_without_time_no_season():
    assert made() == made()
    assert set(made(time=False)) == {PROFILE, OUTPUTS, FACTS, ROWS, HOLDOUT}
    assert json.loads(made(time=False)[FACTS])["clusters"] == [None, None]


def test_a_version_of_an_earlier_release_has_inputs_alone(tmp_path):
    (tmp_path / PROFILE).write_bytes(made()[PROFILE])
    found = read_baseline(tmp_path)
    assert found.outputs is found.scores is found.season is found.rows is found.clusters is None
    older = json.loads(made()[FACTS])
    del older["clusters"]
    (tmp_path / FACTS).write_text(json.dumps(older))
    assert read_baseline(tmp_path).clusters is None
    assert read_baseline(tmp_path).scores.rows == 750


@pytest.mark.parametrize(
    "damage",
    [b"", b"{", b"[]", b"null", b'{"schema_version": 1}', lambda tree: {**tree, "scores": {"classes": 2}},
     lambda tree: {**tree, "scores": {**tree["scores"], "places": [10**9]}}, lambda tree: {**tree, "importance": [1]},
     lambda tree: {**tree, "clusters": [{"all": {"hour": {}}}, None]}, lambda tree: {**tree, "clusters": 5}],
)  # fmt: skip
def test_damaged_facts_are_refused_with_what_to_do(tmp_path, damage):
    files = made()
    bad = damage if isinstance(damage, bytes) else json.dumps(damage(json.loads(files[FACTS]))).encode()
    with pytest.raises(DataError, match="a reference that cannot be read") as found:
        read_baseline(written(tmp_path, {**files, FACTS: bad}))
    assert "train the version again" in str(found.value)
    assert FACTS in str(found.value)


@pytest.mark.parametrize("name", [PROFILE, OUTPUTS, SEASON])
def test_damaged_counts_are_refused(tmp_path, name):
    files = made()
    with pytest.raises(DataError):
        read_baseline(written(tmp_path, {**files, name: files[name][:-7]}))


def test_importance_is_of_what_the_answers_come_from():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(800, 2))
    predict = lambda feeds: 2.0 * feeds["num"][:, 0]  # noqa: E731
    found = permutation_importance(predict, {"num": x}, {"num": ("a", "b")}, 2.0 * x[:, 0], 0)
    assert found["a"] > 5.0
    assert found["b"] == 0.0
    assert permutation_importance(predict, {"num": x[:0]}, {"num": ("a", "b")}, x[:0, 0], 0) == {}


def test_days_that_differ_by_nature_are_no_drift_and_a_step_beyond_them_is(tmp_path):
    """Column x moves by 0.6 standard deviations from day to day, in training as in production."""
    found = read_baseline(written(tmp_path, made(24_000, 60, None, spread=0.6)))
    assert found.clusters.found["all"][DAY]["x"].correlation > 0.1

    def states(baseline, step):
        log, rng = Log(4), np.random.default_rng(5)
        for day in range(12):
            x = log.rng.normal(0.6 * rng.normal() + step * (day >= 6), 1, 400)
            log.hour(24 * day, 400, x=x)
        watched = replace(make_watch(every="24h", min_rows=300), baseline=baseline)
        return [v.state for v in log.passed(watched, 24 * 12).verdicts if v.signal == "input_drift"]

    assert set(states(found, 0.0)) == {"ok"}
    assert states(found, 4.0)[-1] == "alert"
    assert "alert" in states(replace(found, clusters=None), 0.0)  # rows taken as independent: every other day is drift


def test_nothing_is_asked_of_a_baseline_without_a_folder():
    bare = Baseline(binary.load(made()[PROFILE]))
    assert bare.rows is bare.holdout is None
    assert bare.top(3) == ()

from datetime import datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlconfig.data.assemble import labelled_rows, retrain_table
from mlconfig.data.event_time import with_event_time
from mlconfig.data.split import split_rows
from mlconfig.errors import DataError
from mlconfig.records.columns import EVENT_TIME
from mlconfig.records.feedback import key_text
from mlconfig.records.prediction_log import PredictionLog
from mlconfig.sections.data import Split
from mlconfig.sections.retraining import RetrainData

DAY = 86400.0
LABELS = pa.schema([
    ("prediction_id", pa.string()), ("key", pa.string()), ("label", pa.string()), ("label_version", pa.int64()),
    ("arrived", pa.float64()),
])  # fmt: skip


def predictions(inputs, event_time=None, ids=None):
    n = len(inputs)
    return pa.table({
        "prediction_id": ids or [f"p{i}" for i in range(n)], "arrived": [100.0 + i for i in range(n)],
        "event_time": pa.array(event_time or [None] * n, pa.float64()), "version": ["1"] * n, "inputs": pa.array(inputs),
    })  # fmt: skip


def labels(*rows):
    """Rows of (prediction id, label, version, arrived), or with ``key=`` in place of the id."""
    return pa.Table.from_pylist(
        [{"prediction_id": i, "key": k, "label": v, "label_version": n, "arrived": t} for i, k, v, n, t in rows], LABELS
    )


def join(log, marks, **keys):
    return labelled_rows(log, marks, **{"target": "y", "join": "prediction_id", "key": (), **keys})


def how(**keys):
    return RetrainData.model_validate(keys)


def timed(n, since=0, **columns):
    table = pa.table({"x": np.arange(since, since + n, dtype=np.float64), "y": np.arange(n) % 2, **columns})
    return with_event_time(table, np.arange(since, since + n) * DAY)


def retrain(source, log, now=1000 * DAY, drift_since=None, columns=("x",), random_state=0, **keys):
    return retrain_table(
        source,
        log,
        how(**keys),
        columns=columns,
        target="y",
        now=now,
        drift_since=drift_since,
        random_state=random_state,
    )


def days(table):
    return (table[EVENT_TIME].to_numpy() / DAY).astype(int).tolist()


def test_predictions_with_a_label_become_rows_in_the_order_of_the_log():
    log = predictions([{"x": 1.5, "c": "a"}, {"x": 2.5, "c": None}, {"x": 3.5, "c": "b"}], event_time=[7.0, None, 9.0])
    marks = labels(("p2", None, "1", 1, 0), ("p1", None, "0", 1, 0), ("elsewhere", None, "1", 1, 0))
    assert join(log, marks).to_pydict() == {"x": [2.5, 3.5], "c": [None, "b"], "y": [0, 1], EVENT_TIME: [101.0, 9.0]}


def test_the_newest_version_of_a_label_counts_and_null_takes_it_back():
    log = predictions([{"x": 1.0}, {"x": 2.0}, {"x": 3.0}])
    marks = labels(
        ("p0", None, "1", 2, 0), ("p0", None, "0", 1, 5), ("p1", None, "1", 1, 0), ("p1", None, "null", 2, 1),
        ("p2", None, "0", 1, 3), ("p2", None, "1", 1, 4),
    )  # fmt: skip
    assert join(log, marks).select(["x", "y"]).to_pydict() == {"x": [1.0, 3.0], "y": [1, 0]}


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(1, 5), st.integers(0, 9)), max_size=20))
def test_joining_agrees_with_a_plain_loop(sent):
    log = predictions([{"x": float(i)} for i in range(5)])
    marks = labels(*((f"p{i}", None, str(value), version, float(n)) for n, (i, version, value) in enumerate(sent)))
    expected = {}
    for i, version, value in sent:
        if i not in expected or version > expected[i][0]:
            expected[i] = (version, value)
    found = join(log, marks, target_type=pa.int64())
    assert dict(zip(found["x"].to_pylist(), found["y"].to_pylist(), strict=True)) == {
        i: v for i, (_, v) in expected.items()
    }


def test_a_prediction_logged_twice_counts_once():
    assert join(predictions([{"x": 1.0}, {"x": 9.0}], ids=["p0", "p0"]), labels(("p0", None, "1", 1, 0)))[
        "x"
    ].to_pylist() == [1.0]


def test_labels_by_key_reach_every_prediction_of_the_entity():
    log = predictions(
        [{"shop": "a", "no": 7, "x": 1.0}, {"shop": "a", "no": 8, "x": 2.0}, {"shop": "a", "no": 7, "x": 3.0}]
    )
    marks = labels((None, key_text(["a", 7.0]), "1", 1, 0), (None, key_text(["b", 8]), "0", 1, 0))
    assert join(log, marks, join="data.key", key=("shop", "no"))["x"].to_pylist() == [1.0, 3.0]
    as_text = labels((None, key_text(["a", "8"]), "1", 1, 0))
    assert join(log, as_text, join="data.key", key=("shop", "no"))["x"].to_pylist() == [2.0]


@pytest.mark.parametrize(
    ("texts", "kind", "expected"),
    [
        (["1", "0"], None, [1, 0]),
        (["1", "0.5"], None, [1.0, 0.5]),
        (["true", "false"], None, [True, False]),
        (['"yes"', '"no"'], None, ["yes", "no"]),
        (["true", "false"], pa.int64(), [1, 0]),
        (["1.0", "0"], pa.int64(), [1, 0]),
        (["1", "0"], pa.bool_(), [True, False]),
        (["1", "2"], pa.string(), ["1", "2"]),
        (["1", "2"], pa.float64(), [1.0, 2.0]),
    ],
)
def test_labels_take_the_targets_type(texts, kind, expected):
    marks = labels(*((f"p{i}", None, text, 1, 0) for i, text in enumerate(texts)))
    found = join(predictions([{"x": 1.0}, {"x": 2.0}]), marks, target_type=kind)["y"]
    assert found.to_pylist() == expected
    assert kind is None or found.type == kind


@pytest.mark.parametrize(("text", "kind"), [("{", None), ('"yes"', pa.int64()), ("2", pa.bool_()), ("1.5", pa.int64())])
def test_a_label_that_is_none_is_told(text, kind):
    with pytest.raises(DataError, match="`y`"):
        join(predictions([{"x": 1.0}]), labels(("p0", None, text, 1, 0)), target_type=kind)


def test_no_labels_make_no_rows():
    found = join(predictions([{"x": 1.0}]), labels(), target_type=pa.int64())
    assert found.num_rows == 0
    assert found.column_names == ["x", "y", EVENT_TIME]


def test_an_empty_log_makes_no_rows(tmp_path):
    log = PredictionLog(tmp_path)
    found = join(log.predictions(), log.labels(), join="data.key", key=("shop",), target_type=pa.int64())
    assert found.num_rows == 0


def test_both_sides_are_put_together_with_common_types():
    moment = datetime.fromisoformat("2024-01-01T08:00")
    source = timed(2, t=pa.array([moment, None]), agent=pa.array([1, 2]), k=[1, 2])
    log = timed(1, since=5, t=pa.array(["2024-01-01T08:00:00"]), agent=pa.array(["304"]), k=[0.5])
    table = retrain(source, log, columns=["x", "t", "agent", "k"])
    assert table["t"].to_pylist() == [moment, None, moment]
    assert table["agent"].to_pylist() == [1, 2, 304]
    assert table["k"].to_pylist() == [1.0, 2.0, 0.5]
    assert days(table) == [0, 1, 5]


def test_from_chooses_the_side_and_a_column_that_one_lacks_is_null_there():
    source, log = timed(2, extra=["a", "b"]), timed(1, since=5)
    assert days(retrain(source, log, **{"from": "source"})) == [0, 1]
    assert days(retrain(source, log, **{"from": "log"})) == [5]
    assert retrain(source, log, columns=["extra"])["extra"].to_pylist() == ["a", "b", None]
    assert days(retrain(source, None)) == [0, 1]


def test_use_chooses_the_rows():
    source, log = timed(10), timed(10, since=10)
    assert days(retrain(source, log, use="expanding")) == list(range(20))
    assert days(retrain(source, log, now=19 * DAY, use="window", length="4d")) == [15, 16, 17, 18, 19]
    assert days(retrain(source, log, use="since_drift", drift_since=8 * DAY)) == list(range(8, 20))
    assert days(retrain(source, log, use="since_drift")) == list(range(20))


def test_what_lies_after_now_is_never_read():
    assert days(retrain(timed(10), timed(10, since=10), now=12 * DAY)) == list(range(13))


@given(st.floats(0.05, 1.0), st.integers(5, 40), st.integers(1, 60))
def test_a_mix_has_all_recent_rows_and_their_share(fraction, recent, older):
    source, log = timed(older), timed(recent, since=500)
    mixed = days(
        retrain(source, log, now=500 * DAY + recent * DAY, use="mix", recent=f"{recent}d", recent_fraction=fraction)
    )
    new = [day for day in mixed if day >= 500]
    assert new == list(range(500, 500 + recent))
    assert abs(len(mixed) - recent / fraction) <= 0.5 + 1e-9
    assert mixed == sorted(mixed)


def test_a_mix_is_drawn_the_same_way_each_time():
    keys = {"now": 600 * DAY, "use": "mix", "recent": "90d", "recent_fraction": 0.9}
    one, again = (days(retrain(timed(100), timed(50, since=550), **keys)) for _ in range(2))
    assert one == again != days(retrain(timed(100), timed(50, since=550), random_state=1, **keys))


def test_rows_without_time_are_older_than_any():
    source = pa.table({"x": [1.0, 2.0], "y": [0, 1]})
    assert retrain(source, timed(3, since=5), use="window", length="999d")["x"].to_pylist() == [5.0, 6.0, 7.0]
    assert retrain(source, timed(3, since=5)).num_rows == 5


def test_nothing_to_learn_from_is_told():
    with pytest.raises(DataError, match="`from: log` gives no labelled rows") as caught:
        retrain(timed(3), None, **{"from": "log"})
    assert "labels arrive as feedback" in caught.value.hint
    with pytest.raises(DataError, match="`use: window` leaves none of 3 rows"):
        retrain(timed(3), None, use="window", length="1d")
    with pytest.raises(DataError, match="neither the source nor the log has the column `z`"):
        retrain(timed(3), timed(3), columns=["z"])
    with pytest.raises(DataError, match="column `c` holds string that cannot become int64"):
        retrain(timed(1, c=[1]), timed(1, c=["red"]), columns=["c"])


def test_a_champions_training_rows_are_never_a_challengers_test_rows():
    r = np.random.default_rng(0)
    numbers, letters = r.integers(0, 99, 700).tolist(), r.choice(["a", "b"], 700).tolist()
    table = pa.table({"x": numbers[:400], "c": letters[:400], "y": [i % 2 for i in range(400)]})
    source = with_event_time(table, np.arange(400.0))
    sent = [{"x": float(x), "c": c} for x, c in zip(numbers[400:], letters[400:], strict=True)]
    log = join(predictions(sent), labels(*((f"p{i}", None, str(i % 2), 1, 0) for i in range(300))))
    grown = retrain(source, log, columns=["x", "c"])
    parts = {
        name: split_rows(table, Split(), target="y", columns=["x", "c"], random_state=0)
        for name, table in (("champion", source), ("challenger", grown))
    }
    trained = {tuple(row.values()) for row in source.select(["x", "c"]).take(parts["champion"].train).to_pylist()}
    tested = {tuple(row.values()) for row in grown.select(["x", "c"]).take(parts["challenger"].test).to_pylist()}
    assert tested
    assert not trained & tested

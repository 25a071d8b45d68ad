"""Labels find their predictions: as a plain dict finds them, whatever order, version and name they come with."""

import json
import math
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mlconfig.monitoring import newest
from mlconfig.monitoring.label_join import CLOCKS_APART, LabelIndex, first_needed
from mlconfig.monitoring.names import numbers_of
from mlconfig.records.feedback import key_text
from mlconfig.records.signature import Signature, SignatureColumn
from mlconfig.sections.monitoring import Labels, Monitoring

SIGNATURE = Signature(
    name="m", task="binary", target="y", classes=("no", "yes"), key=("shop",),
    columns=(SignatureColumn(name="shop", kind="categorical", role="context"),),
)  # fmt: skip
COLUMNS = {
    "prediction_id": pa.string(), "key": pa.string(), "label": pa.string(), "label_version": pa.int64(),
    "arrived": pa.float64(),
}  # fmt: skip
MAX_DELAY = 10.0
NAMES = st.one_of(st.sampled_from(["a", "b", "a\0", "ab", "é", "a" * 8, "a" * 9]), st.text(min_size=1, max_size=20))
MOMENTS = st.integers(0, 25).map(float)


@st.composite
def labels_of(draw):
    by_id = draw(st.booleans())
    name, text = draw(NAMES), draw(st.sampled_from(['"yes"', '"no"', "null", '"other"', "1"]))
    moment, version = draw(MOMENTS), draw(st.integers(1, 3))
    return (name, None, text, version, moment) if by_id else (None, key_text([name]), text, version, moment)


PREDICTIONS = st.tuples(NAMES, st.one_of(st.none(), NAMES), MOMENTS, st.sampled_from(['"yes"', '"no"', "null"]))


def table(labels):
    columns = zip(*labels, strict=True) if labels else [[]] * len(COLUMNS)
    return pa.table({name: pa.array(list(v), COLUMNS[name]) for name, v in zip(COLUMNS, columns, strict=True)})


def rows(predictions):
    ids, shops, arrived, answers = zip(*predictions, strict=True)
    inputs = pa.StructArray.from_arrays([pa.array(shops, pa.string())], ["shop"])
    return pa.table({
        "prediction_id": pa.array(ids, pa.string()), "arrived": pa.array(arrived, pa.float64()),
        "prediction": pa.array(answers, pa.string()), "inputs": inputs,
    })  # fmt: skip


def index_of(blocks, join="data.key"):
    return LabelIndex(map(table, blocks), SIGNATURE, Labels(join=join, max_delay=timedelta(seconds=MAX_DELAY)))


def joined(labels, predictions, join):
    """What `LabelIndex` is to find, one prediction at a time: [label, answer, delay]."""
    best = {}
    for by_id, key, text, version, arrived in labels:
        name = (by_id, key)
        if name not in best or (version, -arrived) > (best[name][1], -best[name][2]):
            best[name] = (text, version, arrived)
    codes = {'"no"': 0.0, '"yes"': 1.0}
    found = []
    for name, shop, asked, answer in predictions:
        label = best.get((name, None))
        if label is None and join == "data.key" and shop is not None:
            label = best.get((None, key_text([shop])))
        text, _, arrived = label or ("", 0, math.inf)
        delay = max(arrived - asked, 0.0)
        usable = text in codes and answer in codes and delay <= MAX_DELAY
        y, delay = (codes[text], delay) if usable else (math.nan, math.nan)
        found.append((y, codes.get(answer, math.nan), delay))
    return np.array(found).T


@pytest.mark.parametrize("join", ["data.key", "prediction_id"])
@settings(deadline=None)
@given(
    blocks=st.lists(st.lists(labels_of(), max_size=12), max_size=4),
    predictions=st.lists(PREDICTIONS, min_size=1, max_size=12),
    room=st.integers(0, 5),
)
@example([[("a", None, '"yes"', 1, 3.0), ("a", None, '"no"', 1, 2.0)]], [("a", None, 9.0, '"no"')], 0)
@example([[("a", None, '"yes"', 1, 3.0)], [("a", None, '"no"', 1, 3.0)]], [("a", None, 0.0, '"no"')], 0)
@example([[("a", None, '"yes"', 1, 3.0)], [("a", None, '"no"', 2, 25.0)]], [("a", None, 0.0, '"no"')], 9)
def test_labels_are_joined_as_a_dict_joins_them(join, blocks, predictions, room):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(newest, "_ROOM", room)
        found = index_of(blocks, join).join(rows(predictions))
    labels = [label for block in blocks for label in block]
    np.testing.assert_array_equal([found.y, found.predicted, found.delay], joined(labels, predictions, join))


def test_many_labels_that_are_sent_again_are_held_once():
    rng, count = np.random.default_rng(1), 20_000
    sent = [f"p{number}" for number in rng.permutation(np.repeat(np.arange(count), 5)).tolist()]
    blocks = ([(name, None, '"yes"', 1, 5.0) for name in sent[i : i + 1000]] for i in range(0, len(sent), 1000))
    index = index_of(blocks, "prediction_id")
    assert len(index) == count
    found = index.join(rows([(f"p{number}", None, 1.0, '"yes"') for number in range(count + 10)]))
    assert np.isnan(found.y).sum() == 10


@settings(deadline=None)
@given(st.lists(st.one_of(st.none(), st.text(max_size=30)), max_size=30), st.integers(0, 3))
def test_names_are_one_number_each(names, cut):
    numbers = numbers_of(pa.array(names, pa.string())).tolist()
    assert numbers_of(pa.chunked_array([pa.array(names, pa.string()).slice(cut)])).tolist() == numbers[cut:]
    known = {name: number for name, number in zip(names, numbers, strict=True) if name is not None}
    assert len(set(known.values())) == len(known)
    assert all(known[name] == number for name, number in zip(names, numbers, strict=True) if name is not None)


def test_ids_of_one_replica_never_meet():
    numbers = numbers_of(pa.array([f"0123456789abcdef-{count:x}" for count in range(200_000)]))
    assert len(np.unique(numbers)) == 200_000


@pytest.mark.parametrize(
    ("given_", "needed"),
    [
        ({}, 1e9 - CLOCKS_APART),
        ({"labels": {"join": "data.key"}}, None),  # a key may have been labelled long before
        ({"time": "event"}, None),  # a window does not say when its rows arrived
    ],
)
def test_which_labels_can_matter(given_, needed):
    assert first_needed(1e9, Monitoring(**given_)) == needed
    assert first_needed(None, Monitoring(**given_)) is None


def test_a_label_of_a_closed_past_is_not_read(new_log, watch):
    log = new_log()
    log.hour(0, label_delay=60)
    log.hour(24 * 200, label_delay=60)
    asked, blocks = [], log.label_blocks
    log.label_blocks = lambda since=None: asked.append(since) or blocks(since)
    watched = watch(labels={"maturity": "1m", "max_delay": "1h"})
    first = log.passed(watched, 2)
    found = log.passed(watched, 24 * 200 + 2, first.verdicts)
    scored = [v for v in found.verdicts if v.signal == "performance" and v.labelled]
    assert [json.loads(v.model_dump_json())["labelled"] for v in scored] == [600]
    assert asked[0] < asked[1]

"""What an import of labels changes is told: new, corrected, there already, outranked, and of no prediction in the log."""

import json
import time

import pytest

from mlconfig.cli.feedback import summary
from mlconfig.engine.label_effects import Imported, effects_of
from mlconfig.records.feedback import encode_feedback, key_text, label_table
from mlconfig.records.prediction import encode_prediction, log_meta
from mlconfig.records.prediction_log import FEEDBACK, SEGMENTS, PredictionLog
from mlconfig.records.segment_writer import SegmentWriter
from mlconfig.records.signature import Signature, SignatureColumn
from mlconfig.serving.compaction import compact_labels

SIGNATURE = Signature(
    name="shop", task="binary", target="y", classes=("no", "yes"), key=("customer",),
    columns=(SignatureColumn(name="customer", kind="categorical", role="context"),),
)  # fmt: skip


def table(*rows):
    """Rows of a name, a label and a version; a name that is a tuple is a key."""
    bodies = [
        encode_feedback(None, key_text(name), json.dumps(label).encode(), version, time.time())
        if isinstance(name, tuple)
        else encode_feedback(name, None, json.dumps(label).encode(), version, time.time())
        for name, label, version in rows
    ]
    return bodies, label_table(bodies, "test")


@pytest.fixture
def log(tmp_path):
    """Predictions p0 … p9, of the customers c0 … c9."""
    writer = SegmentWriter(tmp_path / SEGMENTS, "r0", "b0", meta=log_meta(SIGNATURE))
    writer.append(
        [
            encode_prediction(
                f"p{i}".encode(), 1.0, None, b'"1"', 1, b'"no"', 0.1, [0.9, 0.1], b'{"customer":"c%d"}' % i
            )
            for i in range(10)
        ]
    )
    writer.close()
    return PredictionLog(tmp_path)


def bring(log, *rows):
    bodies, labels = table(*rows)
    effects = effects_of(labels, log, SIGNATURE)
    writer = SegmentWriter(log.folder / FEEDBACK, "import", f"b{time.monotonic_ns()}")
    writer.append(bodies)
    writer.close()
    return effects


@pytest.mark.parametrize("compacted", [False, True])
def test_each_label_is_of_one_kind(log, compacted):
    first = bring(log, ("p0", "yes", 1), ("p1", "no", 1), ("p2", "no", 2), ("early", "no", 1))
    assert first == Imported(new=4, corrected=0, repeated=0, outranked=0, absent=1)
    if compacted:
        compact_labels(log.folder)
    again = bring(log, ("p0", "yes", 1), ("p1", "yes", 1), ("p2", "yes", 1), ("p3", "no", 1), ("p4", "no", 1))
    assert again == Imported(new=2, corrected=0, repeated=1, outranked=2, absent=0)
    mended = bring(log, ("p1", "yes", 2), ("p2", "no", 3), ("early", "yes", 2))
    assert mended == Imported(new=0, corrected=2, repeated=1, outranked=0, absent=1)
    assert bring(log, ("p1", "no", 1)) == Imported(0, 0, 0, 1, 0)


def test_a_file_may_correct_itself(log):
    assert bring(log, ("p0", "yes", 1), ("p0", "no", 2), ("p0", "no", 2)) == Imported(1, 0, 2, 0, 0)
    assert bring(log, ("p1", "yes", 1), ("p1", "no", 1)) == Imported(1, 0, 0, 1, 0)
    assert log.labels().column("label").to_pylist() == ['"no"', '"yes"']


def test_labels_by_key(log):
    assert bring(log, (("c0",), "yes", 1), (("c99",), "yes", 1)) == Imported(2, 0, 0, 0, 1)
    assert bring(log, (("c0",), "no", 1), (("c99",), "no", 2)) == Imported(0, 1, 0, 1, 1)
    assert bring(log, ("p0", "no", 1)) == Imported(1, 0, 0, 0, 0)


def test_what_is_told():
    assert summary(Imported(1, 0, 0, 0, 0)) == ["1 label: 1 new, 0 corrected, 0 there already"]
    lines = summary(Imported(1200, 1, 2, 3, 4))
    assert lines[0] == "1,206 labels: 1,200 new, 1 corrected, 2 there already"
    assert "3 changed nothing" in lines[1]
    assert "a higher label_version" in lines[1]
    assert "4 of predictions that are not in the log" in lines[2]

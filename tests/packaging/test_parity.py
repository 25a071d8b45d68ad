import numpy as np
import onnx
import pytest

from mlconfig.errors import PackagingError
from mlconfig.packaging.hard_rows import HardRows
from mlconfig.packaging.parity import check_parity
from mlconfig.packaging.runtime import PackagedModel
from mlconfig.records.packing import Predicted, rows_in
from mlconfig.sections.packaging import Parity

FAST = {
    "lightgbm": {"n_estimators": 30},
    "random_forest": {"n_estimators": 15},
    "hist_gradient_boosting": {"max_iter": 30},
}
CLASSES = [*FAST, "logistic_regression"]
CASES = [(task, model) for task in ("binary", "multiclass") for model in CLASSES]
CASES += [("regression", model) for model in [*FAST, "ridge"]]


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize(("task", "model"), CASES)
def test_every_model_predicts_the_same_packaged_on_the_holdout_and_on_hard_rows(build_version, task, model, precision):
    built = build_version(task, model, FAST.get(model, {}), precision=precision)
    hard, _ = built.hard()
    report = check_parity(built.fitted.predict, built.packaged.predict, built.holdout, hard, Parity())
    assert (report.holdout.outside, report.hard.outside) == (0, 0)
    assert (report.holdout.label_flips, report.hard.label_flips) == (0, 0)
    assert report.holdout.rows == 300
    assert report.hard.rows == rows_in(hard.feeds) > 100
    assert built.packaged.precision == precision
    spread = np.ptp(built.fitted.predict(built.holdout).scores, axis=0)
    assert (spread > 0.1).all(), "a model that always says the same would prove nothing"


@pytest.mark.parametrize("model", ["lightgbm", "random_forest", "hist_gradient_boosting"])
def test_trees_take_missing_values_that_nothing_imputes(build_version, model):
    raw = {"kinds": {"numeric": {}, "boolean": {}, "categorical": {"one_hot": {}}, "timestamp": {"date_parts": {}}}}
    built = build_version("binary", model, FAST[model], features=raw)
    hard, thresholds = built.hard()
    assert {"price", "amount"} <= set(thresholds)
    assert np.isnan(hard.feeds["num"]).any()
    report = check_parity(built.fitted.predict, built.packaged.predict, built.holdout, hard, Parity())
    assert report.hard.outside == report.hard.label_flips == 0


def test_hard_rows_hold_thresholds_and_their_neighbours_also_of_scaled_columns(lightgbm_version):
    hard, thresholds = lightgbm_version.hard()
    place = lightgbm_version.packing.numeric.index("price")
    asked = np.float32(thresholds["price"][0])
    column = hard.feeds["num"][:, place]
    for value in (asked, np.nextafter(asked, np.float32(np.inf)), np.nextafter(asked, np.float32(-np.inf))):
        assert value in column
    assert "amount" not in thresholds, "log1p cannot be undone exactly"
    assert len(hard.notes) == rows_in(hard.feeds)
    for note in ("`price` is missing", "`plan` is ''", "`plan` is missing", "`moment` is missing"):
        assert note in hard.notes


def test_a_graph_that_predicts_something_else_is_refused_with_its_worst_rows(lightgbm_version):
    graph = onnx.load_from_string(lightgbm_version.model)
    (trees,) = (node for node in graph.graph.node if node.op_type.startswith("TreeEnsemble"))
    (values,) = (each for each in trees.attribute if each.name == "nodes_values_as_tensor")
    moved = onnx.numpy_helper.to_array(values.t) + 1e-3
    values.t.CopyFrom(onnx.numpy_helper.from_array(moved))
    wrong = PackagedModel(graph.SerializeToString())
    hard, _ = lightgbm_version.hard()
    with pytest.raises(PackagingError) as caught:
        check_parity(lightgbm_version.fitted.predict, wrong.predict, lightgbm_version.holdout, hard, Parity())
    text = str(caught.value)
    assert text.startswith("packaging.parity: the packaged model does not predict what the fitted one does")
    assert "hard row" in text
    assert "precision=float64" in text


def answers(shift, flips=0):
    """A reference, and a packaged model that is ``shift`` off in one of 20,000 rows (more with a longer list)."""
    rng = np.random.default_rng(1)
    positive = rng.random(20_000)
    scores = np.stack([1 - positive, positive], axis=1)
    other = scores.copy()
    other[: len(shift), 1] += shift
    labels = np.argmax(scores, axis=1)
    other_labels = labels.copy()
    other_labels[:flips] = 1 - other_labels[:flips]
    return Predicted(scores, labels), Predicted(other, other_labels)


@pytest.mark.parametrize(
    ("shift", "flips", "passes"),
    [
        ([], 0, True),
        ([5e-6] * 20, 0, True),  # one row in a thousand may be outside the tolerance
        ([5e-6] * 21, 0, False),
        ([1e-2] * 2, 0, True),  # one row in ten thousand may be further off
        ([1e-2] * 3, 0, False),
        ([], 1, False),  # a label may not differ where the probabilities are clear
    ],
)
def test_the_bounds_count_rows(shift, flips, passes, lightgbm_version):
    reference, packaged = answers(shift, flips)
    hard, _ = lightgbm_version.hard()
    same = lightgbm_version.fitted.predict(hard.feeds)
    feeds = {"num": np.zeros((20_000, 1))}
    pick = lambda big: lambda given: big if given is feeds else same  # noqa: E731
    if passes:
        report = check_parity(pick(reference), pick(packaged), feeds, hard, Parity())
        assert report.holdout.outside == len(shift)
    else:
        with pytest.raises(PackagingError, match=r"row .* of the holdout"):
            check_parity(pick(reference), pick(packaged), feeds, hard, Parity())


def test_a_tie_may_fall_to_either_class():
    tie = np.asarray([[0.5, 0.5]])
    reference, packaged = Predicted(tie, np.asarray([0])), Predicted(tie, np.asarray([1]))
    feeds = {"num": np.zeros((1, 1))}
    report = check_parity(lambda _: reference, lambda _: packaged, feeds, HardRows(feeds, ("as it is",)), Parity())
    assert report.holdout.label_flips == 0


def test_a_number_where_none_should_be_is_infinitely_far_off():
    feeds = {"num": np.zeros((2, 1))}
    good, bad = Predicted(np.asarray([1.0, 2.0])), Predicted(np.asarray([1.0, np.nan]))
    with pytest.raises(PackagingError, match="row 2 of the holdout differs by inf"):
        check_parity(lambda _: good, lambda _: bad, feeds, HardRows(feeds, ("a", "b")), Parity())

from decimal import Decimal

import pyarrow as pa
import pytest

from mlconfig.errors import DataError
from mlconfig.training.target import learn_target


@pytest.mark.parametrize(
    ("values", "classes"),
    [
        ([True, False, True], (False, True)),
        ([1, 0, 1], (0, 1)),
        ([1.0, 0.0, 1.0], (0, 1)),
        (["no", "yes", "yes"], ("no", "yes")),
        ([2, -1, 2], (-1, 2)),
    ],
)
def test_classes_are_sorted_json_values_and_the_larger_is_positive(values, classes):
    target = learn_target(pa.array(values), "y", "binary")
    assert target.classes == classes
    assert [type(label) for label in target.classes] == [type(label) for label in classes]
    codes = target.encode(pa.chunked_array([pa.array(values)]))
    assert [classes[code] for code in codes] == list(values)


def test_labels_out_of_a_dictionary_are_text():
    target = learn_target(pa.array(["b", "a", "c"]).dictionary_encode(), "y", "multiclass")
    assert target.classes == ("a", "b", "c")


def test_a_regression_needs_no_classes():
    target = learn_target(pa.array([Decimal("1.5"), Decimal(2)]), "y", "regression")
    assert target.classes == ()
    assert target.encode(pa.array([3, 4])).tolist() == [3.0, 4.0]


@pytest.mark.parametrize(
    ("values", "task", "message"),
    [
        ([1, 1], "binary", r"there is one class only \(1\)\n  hint: is the task right\?"),
        ([1, 2, 3], "binary", "there are 3 classes, and a binary task has two"),
        ([0.5, 1.0, 2.0], "multiclass", "its numbers have fractions, so they are no labels"),
        (list(range(1001)), "multiclass", "there are 1001 classes, and at most 1000"),
        ([1, None], "binary", "1 of 2 rows have no value"),
        (["1", "2"], "regression", "a regression needs numbers, and the column is of type string"),
        ([True, False], "regression", "a regression needs numbers, and the column is of type bool"),
        ([1.0, float("nan")], "regression", "1 of 2 rows hold no finite number"),
        ([1.0, float("inf")], "regression", "1 of 2 rows hold no finite number"),
        ([1.0, None], "regression", "1 of 2 rows have no value"),
    ],
)
def test_a_target_that_does_not_fit_its_task_is_refused(values, task, message):
    with pytest.raises(DataError, match=message) as caught:
        learn_target(pa.array(values), "y", task)
    assert str(caught.value).startswith("data.target `y`: ")


def test_a_label_never_seen_is_refused_with_its_row():
    target = learn_target(pa.array(["a", "b"]), "y", "binary")
    with pytest.raises(DataError, match=r"the label 'c' in row 2 is none of \['a', 'b'\]"):
        target.encode(pa.array(["a", "c"]))

"""Blocks of the log as columns that are counted."""

import json
import math

import numpy as np
import pyarrow as pa
import pytest

from mlconfig.monitoring.answers import Coder, answered, inputs_of, levels_from, levels_of, output_kinds
from mlconfig.profiles.profile import fit_layout

from .conftest import SIGNATURE

REGRESSION = SIGNATURE.model_copy(update={"task": "regression", "classes": ()})


@pytest.mark.parametrize(
    ("classes", "text", "code"),
    [
        (("no", "yes"), '"yes"', 1.0),
        (("no", "yes"), '"perhaps"', math.nan),
        (("no", "yes"), "not json", math.nan),
        (("no", "yes"), None, math.nan),
        ((0, 1), "1", 1.0),
        ((0, 1), "1.0", 1.0),
        ((False, True), "true", 1.0),
        (("1", "2"), "2", 1.0),
    ],
)
def test_a_class_is_read_as_its_place(classes, text, code):
    found = Coder(SIGNATURE.model_copy(update={"classes": classes})).code(text)
    assert found == code or (math.isnan(found) and math.isnan(code))


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1e999", '"x"', "[]", None, "9" * 400])
def test_what_is_no_number_is_none(text):
    assert math.isnan(Coder(REGRESSION).code(text))


def test_many_are_read_like_one():
    texts = pa.chunked_array([["2.5", None], ["x", "2.5", "-1"]])
    assert np.array_equal(Coder(REGRESSION).codes(texts), [2.5, np.nan, np.nan, 2.5, -1.0], equal_nan=True)


def test_answers_become_columns():
    coder = Coder(SIGNATURE)
    columns = answered(np.array([1.0, np.nan, 0.0]), np.array([0.9, 0.5, np.nan]), coder)
    assert set(columns) == set(output_kinds(SIGNATURE))
    assert columns["prediction.label"].to_pylist() == ["yes", None, "no"]
    assert list(answered(np.zeros(1), np.array([3.5]), Coder(REGRESSION))["prediction.value"]) == [3.5]


def test_a_column_that_is_not_logged_is_null_and_others_are_not_read():
    layout = fit_layout(
        {"x": np.zeros(1), "plan": np.array(["a"], object), "on": np.array([True])},
        {"x": "numeric", "plan": "categorical", "on": "boolean"},
    )
    block = pa.table({"inputs": pa.array([{"x": 1.0, "more": "?"}, {"x": None, "more": "!"}])})
    found = inputs_of(block, layout)
    assert found.to_pydict() == {"x": [1.0, None], "plan": [None, None], "on": [None, None]}


def test_levels_are_written_one_way():
    assert levels_from(pa.array([1.0, 2.5, None, float("nan")])).tolist() == ["1", "2.5", None, None]
    assert levels_from(pa.array([True, None])).tolist() == ["true", None]
    block = pa.table({"inputs": pa.array([{"sex": "f"}, {"sex": None}])})
    assert {name: list(found) for name, found in levels_of(block, ("sex", "age")).items()} == {"sex": ["f", None]}
    assert levels_of(block, ()) == {}


def test_what_is_written_by_json_is_read_back():
    coder = Coder(SIGNATURE.model_copy(update={"classes": ("nö", "ja")}))
    assert coder.code(json.dumps("nö")) == 0.0

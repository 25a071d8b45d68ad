"""Every transform alone: what it does, and that ONNX Runtime comes to exactly the same numbers."""

import pickle
from datetime import UTC, datetime, timedelta

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, Int64TensorType, StringTensorType

from mlconfig.contracts.catalog import Catalog
from mlconfig.contracts.plugin import Context
from mlconfig.errors import PluginError
from mlconfig.records.wall_clock import NO_TIME

CATALOG = Catalog()
TYPES = {"float32": FloatTensorType, "float64": DoubleTensorType, "int64": Int64TensorType, "object": StringTensorType}
NAN = np.nan


def make(name, **params):
    return CATALOG.create("transform", name, params, Context()).build()


def session_of(fitted, values):
    kind = TYPES[str(values.dtype)]
    graph = convert_sklearn(
        fitted, initial_types=[("x", kind([None, values.shape[1]]))], target_opset={"": 21, "ai.onnx.ml": 3}
    )
    return onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])


def transformed(name, train, rows, **params):
    """The rows' output, after checking that the pickled step and the graph give the same, bit for bit."""
    fitted = pickle.loads(pickle.dumps(make(name, **params).fit(train)))
    expected = fitted.transform(rows)
    (found,) = session_of(fitted, rows).run(None, {"x": rows})
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape == (len(rows), fitted.width_)
    assert np.array_equal(found, expected, equal_nan=expected.dtype != object)
    framed = pd.DataFrame({place: pd.Series(rows[:, place], dtype=rows.dtype) for place in range(rows.shape[1])})
    assert np.array_equal(fitted.transform(framed), expected, equal_nan=expected.dtype != object)
    return expected


def column(*values, dtype="float32"):
    return np.asarray(values, dtype=dtype).reshape(-1, 1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("params", "filling"),
    [
        ({}, 2.0),
        ({"strategy": "mean"}, 4.0),
        ({"strategy": "most_frequent"}, 1.0),
        ({"value": 7}, 7.0),
        ({"strategy": "constant"}, 0),
    ],
)
def test_impute_fills_numbers(params, filling, dtype):
    train = np.asarray([[1, 1], [1, NAN], [3, NAN], [11, NAN], [NAN, NAN]], dtype=dtype)[:, :1]
    assert transformed("impute", train, column(5, NAN, dtype=dtype), **params).ravel().tolist() == [5, filling]


def test_impute_of_a_column_without_any_value_is_the_constant():
    train = np.full((3, 2), NAN, dtype="float32")
    assert transformed("impute", train, train[:1]).tolist() == [[0, 0]]


@pytest.mark.parametrize(
    ("params", "filling"), [({}, "b"), ({"value": "missing"}, "missing"), ({"strategy": "constant"}, "missing")]
)
def test_impute_fills_categories(params, filling):
    train = column("a", "b", "b", "__null__", dtype=object)
    assert transformed("impute", train, column("ü", "__null__", "", dtype=object), **params).ravel().tolist() == [
        "ü",
        filling,
        "",
    ]


def test_impute_refuses_what_makes_no_sense():
    with pytest.raises(ValueError, match="categories have no median"):
        make("impute", strategy="median").fit(column("a", dtype=object))
    with pytest.raises(ValueError, match="`x` is no number, and the column holds numbers"):
        make("impute", value="x").fit(column(1.0))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_standard_scale_has_mean_0_and_deviation_1_and_keeps_what_is_missing(dtype):
    rng = np.random.default_rng(0)
    train = (rng.normal(size=(500, 3)) * [1e-3, 1, 1e4] + [0, 5, 1e5]).astype(dtype)
    train[::7, 0] = NAN
    train = np.concatenate([train, np.full((500, 1), 4, dtype=dtype)], axis=1)
    found = transformed("standard_scale", train, train).astype(np.float64)
    assert np.allclose(np.nanmean(found, axis=0), 0, atol=1e-2 if dtype == "float32" else 1e-9)
    assert np.allclose(np.nanstd(found, axis=0), [1, 1, 1, 0], atol=1e-3)
    assert np.isnan(found[::7, 0]).all()


def test_clip_bounds_and_keeps_what_is_missing():
    rows = column(-5, -1, 0, 2.5, 9, NAN, np.inf)
    assert transformed("clip", rows, rows, low=-1, high=2.5).ravel().tolist()[:5] == [-1, -1, 0, 2.5, 2.5]
    assert transformed("clip", rows, rows, high=0.1).ravel()[4] == np.float32(0.1)
    assert np.isnan(transformed("clip", rows, rows, low=0)[5, 0])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_log1p_is_the_logarithm_mirrored_below_0(dtype):
    rows = np.random.default_rng(1).normal(size=(5000, 1)).astype(dtype) * 1000
    found = transformed("log1p", rows, rows)
    assert np.allclose(found, np.sign(rows) * np.log1p(np.abs(rows)), rtol=1e-6)
    assert np.isnan(transformed("log1p", rows, column(NAN, dtype=dtype))).all()


def test_passthrough_gives_back_what_it_got():
    rows = column(1, NAN, -2)
    assert np.array_equal(transformed("passthrough", rows, rows), rows, equal_nan=True)


def test_one_hot_puts_rare_and_unknown_levels_together():
    train = column(*["a"] * 5, *["b"] * 3, "c", "d", dtype=object)
    rows = column("a", "b", "c", "never", "__null__", "", dtype=object)
    assert transformed("one_hot", train, rows, min_count=3).tolist() == [[1, 0, 0], [0, 1, 0], *[[0, 0, 1]] * 4]


def test_one_hot_without_rare_levels_leaves_the_unknown_at_0_and_counts_missing_as_a_level():
    train = np.asarray([["a", "x"], ["__null__", "x"]], dtype=object)
    rows = np.asarray([["a", "x"], ["__null__", "z"], ["never", "x"]], dtype=object)
    assert transformed("one_hot", train, rows).tolist() == [[0, 1, 1], [1, 0, 0], [0, 0, 1]]


def test_one_hot_of_many_columns_and_levels_at_once():
    """The same level stands for another thing in another column."""
    rng = np.random.default_rng(4)
    train = np.stack([rng.integers(0, 10 * 4**place, 3000).astype(str) for place in range(6)], axis=1).astype(object)
    rows = np.concatenate([train[:500], np.asarray([["x", "0", "1", "2", "-1", "__null__"]], dtype=object)])
    found = transformed("one_hot", train, rows, min_count=2)
    assert found.shape[1] > 2000
    assert ((found == 0) | (found == 1)).all()
    assert (found[:500].sum(axis=1) == 6).all()


def test_one_hot_of_nothing_but_rare_levels_is_one_column():
    train = column("a", "b", dtype=object)
    assert transformed("one_hot", train, column("a", "q", dtype=object), min_count=5).tolist() == [[1], [1]]
    train = np.asarray([["a", "x"], ["b", "x"]], dtype=object)
    rows = np.asarray([["a", "x"], ["q", "z"]], dtype=object)
    assert transformed("one_hot", train, rows, min_count=2).tolist() == [[1, 1], [0, 1]]


def test_ordinal_numbers_levels_and_never_seen_ones_are_minus_1():
    train = np.asarray([["b", "x"], ["a", "x"], ["c", "y"]], dtype=object)
    rows = np.asarray([["a", "y"], ["c", "never"], ["", "x"]], dtype=object)
    assert transformed("ordinal", train, rows).tolist() == [[0, 1], [2, -1], [-1, 0]]


ALL_PARTS = ["hour", "minute", "day_of_week", "is_weekend", "day", "month", "quarter", "year"]


@pytest.fixture(scope="module")
def date_parts():
    fitted = make("date_parts", parts=ALL_PARTS).fit(column(0, dtype="int64"))
    return fitted, session_of(fitted, column(0, dtype="int64"))


@settings(max_examples=300, deadline=None)
@given(seconds=st.lists(st.integers(-62_135_596_800, 253_402_300_799), min_size=1, max_size=20))
def test_date_parts_are_those_of_pythons_calendar_from_year_1_to_9999(date_parts, seconds):
    fitted, session = date_parts
    rows = np.asarray(seconds, dtype=np.int64).reshape(-1, 1)
    expected = []
    for second in seconds:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
        day = moment.weekday()
        calendar = [moment.day, moment.month, (moment.month + 2) // 3, moment.year]
        expected.append([moment.hour, moment.minute, day, float(day >= 5), *calendar])
    assert fitted.transform(rows).tolist() == expected
    assert session.run(None, {"x": rows})[0].tolist() == expected


def test_date_parts_of_several_columns_with_missing_times():
    rows = np.asarray([[0, NO_TIME], [NO_TIME, 86_400 * 31 + 7_200]], dtype=np.int64)
    found = transformed("date_parts", rows, rows, parts=["hour", "month"])
    assert np.array_equal(found, [[0, NAN, 1, NAN], [NAN, 2, NAN, 2]], equal_nan=True)


@pytest.mark.parametrize(
    ("name", "params", "message"),
    [
        ("clip", {}, "give `low`, `high`, or both"),
        ("clip", {"low": 2, "high": 1}, "`low` is above `high`"),
        ("one_hot", {"min_count": 0}, "greater than or equal to 1"),
        ("date_parts", {"parts": ["century"]}, "'hour'"),
        ("date_parts", {"parts": []}, "at least 1 item"),
        ("impute", {"strategi": "mean"}, "strategi: Extra inputs are not permitted"),
    ],
)
def test_wrong_params_are_refused(name, params, message):
    with pytest.raises((PluginError, ValidationError), match=message):
        make(name, **params)

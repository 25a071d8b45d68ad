"""The shared words: what they read, what they refuse, and that they read back what they write."""

import pickle
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from mlconfig.errors import DataError, MlconfigError, Problem, RecipeError
from mlconfig.vocabulary import (
    AutoOr,
    Duration,
    Frozen,
    FrozenDict,
    Names,
    Plugin,
    Size,
    Window,
    canonical,
    format_duration,
    format_size,
    parse_duration,
    parse_size,
    rough_duration,
)


class Sample(Frozen):
    names: AutoOr[Names] = "auto"
    every: Duration = timedelta(hours=1)
    plugin: Plugin
    size: Size = 64
    more: FrozenDict[Plugin] = FrozenDict()


def read(text):
    return Sample.model_validate_json(text, strict=True)


def test_shorthand_is_expanded_and_written_back():
    sample = read('{"names": ["a"], "every": "7d", "plugin": "csv", "size": "64KiB", "more": {"x": "y"}}')
    assert sample.names == ("a",)
    assert sample.every == timedelta(days=7)
    assert sample.plugin.name == "csv"
    assert sample.size == 65536
    assert read(sample.model_dump_json()) == sample
    assert pickle.loads(pickle.dumps(sample)) == sample


def test_a_fault_below_shorthand_keeps_its_path():
    with pytest.raises(ValidationError) as caught:
        read('{"names": [5], "plugin": {"nam": 1}, "more": {"x": {"name": 5}}}')
    assert {fault["loc"] for fault in caught.value.errors()} == {
        ("names", 0), ("plugin", "name"), ("plugin", "nam"), ("more", "x", "name"),
    }  # fmt: skip


@given(st.integers(min_value=0, max_value=10**12))
def test_a_duration_is_read_back(milliseconds):
    duration = timedelta(milliseconds=milliseconds)
    assert parse_duration(format_duration(duration)) == duration


@given(st.integers(min_value=0, max_value=1 << 50))
def test_a_size_is_read_back(size):
    assert parse_size(format_size(size)) == size


@pytest.mark.parametrize("text", ["7", "1 week", "-1h", "1h30m", ""])
def test_what_is_no_duration_is_refused_with_examples(text):
    with pytest.raises(ValueError, match="250ms 30s 5m 1h 7d"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["64kb", "x", True, None])
def test_what_is_no_size_is_refused_with_examples(text):
    with pytest.raises(ValueError, match="64KiB 1MiB 8GiB"):
        parse_size(text)


def test_a_frozen_mapping_cannot_change():
    mapping = FrozenDict({"a": 1})
    for change in (lambda: mapping.update(b=2), lambda: mapping.pop("a"), mapping.clear):
        with pytest.raises(TypeError, match="cannot change"):
            change()
    with pytest.raises(TypeError, match="cannot change"):
        mapping["a"] = 2
    assert mapping == {"a": 1}


def test_a_window_is_half_open():
    assert 1.0 in Window(start=1, end=2)
    assert 2.0 not in Window(start=1, end=2)


def test_canonical_text_ignores_the_order_of_keys():
    assert canonical({"b": 1, "a": [1.0]}) == canonical({"a": [1.0], "b": 1}) == '{"a":[1.0],"b":1}'
    with pytest.raises(ValueError, match="JSON compliant"):
        canonical({"a": float("nan")})


def test_errors_say_where_what_and_hint_also_after_a_pickle():
    error = pickle.loads(pickle.dumps(DataError("the file is empty", where="a.csv", hint="give another")))
    assert str(error) == "a.csv: the file is empty\n  hint: give another"
    assert isinstance(error, MlconfigError)


def test_a_recipe_error_tells_all_its_problems():
    problems = (Problem("a.yaml:3", "model.name", "unknown", "did you mean x?"), Problem("a.yaml:5", "", "twice"))
    error = pickle.loads(pickle.dumps(RecipeError(problems)))
    assert str(error) == "a.yaml:3: model.name: unknown (did you mean x?)\na.yaml:5: twice"
    assert error.problems == problems


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (40.4, "40.4 s"),
        (90, "1.5 min"),
        (3600, "1 h"),
        (9000, "2.5 h"),
        (259_213.7, "3 d"),
        (86_400 * 30, "30 d"),
    ],
)
def test_a_time_as_people_say_it(seconds, words):
    assert rough_duration(seconds) == words

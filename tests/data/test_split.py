from datetime import datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlconfig.data.event_time import with_event_time
from mlconfig.data.row_hash import row_hashes
from mlconfig.data.split import split_rows
from mlconfig.errors import DataError
from mlconfig.sections.data import Split

DAY = 86400.0
VALUES = st.tuples(st.none() | st.integers(-5, 5), st.none() | st.sampled_from(["a", "b", "2024-01-01"]))


def rows(n, seed=0):
    r = np.random.default_rng(seed)
    return pa.table({"x": r.random(n), "c": r.choice(["a", "b"], n), "y": r.integers(0, 2, n)})


def split(table, columns=("x", "c"), random_state=0, task=None, **section):
    section = Split.model_validate(section)
    return split_rows(table, section, target="y", columns=columns, random_state=random_state, task=task)


def error_of(table, **section):
    with pytest.raises(DataError) as caught:
        split(table, **section)
    return str(caught.value)


def part_of_each(parts, n):
    """For each row the name of its part, or none."""
    names = np.full(n, "none", dtype=object)
    for name in ("train", "validation", "test"):
        names[getattr(parts, name)] = name
    return names.tolist()


@pytest.mark.parametrize("by", ["random", "stratified"])
def test_shares_are_as_declared_and_parts_do_not_overlap(by):
    parts = split(rows(20_000), by=by)
    assert len(parts.test) / 20_000 == pytest.approx(0.2, abs=0.01)
    assert len(parts.validation) / 20_000 == pytest.approx(0.1, abs=0.01)
    assert sorted(np.concatenate([parts.train, parts.validation, parts.test])) == list(range(20_000))
    assert all(
        part.dtype == np.int64 and np.all(np.diff(part) > 0) for part in (parts.train, parts.validation, parts.test)
    )


@settings(deadline=None)
@given(st.permutations(range(60)), st.integers(1, 60))
def test_a_rows_part_depends_on_that_row_alone(order, kept):
    table = rows(300)
    before = part_of_each(split(table), 300)
    chosen = [*order[:kept], *range(60, 300)]
    assert part_of_each(split(table.take(chosen)), len(chosen)) == [before[i] for i in chosen]


def test_what_was_tested_on_is_tested_on_when_data_grows():
    small, grown = rows(2000), pa.concat_tables([rows(500, seed=9), rows(2000)])
    assert part_of_each(split(grown), 2500)[500:] == part_of_each(split(small), 2000)


def test_equal_rows_land_together():
    table = rows(200)
    parts = part_of_each(split(pa.concat_tables([table, table])), 400)
    assert parts[:200] == parts[200:]


def test_the_random_state_makes_other_parts():
    assert split(rows(500)).test.tolist() != split(rows(500), random_state=1).test.tolist()
    assert split(rows(500)).test.tolist() == split(rows(500)).test.tolist()


@given(st.lists(VALUES, min_size=1, max_size=20))
def test_a_row_from_a_file_and_from_json_has_one_hash(values):
    numbers, texts = zip(*values, strict=True)
    file = pa.table({"n": pa.array(numbers, pa.int64()), "t": pa.array(texts, pa.string())})
    floats = [None if number is None else float(number) for number in numbers]
    log = pa.table({"t": pa.array(texts, pa.string()), "n": pa.array(floats, pa.float64())})
    assert row_hashes(file, ["n", "t"], 7).tolist() == row_hashes(log, ["t", "n"], 7).tolist()


def test_forms_of_one_value_have_one_hash():
    def first(values, kind=None):
        return int(row_hashes(pa.table({"v": pa.array([values], kind)}), ["v"], 0)[0])

    noon = datetime.fromisoformat("2024-01-01T12:00")
    assert first(1) == first(1.0) == first(True) == first(1, pa.int8())
    assert first(-0.0) == first(0)
    assert first(float("nan")) == first(None, pa.float64()) == first(None, pa.string()) == first(None)
    assert (
        first(noon)
        == first("2024-01-01T12:00:00")
        == first("2024-01-01 12:00:00+00:00")
        == first(noon, pa.timestamp("ns"))
    )
    assert len({first(1), first("1"), first(2), first("a"), first("b"), first(None)}) == 6


def test_values_are_told_apart_by_column():
    table = pa.table({"a": [1, 2], "b": [2, 1]})
    one, other = row_hashes(table, ["a", "b"], 0)
    assert one != other
    assert len(set(row_hashes(rows(20_000), ["x"], 0).tolist())) == 20_000


def test_stratified_keeps_the_share_of_a_rare_class():
    table = pa.table({"x": np.arange(1000.0), "y": [1 if i < 20 else 0 for i in range(1000)]})
    parts = split(table, columns=["x"], by="stratified")
    assert [sum(part < 20) for part in (parts.train, parts.validation, parts.test)] == [14, 2, 4]


def test_a_group_stays_together():
    table = rows(2000).append_column("g", pa.array([f"g{i % 100}" for i in range(2000)]))
    names = part_of_each(split(table, by="group", column="g"), 2000)
    assert all(len({names[i] for i in range(g, 2000, 100)}) == 1 for g in range(100))
    assert set(names) == {"train", "validation", "test"}


def test_time_tests_on_the_latest_rows_and_leaves_the_gap_out():
    times = np.random.default_rng(0).permutation(1000) * DAY
    table = with_event_time(rows(1000), np.where(times == 5 * DAY, np.nan, times))
    parts = split(table, by="time", gap="10d")
    train, validation, test = (np.sort(times[part]) / DAY for part in (parts.train, parts.validation, parts.test))
    assert test.tolist() == list(range(800, 1000))
    assert validation.tolist() == list(range(690, 790))
    assert train.tolist() == [day for day in range(680) if day != 5]


@settings(deadline=None)
@given(st.lists(st.integers(0, 12), min_size=30, max_size=80), st.sampled_from([0, 1, 2]))
def test_time_never_trains_on_what_comes_later(days, gap):
    table = with_event_time(pa.table({"x": days, "y": np.arange(len(days)) % 2}), np.asarray(days) * DAY)
    try:
        parts = split(table, columns=["x"], by="time", gap=f"{gap}d", task="regression")
    except DataError:
        return
    seen = np.asarray(days)
    assert seen[parts.train].max() + gap < seen[parts.validation].min()
    assert seen[parts.validation].max() + gap < seen[parts.test].min()


def test_given_parts_are_taken_and_strange_words_told():
    table = pa.table({"p": ["train", "test", None, "validation", "train"], "y": [0, 1, 0, 1, 1]})
    parts = split(table, columns=["p"], by="given", column="p")
    assert (parts.train.tolist(), parts.validation.tolist(), parts.test.tolist()) == ([0, 4], [3], [1])
    strange = pa.table({"p": ["train", "dev"], "y": [0, 1]})
    assert "`p` holds dev; it must say train, validation or test" in error_of(strange, by="given", column="p")


def test_an_empty_part_is_told_with_the_sizes():
    same = pa.table({"x": [1.0] * 50, "c": ["a"] * 50, "y": [0, 1] * 25})
    assert "part empty: of 50 rows" in error_of(same)
    assert "declare data.event_time" in error_of(rows(10), by="time")
    assert "leaves the training part empty" in error_of(
        with_event_time(rows(10), np.zeros(10)), by="time", validation_fraction=0
    )


def test_a_class_without_training_rows_is_told_and_a_quantity_is_none():
    table = with_event_time(pa.table({"x": np.arange(100), "y": ["a"] * 90 + ["b"] * 10}), np.arange(100.0))
    assert "leaves no training row of `y` = b" in error_of(table, by="time", columns=["x"])
    amounts = with_event_time(pa.table({"x": np.arange(100), "y": np.arange(100)}), np.arange(100.0))
    assert len(split(amounts, columns=["x"], by="time").test) == 20
    rating = amounts.set_column(1, "y", pa.array([0] * 90 + [1] * 10))
    assert len(split(rating, columns=["x"], by="time", task="regression").test) == 20

"""A window's counts: adding is counting all rows at once, however they are cut; bytes come back whole or are refused."""

import functools
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlconfig.errors import DataError
from mlconfig.monitoring.fold import FoldedWindows, fold_windows
from mlconfig.monitoring.log import COUNTED
from mlconfig.monitoring.window_counts import MAGIC, dump_counts, load_counts, merged
from mlconfig.profiles import binary
from mlconfig.sections.evaluation import Fairness

from .conftest import BEGIN, HOUR, Log, make_watch

QUICK = settings(max_examples=20, deadline=None)


@functools.cache
def counter():
    watched = make_watch()
    object.__setattr__(watched, "fairness", Fairness(groups=("plan",)))
    return watched.counter


@functools.cache
def block():
    """Rows with nulls, infinities, unknown levels, answers that are none, and doubles."""
    log = Log(7)
    x = log.rng.normal(size=900)
    x[:30], x[30:34] = np.nan, np.inf
    plan = log.rng.choice(np.array(["basic", "pro", "novel", None], object), 900)
    log.hour(0, 900, x=x, plan=plan)
    (rows,) = log.blocks(version="1", columns=COUNTED)
    return rows.take(np.r_[0:900, 0:50])


def same(one, other):
    return (
        one.rows == other.rows
        and binary.body(one.inputs)[:200] == binary.body(other.inputs)[:200]
        and all(np.array_equal(one.inputs.columns[n].vector(), c.vector()) for n, c in other.inputs.columns.items())
        and all(np.array_equal(one.outputs.columns[n].vector(), c.vector()) for n, c in other.outputs.columns.items())
        and all(np.array_equal(one.scores.of(group), other.scores.of(group)) for group in other.scores.groups)
        and set(one.scores.groups) == set(other.scores.groups)
        and np.array_equal(one.distinct.minima, other.distinct.minima)
        and (one.newest_event, one.newest_arrival) == (other.newest_event, other.newest_arrival)
        and np.allclose(one.inputs.moments, other.inputs.moments)
    )


@QUICK
@given(st.lists(st.integers(0, 950), min_size=1, max_size=4), st.randoms())
def test_adding_parts_in_any_order_is_counting_all_at_once(cuts, random):
    bounds = [0, *sorted(cuts), 950]
    parts = [counter().count(block().slice(a, b - a)) for a, b in itertools.pairwise(bounds)]
    random.shuffle(parts)
    whole = counter().count(block())
    assert same(merged(parts, counter().nothing), whole)
    assert same(functools.reduce(lambda late, early: early.merge(late), reversed(parts)), whole)  # the other way round


def test_what_is_counted():
    counts = counter().count(block())
    assert counts.rows == 950
    assert counts.inputs.columns["x"].nulls == 30 + 30
    assert counts.inputs.columns["x"].pos_inf == 8
    assert counts.inputs.columns["plan"].new > 150
    assert counts.scores.rows == 950
    assert counts.distinct.count == 900
    assert counts.scores.groups == ("", "plan=basic", "plan=novel", "plan=pro")


@pytest.mark.parametrize("rows", [0, 1, 950])
def test_bytes_come_back(rows):
    counts = counter().count(block().slice(0, rows)) if rows else counter().nothing
    data = dump_counts(counts)
    back = load_counts(data)
    assert same(back, counts)
    assert back.distinct.rows == counts.distinct.rows
    assert dump_counts(back) == data


@QUICK
@given(st.data())
def test_damaged_bytes_are_refused(data):
    good = bytearray(dump_counts(counter().count(block().slice(0, 40))))
    kind = data.draw(st.sampled_from(["flip", "cut", "append"]))
    place = data.draw(st.integers(0, len(good) - 1))
    if kind == "flip":
        good[place] ^= 1 << data.draw(st.integers(0, 7))
    else:
        good = good[:place] if kind == "cut" else good + b"more"
    with pytest.raises(DataError):
        load_counts(bytes(good))


@QUICK
@given(st.binary(max_size=60))
def test_bytes_with_a_right_checksum_that_say_nothing_are_refused(noise):
    import struct
    import zlib

    packed = zlib.compress(noise)
    with pytest.raises(DataError, match="counted again from the log"):
        load_counts(struct.pack("<4sHI", MAGIC, 1, zlib.crc32(packed)) + packed)


def test_a_longer_window_is_the_sum_of_its_parts(tmp_path):
    log = Log()
    for hour in range(6):
        log.hour(hour, 100 + hour)
    blocks = lambda: log.blocks(version="1", columns=COUNTED)  # noqa: E731
    hours = fold_windows(blocks(), counter(), "arrival", HOUR)
    (whole,) = fold_windows(blocks(), counter(), "arrival", 1000 * HOUR).values()
    assert sorted(hours) == [BEGIN + hour * HOUR for hour in range(6)]
    assert [hours.rows(start) for start in sorted(hours)] == [100, 101, 102, 103, 104, 105]
    assert same(merged(hours.values(), counter().nothing), whole)


def test_windows_that_wait_packed_are_added_to_like_others():
    few, many = FoldedWindows(open_at_once=2), FoldedWindows(open_at_once=100)
    rng = np.random.default_rng(3)
    for start in rng.integers(0, 6, 30).tolist():
        rows = block().slice(int(rng.integers(0, 900)), 20)
        few.add(start, counter().count(rows))
        many.add(start, counter().count(rows))
    assert set(few) == set(many)
    assert all(same(few[start], counts) for start, counts in many.items())
    assert [few.rows(start) for start in few] == [few[start].rows for start in few]
    few.drop(3)
    assert 3 not in few
    assert few.get(3) is None
    few.add(3, counter().nothing)
    assert few[3].rows == 0

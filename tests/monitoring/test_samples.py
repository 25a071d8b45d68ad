"""Even samples in bounded memory, the same however the rows come."""

import itertools

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from mlconfig.monitoring.samples import Sample, sample_windows
from mlconfig.vocabulary import Window

QUICK = settings(max_examples=25, deadline=None)


def rows(first, end):
    ids = [f"p{i}" for i in range(first, end)]
    return pa.table({"id": ids, "x": np.arange(first, end)}), ids


@QUICK
@given(st.lists(st.integers(0, 400), max_size=5), st.integers(1, 90), st.randoms())
def test_the_sample_is_one_whatever_the_blocks(cuts, size, random):
    bounds = [0, *sorted(cuts), 400]
    blocks = [rows(a, b) for a, b in itertools.pairwise(bounds) if b > a]
    random.shuffle(blocks)
    parts, whole = Sample(size), Sample(size)
    for table, ids in blocks:
        parts.add(table, ids)
    whole.add(*rows(0, 400))
    assert parts.table.equals(whole.table)
    assert parts.seen == 400
    assert len(parts.table) == size


def test_a_sample_is_even_and_its_memory_bounded():
    sample = Sample(500)
    for first in range(0, 50_000, 1000):
        sample.add(*rows(first, first + 1000))
        assert sum(map(len, sample._tables)) <= 2 * 500 + 1000
    places = np.sort(sample.table.column("x").to_numpy()) / 50_000
    assert (
        np.abs(places - (np.arange(500) + 0.5) / 500).max() < 0.08
    )  # Kolmogorov: 1.95 / √500 is crossed once in a thousand


def test_nothing_added_is_no_sample_and_few_rows_are_all():
    assert Sample(5).table is None
    sample = Sample(5)
    sample.add(*rows(0, 3))
    assert sorted(sample.table.column("x").to_pylist()) == [0, 1, 2]


def test_windows_may_overlap_and_hold_their_own_rows_alone():
    arrived = np.arange(0.0, 100.0)
    block = pa.table({"prediction_id": [f"p{i}" for i in range(100)], "arrived": arrived, "event_time": arrived + 1000})
    windows = [Window(start=0, end=40), Window(start=30, end=60), Window(start=500, end=600)]

    def evens(part):
        kept = part.filter(pa.array(part.column("arrived").to_numpy() % 2 == 0))
        return kept, kept.column("prediction_id")

    found = sample_windows(iter([block.slice(0, 35), block.slice(35)]), windows, "arrival", 50, evens)
    held = [None if found[w].table is None else sorted(found[w].table.column("arrived").to_pylist()) for w in windows]
    assert held == [list(np.arange(0.0, 40.0, 2)), list(np.arange(30.0, 60.0, 2)), None]
    by_event = sample_windows(iter([block]), [Window(start=1000, end=1010)], "event", 50, evens)
    (sample,) = by_event.values()
    assert sample.seen == 5

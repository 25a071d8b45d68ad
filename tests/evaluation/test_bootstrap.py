"""Draws: with replacement, seeded, in blocks that hold no more than they may."""

import numpy as np
import pytest

from mlconfig.contracts import bootstrap
from mlconfig.contracts.bootstrap import draws, percentile_interval


def test_each_resample_draws_as_many_rows_as_there_are():
    counts = np.concatenate(list(draws(300, 500, 0)))
    assert counts.shape == (500, 300)
    assert (counts.sum(axis=1) == 300).all()
    assert counts.var() == pytest.approx(1.0, abs=0.05)


def test_draws_are_seeded_and_do_not_depend_on_the_block(monkeypatch):
    whole = np.concatenate(list(draws(50, 40, 3)))
    monkeypatch.setattr(bootstrap, "BLOCK_CELLS", 350)
    blocks = list(draws(50, 40, 3))
    assert [len(block) for block in blocks] == [7, 7, 7, 7, 7, 5]
    assert (np.concatenate(blocks) == whole).all()


def test_an_interval_of_what_was_mostly_undefined_is_none():
    values = np.arange(101.0)
    assert percentile_interval(values, 0.9) == pytest.approx((5.0, 95.0))
    assert percentile_interval(np.where(values < 40, np.nan, values), 0.9) == pytest.approx((43.0, 97.0))
    assert percentile_interval(np.where(values < 60, np.nan, values), 0.9) is None

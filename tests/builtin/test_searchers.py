"""Searchers stay in their ranges, repeat themselves by the seed, and the grid is complete."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlconfig.builtin.searcher_grid import GridSearch
from mlconfig.builtin.searcher_random import RandomSearch
from mlconfig.contracts import Context
from mlconfig.sections import Dimension

SPACE = {
    "model.params.num_leaves": Dimension(int=[8, 256], log=True),
    "model.params.learning_rate": Dimension(float=[0.01, 0.3], log=True),
    "model.params.depth": Dimension(int=[1, 3]),
    "features.columns.age.transforms.clip.high": Dimension(choice=[80, "auto", None]),
}


def asked(searcher, space, n):
    searcher.start(space)
    return [searcher.ask() for _ in range(n)]


@given(seed=st.integers(0, 1000))
def test_random_values_lie_in_their_ranges_and_have_their_types(seed):
    for values in asked(RandomSearch(context=Context(random_state=seed)), SPACE, 20):
        leaves, rate, depth, high = values.values()
        assert isinstance(leaves, int)
        assert 8 <= leaves <= 256
        assert 0.01 <= rate <= 0.3
        assert depth in (1, 2, 3)
        assert high in (80, "auto", None)


def test_random_is_seeded():
    def first(seed):
        return asked(RandomSearch(context=Context(random_state=seed)), SPACE, 10)

    assert first(1) == first(1)
    assert first(1) != first(2)


def test_whole_numbers_reach_both_ends_and_a_log_range_has_half_its_draws_below_the_middle():
    drawn = asked(
        RandomSearch(), {"i": Dimension(int=[1, 4], log=True), "x": Dimension(float=[1, 10_000], log=True)}, 2000
    )
    assert {values["i"] for values in drawn} == {1, 2, 3, 4}
    assert sum(values["x"] < 100 for values in drawn) == pytest.approx(1000, abs=100)


def test_the_grid_is_every_combination_once_and_then_ends():
    space = {"a": Dimension(choice=["x", "y"]), "b": Dimension(int=[1, 3]), "c": Dimension(float=[0.0, 1.0])}
    found = asked(GridSearch(), space, 31)
    assert found[-1] is None
    assert len({tuple(values.values()) for values in found[:-1]}) == 2 * 3 * 5
    assert found[:2] == [{"a": "x", "b": 1, "c": 0.0}, {"a": "x", "b": 1, "c": 0.25}]


def test_grid_ranges_hold_both_ends_at_even_places():
    grid = GridSearch(GridSearch.Params(points=3))
    assert [v["x"] for v in asked(grid, {"x": Dimension(float=[0.01, 1.0], log=True)}, 3)] == pytest.approx(
        [0.01, 0.1, 1.0]
    )
    assert [v["i"] for v in asked(grid, {"i": Dimension(int=[8, 256])}, 3)] == [8, 132, 256]
    assert [v["i"] for v in asked(grid, {"i": Dimension(int=[4, 4])}, 1)] == [4]
    assert math.isclose(asked(grid, {"x": Dimension(float=[2.0, 2.0])}, 1)[0]["x"], 2.0)

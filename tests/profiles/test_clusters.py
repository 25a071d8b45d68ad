"""How alike rows of one time are: found where they are, not where they are not, and what that leaves of a window's rows."""

import json

import numpy as np
import pyarrow as pa
import pytest

from mlconfig.profiles.clusters import (
    DAY,
    HOUR,
    WEEK,
    Alike,
    Clusters,
    Worth,
    clusters_of_tree,
    clusters_tree,
    find_clusters,
)
from mlconfig.profiles.profile import fit_layout

RNG = np.random.default_rng


def found(columns, wall, **kinds):
    given = {name: kinds.get(name, "numeric") for name in columns}
    return find_clusters(fit_layout(columns, given), columns, np.asarray(wall, float))


def over(days, a_day, rng):
    return np.sort(rng.uniform(0, days * DAY, days * a_day))


def mixed(rng, wall, length, share):
    """Of each stretch's rows a share repeats one common value: two rows of it agree, beyond chance, in share² of the pairs."""
    stretch = (wall // length).astype(int)
    common = rng.normal(size=stretch.max() + 1)[stretch]
    return np.where(rng.random(len(wall)) < share, common, rng.normal(size=len(wall)))


def test_independent_rows_are_worth_all_of_themselves():
    rng = RNG(1)
    wall = over(28, 600, rng)
    columns = {f"x{i}": rng.lognormal(size=len(wall)) for i in range(10)}
    clusters = found(columns, wall)
    for level, length in (("all", HOUR), ("all", DAY), ("hour", HOUR)):
        worth = clusters.worth(level, length, 600)
        assert all(each.window > 0.5 for each in worth.values())
        assert len(worth) <= 5  # chance alone is over one standard error in a sixth


@pytest.mark.parametrize("share", [0.3, 0.6, 1.0])
def test_the_correlation_of_a_day_is_found(share):
    rng = RNG(2)
    wall = over(60, 300, rng)
    rho, rows = found({"x": mixed(rng, wall, DAY, share)}, wall).found["all"][DAY]["x"]
    assert rho == pytest.approx(share**2, rel=0.15)
    assert rows == pytest.approx(300, rel=0.02)


def test_alike_rows_are_worth_as_many_as_there_are_stretches():
    rng = RNG(3)
    wall = over(60, 300, rng)
    clusters = found({"x": mixed(rng, wall, DAY, 1.0)}, wall)
    worth = clusters.worth("all", DAY, 300)["x"]
    assert worth.window * 300 == pytest.approx(1.0, rel=0.2)
    assert worth.reference * len(wall) == pytest.approx(60, rel=0.2)
    assert clusters.worth("all", WEEK, 2100)["x"].window * 2100 == pytest.approx(7.0, rel=0.2)


def test_the_cycle_of_the_day_is_none_beside_the_same_hours():
    rng = RNG(4)
    wall = over(40, 800, rng)
    x = rng.normal(size=len(wall)) + 1.5 * np.sin(2 * np.pi * wall / DAY)
    clusters = found({"x": x}, wall)
    assert clusters.found["all"][HOUR]["x"].correlation > 0.03
    assert clusters.worth("hour", HOUR, 100).get("x", Worth()).window > 0.7


def test_levels_flags_and_nulls_can_be_alike_too():
    rng = RNG(5)
    wall = over(60, 200, rng)
    day = (wall // DAY).astype(int)
    columns = {
        "holiday": np.isin(day, [3, 17, 29, 30, 44, 51]).astype(float),
        "open": pa.array(day % 7 != 0),
        "shop": pa.array(np.array(["a", "b", "c", "d"], object)[rng.integers(0, 4, 60)[day]]).dictionary_encode(),
        "outage": np.where(day % 10 == 4, np.nan, rng.normal(size=len(wall))),
        "none": np.full(len(wall), 5.0),
        "empty": pa.nulls(len(wall), pa.string()),
        "when": wall,
    }
    kinds = {"open": "boolean", "shop": "categorical", "empty": "categorical", "when": "timestamp"}
    days = found(columns, wall, **kinds).found["all"][DAY]
    assert set(days) == {"holiday", "open", "shop", "outage"}
    assert min(days[name].correlation for name in ("holiday", "open", "shop")) > 0.95
    assert 0.01 < days["outage"].correlation < 0.5  # one bin of seventeen


def test_rows_without_a_time_and_short_references_say_nothing():
    rng = RNG(6)
    wall = over(9, 300, rng)
    x = mixed(rng, wall, DAY, 1.0)
    assert DAY not in found({"x": x}, wall).found["all"]
    assert HOUR in found({"x": x}, wall).found["all"]
    assert found({"x": x}, np.full(len(wall), np.nan)).found == {"all": {}, "hour": {}, "weekday": {}}
    assert found({"x": x[:0]}, wall[:0]).worth("all", DAY, 100) == {}


def test_a_stretch_is_judged_by_the_longest_that_is_not_longer():
    clusters = Clusters(
        {"all": {HOUR: {"x": Alike(0.5, 10.0)}, DAY: {"x": Alike(0.1, 100.0), "z": Alike(0.01, 100.0)}}}
    )
    assert clusters.worth("all", 600.0, 11) == {}
    assert clusters.worth("all", 5 * HOUR, 11) == {"x": Worth(1 / (1 + 0.5 * 1.2), 1 / 5.5)}
    assert set(clusters.worth("all", 3 * DAY, 11)) == {"x", "z"}
    assert clusters.worth("hour", HOUR, 11) == {}
    assert clusters.worth("all", HOUR, 0)["x"].window == 1.0


def test_it_comes_back_from_json():
    rng = RNG(7)
    wall = over(30, 200, rng)
    clusters = found({"x": mixed(rng, wall, DAY, 0.7), "z": rng.normal(size=len(wall))}, wall)
    tree = clusters_tree(clusters)
    back = clusters_of_tree(json.loads(json.dumps(tree)))
    assert clusters_tree(back) == tree
    assert back.found["all"][DAY]["x"].correlation == pytest.approx(
        clusters.found["all"][DAY]["x"].correlation, rel=0.01
    )
    assert clusters_of_tree({}).worth("all", DAY, 5) == {}

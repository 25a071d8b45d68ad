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
    alike_threshold,
    clusters_of_tree,
    clusters_tree,
    find_clusters,
)
from mlconfig.profiles.distances import compare, relevance_threshold
from mlconfig.profiles.profile import fit_layout, profile_of

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
        worth = clusters.worth(level, length, 600).values()
        assert sum(each.excess > 0 for each in worth) <= 5  # chance alone is over one standard error in a sixth
        assert all(each.of_window(600) > 300 for each in worth)


@pytest.mark.parametrize("share", [0.3, 0.6, 1.0])
def test_the_likeness_of_a_day_is_found(share):
    rng = RNG(2)
    wall = over(60, 300, rng)
    alike = found({"x": mixed(rng, wall, DAY, share)}, wall).found["all"][DAY]["x"]
    assert alike.rows == pytest.approx(300, rel=0.02)
    assert alike.correlation == pytest.approx(share**2, rel=0.3)


def test_a_mean_that_moves_is_one_direction_and_levels_that_are_dealt_anew_are_many():
    rng = RNG(3)
    wall = over(120, 300, rng)
    day = (wall // DAY).astype(int)
    x = rng.normal(size=len(wall)) + 0.5 * rng.normal(size=120)[day]
    shares = rng.dirichlet(np.full(8, 20.0), 120)
    level = np.array([rng.choice(8, p=shares[each]) for each in day])
    columns = {"x": x, "level": pa.array(level.astype(str))}
    days = found(columns, wall, level="categorical").found["all"][DAY]
    assert 0.5 < days["x"].directions < 3.0
    assert 3.5 < days["level"].directions <= 7.0
    assert days["level"].excess == pytest.approx(
        7 / 161, rel=0.25
    )  # Dirichlet: ρ = 1 / (1 + its total), in 7 directions


@pytest.mark.parametrize(("spread", "rows"), [(0.0, 400), (0.4, 200), (0.6, 400), (0.6, 4000)])
def test_a_threshold_for_alike_rows_is_crossed_about_as_often_as_alpha_says(spread, rows):
    rng = RNG(4)
    wall = over(60, 400, rng)
    draw = lambda day, n: rng.normal(size=n) + spread * day  # noqa: E731
    x = rng.normal(size=len(wall)) + spread * rng.normal(size=60)[(wall // DAY).astype(int)]
    layout = fit_layout({"x": x}, {"x": "numeric"})
    reference = profile_of(layout, {"x": x}).columns["x"]
    worth = find_clusters(layout, {"x": x}, wall).worth("all", DAY, rows).get("x", Worth(0.0, 1.0, 0.0, rows, 400.0))
    windows = (profile_of(layout, {"x": draw(rng.normal(), rows)}).columns["x"] for _ in range(400))
    psi = np.array([compare(reference, window).psi for window in windows])
    exact = alike_threshold(worth, len(x), rows, 17, 0.0, 0.05)
    assert 0.005 <= (psi > exact).mean() <= 0.15
    assert (psi > alike_threshold(worth, len(x), rows, 17, 0.05, 1e-4)).sum() <= 1
    independent = relevance_threshold(len(x), rows, 17, 0.0, 0.05)
    assert ((psi > independent).mean() > 0.3) == (spread > 0)


def test_without_an_excess_the_threshold_is_that_of_independent_rows():
    worth = Worth(0.0, 1.0, 0.0, 500.0, 300.0)
    assert alike_threshold(worth, 20_000, 500, 16, 0.05, 1e-5) == relevance_threshold(20_000, 500, 16, 0.05, 1e-5)
    assert worth.of_window(500) == 500


def test_alike_rows_are_worth_as_many_as_there_are_stretches():
    rng = RNG(3)
    wall = over(60, 300, rng)
    clusters = found({"x": mixed(rng, wall, DAY, 1.0)}, wall)
    worth = clusters.worth("all", DAY, 300)["x"]
    assert worth.of_window(300) == pytest.approx(1.0, rel=0.3)
    assert worth.of_reference(len(wall)) == pytest.approx(60, rel=0.3)
    assert clusters.worth("all", WEEK, 2100)["x"].of_window(2100) == pytest.approx(7.0, rel=0.3)


def test_the_cycle_of_the_day_is_none_beside_the_same_hours():
    rng = RNG(4)
    wall = over(40, 800, rng)
    x = rng.normal(size=len(wall)) + 1.5 * np.sin(2 * np.pi * wall / DAY)
    clusters = found({"x": x}, wall)
    assert clusters.found["all"][HOUR]["x"].excess > 0.3
    assert clusters.found["hour"].get(HOUR, {}).get("x", Alike(0.0, 1.0, 0.0, 1.0)).excess < 0.05


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
    assert min(days[name].correlation for name in ("holiday", "open", "shop")) > 0.9
    assert days["outage"].excess > 0.2


def test_rows_without_a_time_and_short_references_say_nothing():
    rng = RNG(6)
    wall = over(9, 300, rng)
    x = mixed(rng, wall, DAY, 1.0)
    assert DAY not in found({"x": x}, wall).found["all"]
    assert HOUR in found({"x": x}, wall).found["all"]
    assert found({"x": x}, np.full(len(wall), np.nan)).found == {"all": {}, "hour": {}, "weekday": {}}
    assert found({"x": x[:0]}, wall[:0]).worth("all", DAY, 100) == {}


def test_a_stretch_is_judged_by_the_longest_that_is_not_longer():
    short, long = {"x": Alike(2.0, 4.0, 0.5, 10.0)}, {"z": Alike(0.1, 1.0, 0.1, 100.0)}
    clusters = Clusters({"all": {HOUR: short, DAY: long}})
    assert clusters.worth("all", 600.0, 11) == {}
    assert clusters.worth("all", 5 * HOUR, 50) == {"x": Worth(2.0, 4.0, 0.5, 10.0, 10.0, {HOUR: (10.0, 10.0, 0.5)})}
    day = clusters.worth("all", DAY, 240)
    assert day["z"] == Worth(0.1, 1.0, 0.1, 240.0, 100.0, {DAY: (240.0, 100.0, 0.1)})
    assert day["x"].excess == 0.0  # independent from day to day, though not from hour to hour
    assert day["x"].finer == {HOUR: (10.0, 10.0, 0.5)}
    assert clusters.worth("hour", HOUR, 11) == {}
    assert clusters.worth("all", HOUR, 0)["x"].of_window(0) == 0.0


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

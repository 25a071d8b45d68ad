"""Windows cover time without gap or overlap; votes tell a spike from what lasts."""

import itertools
import math
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlconfig.monitoring.budget import MONTH, alpha, checks_a_month
from mlconfig.monitoring.persistence import restate, state_of
from mlconfig.monitoring.windows import scale_lengths, watermark, window_at, windows_between
from mlconfig.records.verdict import Finding, Verdict
from mlconfig.sections.monitoring import Monitoring, Persistence
from mlconfig.vocabulary import Window

DEFAULT = Persistence()
moments = st.floats(-1e10, 1e11)
lengths = st.floats(0.05, 1e8)


@given(moments, lengths)
def test_a_window_holds_its_moment_and_begins_where_the_last_ended(moment, length):
    window = window_at(moment, length)
    assert moment in window
    place = round(window.start / length)
    assert (window.start, window.end) == (place * length, (place + 1) * length)


@given(st.floats(0, 1e10), st.floats(0, 1e5), st.floats(60, 1e6))
def test_windows_between_are_complete_and_without_gap(first, more, length):
    found = list(windows_between(first, first + more, length))
    assert all(window.end <= first + more for window in found)
    assert all(early.end == late.start for early, late in itertools.pairwise(found))
    assert not found or first in found[0]
    assert len(found) >= math.floor(more / length) - 1


def test_hours_begin_at_the_hour():
    assert window_at(1_700_000_000, 3600) == Window(start=1_699_999_200, end=1_700_002_800)


@pytest.mark.parametrize(
    ("every", "scales", "expected"),
    [
        ("1h", ["1h", "24h", "7d"], [1, 24, 168]),
        ("30d", ["1h", "24h", "7d"], [720]),
        ("5h", ["24h", "24h"], [5, 25]),
    ],
)
def test_longer_scales_are_whole_windows(every, scales, expected):
    monitoring = Monitoring.model_validate({"every": every, "scales": scales})
    assert scale_lengths(monitoring) == tuple(hours * 3600 for hours in expected)


def test_the_watermark():
    assert watermark(np.array([5.0]), "arrival", 9.0) == 9.0
    assert watermark(np.array([5.0, 7.0]), "event", 9.0) == 7.0
    assert watermark(np.array([]), "event", 9.0) == -math.inf


def test_the_budget_is_spent_over_all_checks_of_a_month():
    assert alpha(1.0, checks_a_month([3600.0], 20)) == pytest.approx(1 / (720 * 20))
    assert alpha(2.0, checks_a_month([3600.0, 86_400.0], 10)) == pytest.approx(2 / ((720 + 30) * 10))
    assert alpha(1.0, checks_a_month([MONTH], 2)) == 0.05


def verdicts(votes):
    return [
        Verdict(
            endpoint="e", version="1", signal="s", detector="psi", window=Window(start=i, end=i + 1.0), scale=1.0, rows=9,
            vote=vote, state="unknown",
        )
        for i, vote in enumerate(votes)
    ]  # fmt: skip


def states(votes, persistence=DEFAULT):
    return [verdict.state for verdict in restate(verdicts(votes), persistence, -1.0)]


def test_what_was_found_days_ago_is_another_episode_where_nobody_asked_between():
    """Three incidents, each asked about for four hours, days apart."""
    hours = [day * 72 + hour for day in range(3) for hour in range(4)]
    asked = [at_hour(hour) for hour in hours]
    alone = restate(asked, DEFAULT, -1.0, gaps=True)
    assert [verdict.state for verdict in alone] == ["ok", "suspect", "alert", "alert"] * 3
    assert [verdict.since for verdict in alone[1::4]] == [0.0, 72.0, 144.0]
    assert restate(asked, DEFAULT, -1.0)[-1].state == "lasting", "windows that do not exist are no gap"
    through = restate([*asked[:4], at_hour(5)], DEFAULT, -1.0, gaps=True)
    assert (through[-1].state, through[-1].since) == ("alert", 0.0)


def at_hour(hour):
    return verdicts([True])[0].model_copy(update={"window": Window(start=float(hour), end=hour + 1.0), "scale": 1.0})


def told_apart(hour, *columns):
    """A window whose rows a classifier tells apart by these columns."""
    found = Finding(
        column=None, statistic="domain_auc", drift_score=0.9, threshold=0.6, is_drift=bool(columns), shown_by=columns
    )
    return at_hour(hour).model_copy(update={"vote": bool(columns), "findings": (found,)})


def test_a_finding_about_all_columns_votes_for_those_that_show_it():
    """Columns that break one after the other last no longer than either, also where one figure is of them all."""
    hours = [*(told_apart(i, "x") for i in range(10)), told_apart(10), *(told_apart(i, "y") for i in range(11, 23))]
    found = restate(hours, DEFAULT, -1.0)
    assert [verdict.state for verdict in found].index("lasting") == 11 + 11
    assert found[-1].since == 11.0
    both = restate([*hours[:10], *(told_apart(i, "x", "y") for i in range(10, 13))], DEFAULT, -1.0)
    assert (both[-1].state, both[-1].since) == ("lasting", 0.0)


def test_a_step_is_suspected_in_two_windows_and_lasts_after_twelve():
    found = states([False] * 30 + [True] * 30)
    assert found[30:34] == ["ok", "suspect", "alert", "alert"]
    assert found.index("lasting") == 30 + 11
    assert found[-1] == "lasting"


@pytest.mark.parametrize("hours", [1, 2, 6, 10, 11])
def test_a_spike_is_never_lasting(hours):
    assert "lasting" not in states([False] * 40 + [True] * hours + [False] * 40)


def test_since_is_the_first_window_of_the_episode():
    found = restate(verdicts([False, True, True, True, None, True, False, False, False, True]), DEFAULT, -1.0)
    assert [verdict.state for verdict in found] == [
        "ok", "ok", "suspect", "alert", "unknown", "alert", "alert", "ok", "ok", "ok",
    ]  # fmt: skip
    assert [verdict.since for verdict in found] == [None, None, 1.0, 1.0, None, 1.0, 1.0, None, None, None]


votes = st.lists(st.sampled_from([True, False, None]), max_size=60)


@given(votes)
def test_unknown_windows_neither_count_nor_reset(given_):
    found = restate(verdicts(given_), DEFAULT, -1.0)
    known = [vote for vote in given_ if vote is not None]
    assert [v.state for v in found if v.vote is not None] == states(known)
    assert all(v.state == "unknown" for v in found if v.vote is None)


@given(votes, st.integers(0, 60))
def test_states_worked_out_in_two_parts_are_those_of_the_whole(given_, cut):
    whole = restate(verdicts(given_), DEFAULT, -1.0)
    again = restate([*whole[:cut], *verdicts(given_)[cut:]], DEFAULT, float(cut))
    assert again == whole[cut:]


@given(st.lists(st.booleans(), max_size=40), st.integers(0, 39))
def test_one_more_vote_never_makes_it_better(given_, where):
    order = ["ok", "suspect", "alert", "lasting"]
    worse = [vote or i == where for i, vote in enumerate(given_)]
    assert order.index(state_of(worse, DEFAULT)) >= order.index(state_of(given_, DEFAULT))


def test_the_section_reads_its_own_votes():
    short = Persistence(lasting=(2, 2))
    assert states([True, True], short)[-1] == "lasting"
    assert timedelta(hours=1) == Monitoring().every

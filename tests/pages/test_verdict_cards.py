"""Each signal's newest verdict in words: what, where, how much, since when, why, what to do."""

import pytest

from mlconfig.pages.signal_words import figure, plain, ratio, signal_words
from mlconfig.pages.verdict_cards import cards
from mlconfig.pages.wording import Clock

UTC = Clock("UTC")


def told(verdicts, anchors=None):
    return cards(verdicts, anchors or {}, "the training rows", UTC)


def test_a_drift_is_told_in_full(make):
    found = [make.finding("a", 0.02), make.finding("b", 0.5, message="`b` moved"), make.finding("c", 0.2)]
    verdict = make.verdict(
        "input_drift", 30, found, state="lasting", since=make.START, cause="lasting_drift",
        advice="see which columns moved", reference="training rows at these hours",
    )  # fmt: skip
    (card,) = told([verdict], {"b": "column-1"})
    assert card.state_words == "lasting"
    assert card.what == "Inputs are distributed differently from the reference. 2 of 3 columns beyond the limit."
    assert [(place.column, place.anchor, place.much) for place in card.places] == [
        ("b", "column-1", "PSI 0.5, 5.0× its limit"), ("c", "", "PSI 0.2, 2.0× its limit"),
    ]  # fmt: skip
    assert card.much == "At worst 5.0× its limit: PSI 0.5 where 0.1 is allowed"
    assert (card.since, card.lasted) == (make.START, "for 31 hours")
    assert card.cause == "Probably the world has changed, and stays so."
    assert card.advice == "See which columns moved."
    assert card.compared == "training rows at these hours"
    assert card.seen == "window of 1 hour, 9 May 2026, 06:00 to 07:00, 1,000 rows"


def test_the_worst_window_length_speaks_for_a_signal_and_the_worst_signal_comes_first(make):
    fine, bad = [make.finding("a", 0.01)], [make.finding("a", 0.4)]
    found = told([
        make.verdict("data_quality", 9, fine),
        make.verdict("input_drift", 9, fine),
        make.verdict("input_drift", 0, bad, scale=make.DAY, state="alert"),
        make.verdict("service", 9, reason="requests of this time were not counted"),
    ])  # fmt: skip
    assert [(card.signal, card.state) for card in found] == [
        ("input_drift", "alert"),
        ("data_quality", "ok"),
        ("service", "unknown"),
    ]
    assert "window of 24 hours" in found[0].seen
    assert found[1].what == "Nearest to its limit: a, PSI 0.01 (limit 0.1)."
    assert found[2].what == "Requests of this time were not counted."


def test_a_window_that_could_not_be_judged_neither_ends_nor_hides_an_alert(make):
    found = told([
        make.verdict("input_drift", 3, [make.finding("a", 0.4)], state="alert"),
        make.verdict("input_drift", 4, reason="12 rows, and 500 are needed", rows=12),
    ])  # fmt: skip
    assert found[0].state == "alert"
    assert found[0].note == "The newest window (8 May 2026, 04:00) could not be judged: 12 rows, and 500 are needed."


def test_one_window_beyond_its_limit_is_fine_and_still_told(make):
    (card,) = told([make.verdict("input_drift", 3, [make.finding("a", 0.3), make.finding("b", 0.9, is_drift=False)])])
    assert (card.state, card.beyond) == ("ok", True)
    assert card.what == "Beyond its limit in the newest window, too rarely so far to count: a, PSI 0.3 (limit 0.1)."


def test_an_episode_that_just_calmed_down_says_so(make):
    (card,) = told([make.verdict("input_drift", 3, [make.finding("a", 0.01)], state="suspect")])
    assert card.what.endswith("The newest window is within its limits again.")
    assert (card.much, card.places) == ("", ())


def test_a_signal_without_columns_tells_its_finding(make):
    found = make.finding(None, 0.12, 0.03, statistic="performance_drop", message="0.70 after 0.82 at evaluation")
    (card,) = told([make.verdict("performance", 1, [found], state="alert")])
    assert card.what == "Answers have become worse, the labels say. 0.70 after 0.82 at evaluation."
    assert card.much == "At worst 4.0× its limit: loss of quality 0.12 where 0.03 is allowed"


def test_where_nothing_is_allowed_there_is_no_multiple_of_it(make):
    gone = make.finding(None, 1.0, 0.0, statistic="missing_columns", message="`a` is null in every row")
    some = make.finding("a", 0.02, 0.0, statistic="new_category_fraction")
    (card,) = told([make.verdict("data_quality", 1, [gone, some], state="alert")])
    assert card.much == "At worst: missing columns 1 where none is allowed"
    assert card.places[0].much == "new categories 2.0 %, where none is allowed"


def test_a_service_is_judged_by_requests(make):
    found = make.finding(None, 0.6, 0.5, statistic="rejected_fraction", message="refused")
    (card,) = told([make.verdict("service", 1, [found], state="alert").model_copy(update={"detector": "service"})])
    assert card.seen.endswith(" requests")


def test_many_columns_are_named_by_six(make):
    (card,) = told([make.verdict("input_drift", 1, [make.finding(f"c{i}", 0.2 + i) for i in range(40)], state="alert")])
    assert [place.column for place in card.places] == ["c39", "c38", "c37", "c36", "c35", "c34"]
    assert len(card.more) == 34


@pytest.mark.parametrize(
    ("score", "threshold", "drift", "times"),
    [(0.2, 0.1, True, 2.0), (0.05, 0.1, True, 1.0), (0.3, 0.1, False, 3.0),
     (-0.4, 0.1, False, 0.0), (0.1, 0.0, True, 99.0), (0.1, 0.0, False, 0.0)],
)  # fmt: skip
def test_how_many_times_its_limit(make, score, threshold, drift, times):
    assert ratio(make.finding("a", score, threshold, is_drift=drift)) == pytest.approx(times)


def test_names_of_a_recipe_s_own_are_told_as_words():
    assert signal_words("my_signal").title == plain("my_signal") == "My signal"
    assert figure("null_fraction_increase", 0.25) == "25.0 %"
    assert figure("psi", 0.25) == "0.25"

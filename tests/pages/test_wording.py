"""Numbers, shares, lengths of time and moments as people read them."""

import math

import pytest

from mlconfig.pages import wording
from mlconfig.pages.wording import Clock


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"), (0.0532, "0.0532"), (-0.5, "−0.5"), (12.345, "12.3"), (2015.0, "2015"), (9999.4, "9999"),
        (12_345.0, "12.3k"), (1_234_567.0, "1.23M"), (-4.2e9, "−4.2G"), (2e13, "20T"), (5e-7, "5.00e−07"), (1e18, "1.00e+18"),
        (math.nan, "–"), (math.inf, "∞"), (-math.inf, "−∞"),
    ],
)  # fmt: skip
def test_a_number(value, text):
    assert wording.number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 %"),
        (1, "100 %"),
        (0.5, "50.0 %"),
        (0.0004, "<0.1 %"),
        (0.9996, ">99.9 %"),
        (math.nan, "–"),
        (0.123, "12.3 %"),
    ],
)
def test_a_share_that_is_there_is_never_nothing(value, text):
    assert wording.share(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(3600, "1 hour"), (86_400, "24 hours"), (604_800, "7 days"), (1800, "30 minutes"), (172_800, "2 days"), (1, "1 second"),
     (5400, "90 minutes"), (1_209_600, "2 weeks")],
)  # fmt: skip
def test_a_length_of_time(seconds, text):
    assert wording.duration(seconds) == text


@pytest.mark.parametrize(
    ("ratio", "text"), [(0.0, "0.0×"), (3.44, "3.4×"), (9.96, "10×"), (17.2, "17×"), (99.6, "over 99×")]
)
def test_a_multiple(ratio, text):
    assert wording.times(ratio) == text


def test_moments_are_those_of_the_zone():
    clock = Clock("Europe/Berlin")
    summer, winter = 1_778_198_400.0, 1_767_225_600.0
    assert clock.at(summer) == "8 May 2026, 02:00"
    assert clock.at(winter) == "1 Jan 2026, 01:00"
    assert clock.iso(summer) == "2026-05-08T02:00:00+02:00"
    assert clock.span(summer, summer + 3600) == "8 May 2026, 02:00 to 03:00"
    assert clock.span(summer, summer + 86_400) == "8 May 2026, 02:00 to 9 May 2026, 02:00"


def test_names_in_a_text_are_told_apart():
    assert wording.pieces("`x` moved; `a b` too") == [("x", True), (" moved; ", False), ("a b", True), (" too", False)]
    assert wording.pieces("a ` alone") == [("a ` alone", False)]
    assert wording.pieces("") == []

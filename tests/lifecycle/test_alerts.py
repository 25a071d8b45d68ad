"""What is said is decided once, and addressed in the same transaction."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from mlconfig.lifecycle import Store
from mlconfig.records.verdict import Alert

DAY = 24 * 3600.0


def alert(state="alert", at: float = 1.0, version="1", *, resolved=False, rule="drift", **more) -> Alert:
    return Alert(recipe="churn", endpoint="churn", version=version, rule=rule, signal="input_drift", state=state,
                 resolved=resolved, what="age drifted", at=at, **more)  # fmt: skip


def decide(store: Store, *alerts: Alert, sinks=("log",), repeat=DAY) -> list[tuple[str, bool, bool]]:
    decided = store.alerts.decide(alerts, lambda _: sinks, repeat)
    return [(each.state, each.resolved, each.repeated) for each in decided]


def letters(store: Store) -> list[tuple[str, str, bool]]:
    return [(letter.sink, letter.alert.state, letter.alert.resolved) for letter in store.outbox.pending("churn")]


def test_an_episode_is_said_once_again_when_worse_and_once_at_its_end(store: Store) -> None:
    states = [("ok", True), ("alert", False), ("alert", False), ("lasting", False), ("alert", False), ("ok", True),
              ("ok", True), ("alert", False)]  # fmt: skip
    said = [decide(store, alert(state, at=at, resolved=end)) for at, (state, end) in enumerate(states)]
    assert [len(each) for each in said] == [0, 1, 0, 1, 0, 1, 0, 1]
    assert letters(store) == [
        ("log", "alert", False),
        ("log", "lasting", False),
        ("log", "ok", True),
        ("log", "alert", False),
    ]


def test_it_is_said_again_after_a_while_by_the_clock(store: Store) -> None:
    assert decide(store, alert(at=0.0), alert(at=DAY - 1), alert(at=DAY), alert(at=DAY + 1)) == [
        ("alert", False, False),
        ("alert", False, True),
    ]
    assert decide(store, alert(at=2 * DAY, repeated=True), alert(at=2 * DAY + 1, repeated=True)) == [
        ("alert", False, True)
    ]
    assert decide(store, alert("lasting", at=3 * DAY)) == [("lasting", False, False)], "worse is news, not a repetition"


def test_a_column_that_joins_is_news_once_in_an_episode(store: Store) -> None:
    columns = [("x",), ("x",), ("x", "y"), ("x",), ("y", "x"), ("z",)]
    said = [decide(store, alert(at=float(at), about=about)) for at, about in enumerate(columns)]
    assert [len(each) for each in said] == [1, 0, 1, 0, 0, 1]
    assert store.alerts.open("churn")[0].about == ("x", "y", "z")
    decide(store, alert("ok", at=9.0, resolved=True))
    assert decide(store, alert(at=10.0, about=("x",))), "a new episode begins anew"


def test_an_episode_has_a_name_that_its_repetitions_and_its_end_share(store: Store) -> None:
    decided = store.alerts.decide(
        [alert(at=0.0, since=7.0), alert(at=DAY, since=7.0), alert("ok", at=DAY + 1, resolved=True), alert(at=DAY + 2)],
        lambda _: ["log"], DAY,
    )  # fmt: skip
    names = [each.episode for each in decided]
    assert names[0] == names[1] == names[2] != names[3]
    assert all(names)
    assert decided[2].since == 7.0, "an end says since when it held"


def test_versions_and_rules_have_episodes_of_their_own(store: Store) -> None:
    decide(store, alert(), alert(version="2"), alert(rule="pager", at=2.0))
    assert [(each.version, each.rule) for each in store.alerts.open("churn")] == [
        ("1", "drift"),
        ("2", "drift"),
        ("1", "pager"),
    ]
    assert [each.rule for each in store.alerts.open("churn", "1")] == ["drift", "pager"]
    decide(store, alert("ok", at=3.0, resolved=True))
    assert [(each.version, each.rule) for each in store.alerts.open("churn")] == [("2", "drift"), ("1", "pager")]
    assert store.alerts.open("other") == []


def test_a_sink_that_is_declared_later_is_told_of_what_is_open(store: Store) -> None:
    decide(store, alert())
    assert decide(store, alert(at=2.0), sinks=("log", "ops")) == [], "nothing new was found"
    decide(store, alert(at=3.0), sinks=("log", "ops"))
    assert letters(store) == [("log", "alert", False), ("ops", "alert", False)]


def test_an_end_goes_to_whom_the_alert_was_addressed(store: Store) -> None:
    decide(store, alert(), sinks=("log", "ops"))
    decide(store, alert("ok", at=2.0, resolved=True), sinks=("new",))
    assert letters(store)[2:] == [("log", "ok", True), ("ops", "ok", True)]


def test_a_rule_that_tells_nobody_is_open_all_the_same(store: Store) -> None:
    assert decide(store, alert(action="retrain"), sinks=()) == [("alert", False, False)]
    assert [each.action for each in store.alerts.open("churn")] == ["retrain"]
    assert letters(store) == []


def test_a_decision_and_its_letters_are_kept_together_or_not_at_all(store: Store) -> None:
    def lost(rule: str) -> list[str]:
        if rule == "pager":
            raise ZeroDivisionError
        return ["log"]

    with pytest.raises(ZeroDivisionError):
        store.alerts.decide([alert(), alert(rule="pager")], lost, DAY)
    assert store.alerts.open("churn") == []
    assert letters(store) == []


def test_many_that_decide_at_once_say_it_once(sqlite_uri: str) -> None:
    def turn(_: int) -> int:
        with Store.open(sqlite_uri) as store:
            return len(decide(store, alert()))

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(turn, range(8))) == 1
    with Store.open(sqlite_uri) as store:
        assert len(letters(store)) == 1

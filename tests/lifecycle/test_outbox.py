"""Letters reach their sinks at least once, in order, and are never lost."""

from __future__ import annotations

import pytest

from mlconfig.lifecycle import Store
from mlconfig.lifecycle.outbox import CLAIM_S, FIRST_WAIT_S, GIVE_UP_S, LONGEST_WAIT_S, NEVER_TOLD, wait_after
from mlconfig.records.verdict import Alert

DAY = 24 * 3600.0


@pytest.fixture
def post(store: Store):
    """Decides alerts of a rule, each worse than the one before."""

    def put(*states: str, rule="drift", sinks=("ops",), at=0.0):
        for state in states:
            one = Alert(recipe="churn", endpoint="churn", version="1", rule=rule, signal="input_drift", state=state,
                        resolved=state == "ok", what="moved", at=at)  # fmt: skip
            assert store.alerts.decide([one], lambda _: sinks, DAY)

    return put


def taken(store: Store, now: float, **more) -> list[tuple[str, str, str]]:
    found = []
    while (letter := store.outbox.claim("churn", now, **more)) is not None:
        found.append((letter.sink, letter.rule, letter.alert.state))
    return found


def claim(store: Store, now: float, **more):
    letter = store.outbox.claim("churn", now, **more)
    assert letter is not None
    return letter


def test_letters_of_one_rule_and_sink_go_one_after_the_other(store: Store, post) -> None:
    post("alert", "lasting", sinks=("ops", "log"))
    post("alert", rule="pager")
    assert taken(store, 1.0) == [("ops", "drift", "alert"), ("log", "drift", "alert"), ("ops", "pager", "alert")]
    for letter in store.outbox.pending("churn")[:1]:
        store.outbox.sent(letter)
    assert taken(store, 1.0) == [("ops", "drift", "lasting")]


def test_what_is_claimed_is_nobody_elses_until_its_claimer_must_be_dead(store: Store, post) -> None:
    post("alert")
    assert store.outbox.is_due("churn", 1.0)
    assert claim(store, 1.0).attempts == 1
    assert not store.outbox.is_due("churn", CLAIM_S)
    assert taken(store, CLAIM_S) == []
    assert claim(store, 1.0 + CLAIM_S).attempts == 2


def test_a_claimer_that_was_thought_dead_marks_no_failure(store: Store, post) -> None:
    post("alert")
    slow = claim(store, 0.0)
    quick = claim(store, CLAIM_S)
    assert not store.outbox.failed(slow, "too late", CLAIM_S)
    assert store.outbox.pending("churn")[0].error == ""
    store.outbox.sent(quick)
    assert not store.outbox.failed(quick, "after all", CLAIM_S)
    assert store.outbox.pending("churn") == store.outbox.dead("churn") == []


def test_a_busy_sink_gets_none(store: Store, post) -> None:
    post("alert", sinks=("ops", "log"))
    assert taken(store, 1.0, busy=["ops"]) == [("log", "drift", "alert")]
    assert not store.outbox.is_due("other", 1.0)


def test_waits_double_up_to_an_hour() -> None:
    assert [wait_after(attempts) for attempts in (1, 2, 3, 4)] == [10.0, 20.0, 40.0, 80.0]
    assert wait_after(10) == wait_after(10_000) == LONGEST_WAIT_S


def test_a_failure_is_tried_again_later_and_after_a_day_is_a_dead_letter(store: Store, post) -> None:
    post("alert")
    now, attempts = 0.0, 0
    while True:
        letter = claim(store, now)
        attempts += 1
        if store.outbox.failed(letter, f"answered {attempts}", now):
            break
        assert not store.outbox.is_due("churn", now + wait_after(attempts) - 0.001)
        now += wait_after(attempts)
    assert GIVE_UP_S <= now < GIVE_UP_S + LONGEST_WAIT_S
    assert 25 < attempts < 40
    (dead,) = store.outbox.dead("churn")
    assert (dead.error, dead.attempts, dead.alert.what) == (f"answered {attempts}", attempts, "moved")
    assert not store.outbox.is_due("churn", 10 * DAY)


def test_a_dead_letter_is_sent_again_when_it_is_revived(store: Store, post) -> None:
    post("alert", sinks=("ops", "log"))
    for _ in range(2):
        store.outbox.failed(claim(store, DAY), "down", DAY)
    assert store.outbox.revive("churn", 2 * DAY, "ops") == 1
    assert [letter.sink for letter in store.outbox.dead("churn")] == ["log"]
    letter = claim(store, 2 * DAY)
    assert not store.outbox.failed(letter, "down", 2 * DAY), "it has a whole day again"
    assert store.outbox.revive("churn", 2 * DAY) == 1
    assert store.outbox.dead("churn") == []


def test_other_letters_of_a_failing_sink_wait_a_little_too_and_none_starves(store: Store, post) -> None:
    post("alert", rule="poison")
    post("alert", rule="drift")
    store.outbox.failed(claim(store, 0.0), "refused", 0.0)
    assert taken(store, FIRST_WAIT_S - 0.001) == []
    assert taken(store, FIRST_WAIT_S) == [("ops", "drift", "alert"), ("ops", "poison", "alert")], (
        "the untried one is first"
    )


def test_an_end_waits_for_the_alert_and_is_not_sent_to_whom_was_never_told(store: Store, post) -> None:
    post("alert", "ok", sinks=("ops", "log"))
    ops, log = claim(store, 0.0), claim(store, 0.0)
    assert taken(store, 0.0) == [], "the ends wait"
    store.outbox.sent(log)
    assert store.outbox.failed(ops, "down", DAY)
    assert taken(store, 2 * DAY) == [("log", "drift", "ok")]
    assert [(dead.alert.resolved, dead.error) for dead in store.outbox.dead("churn")] == [
        (False, "down"),
        (True, NEVER_TOLD),
    ]
    assert store.outbox.revive("churn", 3 * DAY) == 2
    store.outbox.sent(claim(store, 3 * DAY, busy=["log"]))
    assert taken(store, 3 * DAY, busy=["log"]) == [("ops", "drift", "ok")], "told now, so it is told the end"


def test_what_failed_need_not_wait_when_a_person_hastens_it(store: Store, post) -> None:
    post("alert", sinks=("ops", "log"))
    store.outbox.failed(claim(store, 0.0), "away", 1.0)
    under_way = claim(store, 1.0)
    store.outbox.hasten("churn", 2.0)
    assert taken(store, 2.0) == [("ops", "drift", "alert")]
    assert under_way.sink == "log", "nobody else gets what is under way"


def test_old_letters_of_ended_alerts_are_dropped(store: Store, post) -> None:
    post("alert", "ok", at=5.0)
    post("alert", rule="pager", at=5.0)
    for letter in store.outbox.pending("churn"):
        store.outbox.sent(letter)
    assert store.outbox.prune("churn", 5.0) == 0
    assert store.outbox.prune("churn", 6.0) == 2, "the open one is kept: its end goes to whom it was told"
    assert store.outbox.prune("churn", 6.0) == 0

"""From verdicts to sinks: decided once, delivered at least once, no sink in the way of another."""

import json
import threading
from pathlib import Path

import pytest

from mlconfig.engine.letters import Mail, mail_of, undelivered
from mlconfig.engine.telling import Delivery, deliver, tell
from mlconfig.lifecycle.outbox import CLAIM_S, GIVE_UP_S
from mlconfig.monitoring.alerts import wanted_retrain
from mlconfig.records.verdict import Finding, Verdict
from mlconfig.vocabulary import Window

RECIPE = """
task: binary
owner: ann
plugins: [doors]
data: {source: {name: synthetic, params: {rows: 100}}, target: target}
features: auto
model: logistic_regression
monitoring:
  signals: {data_quality: none, multivariate_drift: none, domain: none, prediction_drift: none, confidence: none,
            performance: none, estimated_performance: none, fairness: none, service: none}
alerts: {sinks: {log: {}}}
"""
PLUGINS = '''
import threading
import time
from mlconfig.contracts import Sink
from mlconfig.vocabulary import Frozen

class Slow(Sink):
    """Hangs until its file is there, then writes what it was given."""
    name = "slow"
    class Params(Frozen):
        path: str
    def send(self, alert):
        while not (self.context.project / self.params.path).exists():
            time.sleep(0.01)

class Broken(Sink):
    """Raises with what it was given, unless its file is there."""
    name = "broken"
    class Params(Frozen):
        path: str = "mended"
        key: str = ""
    def send(self, alert):
        if not (self.context.project / self.params.path).exists():
            raise RuntimeError(f"refused with {self.params.key}")
        with (self.context.project / "taken").open("a") as file:
            file.write(alert.state + "\\n")
'''
HOUR = 3600.0
NOW = 1_800_000_000.0


def verdict(hour, state, version="1"):
    drifts = state not in ("ok", "unknown")
    finding = Finding(column="x", statistic="psi", drift_score=0.3, threshold=0.1, is_drift=drifts, message="`x` moved")
    return Verdict(
        endpoint="shop", version=version, signal="input_drift", detector="psi", rows=1000, state=state, scale=HOUR,
        window=Window(start=hour * HOUR, end=(hour + 1) * HOUR), vote=None if state == "unknown" else drifts,
        since=0.0 if drifts else None, findings=(finding,),
    )  # fmt: skip


class Desk:
    """A project, its plan and its store; ``turn`` is what a cycle does with verdicts, ``deliver`` what the controller does."""

    def __init__(self, project, *overrides):
        (project.folder / "plugins").mkdir()
        (project.folder / "plugins" / "doors.py").write_text(PLUGINS)
        self.folder: Path = project.folder
        self.plan = project.write(RECIPE).plan("serving.endpoint=shop", *overrides)
        self.workspace, self.store = project.workspace(self.plan), project.store()
        self.known: list[Verdict] = []

    def turn(self, *states, now=NOW, version="1"):
        found = [verdict(len(self.known) + number, state, version) for number, state in enumerate(states)]
        previous, self.known = self.known, [*self.known, *found]
        return [(alert.rule, alert.state) for alert in tell(self.plan, self.store, found, previous, version, now)]

    def deliver(self, now=NOW, **more) -> Delivery:
        return deliver(self.workspace, self.plan, self.store, now, **more)

    def logged(self):
        file = self.folder / ".mlconfig" / "alerts.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


@pytest.fixture
def desk(project):
    made = []

    def make(*overrides):
        made.append(Desk(project, *overrides))
        return made[-1]

    yield make
    for each in made:
        each.store.close()


def test_what_is_decided_is_delivered_once_with_all_that_a_person_needs(desk):
    at = desk()
    assert at.turn("alert") == [("input_drift", "alert")]
    assert at.logged() == [], "the turn itself sends nothing"
    assert at.store.outbox.is_due("shop", NOW)
    assert at.deliver() == Delivery(sent=1)
    assert at.deliver() == Delivery()
    (said,) = at.logged()
    assert (said["owner"], said["endpoint"], said["rule"], said["value"], said["threshold"]) == (
        "ann", "shop", "input_drift", 0.3, 0.1,
    )  # fmt: skip
    assert at.turn("alert", "ok") == [("input_drift", "ok")]
    assert at.deliver() == Delivery(sent=1)
    assert at.logged()[1]["resolved"]
    assert at.logged()[1]["episode"] == said["episode"]


def test_a_lost_turn_is_made_up_for(desk):
    at = desk()
    at.known = [verdict(0, "alert")]  # the turn that found it ended before it said so
    assert at.turn() == [("input_drift", "alert")]
    at.known = [verdict(0, "alert"), verdict(1, "ok")]
    assert at.turn() == [("input_drift", "ok")]


def test_another_version_ends_what_was_said_of_the_one_before(desk):
    at = desk()
    at.turn("alert")
    at.known = []
    assert at.turn("lasting", version="2") == [("input_drift", "alert"), ("input_drift", "lasting")]
    at.deliver()
    assert [(said["version"], said["resolved"], said["what"]) for said in at.logged()] == [
        ("1", False, "input_drift of version 1: alert since 1970-01-01 00:00 UTC: `x` moved"),
        ("1", True, "input_drift: version 2 is live now"),
        ("2", False, "input_drift of version 2: lasting since 1970-01-01 00:00 UTC: `x` moved"),
    ]


def test_a_lasting_alert_is_said_again_by_the_clock(desk):
    at = desk()
    at.turn("alert")
    assert at.turn("alert", now=NOW + 23 * HOUR) == []
    assert at.turn(now=NOW + 24 * HOUR) == [("input_drift", "alert")]
    at.deliver(NOW + 24 * HOUR)
    assert [said["repeated"] for said in at.logged()] == [False, True]


RULES = (
    "alerts.rules={drift: {signal: input_drift, to: [log]}, pager: {signal: input_drift, when: lasting, severity: critical, "
    "action: retrain, to: [ops]}, dark: {signal: input_drift, when: unknown, to: [ops]}}"
)


def test_two_rules_on_one_signal_go_each_its_way(desk):
    at = desk("alerts.sinks={log: {}, ops: broken}", RULES, "retraining={when: [lasting_drift], cooldown: 1d}")
    (at.folder / "mended").write_text("")
    at.turn("alert")
    assert at.deliver() == Delivery(sent=1)
    assert wanted_retrain(at.store.alerts.open("shop", "1")) is None
    assert at.turn("lasting") == [("drift", "lasting"), ("pager", "lasting")]
    at.deliver()
    assert [said["severity"] for said in at.logged()] == ["warning", "warning"]
    assert (at.folder / "taken").read_text() == "lasting\n"
    assert wanted_retrain(at.store.alerts.open("shop", "1")) == "alert `pager`: input_drift is lasting"
    assert at.turn("unknown", "unknown", "unknown") == [("dark", "unknown")]


def test_a_sink_that_hangs_or_raises_holds_no_other_up(desk):
    at = desk("alerts.sinks={slow: {name: slow, params: {path: go}}, broken: {}, log: {}}")
    at.turn("alert", "lasting")
    done = at.deliver(patience=0.3)
    assert done.sent == 2, "both letters of the one that works"
    assert dict(done.failed) == {"slow": "did not end within 0.3 s", "broken": "refused with "}
    assert [said["state"] for said in at.logged()] == ["alert", "lasting"]
    assert [(letter.sink, letter.alert.state, letter.attempts) for letter in at.store.outbox.pending("shop")] == [
        ("slow", "alert", 1), ("broken", "alert", 1), ("slow", "lasting", 0), ("broken", "lasting", 0),
    ]  # fmt: skip
    (at.folder / "go").write_text("")
    (at.folder / "mended").write_text("")
    assert at.deliver(NOW + 60) == Delivery(sent=4)
    assert (at.folder / "taken").read_text() == "alert\nlasting\n", "in their order"


def test_what_a_sink_never_took_is_kept_as_a_dead_letter_and_can_be_revived(desk):
    at = desk("alerts.sinks={broken: {}}")
    at.turn("alert")
    assert at.deliver(NOW + GIVE_UP_S).failed
    (dead,) = at.store.outbox.dead("shop")
    assert dead.error == "refused with "
    assert at.deliver(NOW + 2 * GIVE_UP_S) == Delivery()
    (at.folder / "mended").write_text("")
    assert at.store.outbox.revive("shop", NOW + 2 * GIVE_UP_S) == 1
    assert at.deliver(NOW + 2 * GIVE_UP_S) == Delivery(sent=1)
    assert at.store.outbox.dead("shop") == []


def test_secrets_stand_in_no_error_that_is_kept_or_logged(desk, monkeypatch, caplog):
    monkeypatch.setenv("OPS_KEY", "hunter22")
    at = desk("alerts.sinks={broken: {params: {key: '${secret:OPS_KEY}'}}}")
    at.turn("alert")
    done = at.deliver()
    assert dict(done.failed) == {"broken": "refused with ${secret:OPS_KEY}"}
    assert at.store.outbox.pending("shop")[0].error == "refused with ${secret:OPS_KEY}"
    assert "the sink `broken` did not take an alert: refused with ${secret:OPS_KEY}" in caplog.text
    assert "hunter22" not in caplog.text


def test_a_sink_that_cannot_be_made_is_a_failure_like_any_other(desk, monkeypatch):
    monkeypatch.delenv("OPS_KEY", raising=False)
    at = desk("alerts.sinks={broken: {params: {key: '${secret:OPS_KEY}'}}, log: {}}")
    at.turn("alert")
    done = at.deliver()
    assert done.sent == 1
    assert "the secret `OPS_KEY` is not in the environment" in dict(done.failed)["broken"]


def test_a_sink_that_the_plan_dropped_is_told(desk):
    at = desk()
    at.turn("alert")
    monitor = at.plan.steps[-1]
    dropped = monitor.model_copy(update={"alerts": monitor.alerts.model_copy(update={"sinks": {}})})
    at.plan = at.plan.model_copy(update={"steps": (*at.plan.steps[:-1], dropped)})
    assert "the plan has no sink `log` any more" in dict(at.deliver().failed)["log"]


def test_two_deliveries_at_once_send_each_alert_once(desk):
    at = desk()
    at.turn("alert", "lasting")
    begin = threading.Barrier(4)
    sent = []

    def run():
        begin.wait()
        sent.append(at.deliver().sent)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(sent) == 2
    assert [said["state"] for said in at.logged()] == ["alert", "lasting"]


def test_what_a_dead_delivery_had_claimed_is_sent_by_the_next(desk):
    at = desk()
    at.turn("alert")
    assert at.store.outbox.claim("shop", NOW) is not None  # and its process dies
    assert at.deliver(NOW + CLAIM_S - 1) == Delivery()
    assert at.deliver(NOW + CLAIM_S) == Delivery(sent=1)


def test_what_reached_nobody_is_listed_and_sent_when_a_person_says_so(desk):
    at = desk("alerts.sinks={ops: {name: broken, params: {key: k}}, log: {}}")
    at.turn("alert")
    at.deliver()
    at.deliver(now=NOW + GIVE_UP_S)
    with at.store as store:
        assert [letter.sink for letter in store.outbox.dead("shop")] == ["ops"]
    listed = mail_of(at.workspace, at.plan)
    assert [alert.rule for alert in listed.open] == ["input_drift"]
    assert [(letter.sink, letter.attempts) for letter in listed.dead] == [("ops", 2)]
    assert "refused with k" in listed.dead[0].error
    (at.folder / "mended").touch()
    assert mail_of(at.workspace, at.plan, resend=True) == Mail(listed.open, (), (), Delivery(sent=1))


def test_what_reached_nobody_is_one_line_an_alert_and_sink(desk):
    at = desk("alerts.sinks={ops: {name: broken, params: {key: k}}, log: {}}")
    at.turn("alert", "lasting", "ok")
    at.turn("alert", now=NOW + 60)
    listed = mail_of(at.workspace, at.plan)
    assert len(undelivered(listed.pending)) == 4
    assert (
        undelivered(listed.pending)[-1]
        == "`input_drift` 1970-01-01 00:00 to 1970-01-01 03:00 UTC waits for `log` (3 messages)"
    )
    at.deliver(now=NOW + 60)
    told = undelivered(mail_of(at.workspace, at.plan).pending)
    assert told == [
        "`input_drift` since 1970-01-01 00:00 UTC waits for `ops`",
        "`input_drift` 1970-01-01 00:00 to 1970-01-01 03:00 UTC is tried again for `ops` (3 messages): refused with k",
    ]
    at.deliver(now=NOW + 60 + GIVE_UP_S)
    mail = mail_of(at.workspace, at.plan)
    assert [" is given up for `ops`" in line for line in undelivered((*mail.pending, *mail.dead))] == [False, True]

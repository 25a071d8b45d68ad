"""Turns of looking after an endpoint: windows judged once, alerts said once, the policy asked, retrains carried out."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from mlconfig.engine.champion import champion_of
from mlconfig.engine.retrain import carry_rollout, record_request
from mlconfig.engine.status import status_of
from mlconfig.engine.telling import deliver
from mlconfig.engine.tenure import tenure
from mlconfig.errors import DataError
from mlconfig.lifecycle.states import State
from mlconfig.records.signature import Signature

RECIPE = """
task: binary
data:
  source: {name: synthetic, params: {rows: 800, numeric: 3, seed: 4, every: 1h}}
  target: target
  event_time: ts
features: auto
model: logistic_regression
evaluation:
  metric: accuracy
  interval: {resamples: 30}
  gates: {accuracy: {min: 0.6, not_worse_by: 0.2}}
monitoring:
  every: 1h
  scales: [1h]
  min_rows: 40
  reference: {min_rows: 500}
  persistence: {suspect: [1, 2], alert: [1, 2], lasting: [2, 2]}
  signals:
    performance: {params: {min_rows: 40}}
    multivariate_drift: none
    domain: none
    prediction_drift: none
    confidence: none
    estimated_performance: none
    service: none
retraining:
  when: {lasting_drift: {}, performance: {}}
  cooldown: 5h
"""
HOUR = 3600.0
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()


@pytest.fixture
def shop(project):
    return project.write(RECIPE)


def turn(shop, plan, now, *, act=True):
    """A turn, and then what it put into the outbox is sent."""
    report = shop.turn(plan, now, act=act)
    with shop.store() as store:
        deliver(shop.workspace(plan), plan, store, now)
    return report


def carry(shop, plan):
    with shop.store() as store:
        rollout = store.rollouts.open(shop.name)
    return carry_rollout(shop.workspace(plan), plan, rollout.id)


def said_in_the_log(shop):
    file = shop.folder / ".mlconfig" / "alerts.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


class Hook(HTTPServer):
    """What a webhook posts to; its port can be closed and opened again."""

    def __init__(self, port: int = 0) -> None:
        self.got: list[dict] = []
        super().__init__(("127.0.0.1", port), Answer)


class Answer(BaseHTTPRequestHandler):
    """Takes everything."""

    def do_POST(self) -> None:
        self.server.got.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing to say."""


@contextmanager
def listening(port: int) -> Iterator[Hook]:
    """The hook, open."""
    hook = Hook(port)
    thread = threading.Thread(target=hook.serve_forever, daemon=True)
    thread.start()
    yield hook
    hook.shutdown()
    thread.join()
    hook.server_close()


def free_port():
    with HTTPServer(("127.0.0.1", 0), Answer) as once:
        return once.server_port


def test_from_drift_to_a_new_version_and_quiet_again(shop, make_traffic, monkeypatch):
    port = free_port()
    monkeypatch.setenv("HOOK", f"http://127.0.0.1:{port}/")
    plan = shop.live("alerts.sinks={log: {}, ops: {name: webhook, params: {url: '${secret:HOOK}', tries: 1}}}")
    traffic = make_traffic(plan)
    traffic.send("usual", 80, NOON)
    first = turn(shop, plan, NOON + HOUR)
    assert {(verdict.signal, verdict.state) for verdict in first.verdicts} == {
        ("data_quality", "ok"),
        ("input_drift", "ok"),
        ("performance", "ok"),
    }
    assert first.alerts == ()
    assert not first.decision.retrain
    again = turn(shop, plan, NOON + HOUR + 1)
    assert (again.verdicts, again.alerts) == ((), ())

    traffic.send("moved", 80, NOON + HOUR)
    alerted = turn(shop, plan, NOON + 2 * HOUR)
    assert ("input_drift", "alert") in {(alert.signal, alert.state) for alert in alerted.alerts}
    told = [(alert["signal"], alert["state"]) for alert in said_in_the_log(shop)]
    assert told.count(("input_drift", "alert")) == 1
    assert turn(shop, plan, NOON + 2 * HOUR + 1).alerts == ()
    assert len(said_in_the_log(shop)) == len(told), "what was said is not said again"
    with listening(port) as hook:
        turn(shop, plan, NOON + 2 * HOUR + 60)
        assert sorted((alert["signal"], alert["state"]) for alert in hook.got) == sorted(told), "the lost ones come now"
        turn(shop, plan, NOON + 2 * HOUR + 61)
        assert len(hook.got) == len(told)

    traffic.send("moved", 80, NOON + 2 * HOUR)
    lasting = turn(shop, plan, NOON + 3 * HOUR)
    assert lasting.decision.retrain
    assert "lasting_drift" in lasting.decision.fired
    with shop.store() as store:
        rollout = store.rollouts.open(shop.name)
    kept = {name: rollout.request[name] for name in ("kind", "now", "drift_since")}
    assert kept == {"kind": "retrain", "now": NOON + 3 * HOUR, "drift_since": NOON + HOUR}
    assert "input_drift is lasting" in rollout.reason
    assert turn(shop, plan, NOON + 3 * HOUR + 1).decision is None, "one rollout at a time"
    assert carry(shop, plan) == "LIVE"
    with shop.store() as store:
        assert store.routes.current(shop.name).champion.version == "2"
        former, live = store.rollouts.all(shop.name)
        assert [former.state, live.state] == [State.SUPERSEDED, State.LIVE]
        begun = next(event.at for event in store.audit.events(former.id) if event.after == State.LIVE)
    (_, why), _ = status_of(shop.workspace(plan), plan).rollouts
    assert (
        why
        == f"live from {datetime.fromtimestamp(begun, UTC):%F %T} to {datetime.fromtimestamp(former.entered_at, UTC):%F %T} UTC"
    )
    with listening(port) as hook:
        quiet = turn(shop, plan, NOON + 3 * HOUR + 61)
        ended = [(alert["signal"], alert["version"]) for alert in hook.got if alert["resolved"]]
    assert ("input_drift", "1") in ended
    assert "version 2 is live now" in " ".join(alert["what"] for alert in said_in_the_log(shop))
    assert not quiet.decision.retrain
    with shop.store() as store:
        assert store.alerts.open(shop.name) == []

    traffic.send("usual", 80, NOON + 3 * HOUR, label=lambda target: 1 - target)
    held = turn(shop, plan, NOON + 4 * HOUR)
    assert "performance" in held.decision.fired
    assert not held.decision.retrain
    assert held.decision.cooldown_until == NOON + 8 * HOUR
    assert "cooldown of 5h lasts until 2026-03-01 20:00 UTC" in held.decision.reason
    traffic.send("usual", 80, NOON + 7 * HOUR, label=lambda target: 1 - target)
    assert turn(shop, plan, NOON + 8 * HOUR, act=False).decision.retrain, "the cooldown is over"
    with shop.store() as store:
        assert store.rollouts.open(shop.name) is None, "it was only asked for"


def test_windows_go_by_event_time_and_one_from_the_future_holds_nothing_up(shop, make_traffic):
    plan = shop.live("monitoring.time=event", "monitoring.every=1d", "monitoring.scales=[1d]", "retraining.cooldown=3d")
    traffic = make_traffic(plan)
    day = datetime(2024, 6, 1, tzinfo=UTC)

    def send(kind, number, label=None):
        times = [day + timedelta(days=number, minutes=minute) for minute in range(80)]
        traffic.send(kind, 80, NOON + number, label=label, times=times)

    send("usual", 0)
    traffic.send("usual", 1, NOON, times=[datetime(2099, 1, 1, tzinfo=UTC)])
    assert [verdict for verdict in turn(shop, plan, NOON + 1).verdicts if verdict.vote is not None] == []
    send("usual", 1)
    report = turn(shop, plan, NOON + 2)
    assert {verdict.window.start for verdict in report.verdicts} == {day.timestamp()}
    assert any("in the future" in line for line in report.skipped)
    send("usual", 2, label=lambda target: 1 - target)
    send("usual", 3)
    dropped = turn(shop, plan, NOON + 5)
    assert dropped.decision.retrain
    with shop.store() as store:
        rollout = store.rollouts.open(shop.name)
    newest = (day + timedelta(days=3, minutes=79)).timestamp()
    assert rollout.request["now"] == newest, "the endpoint's time is that of its requests, and 2099 is not among them"
    assert carry(shop, plan) == "LIVE"
    send("usual", 4, label=lambda target: 1 - target)
    send("usual", 5)
    held = turn(shop, plan, NOON + 8)
    assert not held.decision.retrain
    send("usual", 6, label=lambda target: 1 - target)
    send("usual", 7)
    assert turn(shop, plan, NOON + 10).decision.retrain


def test_an_apply_that_somebody_stopped_keeps_no_retrain_from_happening(shop, make_traffic):
    plan = shop.live()

    def interrupt(event):
        if (event.step, event.state) == ("register", "started"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shop.go_live(shop.plan("model.params.C=0.5"), interrupt)
    traffic = make_traffic(plan)
    for number in range(2):
        traffic.send("moved", 80, NOON + number * HOUR)
    with shop.store() as store:
        stopped = store.rollouts.open(shop.name)
        with tenure(store, shop.name):
            waiting = turn(shop, plan, NOON + 2 * HOUR)
        assert waiting.decision.retrain
        assert store.rollouts.open(shop.name) == stopped, "while somebody is at work, nothing is taken from them"
        assert turn(shop, plan, NOON + 2 * HOUR + 1).decision.retrain
        assert store.rollouts.get(stopped.id).state is State.FAILED
        assert "abandoned by its process" in store.audit.events(stopped.id)[-1].reason
    assert carry(shop, plan) == "LIVE"


DETECTOR = '''
"""A detector that cannot."""

from typing import ClassVar

from mlconfig.contracts import Detector, DetectorTags
from mlconfig.vocabulary import Frozen


class Broken(Detector):
    """Raises."""

    class Params(Frozen):
        """Nothing to set."""

    tags: ClassVar[DetectorTags] = DetectorTags(reads=frozenset({"profile"}))

    def check(self, evidence):
        """Never ends well."""
        raise ZeroDivisionError("no rows today")
'''


def test_neither_a_sink_nor_a_detector_that_fails_stops_the_turn(shop, make_traffic, monkeypatch):
    (shop.folder / "plugins").mkdir()
    (shop.folder / "plugins" / "broken.py").write_text(DETECTOR)
    monkeypatch.delenv("NO_SUCH_HOOK", raising=False)
    plan = shop.live(
        "plugins=[broken]",
        "monitoring.signals.own=broken",
        "alerts.sinks={ops: {name: webhook, params: {url: '${secret:NO_SUCH_HOOK}'}}, log: {}}",
    )
    traffic = make_traffic(plan)
    for number in range(2):
        traffic.send("moved", 80, NOON + number * HOUR)
    report = turn(shop, plan, NOON + 2 * HOUR)
    broken = [verdict for verdict in report.verdicts if verdict.signal == "own"]
    assert {(verdict.state, verdict.reason) for verdict in broken} == {
        ("unknown", "the detector `broken` raised ZeroDivisionError: no rows today")
    }
    assert "input_drift" in {alert["signal"] for alert in said_in_the_log(shop)}
    assert report.decision.retrain, "the policy was asked all the same"


@pytest.mark.parametrize("source", ["source", "log", "both"])
def test_a_retrain_learns_from_what_the_policy_says(shop, make_traffic, source):
    plan = shop.live(f"retraining.data.from={source}", "data.period.until='2024-01-20'")
    make_traffic(plan).send("moved", 400, NOON)
    assert requested(shop, plan, NOON + HOUR) == "LIVE"
    with shop.store() as store:
        before = store.versions.get(shop.name, "1")
        after = store.versions.get(shop.name, "2")
        new = champion_of(shop.workspace(plan), store, shop.name)
    first = json.loads((shop.storage / before.folder / "dataset.json").read_text())
    learned = {"source": first["rows"], "log": 400, "both": first["rows"] + 400}[source]
    assert first["rows"] == 19 * 24
    assert new.dataset.rows == learned
    assert after.reason == "by hand"
    assert new.signature == signature_like(before, shop, new)
    assert new.dataset.until == (NOON if source != "source" else first["until"])


def signature_like(card, shop, new):
    """The signature of a card's version, with the example of another."""
    first = Signature.model_validate_json((shop.storage / card.folder / "signature.json").read_bytes())
    return first.model_copy(update={"example": new.signature.example})


def requested(shop, plan, now):
    with shop.store() as store, tenure(store, shop.name) as lease:
        record_request(store, plan, lease, reason="by hand", now=now)
    return carry(shop, plan)


def test_a_retrained_version_that_its_gate_refuses_goes_nowhere(shop, make_traffic):
    plan = shop.live("retraining.data.from=log")
    labels = iter(range(10_000))
    make_traffic(plan).send("usual", 400, NOON, label=lambda _: next(labels) % 2)
    assert requested(shop, plan, NOON + HOUR) == "REJECTED"
    with shop.store() as store:
        assert store.routes.current(shop.name).champion.version == "1"
        assert store.routes.current(shop.name).generation == 1
        rollout = store.rollouts.all(shop.name)[-1]
        assert not store.gates.passed(rollout.artifact_sha256)
        assert store.rollouts.open(shop.name) is None
        assert store.audit.verify() is None
    assert rollout.version == "2"
    assert carry_rollout(shop.workspace(plan), plan, rollout.id) == "REJECTED", "and stays there"


def test_a_retrain_without_labelled_rows_fails_with_the_reason(shop):
    plan = shop.live("retraining.data.from=log")
    with pytest.raises(DataError, match="`from: log` gives no labelled rows"):
        requested(shop, plan, NOON)
    with shop.store() as store:
        rollout = store.rollouts.all(shop.name)[-1]
        (*_, last) = store.audit.events(rollout.id)
    assert rollout.state is State.FAILED
    assert "gives no labelled rows" in last.reason


def test_a_retrain_learns_nothing_from_rows_that_broke_on_their_way(shop, make_traffic):
    plan = shop.live("retraining.when={lasting_drift: {}}")
    traffic = make_traffic(plan)
    traffic.send("usual", 200, NOON)
    for row in traffic.usual:
        row["x0"] = 0.0
    for hour in (1, 2):
        traffic.send("usual", 200, NOON + hour * HOUR)
    found = turn(shop, plan, NOON + 3 * HOUR)
    newest = {v.signal: v for v in found.verdicts if v.window.start == NOON + 2 * HOUR}
    assert (newest["input_drift"].state, newest["input_drift"].cause) == ("lasting", "pipeline_break")
    assert not found.decision.retrain, "a broken pipeline is mended, not learned"
    assert requested(shop, plan, NOON + 3 * HOUR) == "LIVE"
    with shop.store() as store:
        dataset = champion_of(shop.workspace(plan), store, shop.name).dataset
    assert dataset.rows == 800 + 200
    assert "400 logged predictions left out: something broke on the way of their rows" in dataset.notices

"""An alert takes the endpoint back to the version before: once, by the rollout machine, and never to and fro."""

from itertools import count

import pytest

from mlconfig.engine.rollback import roll_back
from mlconfig.engine.tenure import tenure
from mlconfig.lifecycle.machine import Outcome, advance
from mlconfig.lifecycle.rollouts import Changes
from mlconfig.lifecycle.states import TERMINAL, State
from mlconfig.monitoring.alerts import wanted_rollback
from mlconfig.records.verdict import Alert, GateVerdict

RECIPE = """
task: binary
data: {source: {name: synthetic, params: {rows: 100}}, target: target}
features: auto
model: logistic_regression
monitoring: none
"""


class Shop:
    """An endpoint whose versions went live through the machine, without training anything."""

    def __init__(self, project):
        self.plan = project.write(RECIPE).plan()
        self.name, self.workspace, self.store = project.name, project.workspace(self.plan), project.store()
        self.ticks = count(1000)

    def clock(self):
        return float(next(self.ticks))

    def go_live(self, version):
        """Request a rollout and drive it to live."""
        sha, folder = version * 64, f"artifacts/{version}"
        (self.workspace.storage / folder).mkdir(parents=True, exist_ok=True)

        def gate(*_):
            self.store.gates.record(GateVerdict(artifact_sha256=sha, passed=True), now=1.0)
            return Outcome()

        made = Outcome(changes=Changes(version=version, artifact_sha256=sha, folder=folder))
        with tenure(self.store, self.name) as lease:
            self.store.rollouts.request(self.name, "d", reason="apply", now=self.clock(), lease=lease)
            workers = {"train": lambda *_: made, "register": lambda *_: made, "gate": gate}
            for _ in range(12):
                for rollout in self.store.rollouts.all(self.name):
                    advance(self.store, rollout, workers, self.clock, lease)

    def alert(self, version, rule="bad"):
        """An open alert that wants a rollback, decided as a turn does."""
        alert = Alert(recipe=self.name, endpoint=self.name, version=version, rule=rule, signal="performance", state="alert",
                      action="rollback", what="worse", at=self.clock())  # fmt: skip
        self.store.alerts.decide([alert], lambda _: (), 9e9)
        return wanted_rollback(each for each in self.store.alerts.open(self.name, version) if each.rule == rule)

    def back(self, alert):
        return roll_back(self.workspace, self.plan, self.store, alert, self.clock())

    def routes(self):
        """Versions that were champion, by generation."""
        return [table.champion.version for table in reversed(self.store.routes.history(self.name))]

    def states(self):
        return {rollout.version: rollout.state for rollout in self.store.rollouts.all(self.name)}


@pytest.fixture
def shop(project):
    made = Shop(project)
    yield made
    made.store.close()


def test_it_is_one_more_generation_with_the_version_before(shop):
    shop.go_live("1")
    shop.go_live("2")
    assert shop.routes() == ["1", "2"]
    assert shop.back(shop.alert("2")) == "version 2: generation 3, back to version 1"
    table = shop.store.routes.current(shop.name)
    assert (table.generation, table.champion.version, table.previous) == (3, "1", None)
    assert table.reason == "version 2 was rolled back: alert `bad`: performance is alert"
    assert shop.states() == {"1": State.SUPERSEDED, "2": State.ROLLED_BACK}
    rollout = next(each for each in shop.store.rollouts.all(shop.name) if each.version == "2")
    trail = [(event.after, event.reason) for event in shop.store.audit.events(rollout.id)][-2:]
    assert trail == [
        ("ROLLING_BACK", "alert `bad`: performance is alert"),
        ("ROLLED_BACK", "generation 3, back to version 1"),
    ]
    assert shop.store.audit.verify() is None
    assert shop.store.leases.current(shop.name).holder == "", "the lease was given back"


def test_an_alert_rolls_back_once(shop):
    for version in "123":
        shop.go_live(version)
    alert = shop.alert("3")
    assert "back to version 2" in shop.back(alert)
    assert shop.back(alert) is None
    assert shop.routes() == ["1", "2", "3", "2"]


def test_a_rollback_is_not_rolled_back(shop, caplog):
    for version in "123":
        shop.go_live(version)
    shop.back(shop.alert("3"))
    alert = shop.alert("2")
    why = "version 2 is live by a rollback itself, and a rollback is not rolled back"
    told = f"`bad` asks for a rollback, and there is none: {why}"
    assert shop.back(alert) == told
    assert shop.back(alert) is None, "said once"
    assert caplog.messages == [f"{shop.name}: version 3: generation 4, back to version 2", f"{shop.name}: {told}"]
    assert [event.reason for event in shop.store.audit.events(f"alert:{alert.episode}")] == [told]
    assert shop.routes() == ["1", "2", "3", "2"]


def test_nothing_goes_back_to_a_version_that_was_rolled_back(shop):
    for version in "12":
        shop.go_live(version)
    shop.back(shop.alert("2"))
    shop.go_live("3")
    assert "back to version 1" in shop.back(shop.alert("3"))
    assert shop.routes() == ["1", "2", "1", "3", "1"]


def test_a_version_that_a_person_brings_back_counts_as_any_other(shop):
    for version in "12":
        shop.go_live(version)
    shop.back(shop.alert("2"))
    shop.go_live("2")
    assert "back to version 1" in shop.back(shop.alert("2", rule="again"))
    assert shop.routes() == ["1", "2", "1", "2", "1"]


@pytest.mark.parametrize(
    ("lives", "about", "spoil", "why"),
    [
        ((), "1", None, "no version is live"),
        (("1",), "1", None, "there is no version before 1"),
        (("1", "2"), "1", None, "it is about version 1, and version 2 is live"),
        (("1", "2"), "2", "gate", "the bytes of version 1, the one before, have no passed gate"),
        (("1", "2"), "2", "folder", "the folder of version 1, the one before, is gone"),
    ],
)
def test_what_cannot_be_done_is_said_and_left(shop, lives, about, spoil, why):
    for version in lives:
        shop.go_live(version)
    if spoil == "gate":
        shop.store.gates.record(GateVerdict(artifact_sha256="1" * 64, passed=False), now=2.0)
    if spoil == "folder":
        (shop.workspace.storage / "artifacts" / "1").rmdir()
    assert shop.back(shop.alert(about)) == f"`bad` asks for a rollback, and there is none: {why}"
    assert shop.routes() == list(lives)
    assert all(state in {*TERMINAL, State.LIVE} for state in shop.states().values())


def test_who_is_at_work_on_the_endpoint_is_not_disturbed(shop):
    shop.go_live("1")
    shop.go_live("2")
    alert = shop.alert("2")
    with tenure(shop.store, shop.name):
        assert shop.back(alert) is None
    assert "back to version 1" in shop.back(alert), "the next turn asks again"


def test_a_rollback_that_was_interrupted_is_finished(shop):
    shop.go_live("1")
    shop.go_live("2")
    alert = shop.alert("2")
    rollout = shop.store.rollouts.live(shop.name)[0]
    with tenure(shop.store, shop.name) as lease:
        shop.store.rollouts.transition(
            rollout.id, rollout.row_version, State.ROLLING_BACK, reason="alert", now=shop.clock(), lease=lease,
            effects=["roll_back"],
        )  # fmt: skip
    assert "back to version 1" in shop.back(alert)
    assert shop.routes() == ["1", "2", "1"]

"""Scheduled batches: when each is due, one run at a time, what stands after a failure or a cut, and who hears of it."""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest

from mlconfig.engine import scheduled
from mlconfig.engine.batch import predict_batch
from mlconfig.engine.destroy import destroy_all
from mlconfig.engine.schedule import PAUSE_S, Schedule, views
from mlconfig.engine.scheduled import ATTEMPTS, run_by_hand, run_due
from mlconfig.engine.tenure import tenure
from mlconfig.errors import EngineError, PlanError
from mlconfig.lifecycle.batches import lease_of

RECIPE = """
task: binary
data: {source: {name: synthetic, params: {rows: 500, numeric: 3, seed: 4}}, target: target, event_time: ts}
features: auto
model: logistic_regression
evaluation: {interval: {resamples: 20}, gates: {roc_auc: {min: 0.6}}}
serving:
  batch:
    nightly:
      input: {name: parquet, params: {path: in/}}
      output: {name: csv, params: {path: out.csv}}
      cron: "0 2 * * *"
"""
NIGHT = 86_400.0


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@dataclass
class Held:
    """Processes that begin when a test lets them, and die when it says so."""

    started: list[str] = field(default_factory=list)
    over: bool = False
    fault: Exception | None = None

    def start(self, workspace, plan, name):
        self.started.append(name)
        self.over = False
        return name

    def is_over(self, run):
        if self.fault is not None:
            raise self.fault
        return self.over


@dataclass
class Shop:
    """A project whose version is live, its schedule, and a clock that a test sets."""

    project: object
    plan: object
    apart: Held
    schedule: Schedule
    clock: list

    @property
    def workspace(self):
        return self.project.workspace(self.plan)

    def look(self, moment, plan=None):
        """The controller looks, at that time."""
        self.clock[0] = at(moment) if isinstance(moment, str) else moment
        with self.project.store() as store:
            self.schedule.look_after(plan or self.plan, store, self.clock[0])
        return self.apart.started

    def run(self):
        """The process that the controller started does its work."""
        run_due(self.workspace, self.plan, "nightly")
        self.apart.over = True

    def record(self):
        with self.project.store() as store:
            return store.batches.all(self.plan.name)["nightly"]

    def told(self):
        with self.project.store() as store:
            return [letter.alert for letter in store.outbox.pending(self.plan.name)]


def put(folder, rows=50, name="0.parquet", value=0.5):
    (folder / "in").mkdir(exist_ok=True)
    columns = {f"x{place}": np.full(rows, value) for place in range(3)}
    pq.write_table(pa.table({"id": np.arange(rows), **columns, "c0": ["red"] * rows}), folder / "in" / name)


@pytest.fixture
def shop(project, monkeypatch):
    plan = project.write(RECIPE).live()
    put(project.folder)
    apart, clock = Held(), [0.0]
    monkeypatch.setattr(scheduled, "time", type("Clock", (), {"time": staticmethod(lambda: clock[0])}))
    made = Shop(project, plan, apart, Schedule(project.workspace(plan), apart), clock)
    assert made.look("2026-05-04 12:00") == [], "times count from when the controller first saw it"
    return made


def test_a_batch_runs_at_its_time_once_and_again_at_the_next(shop):
    assert shop.look("2026-05-05 01:59") == []
    assert shop.look("2026-05-05 02:00") == ["nightly"]
    assert shop.look("2026-05-05 02:01") == ["nightly"], "it is under way"
    shop.run()
    assert pc.read_csv(shop.project.folder / "out.csv").num_rows == 50
    assert shop.look("2026-05-05 02:02") == ["nightly"]
    last = shop.record().last
    assert (last.state, last.rows, last.version, last.by) == ("done", 50, "1", "schedule")
    assert (last.due, last.attempts) == (at("2026-05-05 02:00"), 1)
    assert shop.look("2026-05-06 02:00") == ["nightly", "nightly"]


def test_the_next_run_takes_the_place_of_the_last_ones_output(shop):
    for day, rows in (("05", 50), ("06", 70)):
        put(shop.project.folder, rows)
        shop.look(f"2026-05-{day} 02:00")
        shop.run()
        assert pc.read_csv(shop.project.folder / "out.csv").num_rows == rows
    assert [entry.name for entry in shop.project.folder.glob(".out*")] == []


def test_times_that_were_missed_count_once_together(shop):
    assert shop.look("2026-05-09 08:00") == ["nightly"], "the controller was down for days"
    shop.run()
    assert shop.record().last.due == at("2026-05-09 02:00")
    assert shop.look("2026-05-09 08:01") == ["nightly"]
    assert shop.look("2026-05-10 02:00") == ["nightly", "nightly"]


def test_other_times_count_from_when_they_were_declared(shop):
    hourly = shop.project.plan('serving.batch.nightly.cron="0 * * * *"')
    assert shop.look("2026-05-05 01:30", hourly) == []
    assert shop.look("2026-05-05 01:59", hourly) == [], "what passed before is not made up for"
    assert shop.look("2026-05-05 02:00", hourly) == ["nightly"]


def test_times_are_the_recipes(shop):
    local = shop.project.plan("time_zone=Asia/Tokyo")
    assert shop.look("2026-05-04 16:59", local) == []
    assert shop.look("2026-05-04 17:00", local) == ["nightly"]


def test_a_batch_that_is_no_longer_declared_is_forgotten(shop):
    gone = shop.project.write(RECIPE.partition("serving:")[0]).plan()
    assert shop.look("2026-05-05 02:00", gone) == []
    with shop.project.store() as store:
        assert store.batches.all(gone.name) == {}
    assert shop.look("2026-05-05 02:01") == [], "declared again, it begins anew"


def test_without_a_live_version_it_waits(project):
    plan, apart = project.write(RECIPE).plan(), Held()
    schedule = Schedule(project.workspace(plan), apart)
    with project.store() as store:
        for moment in ("2026-05-04 12:00", "2026-05-05 02:00"):
            schedule.look_after(plan, store, at(moment))
    assert apart.started == []


def test_a_failure_is_recorded_told_and_tried_again_at_the_next_time(shop):
    put(shop.project.folder, value=float("inf"))
    shop.look("2026-05-05 02:00")
    shop.run()
    record = shop.record()
    assert (record.last.state, record.good, record.failing_since) == ("failed", None, at("2026-05-05 02:00"))
    assert "0.parquet, row 1, column `x0`: a value is infinite" in record.last.error
    assert not (shop.project.folder / "out.csv").exists()
    (alert,) = shop.told()
    assert (alert.rule, alert.state, alert.resolved, alert.version) == ("batch nightly", "alert", False, "1")
    assert alert.what.startswith("batch nightly, due 2026-05-05 02:00 UTC: failed: ")
    assert "--batch nightly" in alert.advice
    assert shop.look("2026-05-05 23:59") == ["nightly"], "not before its next time"
    assert shop.look("2026-05-06 02:00") == ["nightly", "nightly"]
    put(shop.project.folder)
    shop.run()
    assert (shop.record().last.state, shop.record().failing_since) == ("done", None)
    begun, ended = shop.told()
    assert (ended.resolved, ended.episode, ended.since) == (True, begun.episode, at("2026-05-05 02:00"))
    with shop.project.store() as store:
        events = store.audit.events(lease_of(shop.plan.name, "nightly"))
        assert [(event.before, event.after) for event in events] == [("running", "failed"), ("running", "done")]
        assert events[1].reason == "50 row(s) scored by version 1"
        assert store.audit.verify() is None


def test_a_failure_that_lasts_is_told_again_no_sooner_than_alerts_repeat(shop):
    (shop.project.folder / "in" / "0.parquet").unlink()
    hourly = shop.project.plan('serving.batch.nightly.cron="0 * * * *"')
    shop.look("2026-05-05 00:00", hourly)
    for hour in range(1, 24):
        shop.look(f"2026-05-05 {hour:02}:00", hourly)
        shop.run()
    assert len(shop.told()) == 1
    shop.look("2026-05-06 01:00", hourly)
    shop.run()
    first, second = shop.told()
    assert (second.repeated, second.episode, second.since) == (True, first.episode, first.since)


def test_one_that_was_cut_off_is_taken_up_and_goes_on_from_its_finished_parts(shop, monkeypatch):
    for number in range(3):
        put(shop.project.folder, name=f"{number}.parquet")
    seen = []

    def dies_in_the_last_file(work, unit, told):
        if unit.index == 2 and len(seen) < 3:
            raise SystemExit
        seen.append(unit.index)
        return whole(work, unit, told)

    from mlconfig.serving.batch import score

    whole = score.score_unit
    monkeypatch.setattr(score, "score_unit", dies_in_the_last_file)
    shop.look("2026-05-05 02:00")
    with pytest.raises(SystemExit):
        shop.run()
    assert shop.record().last.state == "running"
    monkeypatch.setattr(score, "score_unit", lambda *given: seen.append(given[1].index) or whole(*given))
    again = Schedule(shop.workspace, shop.apart)
    shop.schedule = again
    assert shop.look("2026-05-05 02:05") == ["nightly", "nightly"], "a controller that starts anew takes it up"
    shop.run()
    last = shop.record().last
    assert (last.state, last.due, last.attempts) == ("done", at("2026-05-05 02:00"), 2)
    assert (last.rows, last.resumed, seen) == (150, 100, [0, 1, 2])


def test_what_ends_its_process_each_time_is_given_up_until_the_next_time(shop, monkeypatch):
    def dies(*_):
        raise SystemExit

    monkeypatch.setattr(scheduled, "predict_batch", dies)
    for attempt in range(ATTEMPTS):
        assert shop.look(at("2026-05-05 02:00") + attempt * 60) == ["nightly"] * (attempt + 1)
        with pytest.raises(SystemExit):
            shop.run()
        shop.apart.over = True
    shop.look("2026-05-05 02:20")
    shop.run()
    last = shop.record().last
    assert (last.state, last.error.splitlines()[0]) == ("failed", "its process ended 5 times before it was done")
    assert len(shop.look("2026-05-05 02:21")) == ATTEMPTS + 1


def test_a_process_that_dies_is_not_started_again_at_once(shop):
    shop.look("2026-05-05 02:00")
    shop.apart.fault = RuntimeError("out of memory")
    assert shop.look(at("2026-05-05 02:00") + 1) == ["nightly"]
    shop.apart.fault = None
    assert shop.look(at("2026-05-05 02:00") + PAUSE_S) == ["nightly"]
    assert shop.look(at("2026-05-05 02:00") + PAUSE_S + 1) == ["nightly", "nightly"]


def test_there_is_one_run_whoever_starts_it(shop):
    shop.clock[0] = at("2026-05-05 02:00")
    with shop.project.store() as store:
        lease = store.leases.acquire(lease_of(shop.plan.name, "nightly"), "another", shop.clock[0], ttl=1e9)
        assert shop.look("2026-05-05 02:00") == []
        run_due(shop.workspace, shop.plan, "nightly")
        assert shop.record().last is None
        with pytest.raises(EngineError, match="another is at work on"):
            run_by_hand(shop.workspace, shop.plan, "nightly", pytest.fail)
        store.leases.release(lease)
    assert shop.look("2026-05-05 02:01") == ["nightly"]


def test_two_processes_for_one_time_do_it_once(shop):
    shop.look("2026-05-05 02:00")
    shop.run()
    put(shop.project.folder, rows=9)
    run_due(shop.workspace, shop.plan, "nightly")
    assert shop.record().last.rows == 50


def test_a_holder_that_slept_past_its_time_records_nothing(shop, monkeypatch):
    def overtaken(workspace, plan, request, runner):
        with shop.project.store() as store:
            lease = store.leases.acquire(lease_of(plan.name, "nightly"), "another", time.time() + 1e6)
            store.batches.begin(plan.name, "nightly", shop.clock[0], lease, shop.clock[0], "schedule")
        return predict_batch(workspace, plan, request, runner)

    monkeypatch.setattr(scheduled, "predict_batch", overtaken)
    shop.look("2026-05-05 02:00")
    shop.run()
    assert (shop.record().last.state, shop.record().last.attempts) == ("running", 2)


def test_by_hand_it_stands_for_what_has_passed_and_tells_nobody(shop):
    def score(request):
        return predict_batch(shop.workspace, shop.plan, request)

    shop.clock[0] = at("2026-05-05 02:30")
    result = run_by_hand(shop.workspace, shop.plan, "nightly", score)
    assert (result.rows, shop.record().last.by) == (50, "hand")
    assert shop.look("2026-05-05 02:31") == []
    assert shop.look("2026-05-06 02:00") == ["nightly"]
    (shop.project.folder / "in" / "0.parquet").unlink()
    with pytest.raises(Exception, match=r"holds no .csv or .parquet file"):
        run_by_hand(shop.workspace, shop.plan, "nightly", score)
    assert (shop.record().last.state, shop.record().good.rows, shop.told()) == ("failed", 50, [])
    with pytest.raises(PlanError, match=r"has no batch `nihgtly`\n  hint: did you mean `nightly`\?"):
        run_by_hand(shop.workspace, shop.plan, "nihgtly", score)


def test_stopped_by_hand_it_is_not_taken_up_by_the_controller(shop):
    def stopped(_):
        raise KeyboardInterrupt

    shop.clock[0] = at("2026-05-04 13:00")
    with pytest.raises(KeyboardInterrupt):
        run_by_hand(shop.workspace, shop.plan, "nightly", stopped)
    assert shop.record().last.error.startswith("stopped by hand")
    assert shop.look("2026-05-04 13:01") == []


def test_the_files_are_of_the_kind_that_is_asked_for(shop):
    (shop.project.folder / "in" / "0.parquet").unlink()
    (shop.project.folder / "in" / "0.csv").write_text("x0,x1,x2,c0\n1,2,3,red\n")
    shop.look("2026-05-05 02:00")
    shop.run()
    assert "in: the files are csv, and parquet is asked for" in shop.record().last.error


def test_a_database_of_the_project_and_its_secret(shop, monkeypatch):
    import sqlite3

    with sqlite3.connect(shop.project.folder / "shop.db") as connection:
        connection.execute("CREATE TABLE customers (id INTEGER, x0 REAL, x1 REAL, x2 REAL, c0 TEXT)")
        connection.executemany("INSERT INTO customers VALUES (?, 1, 2, 3, 'red')", [(n,) for n in range(20)])
    monkeypatch.setenv("SHOP", f"sqlite:///{shop.project.folder / 'shop.db'}")
    tables = (
        "serving.batch.nightly.input={name: sql, params: {url: 'sqlite:///shop.db', table: customers, key: id}}",
        "serving.batch.nightly.output={name: sql, params: {url: '${secret:SHOP}', table: scored}}",
    )
    shop.plan = shop.project.plan(*tables)
    for night in (1, 2):
        shop.look(at("2026-05-04 02:00") + night * NIGHT)
        shop.run()
        assert shop.record().last.error == ""
        with sqlite3.connect(shop.project.folder / "shop.db") as connection:
            assert connection.execute("SELECT count(*) FROM scored").fetchone() == (20,)


def test_a_view_says_when_it_is_next_and_how_it_went(shop):
    shop.look("2026-05-05 02:00")
    with shop.project.store() as store:
        with tenure(store, lease_of(shop.plan.name, "nightly")):
            assert views(shop.plan, store)[0].running
        (view,) = views(shop.plan, store)
        assert (view.running, view.last, view.next_at) == (False, None, at("2026-05-05 02:00"))
    shop.run()
    with shop.project.store() as store:
        (view,) = views(shop.plan, store)
    assert (view.next_at, view.last.rows, view.good) == (at("2026-05-06 02:00"), 50, view.last)


def test_what_is_destroyed_misses_nothing(shop):
    shop.look("2026-05-05 02:00")
    with shop.project.store() as store:
        lease = store.leases.acquire(lease_of(shop.plan.name, "nightly"), "dead", 0.0, ttl=0.0)
        store.batches.begin(shop.plan.name, "nightly", shop.clock[0], lease, shop.clock[0], "schedule")
    destroy_all(shop.workspace)
    assert shop.record().last.error == "ended with `mlconfig destroy`"
    shop.apart.over = True
    assert shop.look("2026-06-01 12:00") == ["nightly"]
    assert shop.look("2026-06-02 02:00") == ["nightly", "nightly"]

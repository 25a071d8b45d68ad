"""The controller carries a batch out beside its endpoint, and goes on with it after a crash."""

import time

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import update

from mlconfig.engine.apply import apply_plan
from mlconfig.lifecycle import tables
from mlconfig.lifecycle.batches import lease_of
from mlconfig.vocabulary import canonical

pytestmark = pytest.mark.ray

RECIPE = """
task: binary
data: {source: {name: synthetic, params: {rows: 500, numeric: 3, seed: 4}}, target: target, event_time: ts}
features: auto
model: logistic_regression
evaluation: {interval: {resamples: 20}, gates: {roc_auc: {min: 0.6}}}
monitoring: none
serving:
  batch:
    yearly:
      input: {name: parquet, params: {path: in/}}
      output: {name: parquet, params: {path: out/}}
      cron: "0 0 1 1 *"
"""
FILES, ROWS = 6, 200


def until(condition, what, seconds=60.0):
    """Wait for a condition, and say what was waited for when it does not come."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what} did not happen in {seconds:.0f} s"
        time.sleep(0.05)
    return found


class Holder:
    """Holds a CPU while it lives."""

    def ready(self):
        return True


class Office:
    """A project whose endpoint answers, and what is known of its batch."""

    def __init__(self, project):
        self.project, self.plan = project, project.plan()
        self.report = apply_plan(self.plan, project.folder)

    def record(self):
        with self.project.store() as store:
            return store.batches.all(self.plan.name).get("yearly")

    def is_last(self, state, attempts):
        last = self.record().last
        return last is not None and (last.state, last.attempts) == (state, attempts)

    def miss_a_time(self):
        """As if the controller had seen it for the first time two years ago."""
        record = self.record()
        earlier = record.model_copy(update={"since": time.time() - 2 * 365 * 86_400.0})
        with self.project.store() as store, store.database.write() as connection:
            mine = (tables.batch.c.recipe == self.plan.name) & (tables.batch.c.name == "yearly")
            connection.execute(update(tables.batch).where(mine).values(json=canonical(earlier)))

    def answers(self):
        reply = httpx.post(f"{self.report.url}/v1/{self.plan.name}/predict", json=self.report.example, timeout=10)
        return reply.status_code == 200


@pytest.fixture
def office(ray_session, project):
    ray_session.connect()
    project.shared = ray_session.storage
    (project.folder / "in").mkdir()
    for number in range(FILES):
        columns = {f"x{place}": np.linspace(-1, 1, ROWS) for place in range(3)}
        table = pa.table({"id": np.arange(ROWS) + number * ROWS, **columns, "c0": ["red"] * ROWS})
        pq.write_table(table, project.folder / "in" / f"{number}.parquet")
    made = Office(project.write(RECIPE))
    yield made
    from mlconfig.engine.controller import stop_controller
    from mlconfig.engine.endpoints import remove

    workspace = project.workspace(made.plan)
    stop_controller(workspace)
    remove(workspace, made.plan.name)
    workspace.plan_file(made.plan.name).unlink(missing_ok=True)


def test_the_controller_carries_a_batch_out_and_goes_on_after_a_crash(office):
    import ray

    from mlconfig.engine.controller import NAMESPACE, controller_name

    until(office.record, "the controller's first look")
    office.miss_a_time()
    until(lambda: office.is_last("done", 1), "the missed run")
    out = office.project.folder / "out"
    scored = pq.read_table(out)
    assert (scored.num_rows, set(scored["version"].to_pylist())) == (FILES * ROWS, {"1"})
    assert sorted(scored["id"].to_pylist()) == list(range(FILES * ROWS))

    pq.write_table(
        pq.read_table(office.project.folder / "in" / "0.parquet"), office.project.folder / "in" / "6.parquet"
    )
    holders = [ray.remote(Holder).options(num_cpus=1).remote() for _ in range(3)]
    ray.get([holder.ready.remote() for holder in holders])
    try:
        office.miss_a_time()
        until(lambda: office.is_last("running", 1), "the run that waits for a CPU")
        assert office.answers(), "a batch that waits holds nothing up"
        controller = ray.get_actor(controller_name(office.project.workspace(office.plan)), namespace=NAMESPACE)
        ray.kill(controller, no_restart=False)
        until(lambda: office.is_last("running", 2), "the run that was cut off is taken up")
        assert pq.read_table(out).num_rows == FILES * ROWS, "the former output stands meanwhile"
    finally:
        for holder in holders:
            ray.kill(holder)
    until(lambda: office.is_last("done", 2), "its end")
    assert pq.read_table(out).num_rows == (FILES + 1) * ROWS
    with office.project.store() as store:
        ended = [(event.after, event.reason) for event in store.audit.events(lease_of(office.plan.name, "yearly"))]
    assert ended == [
        ("done", f"{FILES * ROWS} row(s) scored by version 1"),
        ("done", f"{(FILES + 1) * ROWS} row(s) scored by version 1"),
    ]
    assert office.answers()

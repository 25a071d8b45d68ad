"""``serving.batch`` at plan time: what is read and written, when, and what is refused."""

import pytest

from mlconfig.plan.diff import diff
from mlconfig.plan.render import render_plan
from mlconfig.plan.steps import DeployStep

FILES = {"name": "parquet", "params": {"path": "in/"}}
NIGHTLY = {"input": FILES, "output": {"name": "parquet", "params": {"path": "out/"}}, "cron": "0 2 * * *"}
TABLE = {"name": "sql", "params": {"url": "postgresql://me@db/shop", "table": "customers"}}


def batches(**changes):
    """The section with one batch, changed."""
    return {"batch": {"nightly": NIGHTLY | changes}}


def test_a_batch_is_of_the_deploy_step_and_changes_it_lightly(project):
    before, plan = project.plan(), project.plan(serving=batches())
    batch = plan.step(DeployStep).serving.batch["nightly"]
    assert (batch.input.name, batch.output.params, batch.cron) == ("parquet", {"path": "out/"}, "0 2 * * *")
    (change,) = (each for each in diff(plan, before, "x", lambda _: False) if each.step == "deploy")
    assert (change.action, change.effect) == ("change", "light")
    assert any(line.startswith("serving.batch.nightly: —") for line in change.why)
    later = project.plan('serving.batch.nightly.cron="0 3 * * *"', serving=batches())
    (change,) = (each for each in diff(later, plan, "x", lambda _: False) if each.step == "deploy")
    assert "serving.batch.nightly.cron: 0 2 * * * → 0 3 * * *" in change.why
    assert "1 replica(s); batch nightly at `0 2 * * *`" in render_plan(plan)
    assert "batch" not in render_plan(before)


def test_a_batch_restarts_no_replica(project):
    from mlconfig.engine.replica import settings_of
    from mlconfig.engine.workspace import Workspace

    plans = project.plan(), project.plan(serving=batches())
    told = [
        settings_of(Workspace(project.folder, plan.engine), "toy", plan.step(DeployStep).serving, ()) for plan in plans
    ]
    assert told[0] == told[1]


def test_secrets_stay_markers(project):
    table = {"name": "sql", "params": {"url": "${secret:SHOP}", "query": "SELECT * FROM customers", "key": "id"}}
    plan = project.plan(serving=batches(input=table))
    assert plan.step(DeployStep).serving.batch["nightly"].input.params["url"] == "${secret:SHOP}"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"cron": "0 2 * *"}, 'batch.nightly.cron: `0 2 * *` is no cron expression of five fields; write "0 3 * * 1"'),
        ({"cron": "0 0 31 4 *"}, "batch.nightly.cron: no day fits `0 0 31 4 *`"),
        ({"input": "parket"}, "batch.nightly.input.name: a batch reads and writes no `parket` (did you mean `parquet`?)"),
        ({"input": "synthetic"}, "reads and writes no `synthetic` (there are: parquet, csv, sql)"),
        ({"input": "csv"}, "batch.nightly.input.params.path: is missing (A file or a folder"),
        ({"input": FILES | {"params": {"paht": "in/"}}}, "unknown key (did you mean `path`?)"),
        ({"output": {"name": "csv", "params": {"path": "a.parquet"}}}, "file's name says parquet, and csv is asked for"),
        ({"output": FILES}, "batch.nightly.output: it is the input too"),
        ({"input": {"name": "parquet", "params": {"path": "out"}}}, "batch.nightly.output: it is the input too"),
        ({"input": TABLE, "output": TABLE}, "batch.nightly.output: it is the input too"),
        ({"output": {"name": "sql", "params": {"url": "postgresql://me@db/shop"}}}, "output.params.table: is missing"),
        ({"output": {"name": "sql", "params": {"url": "shop.db", "table": "t"}}}, "must be postgresql://… or sqlite:///…"),
        ({"input": TABLE | {"params": {"url": "sqlite:///a.db"}}}, "give either `table` or `query`"),
        ({"every": "1h"}, "serving.batch.nightly.every: unknown key"),
    ],
)  # fmt: skip
def test_mistakes_are_told_at_their_place(project, changes, told):
    (fault,) = (fault for fault in project.faults(serving=batches(**changes)) if told in fault)
    assert fault.startswith("toy.yaml:")


@pytest.mark.parametrize("name", ["Nightly", "2", "nightly-run", "n" * 49])
def test_a_name_is_a_word(project, name):
    (fault,) = project.faults(serving={"batch": {name: NIGHTLY}})
    assert f"serving.batch: `{name}` is no name for a batch" in fault


def test_two_batches_do_not_write_one_place(project):
    other = NIGHTLY | {"output": {"name": "parquet", "params": {"path": "out"}}, "cron": "0 3 * * *"}
    (fault,) = project.faults(serving={"batch": {"nightly": NIGHTLY, "later": other}})
    assert "serving.batch.later.output: the batch `nightly` writes there too (give it another place)" in fault


def test_what_serves_nothing_runs_no_batch(project):
    off = ("engine.executor=local", "monitoring=none")
    (fault,) = project.faults(*off, serving=batches())
    assert "serving.batch: has no effect: engine.executor is `local`, which serves nothing" in fault
    assert project.plan("serving=none", "monitoring=none", serving=batches()).find(DeployStep) is None

"""Columns that a signal is told to look at: one that is no feature is told when the data is read, and nothing is learned."""

import pytest

from mlconfig.engine.job import Job
from mlconfig.engine.jobs import monitor
from mlconfig.engine.live import fingerprint
from mlconfig.errors import DataError

RECIPE = """
task: binary
data:
  source: {name: synthetic, params: {rows: 400, numeric: 3, seed: 4, every: 1h}}
  target: target
  event_time: ts
features: auto
model: logistic_regression
evaluation:
  metric: accuracy
  interval: {resamples: 30}
"""
NAMES = "monitoring.signals.input_drift.columns=[x0,{}]"
WRONG = [
    (
        "x9",
        (
            "monitoring.signals.input_drift.columns: the data has no column `x9`\n"
            "  hint: did you mean `x0`, `x1`, `x2`, `c0`, `ts`, `target`?"
        ),
    ),
    (
        "ts",
        (
            "monitoring.signals.input_drift.columns: `ts` is no feature, and only features are watched: "
            "it is the event time: it tells when, not what; name it to use its parts\n"
            "  hint: remove it, or make it a feature: features.include"
        ),
    ),
]


@pytest.mark.parametrize(("column", "said"), WRONG, ids=[column for column, _ in WRONG])
def test_what_is_no_feature_is_told_before_anything_is_learned(project, column, said):
    shop = project.write(RECIPE)
    with pytest.raises(DataError) as refused:
        shop.go_live(shop.plan(NAMES.format(column)))
    assert str(refused.value) == said
    with shop.store() as store:
        assert store.steps.all() == []


def test_data_that_was_read_before_is_looked_at_again_before_anything_else_is_done(project):
    shop = project.write(RECIPE)
    shop.go_live(shop.plan())
    events = []
    with pytest.raises(DataError, match="the data has no column `nosuch`"):
        shop.go_live(shop.plan(NAMES.format("nosuch"), "random_state=7"), events.append)
    assert [event.step for event in events if event.state != "kept"] == []
    shop.go_live(shop.plan(NAMES.format("x1")), events.append)


def test_data_that_was_read_before_is_not_read_again_for_it_and_still_it_is_told(project):
    shop = project.write(RECIPE)
    plan = shop.plan(NAMES.format("x1"))
    shop.go_live(plan)
    for column, _ in WRONG:
        other = shop.plan(NAMES.format(column))
        workspace = shop.workspace(other)
        with pytest.raises(DataError, match=f"`{column}` is no feature, and only features are watched"):
            monitor.run(Job(workspace, other, fingerprint(workspace, other)))
    assert shop.workspace(plan).plan_file(plan.name).read_text() == plan.to_json()

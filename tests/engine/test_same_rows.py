"""Whether a champion may be compared with a candidate: only on rows that it was never trained on."""

import pytest

from mlconfig.engine.carrier import Carrier
from mlconfig.engine.champion import champion_of
from mlconfig.engine.executors.local import LocalExecutor
from mlconfig.engine.job import Job
from mlconfig.engine.live import fingerprint
from mlconfig.engine.report import silent
from mlconfig.engine.same_rows import CHANGED, unfair
from mlconfig.plan.steps import PackageStep

RECIPE = """
task: binary
data:
  source: {name: synthetic, params: {rows: 400, numeric: 3, seed: 4, every: 1h}}
  target: target
  event_time: ts
features: auto
model: {name: logistic_regression}
evaluation:
  interval: {resamples: 20}
  gates: {roc_auc: {not_worse_by: 0.2}}
"""
MORE = "data.source.params.rows=430"
"""The same rows, and thirty later ones."""


def judged(project, first, then):
    """Why the second plan's candidate may not be compared with the first's version, once that is live."""
    project.write(RECIPE)
    project.go_live(project.plan(*first))
    plan = project.plan(*then)
    workspace = project.workspace(plan)
    with project.store() as store:
        carrier = Carrier(Job(workspace, plan, fingerprint(workspace, plan)), store, LocalExecutor(), silent)
        for step in plan.steps:
            carrier.carry(step)
            if isinstance(step, PackageStep):
                break
        return unfair(carrier.job, champion_of(workspace, store, project.name))


@pytest.mark.parametrize(
    ("first", "then", "why"),
    [
        ([], [MORE], ""),
        ([], [MORE, "model=lightgbm"], ""),
        ([], ["random_state=1"], CHANGED),
        ([], ["data.split.test_fraction=0.3"], CHANGED),
        ([], ["features.exclude=[x0]"], CHANGED),
        ([], ["data.split.by=stratified"], CHANGED),
        (["data.split.by=stratified"], ["data.split.by=stratified", MORE], CHANGED),
        (["data.key=x0"], [], CHANGED),
        (["data.period.until='2024-01-10'"], ["data.period.since='2024-01-10'", "random_state=5"], ""),
        (["data.split.by=time"], ["data.split.by=time", MORE], ""),
        (["data.split={by: time, test_fraction: 0.1}"], ["data.split={by: time, test_fraction: 0.4}"], CHANGED),
        ([], ["task=multiclass", "~evaluation.gates", "evaluation.metric=accuracy"], "it predicts something else"),
        (["data.source.params.numeric=4"], [], "the held-out rows lack its column x3"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value,
)
def test_only_rows_that_the_champion_never_saw_are_fair(project, first, then, why):
    assert judged(project, first, then) == why


def test_an_unfair_comparison_is_refused_by_the_gate_that_asks_for_it(project):
    project.write(RECIPE)
    project.go_live(project.plan())
    changed = project.plan("random_state=1")
    ended = project.go_live(changed)
    assert ended.state == "REJECTED"
    with project.store() as store:
        assert store.routes.current(project.name).champion.version == "1"
        verdict = store.gates.find(ended.artifact_sha256)
        events = [event.reason for event in store.audit.events(ended.id)]
    (result,) = verdict.results
    assert CHANGED in result.reason
    assert not verdict.passed
    assert "refused: roc_auc" in events


def test_a_fair_comparison_names_both_values(project):
    project.write(RECIPE)
    project.go_live(project.plan())
    ended = project.go_live(project.plan(MORE))
    assert ended.state == "LIVE"
    with project.store() as store:
        verdict = store.gates.find(ended.artifact_sha256)
        states = [rollout.state for rollout in store.rollouts.all(project.name)]
    (result,) = verdict.results
    assert verdict.champion == "1"
    assert result.champion is not None
    assert abs(result.value - result.champion) < 0.2
    assert states == ["SUPERSEDED", "LIVE"]


def test_a_verdict_from_before_the_champion_does_not_bring_a_worse_version_live(project):
    project.write(RECIPE)
    worse = ("features.exclude=[x0, x1, x2]", "evaluation.gates.roc_auc={min: 0.4, not_worse_by: 0.05}", "data.key=ts")
    assert not project.apply(*worse).refused, "there is nothing to compare with"
    assert project.go_live(project.plan("data.key=ts")).state == "LIVE"
    assert project.go_live(project.plan(*worse)).state == "REJECTED"
    with project.store() as store:
        assert store.routes.current(project.name).generation == 1

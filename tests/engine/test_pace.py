"""How often an endpoint is looked at: only for something new, and never for more than a tenth of the time."""

from pathlib import Path

import pytest

from mlconfig.compiler.compiler import compile_plan
from mlconfig.engine.pace import REST, Pace, stamp
from mlconfig.engine.workspace import Workspace
from mlconfig.recipe.load import load_recipe
from mlconfig.records.prediction_log import FEEDBACK, SEGMENTS

RECIPE = Path(__file__).parents[2] / "recipes" / "breast_cancer.yaml"


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def test_nothing_new_needs_no_turn():
    pace = Pace(Clock())
    assert pace.is_new("a")
    pace.begin()
    pace.end("a")
    assert not pace.is_new("a")
    assert pace.is_new("b")


def test_the_rest_is_as_long_as_the_turn_was_costly():
    clock = Clock()
    pace = Pace(clock)
    assert pace.is_rested()
    pace.begin()
    clock.now += 2.0
    pace.end("a")
    clock.now += REST * 2.0 - 0.1
    assert not pace.is_rested()
    clock.now += 0.2
    assert pace.is_rested()


@pytest.fixture(params=["arrival", "event"])
def applied(request, tmp_path):
    storage = tmp_path / "storage"
    overrides = [f"engine.storage='{storage}'", f"monitoring.time={request.param}"]
    if request.param == "event":
        overrides.append("data.event_time={row_every: 1h, since: '2020-01-01'}")
    recipe = load_recipe(RECIPE, overrides)
    plan = compile_plan(recipe)
    workspace = Workspace(recipe.project, plan.engine)
    for folder in (SEGMENTS, FEEDBACK):
        (workspace.predictions("breast_cancer") / folder).mkdir(parents=True)
    return request.param, plan, workspace


def test_a_stamp_changes_with_all_that_a_turn_depends_on(applied):
    time, plan, workspace = applied
    first = stamp(workspace, plan, 1, 1000.0)
    assert stamp(workspace, plan, 1, 1001.0) == first
    assert stamp(workspace, plan, 2, 1000.0) != first
    assert stamp(workspace, plan, 1, 1060.0) != first
    (workspace.predictions("breast_cancer") / SEGMENTS / "a.seg").write_bytes(b"x")
    assert (stamp(workspace, plan, 1, 1000.0) != first) == (time == "event")
    (workspace.predictions("breast_cancer") / FEEDBACK / "a.seg").write_bytes(b"x")
    assert stamp(workspace, plan, 1, 1000.0) != first

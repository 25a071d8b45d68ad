"""An upgrade of the program: what earlier ones stored is read, kept, and carried on."""

import hashlib
import json

import pytest

from mlconfig.engine.apply import apply_plan
from mlconfig.engine.destroy import destroy_all
from mlconfig.engine.live import applied_plan, compare, current_digest, end_plan
from mlconfig.engine.watching import OTHER_PLAN, watch_now
from mlconfig.plan.plan import read_plan
from mlconfig.vocabulary import canonical

RECIPE = """
task: binary
data: {source: {name: synthetic, params: {rows: 600, numeric: 3, seed: 1}}, target: target, event_time: ts}
features: auto
model: {name: lightgbm, params: {n_estimators: 20}}
evaluation: {interval: {resamples: 50}, gates: {roc_auc: {min: 0.6}}}
"""
LOCAL = ("engine.executor=local", "serving=none", "monitoring=none", "retraining=none")
LEARNT = ("read", "train", "package", "register", "evaluate", "gate")
LATER_KEYS = {"read": ("pii",), "train": ("precision",), "package": ("subject", "carried"), "register": ("card",)}
"""Keys that the earlier program's steps did not have yet."""


def as_before(plan):
    """What a program that lacks some keys wrote: form 1, whose digests are of all the values that there were."""
    tree = json.loads(plan.to_json()) | {"schema_version": 1, "digests": {}}
    del tree["seal"]
    for step in tree["steps"]:
        for key in LATER_KEYS.get(step["id"], ()):
            del step[key]
        pins = [{key: value for key, value in pin.items() if key != "distribution"} for pin in step["plugins"]]
        settings = {key: step[key] for key in step if key not in ("id", "kind", "inputs", "plugins", "notices")}
        inputs = {name: tree["digests"][name] for name in step["inputs"]}
        parts = {"kind": step["kind"], "settings": settings, "plugins": pins, "inputs": inputs}
        tree["digests"][step["id"]] = hashlib.sha256(canonical(parts).encode()).hexdigest()
    return json.dumps(tree)


@pytest.fixture
def shop(project):
    return project.write(RECIPE)


@pytest.fixture
def stored(shop):
    """An earlier program's file of a plan."""

    def store(plan):
        file = shop.folder / "earlier.json"
        file.write_text(as_before(plan))
        return file

    return store


def test_a_saved_plan_of_an_earlier_program_is_carried_out_and_then_kept(shop, stored):
    file = stored(shop.plan(*LOCAL))
    assert apply_plan(read_plan(file), shop.folder, until="train").ran == ("read", "train")
    assert apply_plan(read_plan(file), shop.folder).ran == LEARNT[2:]
    again = apply_plan(read_plan(file), shop.folder)
    assert (again.ran, again.version) == ((), "1")


def test_what_an_earlier_program_brought_live_is_kept_for_the_recipe(shop, stored):
    file, fresh = stored(shop.plan()), shop.plan()
    earlier = read_plan(file)
    workspace = shop.workspace(fresh)
    shop.go_live(earlier)
    workspace.plan_file(shop.name).write_text(file.read_text())
    assert applied_plan(workspace, shop.name) == earlier
    changes, _ = compare(fresh, workspace)
    assert {each.step for each in changes if each.action == "keep"} == set(LEARNT)
    assert apply_plan(fresh, shop.folder, until="gate").ran == ()
    report, _ = watch_now(workspace, fresh)
    assert OTHER_PLAN not in report.skipped
    report, _ = watch_now(workspace, shop.plan("monitoring.every=2h"))
    assert OTHER_PLAN in report.skipped


def test_results_are_kept_when_the_endpoint_was_ended_between(shop, stored):
    workspace = shop.workspace(shop.plan())
    file = stored(shop.plan())
    shop.go_live(read_plan(file))
    workspace.plan_file(shop.name).write_text(file.read_text())
    destroy_all(workspace)
    assert applied_plan(workspace, shop.name) is None
    assert apply_plan(shop.plan(), shop.folder, until="gate").ran == ()
    end_plan(workspace, shop.name)  # what is ended twice is as after once
    assert apply_plan(shop.plan(), shop.folder, until="gate").ran == ()


def test_a_change_of_the_recipe_runs_what_it_changes_and_nothing_else(shop, stored):
    file = stored(shop.plan())
    shop.go_live(read_plan(file))
    shop.workspace(shop.plan()).plan_file(shop.name).write_text(file.read_text())
    changed = shop.plan("evaluation.gates.roc_auc.min=0.61", *LOCAL)
    assert apply_plan(changed, shop.folder, until="gate").ran == ("gate",)
    assert apply_plan(shop.plan("packaging.precision=float64", *LOCAL), shop.folder, until="gate").ran == LEARNT[1:]


def test_a_plan_that_an_earlier_program_saved_is_not_stale_for_being_old(shop, stored):
    live = stored(shop.plan())
    workspace = shop.workspace(shop.plan())
    shop.go_live(read_plan(live))
    workspace.plan_file(shop.name).write_text(live.read_text())
    with shop.store() as store:
        seen = current_digest(workspace, shop.plan(*LOCAL), store)
    saved = read_plan(stored(shop.plan("evaluation.gates.roc_auc.min=0.61", *LOCAL).with_base(seen)))
    assert saved.based_on == seen
    assert apply_plan(saved, shop.folder, until="gate").ran == ("gate",)


def test_the_plan_in_a_versions_folder_is_read(shop, stored):
    live = shop.go_live(read_plan(stored(shop.plan())))
    folder = shop.storage / live.folder
    kept = read_plan(folder / "plan.json")
    (folder / "plan.json").write_text(as_before(kept))
    assert read_plan(folder / "plan.json").steps == kept.steps
    assert shop.go_live(shop.plan("model.params.n_estimators=21")).version == "2"  # the gate reads the champion's plan

"""``apply_plan`` in this process: what runs, what is kept, what is made again, and what is refused."""

import json
import shutil
from pathlib import Path

import pytest

from mlconfig.engine.apply import apply_plan
from mlconfig.engine.live import compare, current_digest
from mlconfig.errors import DataError, EngineError, PlanError
from mlconfig.lifecycle.states import State
from mlconfig.plan.plan import read_plan

RECIPE = """
task: binary
data:
  source: {name: synthetic, params: {rows: 600, numeric: 3, seed: 1}}
  target: target
  event_time: ts
features: auto
model: {name: lightgbm, params: {n_estimators: 20, learning_rate: 0.1}}
tuning:
  space: {model.params.num_leaves: {int: [4, 16]}}
  trials: 2
evaluation:
  metrics: [accuracy]
  interval: {resamples: 50}
  gates: {roc_auc: {min: 0.6, not_worse_by: 0.1}}
retraining: {when: [performance], cooldown: 1h}
"""
ALL = ("read", "tune", "train", "package", "register", "evaluate", "gate")


@pytest.fixture
def shop(project):
    return project.write(RECIPE)


def states(report):
    return {event.step: event.state for event in report.events}


def test_a_plan_is_carried_out_once_and_then_only_what_changed(shop):
    first = shop.apply()
    assert first.ran == ALL
    assert first.version == "1"
    assert first.gate.passed
    assert 0.6 < first.metrics["roc_auc"] <= 1.0
    assert set(first.metrics) == {"roc_auc", "accuracy"}
    assert first.url is None
    assert set(first.example) == {"x0", "x1", "x2", "c0"} | {"ts"}
    second = shop.apply()
    assert second.ran == ()
    assert set(states(second).values()) == {"kept"}
    assert (second.version, second.metrics, second.gate) == (first.version, first.metrics, first.gate)
    third = shop.apply("model.params.learning_rate=0.2")
    assert third.ran == ALL[1:]
    assert third.version == "2"
    assert shop.apply("evaluation.gates.roc_auc.min=0.61").ran == ("gate",)
    assert shop.apply().version == "1", "going back runs nothing and makes no new version"


def test_apply_until_a_step_stops_after_it(shop):
    assert shop.apply(until="train").ran == ("read", "tune", "train")
    assert shop.apply().ran == ("package", "register", "evaluate", "gate")


def test_files_that_were_removed_are_made_again_where_they_are_needed(shop):
    first = shop.apply()
    steps = shop.storage / "artifacts" / "steps"
    shutil.rmtree(steps)
    assert shop.apply().ran == (), "nothing needs them"
    again = shop.apply("evaluation.interval.resamples=60")
    assert again.ran == ("read", "tune", "train", "evaluate", "gate")
    assert again.metrics == first.metrics
    shutil.rmtree(steps)
    parity = shop.apply("packaging.parity.tolerance=1e-5")
    assert {"read", "train", "package", "register", "evaluate", "gate"} <= set(parity.ran)
    assert parity.metrics == first.metrics


def test_a_version_whose_folder_was_removed_is_made_again_with_the_same_bytes(shop):
    shop.apply()
    versions = shop.storage / "versions" / shop.name
    (folder,) = versions.iterdir()
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    shutil.rmtree(folder)
    again = shop.apply()
    assert "package" in again.ran
    assert again.version == "1", "the same bytes are the same version"
    after = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert after.keys() == before.keys()
    assert after["model.onnx"] == before["model.onnx"]
    assert json.loads(after["card.json"])["metrics"] == json.loads(before["card.json"])["metrics"]


def test_every_version_has_its_own_folder_and_figures_though_another_recipe_learned_the_same(shop, make_project):
    first = shop.apply()
    twin = make_project(shop.folder, shop.mlflow)
    second = twin.apply()
    assert second.ran == ("package", "register", "evaluate", "gate"), "what was learned is shared"
    renamed = twin.apply("tags.team=shop")
    assert renamed.version == "2"
    with shop.store() as store:
        cards = [store.versions.get(shop.name, "1"), *(store.versions.get(twin.name, each) for each in "12")]
    assert [card.metrics["roc_auc"].value for card in cards] == [first.metrics["roc_auc"]] * 3
    folders = [shop.storage / card.folder for card in cards]
    signatures = [json.loads((folder / "signature.json").read_text()) for folder in folders]
    assert [signature["name"] for signature in signatures] == [shop.name, twin.name, twin.name]


def test_a_refusal_is_reported_and_repeated_without_work(shop):
    first = shop.apply("evaluation.gates.roc_auc.min=0.999")
    assert first.refused
    assert states(first)["gate"] == "refused"
    assert "roc_auc" in first.events[-1].note
    again = shop.apply("evaluation.gates.roc_auc.min=0.999")
    assert again.refused
    assert again.ran == ()
    with shop.store() as store:
        assert not store.gates.passed(first.gate.artifact_sha256)
    reported = shop.apply("evaluation.gates.roc_auc={min: 0.999, mode: report}")
    assert not reported.refused
    assert reported.ran == ("gate",)
    with shop.store() as store:
        assert store.gates.passed(first.gate.artifact_sha256)


def test_a_saved_plan_is_carried_out_as_shown_and_refused_when_something_else_went_live(shop):
    plan = shop.plan()
    workspace = shop.workspace(plan)
    changes, digest = compare(plan, workspace)
    assert {change.step for change in changes if change.action == "add"} == {*ALL, "deploy", "monitor", "retrain"}
    saved = shop.folder / "plan.json"
    saved.write_text(plan.with_base(digest).to_json())
    shop.go_live(shop.plan("model.params.learning_rate=0.3"))
    with pytest.raises(PlanError, match="this plan is stale: something else went live since it was made"):
        apply_plan(read_plan(saved), shop.folder)
    with shop.store() as store:
        fresh = plan.with_base(current_digest(workspace, plan, store))
        assert len(store.routes.history(shop.name)) == 1, "the stale plan changed nothing"
    assert apply_plan(fresh, shop.folder, until="read").ran == ()


def test_a_plan_of_other_plugins_is_refused(shop):
    (shop.folder / "plugins").mkdir()
    file = shop.folder / "plugins" / "signs.py"
    file.write_text(PLUGIN)
    plan = shop.plan(*WITH_PLUGIN)
    file.write_text(PLUGIN + "# changed\n")
    with pytest.raises(EngineError, match="the transform `sign` is not the one the plan was made with"):
        apply_plan(plan, shop.folder)


PLUGIN = '''
"""What only this project needs."""

from typing import ClassVar

from mlconfig.contracts import Transform, TransformTags
from mlconfig.vocabulary import Frozen


class Sign(Transform):
    """Whether a number is above zero."""

    class Params(Frozen):
        """Nothing to set."""

    tags: ClassVar[TransformTags] = TransformTags(kinds=frozenset({"numeric"}))

    def build(self):
        """scikit-learn's own."""
        from sklearn.preprocessing import Binarizer

        return Binarizer()
'''
WITH_PLUGIN = ("plugins=[signs]", "features.kinds.numeric={impute: {strategy: median}, sign: {}}")


def test_a_file_of_the_project_is_a_plugin_from_reading_to_the_packaged_bytes(shop):
    (shop.folder / "plugins").mkdir()
    (shop.folder / "plugins" / "signs.py").write_text(PLUGIN)
    report = shop.apply(*WITH_PLUGIN)
    assert report.ran == ALL
    (folder,) = (shop.storage / "versions" / shop.name).iterdir()
    features = json.loads((folder / "features.json").read_text())
    numeric = next(column for column in features["columns"] if column["name"] == "x0")
    assert [each["name"] for each in numeric["transforms"]] == ["impute", "sign"]


@pytest.mark.parametrize("step", ["train", "register", "evaluate", "gate"])
def test_an_interrupted_apply_goes_on_where_it_was(shop, step):
    done = []

    def interrupt(event):
        if (event.step, event.state) == (step, "started"):
            raise KeyboardInterrupt

    def tell(event):
        if event.state == "done":
            done.append(event.step)

    with pytest.raises(KeyboardInterrupt):
        shop.go_live(shop.plan(), interrupt)
    with shop.store() as store:
        begun = store.rollouts.open(shop.name)
    live = shop.go_live(shop.plan(), tell)
    assert (live.id, live.state) == (begun.id, State.LIVE)
    assert done == list(ALL[ALL.index(step) :])
    with shop.store() as store:
        assert store.routes.current(shop.name).champion.version == "1"
        assert len(store.rollouts.all(shop.name)) == 1


def test_data_that_changed_while_apply_was_interrupted_is_learned_anew(project):
    def interrupt(event):
        if (event.step, event.state) == ("register", "started"):
            raise KeyboardInterrupt

    project.write(CSV)
    write_csv(project.folder / "rows.csv", 400)
    with pytest.raises(KeyboardInterrupt):
        project.go_live(project.plan(), interrupt)
    write_csv(project.folder / "rows.csv", 460)
    assert project.go_live(project.plan()).state is State.LIVE
    with project.store() as store:
        champion = store.routes.current(project.name).champion
        card = store.versions.get(project.name, champion.version)
    assert card.artifact_sha256 == champion.artifact_sha256
    assert json.loads((project.storage / champion.folder / "dataset.json").read_text())["rows"] == 460


def write_csv(file, rows, *, plan="text"):
    lines = ["age,plan,left"]
    for i in range(rows):
        level = ("basic", "pro", "team")[i % 3]
        said = level if plan == "text" else str(i % 3)
        lines.append(f"{20 + i % 50},{said},{'yes' if (i % 50 > 24) != (i % 11 == 0) else 'no'}")
    file.write_text("\n".join(lines) + "\n")


CSV = """
task: binary
data: {source: {name: csv, params: {path: rows.csv}}, target: left}
features: auto
model: logistic_regression
evaluation: {interval: {resamples: 20}}
"""


def test_data_that_breaks_the_live_versions_schema_stops_or_warns(project):
    project.write(CSV)
    write_csv(project.folder / "rows.csv", 400)
    assert project.go_live(project.plan()).state is State.LIVE
    write_csv(project.folder / "rows.csv", 420, plan="numbers")
    with pytest.raises(DataError, match=r"column `plan` was categorical \(string\) and is now int64") as stopped:
        project.go_live(project.plan())
    assert "data.on_breach=warn" in stopped.value.hint
    with project.store() as store:
        assert [rollout.state for rollout in store.rollouts.all(project.name)] == [State.LIVE, State.FAILED]
        assert store.routes.current(project.name).generation == 1
    warned = project.plan("data.on_breach=warn")
    assert project.go_live(warned).state is State.LIVE
    with project.store() as store:
        read = next(step for step in store.steps.all() if step.step == "read")
        assert store.routes.current(project.name).generation == 2
    assert "column `plan` was categorical (string) and is now int64" in read.output["notices"]


def test_what_cannot_be_read_is_told_with_its_place_and_nothing_is_kept(project):
    project.write(CSV)
    with pytest.raises(DataError, match=r"rows\.csv"):
        project.apply()
    write_csv(project.folder / "rows.csv", 400)
    assert project.apply("data.target=left", until="read").ran == ("read",)
    with pytest.raises(DataError, match="gone"):
        project.apply("data.target=gone")


def test_an_unknown_secret_is_named_and_a_known_one_is_written_nowhere(project, monkeypatch):
    project.write(CSV)
    secret = "canary-7f3a9c"
    with pytest.raises(EngineError, match="the secret `DATA_PLACE` is not in the environment"):
        project.apply("data.source.params.path=${secret:DATA_PLACE}")
    place = project.folder.parent / f"{project.folder.name}-{secret}"
    place.mkdir()
    monkeypatch.setenv("DATA_PLACE", str(place / "rows.csv"))
    hidden = ("data.source.params.path=${secret:DATA_PLACE}", "tags.team=shop")
    write_csv(place / "rows.csv", 400)
    assert project.apply(*hidden).version == "1"
    project.go_live(project.plan(*hidden))
    (place / "rows.csv").write_text("age,plan,left\n1,2\n")
    with pytest.raises(DataError) as told:
        project.go_live(project.plan(*hidden))
    assert secret not in str(told.value)
    assert "${secret:DATA_PLACE}" in str(told.value)
    files = [*project.storage.rglob("*"), Path(project.mlflow.removeprefix("sqlite:///"))]
    read = [file for file in files if file.is_file()]
    assert len(read) > 20
    assert [file for file in read if secret.encode() in file.read_bytes()] == []

"""Fairness groups on their way: read, carried in requests, logged, and compared on the held-out rows."""

import asyncio
import json

import numpy as np
import pytest

from mlconfig.builtin.protocol_mlconfig import MlconfigProtocol
from mlconfig.contracts import WireRequest
from mlconfig.engine.cycle import StoredManifest
from mlconfig.engine.retrain import carry_rollout, record_request
from mlconfig.engine.tenure import tenure
from mlconfig.engine.workspace import Workspace
from mlconfig.errors import DataError
from mlconfig.plan.steps import DeployStep
from mlconfig.records.prediction_log import PredictionLog
from mlconfig.records.signature import Signature
from mlconfig.sections.serving import Serving
from mlconfig.serving.compaction import compact
from mlconfig.serving.service import Service

PROTOCOLS = {"mlconfig": MlconfigProtocol()}

RECIPE = """
task: binary
data:
  source: {name: csv, params: {path: rows.csv}}
  target: hired
features: {exclude: [sex]}
model: logistic_regression
evaluation:
  metric: accuracy
  interval: {resamples: 40}
  fairness: {groups: [sex, team], min_rows: 40}
"""


def write_rows(file, rows=1500):
    rng = np.random.default_rng(5)
    sex, team = rng.choice(["f", "m"], rows), rng.integers(1, 3, rows)
    skill = rng.normal(size=rows)
    tenure = (sex == "m") * 1.2 + rng.normal(size=rows)
    hired = (skill + tenure + 0.3 * rng.normal(size=rows) > 0.6).astype(int)
    cells = zip(np.round(skill, 3), np.round(tenure, 3), sex, team, hired, strict=True)
    lines = ["skill,tenure,sex,team,hired", *(",".join(map(str, line)) for line in cells)]
    file.write_text("\n".join(lines) + "\n")


@pytest.fixture
def hiring(project):
    write_rows(project.folder / "rows.csv")
    return project.write(RECIPE)


def note_of(report, step):
    return next(event.note for event in report.events if (event.step, event.state) == (step, "done"))


def test_what_evaluation_says_of_groups(hiring):
    report = hiring.apply()
    note = note_of(report, "evaluate")
    assert note.startswith("accuracy 0.")
    assert "; selection ratio by sex 0." in note
    assert "is below the floor 0.80 (f to m)" in note
    assert "; selection ratio by team 0." in note
    assert note.endswith("; no gate refuses that")
    with hiring.store() as store:
        card = store.versions.get(hiring.name, report.version)
        (output,) = (kept.output for kept in store.steps.all() if kept.step == "evaluate")
    ratio = output["fairness"]["sex"]["selection_ratio"]
    assert (ratio["lowest"], ratio["highest"], ratio["of"]) == ("f", "m", "1")
    assert set(output["fairness"]["team"]["levels"]) == {"1", "2"}
    assert card.metrics["selection_ratio.sex"].value == pytest.approx(ratio["value"])
    assert {"accuracy", "selection_ratio.sex", "tpr_gap.sex", "selection_ratio.team"} <= set(card.metrics)
    signature = Signature.model_validate_json((hiring.storage / card.folder / "signature.json").read_bytes())
    assert signature.groups == ("sex", "team")
    assert [column.name for column in signature.columns if column.role == "context"] == ["sex"]


def test_a_group_that_the_data_lacks_is_told_when_it_is_read(hiring):
    with pytest.raises(DataError) as refused:
        hiring.apply("evaluation.fairness.groups=[sx]")
    assert str(refused.value) == (
        "evaluation.fairness.groups: the data has no column `sx`\n  hint: did you mean `sex`?"
    )


def answers(hiring, endpoint, rows, labels=()):
    """What the live version says about the rows; the labels are fed back."""
    service = Service(endpoint, hiring.storage, Serving(), PROTOCOLS, replica="r0", clock=lambda: 1.8e9)
    with hiring.store() as store:
        assert service.swap(store.routes.current(endpoint)), service.problem

    async def ask():
        return await service.predict("mlconfig", WireRequest("predict", json.dumps({"rows": rows}).encode()))

    said = json.loads(asyncio.run(ask()).body)["predictions"]
    known = [{"prediction_id": each["prediction_id"], "label": y} for each, y in zip(said, labels, strict=False)]
    if known:
        service.feedback(json.dumps({"rows": known}).encode())
    service.close()
    return said


def test_requests_carry_groups_that_are_logged_and_not_predicted_from(hiring):
    plan = hiring.plan()
    hiring.go_live(plan)
    endpoint = plan.step(DeployStep).endpoint
    row = {"skill": 0.1, "tenure": 0.2, "team": 1}
    said = answers(hiring, endpoint, [row, row | {"sex": "f"}, row | {"sex": "m"}])
    assert len({json.dumps(prediction | {"prediction_id": ""}) for prediction in said}) == 1
    logged = PredictionLog(Workspace(hiring.folder, plan.engine).predictions(endpoint)).predictions()
    assert [inputs["sex"] for inputs in logged.column("inputs").to_pylist()] == [None, "f", "m"]


def test_a_retrain_takes_the_groups_along(hiring):
    plan = hiring.plan("retraining={when: [performance], data: {from: both}}")
    hiring.go_live(plan)
    endpoint, rng = plan.step(DeployStep).endpoint, np.random.default_rng(8)
    rows = [
        {"skill": float(skill), "tenure": float(tenure), "team": 1 + place % 2, "sex": "fm"[place % 2]}
        for place, (skill, tenure) in enumerate(rng.normal(size=(400, 2)))
    ]
    answers(hiring, endpoint, rows, [int(row["skill"] + row["tenure"] > 0.6) for row in rows])
    workspace, notes = hiring.workspace(plan), {}
    compact(workspace.predictions(endpoint), StoredManifest(hiring.store(), 1.8e9))
    with hiring.store() as store, tenure(store, endpoint) as lease:
        rollout = record_request(store, plan, lease, reason="by hand", now=1.8e9 + 3600)
    ended = carry_rollout(workspace, plan, rollout.id, lambda event: notes.update({event.step: event.note}))
    assert ended == "LIVE"
    assert "400 logged predictions have their labels" in notes["read"]
    assert "; selection ratio by sex 0." in notes["evaluate"]

"""Personal columns: a model learns and predicts from them, and neither the log nor any artifact holds a value of theirs."""

import asyncio
import json

import mlflow
import numpy as np
import pytest

from mlconfig.builtin.protocol_mlconfig import MlconfigProtocol
from mlconfig.contracts import WireRequest
from mlconfig.engine.champion import Champion
from mlconfig.engine.labels import import_file
from mlconfig.engine.retrain import carry_rollout, record_request
from mlconfig.engine.tenure import tenure
from mlconfig.errors import DataError
from mlconfig.monitoring.label_join import LabelIndex
from mlconfig.plan.steps import DeployStep
from mlconfig.records.prediction_log import PredictionLog
from mlconfig.records.pseudonym import Pseudonyms
from mlconfig.sections import Labels
from mlconfig.sections.serving import Serving
from mlconfig.serving.service import Service

PROTOCOLS = {"mlconfig": MlconfigProtocol()}

RECIPE = """
task: binary
data:
  source: {name: csv, params: {path: rows.csv}}
  target: bought
  key: customer
features:
  include: [visits, spend, age, city]
model: logistic_regression
evaluation: {metric: accuracy, interval: {resamples: 40}}
monitoring:
  every: 1h
  min_rows: 20
  labels: {join: data.key}
retraining: {when: [performance], data: {from: source}}
serving: {routing_key: phone}
governance:
  pii: {customer: hmac, phone: drop, email: hmac, age: drop, city: hmac}
"""

ROWS = 1200
PLAIN = ("customer-", "phone-", "@mail.example")


def write_rows(file):
    rng = np.random.default_rng(5)
    visits, spend = rng.normal(size=ROWS), rng.normal(size=ROWS)
    age = rng.integers(18, 90, ROWS) + rng.integers(1, 1000, ROWS) / 1000
    city = np.where(np.arange(ROWS) % 40 == 0, [f"hamlet-{i}" for i in range(ROWS)], "town")
    bought = (visits + spend + (age - 50) / 30 + 0.2 * rng.normal(size=ROWS) > 0).astype(int)
    lines = ["customer,phone,email,visits,spend,age,city,bought"]
    lines += [
        f"customer-{i},phone-{i},p{i}@mail.example,{visits[i]:.3f},{spend[i]:.3f},{age[i]:.3f},{city[i]},{bought[i]}"
        for i in range(ROWS)
    ]
    file.write_text("\n".join(lines) + "\n")


@pytest.fixture
def shop(project):
    write_rows(project.folder / "rows.csv")
    return project.write(RECIPE)


def hits(storage, *needles):
    """Files of the storage that hold one of these texts."""
    return [
        str(file.relative_to(storage))
        for file in sorted(storage.rglob("*"))
        if file.is_file() and any(needle.encode() in file.read_bytes() for needle in needles)
    ]


def ask(project, plan, rows, feedback=()):
    """Answers of the endpoint in this process; the labels are sent after them."""
    endpoint = plan.step(DeployStep).endpoint

    async def talk():
        service = Service(endpoint, project.storage, Serving(routing_key="phone"), PROTOCOLS, replica="r0")
        with project.store() as store:
            assert service.swap(store.routes.current(endpoint)), service.problem
        answer = await service.predict("mlconfig", WireRequest("predict", json.dumps({"rows": rows}).encode()))
        if feedback:
            service.feedback(json.dumps({"rows": list(feedback)}).encode())
        service.close()
        return json.loads(answer.body)["predictions"]

    return asyncio.run(talk())


def row(number, **changes):
    asked = {"customer": f"customer-{number}", "phone": f"phone-{number}", "email": f"p{number}@mail.example"}
    return {**asked, "visits": 0.5, "spend": 0.1, "age": 33.5, "city": "hamlet-7", **changes}


def test_nothing_that_is_kept_holds_a_personal_value(shop):
    report = shop.apply()
    assert hits(shop.storage, *PLAIN, "hamlet-") == []
    with shop.store() as store:
        card = store.versions.get(shop.name, report.version)
    folder = shop.storage / card.folder
    signature = json.loads((folder / "signature.json").read_text())
    assert {column["name"]: column["pii"] for column in signature["columns"]} == {
        "visits": None, "spend": None, "age": "drop", "city": "hmac", "customer": "hmac",
    }  # fmt: skip
    assert signature["example"]["age"] == 0.0
    assert signature["example"]["city"] == "hidden"
    assert "customer" not in signature["example"]
    assert shop.apply().ran == ()


def test_a_dropped_feature_is_predicted_from_and_not_logged(shop):
    plan = shop.plan()
    shop.go_live(plan)
    ask(shop, plan, [row(1, age=18.0), row(1, age=90.0)])
    log = PredictionLog(shop.storage / "predictions" / plan.step(DeployStep).endpoint)
    young, old = log.predictions().column("score").to_pylist()
    assert young < old
    inputs = log.predictions().column("inputs").to_pylist()
    digest = Pseudonyms.open(shop.storage).of
    assert inputs[0] == {
        "visits": 0.5, "spend": 0.1, "city": digest("hamlet-7"), "customer": digest("customer-1"),
    }  # fmt: skip
    assert hits(shop.storage / "predictions", *PLAIN, "hamlet-") == []
    assert any("`age`, `city`: predicted from and not watched" in notice for notice in plan.notices)


def test_labels_find_their_predictions_by_a_hashed_key(shop, tmp_path):
    plan = shop.plan()
    shop.go_live(plan)
    ask(shop, plan, [row(1), row(2), row(3)], [{"key": "customer-1", "label": 1}])
    file = tmp_path / "labels.csv"
    file.write_text("customer,label\ncustomer-2,0\ncustomer-9,0\n")
    found = import_file(shop.workspace(plan), plan, file)
    assert (found.new, found.absent) == (2, 1)
    log = PredictionLog(shop.storage / "predictions" / plan.step(DeployStep).endpoint)
    with shop.store() as store:
        champion = Champion(shop.storage, store.routes.current(plan.step(DeployStep).endpoint).champion)
    index = LabelIndex(log.label_blocks(), champion.signature, Labels(join="data.key"))
    assert np.isfinite(index.join(log.predictions()).y).tolist() == [True, True, False]
    assert hits(shop.storage / "predictions", *PLAIN) == []


def test_a_retrain_joins_source_and_log_by_digests(shop):
    text = RECIPE.replace("from: source", "from: both").replace("spend, age, city]", "spend]")
    plan = shop.write(text).plan()
    shop.go_live(plan)
    rows = [row(number) for number in range(30)]
    ask(shop, plan, rows, [{"key": each["customer"], "label": 1} for each in rows])
    workspace, endpoint = shop.workspace(plan), plan.step(DeployStep).endpoint
    with shop.store() as store, tenure(store, endpoint) as lease:
        asked = record_request(store, plan, lease, reason="a test", now=1.8e9)
    assert carry_rollout(workspace, plan, asked.id) in ("LIVE", "REJECTED")
    assert hits(shop.storage, *PLAIN) == []


def test_a_column_that_is_not_there_is_told_at_reading(shop):
    shop.write(RECIPE.replace("email: hmac", "emails: hmac"))
    with pytest.raises(DataError, match="no column `emails`") as told:
        shop.apply()
    assert told.value.where == "governance.pii"
    assert "did you mean `email`" in told.value.hint


def test_the_key_of_digests_is_the_projects_own_and_made_once(tmp_path):
    made = Pseudonyms.make(tmp_path)
    file = tmp_path / "pseudonym.key"
    assert file.stat().st_mode & 0o777 == 0o600
    assert Pseudonyms.make(tmp_path).of(7) == made.of("7") == made.of(7.0) == Pseudonyms.open(tmp_path).of("7")
    assert made.of("7") != Pseudonyms.make(tmp_path / "other").of("7")
    assert [each.name for each in tmp_path.iterdir() if each.is_file()] == ["pseudonym.key"]
    file.write_text("short")
    with pytest.raises(DataError, match="no key of digests"):
        Pseudonyms.open(tmp_path)
    file.unlink()
    with pytest.raises(DataError, match="is missing"):
        Pseudonyms.open(tmp_path)


def test_what_a_version_is_for_stands_on_its_card_and_in_mlflow(shop):
    shop.write(RECIPE + "  card: {intended_use: to plan stock, limitations: not for credit}\n")
    report = shop.apply()
    with shop.store() as store:
        card = store.versions.get(shop.name, report.version)
    said = "intended use: to plan stock; limitations: not for credit"
    assert card.about == said
    assert json.loads((shop.storage / card.folder / "card.json").read_text())["limitations"] == "not for credit"
    client = mlflow.MlflowClient(shop.mlflow)
    assert client.get_model_version(shop.name, report.version).description == said

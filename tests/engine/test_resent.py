"""What two replicas logged of one request is one row to all that reads the log: windows, the label join, a retrain's data."""

import asyncio
import json
import uuid
from datetime import UTC, datetime

import numpy as np
import pytest

from mlconfig.contracts.protocol import WireRequest
from mlconfig.monitoring.label_join import LabelIndex
from mlconfig.plan.steps import MonitorStep
from mlconfig.records.prediction_log import PARQUET, PredictionLog, log_folder
from mlconfig.sections.serving import Serving
from mlconfig.serving.service import Service
from tests.engine.conftest import PROTOCOLS

RECIPE = """
task: binary
data:
  source: {name: synthetic, params: {rows: 800, numeric: 3, seed: 4, every: 1h}}
  target: target
  event_time: ts
features: auto
model: logistic_regression
evaluation: {metric: accuracy, interval: {resamples: 30}, gates: {accuracy: {min: 0.6, not_worse_by: 0.2}}}
monitoring:
  every: 1h
  scales: [1h]
  min_rows: 40
  reference: {min_rows: 500}
  signals:
    performance: {params: {min_rows: 40}}
    multivariate_drift: none
    domain: none
    prediction_drift: none
    confidence: none
    estimated_performance: none
    service: none
retraining: none
"""
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()
HOUR = 3600.0
ASKED, RESENT = 100, 30


class Desk:
    """An endpoint with two replicas in this process: a hundred requests, of which the first replica died under thirty."""

    def __init__(self, project, plan, rows):
        self.project, self.plan = project, plan
        self.log = PredictionLog(log_folder(project.storage, project.name))
        self.names = [str(uuid.uuid4()).encode() for _ in range(ASKED)]
        self.rows = rows
        first, self.second = self.replica("r1"), self.replica("r2")
        self.ask(first, range(RESENT))
        first.close()
        self.ask(self.second, range(ASKED))

    def replica(self, name):
        service = Service(
            self.project.name, self.project.storage, Serving(), PROTOCOLS, replica=name, clock=lambda: NOON
        )
        with self.project.store() as store:
            assert service.swap(store.routes.current(self.project.name)), service.problem
        return service

    def ask(self, service, places):
        async def all_of_them():
            for place in places:
                row = {name: value for name, value in self.rows[place].items() if name not in ("target", "ts")}
                body = json.dumps(row | {"ts": datetime.fromtimestamp(NOON, UTC).isoformat()}).encode()
                await service.predict("mlconfig", WireRequest("predict", body), self.names[place])

        asyncio.run(all_of_them())

    def label(self):
        said = [
            {"prediction_id": f"{name.decode()}-1", "label": int(row["target"])}
            for name, row in zip(self.names, self.rows, strict=False)
        ]
        self.second.feedback(json.dumps({"rows": said}).encode())


@pytest.fixture
def desk(project, make_traffic):
    shop = project.write(RECIPE)
    plan = shop.live()
    made = Desk(shop, plan, make_traffic(plan).usual)
    yield made
    made.second.close()


def test_windows_and_the_label_join_count_a_request_once(desk):
    desk.label()
    judged = {verdict.signal: verdict for verdict in desk.project.turn(desk.plan, NOON + HOUR).verdicts}
    assert {signal: verdict.rows for signal, verdict in judged.items()} == dict.fromkeys(judged, ASKED)
    assert judged["performance"].labelled == ASKED


@pytest.mark.parametrize("compacted", [False, True])
def test_labels_find_each_prediction_once_before_and_after_compaction(desk, compacted):
    desk.label()
    if compacted:
        desk.project.turn(desk.plan, NOON + 600)
        assert list((desk.log.folder / PARQUET).glob("*/*.parquet")) == [], "nothing of the first replica counts"
        assert len(list((desk.log.folder / "segments").glob("r1*.seg"))) == 0
    signature = desk.second.require_state().versions.champion.signature
    index = LabelIndex(desk.log.label_blocks(), signature, desk.plan.step(MonitorStep).monitoring.labels)
    joined = [index.join(block) for block in desk.log.blocks(columns=index.columns)]
    assert sum(len(each.y) for each in joined) == ASKED
    assert not any(np.isnan(each.y).any() for each in joined)
    assert desk.log.lost() == {}

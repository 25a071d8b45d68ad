"""Columns of any name go all the way: trained, packaged, asked, logged, watched, reported, learned from again."""

import asyncio
import json
import random
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlconfig.builtin.protocol_mlconfig import MlconfigProtocol
from mlconfig.contracts import WireRequest
from mlconfig.engine.cycle import run_cycle
from mlconfig.engine.reporting import write_report
from mlconfig.engine.watching import explain
from mlconfig.lifecycle.states import State
from mlconfig.sections.serving import Serving
from mlconfig.serving.exposition import MonitoringText
from mlconfig.serving.service import Service

PROTOCOLS = {"mlconfig": MlconfigProtocol()}

RECIPE = """
task: binary
data: {source: {name: parquet, params: {path: rows.parquet}}, target: 'the "target"'}
features: auto
model: lightgbm
evaluation: {metric: accuracy, interval: {resamples: 30}}
monitoring: {every: 1h, scales: [1h], min_rows: 40, reference: {min_rows: 100}, signals: {domain: none}}
retraining: none
"""
NUMBERS = ['a "quoted" one', "back\\slash", "größe {x}", " ", "a,b:[c]"]
TEXT, CONSTANT = "two\nlines", 'always "1"'
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()


def rows(count, shift=0.0):
    draw = random.Random(1)
    for _ in range(count):
        numbers = {name: draw.gauss(shift, 1) for name in NUMBERS}
        yes = numbers[NUMBERS[0]] + numbers[" "] > shift
        yield {**numbers, TEXT: draw.choice(["x", 'y "z"']), CONSTANT: 1, 'the "target"': int(yes)}


@pytest.fixture
def plan(project):
    project.write(RECIPE)
    pq.write_table(pa.Table.from_pylist(list(rows(600))), project.folder / "rows.parquet")
    plan = project.plan()
    assert project.go_live(plan).state is State.LIVE
    return plan


async def ask(service, asked):
    return await service.predict("mlconfig", WireRequest("predict", json.dumps({"rows": asked}).encode()))


def test_columns_of_any_name_go_all_the_way(project, plan):
    workspace = project.workspace(plan)
    service = Service(project.name, project.storage, Serving(), PROTOCOLS, replica="r0", clock=lambda: NOON)
    with project.store() as store:
        assert service.swap(store.routes.current(project.name)), service.problem
        asked = [{name: value for name, value in row.items() if "target" not in name} for row in rows(300, 9.0)]
        answer = json.loads(asyncio.run(ask(service, asked)).body)
        assert len(answer["predictions"]) == 300
        report = run_cycle(workspace, plan, store, NOON + 3600)
    (drift,) = (each for each in report.verdicts if each.signal == "input_drift" and each.rows)
    assert {each.column for each in drift.findings if each.is_drift} == set(NUMBERS)
    assert not [each for each in report.verdicts if each.signal == "data_quality" and "missing" in each.reason]
    shown = MonitoringText(project.name, workspace.predictions(project.name)).render().decode()
    assert 'column="a \\"quoted\\" one"' in shown
    for name in (*NUMBERS, TEXT):
        assert explain(workspace, plan, name, "2026-03-01 12:00..2026-03-01 13:00")[1].column == name
    page = write_report(workspace, plan).path.read_text()
    assert "a &quot;quoted&quot; one" in page or "a &#34;quoted&#34; one" in page
    assert 'a "quoted" one"' not in page.replace('\\"', "")

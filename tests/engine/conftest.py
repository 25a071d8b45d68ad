"""Small projects that the engine carries out for real: one MLflow store for all of them, everything else of their own."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from mlconfig.builtin.protocol_mlconfig import MlconfigProtocol
from mlconfig.compiler.compiler import compile_plan
from mlconfig.contracts import WireRequest
from mlconfig.contracts.catalog import Catalog
from mlconfig.contracts.plugin import Context
from mlconfig.engine.apply import apply_plan
from mlconfig.engine.carrier import Carrier
from mlconfig.engine.cycle import CycleReport, run_cycle
from mlconfig.engine.executors.local import LocalExecutor
from mlconfig.engine.job import Job
from mlconfig.engine.live import fingerprint
from mlconfig.engine.passage import drive, open_rollout
from mlconfig.engine.report import ApplyReport, Progress, silent
from mlconfig.engine.tenure import tenure
from mlconfig.engine.workspace import Workspace, write_json
from mlconfig.lifecycle.rollouts import Rollout
from mlconfig.lifecycle.states import State
from mlconfig.lifecycle.store import Store
from mlconfig.plan.plan import Plan
from mlconfig.plan.steps import DeployStep, ReadStep
from mlconfig.recipe.load import load_recipe
from mlconfig.sections.serving import Serving
from mlconfig.serving.service import Service

PROTOCOLS = {"mlconfig": MlconfigProtocol()}

LOCAL = ("engine.executor=local", "serving=none", "monitoring=none", "retraining=none")
"""What makes a recipe end at a registered version, in this process."""

_numbers = count(1)


@dataclass
class Project:
    """A folder with a recipe. Every project has a name of its own, since all share one MLflow store."""

    folder: Path
    mlflow: str
    name: str = field(default_factory=lambda: f"p{next(_numbers)}")
    shared: Path | None = None

    def write(self, text: str) -> "Project":
        """Write the recipe; it says neither its name nor where MLflow is."""
        (self.folder / "recipe.yaml").write_text(text)
        return self

    def plan(self, *overrides: str) -> Plan:
        """The recipe's plan."""
        given = [f"name={self.name}", f"tracking.uri='{self.mlflow}'", f"engine.storage='{self.storage}'", *overrides]
        return compile_plan(load_recipe(self.folder / "recipe.yaml", given))

    def apply(self, *overrides: str, until: str | None = None) -> ApplyReport:
        """Carry it out in this process, until its version is registered and judged."""
        return apply_plan(self.plan(*LOCAL, *overrides), self.folder, until=until)

    def workspace(self, plan: Plan) -> Workspace:
        """Where a plan of this project works."""
        workspace = Workspace(self.folder, plan.engine)
        workspace.prepare()
        return workspace

    @property
    def storage(self) -> Path:
        """Where it keeps everything; ``shared`` is the storage of the session's Ray head."""
        return self.shared or self.folder / ".mlconfig"

    def store(self) -> Store:
        """Its state."""
        return Store.open(f"sqlite:///{self.storage / 'lifecycle.db'}")

    def go_live(self, plan: Plan, progress: Progress = silent) -> Rollout:
        """What ``apply`` does to bring a version live, without a cluster: the same rollout, carried by this process."""
        workspace, endpoint = self.workspace(plan), plan.step(DeployStep).endpoint
        with Store.open(workspace.state_uri) as store, tenure(store, endpoint) as lease:
            carrier = Carrier(Job(workspace, plan, fingerprint(workspace, plan)), store, LocalExecutor(), progress)
            live = drive(store, open_rollout(store, endpoint, plan.digest, "apply", lease), carrier, lease)
        write_json(workspace.plan_file(plan.name), plan.to_json())
        return live

    def live(self, *overrides: str) -> Plan:
        """The plan of a recipe that was brought live."""
        plan = self.plan(*overrides)
        assert self.go_live(plan).state is State.LIVE
        return plan

    def turn(self, plan: Plan, now: float, *, act: bool = True) -> CycleReport:
        """One turn of looking after it, at that time of the clock."""
        with self.store() as store:
            return run_cycle(self.workspace(plan), plan, store, now, act=act)


@pytest.fixture(scope="session")
def mlflow_uri(tmp_path_factory) -> str:
    """MLflow's tables take seconds to make, so they are made once."""
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'mlflow.db'}"


@pytest.fixture
def project(tmp_path, mlflow_uri) -> Project:
    """An empty project."""
    return Project(tmp_path, mlflow_uri)


class Traffic:
    """Clients of an endpoint that is served in this process, at any time of the clock."""

    def __init__(self, project: Project, plan: Plan, *, drift: float = 2.0, rows: int = 6000) -> None:
        self.project, self.plan = project, plan
        shape = {"kind": "step", "at": 0.5, "size": drift, "affects": "inputs"}
        source = plan.step(ReadStep).source.params | {"rows": rows, "drift": shape}
        table = Catalog(project.folder, ()).create("source", "synthetic", source, Context(project.folder)).read()
        self.usual, self.moved = table.slice(1000, rows // 2 - 1000).to_pylist(), table.slice(rows // 2).to_pylist()
        self._taken = {"usual": 0, "moved": 0}

    def send(self, kind: str, count: int, at: float, *, label=None, times=None) -> list[dict]:
        """Ask for answers at ``at`` and send the labels (``label`` makes one out of the true one); returns the answers."""
        begin = self._taken[kind]
        self._taken[kind] += count
        rows = getattr(self, kind)[begin : begin + count]
        moments = times or [datetime.fromtimestamp(at, UTC)] * count
        asked = [
            {name: value for name, value in row.items() if name not in ("target", "ts")} | {"ts": moment.isoformat()}
            for row, moment in zip(rows, moments, strict=True)
        ]
        answers = asyncio.run(self._ask(asked, at))
        labels = [(label or int)(row["target"]) for row in rows]
        self._feed_back(answers, labels, at)
        return answers

    def _service(self, at: float) -> Service:
        endpoint = self.plan.step(DeployStep).endpoint
        service = Service(endpoint, self.project.storage, Serving(), PROTOCOLS, replica="r0", clock=lambda: at)
        with self.project.store() as store:
            assert service.swap(store.routes.current(endpoint)), service.problem
        return service

    async def _ask(self, rows: list[dict], at: float) -> list[dict]:
        service = self._service(at)
        answer = await service.predict("mlconfig", WireRequest("predict", json.dumps({"rows": rows}).encode()))
        service.close()
        return json.loads(answer.body)["predictions"]

    def _feed_back(self, answers: list[dict], labels: list[Any], at: float) -> None:
        service = self._service(at)
        ids = [answer["prediction_id"] for answer in answers]
        said = [{"prediction_id": each, "label": label} for each, label in zip(ids, labels, strict=True)]
        service.feedback(json.dumps({"rows": said}).encode())
        service.close()


@pytest.fixture
def make_traffic(project) -> Callable[..., Traffic]:
    """Traffic for a plan whose version is live."""
    return lambda plan, **how: Traffic(project, plan, **how)


@pytest.fixture(scope="session")
def make_project() -> Callable[..., Project]:
    """Makes projects by hand: folder, MLflow's address, and the storage where it is another's."""
    return lambda folder, mlflow, shared=None: Project(folder, mlflow, shared=shared)


@pytest.fixture(scope="session")
def make_traffic_of() -> Callable[..., Traffic]:
    """Makes traffic for a plan of any project."""
    return Traffic

"""Small projects that the engine carries out for real: one MLflow store for all of them, everything else of their own."""

from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest

from mlconfig.compiler.compiler import compile_plan
from mlconfig.engine.apply import apply_plan
from mlconfig.engine.carrier import Carrier
from mlconfig.engine.executors.local import LocalExecutor
from mlconfig.engine.job import Job
from mlconfig.engine.live import fingerprint
from mlconfig.engine.passage import drive, open_rollout
from mlconfig.engine.report import ApplyReport, silent
from mlconfig.engine.tenure import tenure
from mlconfig.engine.workspace import Workspace, write_json
from mlconfig.lifecycle.rollouts import Rollout
from mlconfig.lifecycle.store import Store
from mlconfig.plan.plan import Plan
from mlconfig.plan.steps import DeployStep
from mlconfig.recipe.load import load_recipe

LOCAL = ("engine.executor=local", "serving=none", "monitoring=none", "retraining=none")
"""What makes a recipe end at a registered version, in this process."""

_numbers = count(1)


@dataclass
class Project:
    """A folder with a recipe. Every project has a name of its own, since all share one MLflow store."""

    folder: Path
    mlflow: str
    name: str = field(default_factory=lambda: f"p{next(_numbers)}")

    def write(self, text: str) -> "Project":
        """Write the recipe; it says neither its name nor where MLflow is."""
        (self.folder / "recipe.yaml").write_text(text)
        return self

    def plan(self, *overrides: str) -> Plan:
        """The recipe's plan."""
        given = [f"name={self.name}", f"tracking.uri='{self.mlflow}'", *overrides]
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
        """Where it keeps everything."""
        return self.folder / ".mlconfig"

    def store(self) -> Store:
        """Its state."""
        return Store.open(f"sqlite:///{self.storage / 'lifecycle.db'}")

    def go_live(self, plan: Plan) -> Rollout:
        """What ``apply`` does to bring a version live, without a cluster: the same rollout, carried by this process."""
        workspace, endpoint = self.workspace(plan), plan.step(DeployStep).endpoint
        with Store.open(workspace.state_uri) as store, tenure(store, endpoint) as lease:
            carrier = Carrier(Job(workspace, plan, fingerprint(workspace, plan)), store, LocalExecutor(), silent)
            live = drive(store, open_rollout(store, endpoint, plan.digest, "apply", lease), carrier, lease)
        write_json(workspace.plan_file(plan.name), plan.to_json())
        return live


@pytest.fixture(scope="session")
def mlflow_uri(tmp_path_factory) -> str:
    """MLflow's tables take seconds to make, so they are made once."""
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'mlflow.db'}"


@pytest.fixture
def project(tmp_path, mlflow_uri) -> Project:
    """An empty project."""
    return Project(tmp_path, mlflow_uri)

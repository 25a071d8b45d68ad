"""Keys where they matter: two replicas behind HAProxy, a key of the command line, and its end within seconds."""

import time
from contextlib import chdir

import httpx
import pytest
from click.testing import CliRunner

from mlconfig.cli.main import cli
from mlconfig.engine.apply import apply_plan
from mlconfig.engine.live import step_stands
from mlconfig.engine.status import status_of
from mlconfig.plan.steps import DeployStep

pytestmark = pytest.mark.ray

RECIPE = """
task: binary
data: {source: {name: synthetic, params: {rows: 500, numeric: 3, seed: 4, every: 1h}}, target: target, event_time: ts}
features: auto
model: logistic_regression
evaluation: {interval: {resamples: 20}}
serving: {auth: keys, num_replicas: 2}
monitoring: none
retraining: none
"""


@pytest.fixture
def shop(project, ray_session):
    ray_session.connect()
    project.shared = ray_session.storage
    made = project.write(RECIPE)
    plan = made.plan()
    yield made, plan, apply_plan(plan, made.folder)
    from mlconfig.engine.controller import stop_controller
    from mlconfig.engine.endpoints import remove

    stop_controller(made.workspace(plan))
    remove(made.workspace(plan), made.name)
    made.workspace(plan).plan_file(made.name).unlink(missing_ok=True)


def keys(project, *words):
    given = [f"name={project.name}", f"tracking.uri='{project.mlflow}'", f"engine.storage='{project.storage}'"]
    with chdir(project.folder):
        ended = CliRunner().invoke(cli, ["keys", *words, *given], catch_exceptions=False, standalone_mode=False)
    return ended.stdout.strip()


def until_all(ask, wanted, seconds=5.0):
    """Seconds until twenty answers in a row, of whichever replica, are the wanted one."""
    start, streak = time.monotonic(), 0
    while streak < 20:
        streak = streak + 1 if ask() == wanted else 0
        assert time.monotonic() < start + seconds, f"not all answers were {wanted} after {seconds} s"
    return time.monotonic() - start


def test_a_key_opens_all_replicas_and_shuts_within_seconds(shop):
    project, plan, report = shop
    url = f"{report.url}/v1/{project.name}"
    assert step_stands(project.workspace(plan), plan, plan.step(DeployStep)), "applying again would do nothing"
    status = status_of(project.workspace(plan), plan)
    assert (status.serving["status"], status.serving["generation"]) == ("ready", 1)
    key = keys(project, "create", "recipe.yaml", "--client", "shop")
    assert key.startswith("mlc_")

    def ask(credential=key):
        headers = {"authorization": f"Bearer {credential}"} if credential else {}
        return httpx.post(f"{url}/predict", json=report.example, headers=headers, timeout=10.0).status_code

    until_all(ask, 200)
    assert (ask(""), ask(key[:-1] + "-")) == (401, 401)
    refused = httpx.get(f"{url}/metrics", headers={"x-api-key": key})
    assert (refused.status_code, "insufficient_scope" in refused.headers["www-authenticate"]) == (403, True)
    assert httpx.get(f"{url}/readyz").status_code == 200

    keys(project, "revoke", "recipe.yaml", key.split("_")[1])
    until_all(ask, 401, seconds=3.0)
    spare = keys(project, "create", "recipe.yaml", "--client", "shop")
    until_all(lambda: ask(spare), 200)
    assert key[15:] not in "".join(
        file.read_text(errors="replace")
        for file in project.storage.rglob("*")
        if file.is_file() and file.suffix != ".db"
    )

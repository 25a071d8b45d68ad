"""MLflow's aliases as a projection of the route: shown to people, never read by serving."""

from __future__ import annotations

from mlconfig.engine.job import Job
from mlconfig.engine.workspace import Workspace
from mlconfig.lifecycle.store import Store
from mlconfig.plan.plan import Plan
from mlconfig.plan.steps import DeployStep, RegisterStep


def project_aliases(workspace: Workspace, plan: Plan) -> int:
    """Point ``champion`` at the version that answers, and ``challenger`` away from it; returns the route's generation."""
    from mlconfig.engine.jobs.register import open_tracker
    from mlconfig.engine.tracking.registry import set_alias

    endpoint, name = plan.step(DeployStep).endpoint, plan.step(RegisterStep).name
    with Store.open(workspace.state_uri) as store:
        route = store.routes.current(endpoint)
        cards = store.versions.all(name)
    if route is None:
        return 0
    tracker = open_tracker(Job(workspace, plan, content=""))
    set_alias(tracker, name, "champion", route.champion.version)
    newest = cards[0].version if cards and cards[0].version != route.champion.version else None
    set_alias(tracker, name, "challenger", newest)
    return route.generation

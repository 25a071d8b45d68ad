"""Batch scoring with a version of the project; needs no cluster."""

from __future__ import annotations

from pathlib import Path

from mlconfig.engine.champion import Champion, card_of, champion_of
from mlconfig.engine.live import has_state
from mlconfig.engine.workspace import Workspace
from mlconfig.errors import EngineError
from mlconfig.lifecycle.store import Store
from mlconfig.plan.plan import Plan
from mlconfig.plan.steps import DeployStep
from mlconfig.records.route import RouteVersion
from mlconfig.serving.batch import predict_file


def predict_batch(workspace: Workspace, plan: Plan, source: Path, target: Path, version: str | None) -> tuple[int, str]:
    """Score a file; returns the number of rows and the version that scored them.

    Raises:
        EngineError: there is no such version.
        DataError: the file cannot be read or written, or lacks a feature.
    """
    chosen = _choose(workspace, plan, version)
    predictor = chosen.predictor()
    return predict_file(predictor, predictor.signature, source, target).rows, chosen.route.version


def _choose(workspace: Workspace, plan: Plan, version: str | None) -> Champion:
    """The version asked for; else the one that is live; else the newest registered one."""
    if not has_state(workspace):
        raise EngineError(f"`{plan.name}` has no version yet", hint="`mlconfig train` or `mlconfig apply` makes one")
    with Store.open(workspace.state_uri) as store:
        deploy = plan.find(DeployStep)
        live = champion_of(workspace, store, deploy.endpoint) if deploy is not None and version is None else None
        card = card_of(store, plan.name, version)
    if live is not None:
        return live
    if card is None:
        which = f"version {version}" if version is not None else "version yet"
        raise EngineError(f"`{plan.name}` has no {which}", hint="`mlconfig status` lists them")
    if not (workspace.storage / card.folder).is_dir():
        hint = "applying its recipe again makes it anew; tracking.keep_versions says how many are kept"
        raise EngineError(f"the files of version {card.version} of `{plan.name}` were removed", hint=hint)
    return Champion(
        workspace.storage, RouteVersion(version=card.version, artifact_sha256=card.artifact_sha256, folder=card.folder)
    )

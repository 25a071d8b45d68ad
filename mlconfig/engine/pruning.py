"""Old versions that never went live give their artifacts back; their rows, metrics and cards stay."""

from __future__ import annotations

import shutil

from mlconfig.engine.job import Job
from mlconfig.engine.tracking.registry import prune
from mlconfig.engine.tracking.tracker import Tracker
from mlconfig.lifecycle.store import Store
from mlconfig.plan.steps import RegisterStep


def prune_versions(job: Job, tracker: Tracker) -> list[str]:
    """Remove the artifacts of all but the newest ``tracking.keep_versions``; returns the versions that were pruned."""
    step = job.plan.step(RegisterStep)
    with Store.open(job.workspace.state_uri) as store:
        served = store.routes.folders()  # of every endpoint, since this plan may have none, or another
        cards = {card.version: card for card in store.versions.all(step.name)}
    never = frozenset(version for version, card in cards.items() if card.folder in served)
    pruned = prune(tracker, step.name, step.tracking.keep_versions, never)
    kept = {card.folder for version, card in cards.items() if version not in pruned}
    for version in pruned:
        card = cards.get(version)
        if card is not None and card.folder not in kept:
            shutil.rmtree(job.workspace.storage / card.folder, ignore_errors=True)
    return pruned

"""Version cards: made when a version is registered, completed when it is evaluated."""

from __future__ import annotations

import json
from typing import Any

from mlconfig.engine.job import Job
from mlconfig.engine.workspace import write_json
from mlconfig.lifecycle.store import Store
from mlconfig.records.version import MetricValue, VersionCard
from mlconfig.vocabulary import FrozenDict


def keep_card(job: Job, card: VersionCard) -> None:
    """Keep a card in the state database, and beside the version's bytes."""
    with Store.open(job.workspace.state_uri) as store:
        store.versions.add(card)
    write_json(job.workspace.storage / card.folder / "card.json", json.loads(card.model_dump_json()))


def add_metrics(job: Job, values: dict[str, dict[str, Any]]) -> None:
    """Complete a registered version's card, and its MLflow run, with what evaluation measured."""
    registered = job.outputs.get("register")
    if registered is None:
        return
    card = VersionCard.model_validate(registered["card"])
    with Store.open(job.workspace.state_uri) as store:
        card = store.versions.get(card.name, card.version) or card
    from mlconfig.engine.jobs.register import open_tracker

    metrics = FrozenDict({name: MetricValue.model_validate(value) for name, value in values.items()})
    keep_card(job, card.model_copy(update={"metrics": metrics}))
    tracker = open_tracker(job)
    bounds = {f"{name}.{end}": value[end] for name, value in values.items() for end in ("low", "high")}
    tracker.log_batch(registered["run_id"], metrics={name: value["value"] for name, value in values.items()} | bounds)
    tracker.end_run(registered["run_id"])

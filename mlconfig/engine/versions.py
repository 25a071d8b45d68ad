"""Version cards: made when a version is registered, completed when it is evaluated."""

from __future__ import annotations

import json
from typing import Any

from mlconfig.engine.job import Job
from mlconfig.engine.workspace import write_json
from mlconfig.lifecycle.store import Store
from mlconfig.records.version import VersionCard
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
    keep_card(job, card.model_copy(update={"metrics": FrozenDict(values)}))

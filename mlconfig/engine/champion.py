"""The version that is live for a plan's endpoint: its folder, its records, its bytes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlconfig.engine.job import Job
from mlconfig.engine.workspace import Workspace
from mlconfig.lifecycle.store import Store
from mlconfig.plan.plan import Plan, read_plan
from mlconfig.plan.steps import DeployStep
from mlconfig.records.dataset import DatasetCard, ResolvedFeatures
from mlconfig.records.route import RouteVersion
from mlconfig.records.signature import Signature
from mlconfig.records.version import VersionCard
from mlconfig.sections import ColumnFeatures, Features
from mlconfig.vocabulary import FrozenDict

if TYPE_CHECKING:
    import pyarrow as pa

    from mlconfig.monitoring.baseline import Baseline
    from mlconfig.serving.predictor import Predictor


@dataclass(frozen=True)
class Champion:
    """A version's folder, read where it is asked for."""

    storage: Path
    route: RouteVersion

    @property
    def folder(self) -> Path:
        """The version's folder."""
        return self.storage / self.route.folder

    @cached_property
    def signature(self) -> Signature:
        """What its requests look like."""
        return Signature.model_validate_json((self.folder / "signature.json").read_bytes())

    @cached_property
    def dataset(self) -> DatasetCard:
        """What it was trained on."""
        return DatasetCard.model_validate_json((self.folder / "dataset.json").read_bytes())

    @property
    def trained_until(self) -> float | None:
        """The latest event time among its training and validation rows, seconds since 1970."""
        return self._trained.get("until")

    @property
    def trained_rows(self) -> int | None:
        """How many rows it was fitted on; null for a version that was packaged before that was kept."""
        return self._trained.get("rows")

    @cached_property
    def _trained(self) -> dict[str, Any]:
        return dict(json.loads((self.folder / "trained.json").read_text()))

    @cached_property
    def features(self) -> ResolvedFeatures:
        """Its features."""
        return ResolvedFeatures.model_validate_json((self.folder / "features.json").read_bytes())

    @cached_property
    def plan(self) -> Plan:
        """The plan that made it, with the searched values bound."""
        return read_plan(self.folder / "plan.json")

    @cached_property
    def tuned(self) -> dict[str, Any]:
        """The values that its search chose, by recipe path; empty when nothing was searched."""
        return dict(json.loads((self.folder / "tuned.json").read_text()))

    @cached_property
    def baseline(self) -> Baseline:
        """What its windows are compared with."""
        from mlconfig.monitoring.baseline import read_baseline

        return read_baseline(self.folder)

    @property
    def target_type(self) -> pa.DataType:
        """Arrow's type of the target at training, which logged labels are read as."""
        import pyarrow as pa

        column = self.dataset.table_schema.column(self.signature.target)
        return pa.type_for_alias(column.type) if column is not None else pa.string()

    def predictor(self) -> Predictor:
        """Its bytes, checked and warm."""
        from mlconfig.serving.predictor import Predictor

        return Predictor.load(self.folder, self.route.artifact_sha256)


def champion_of(workspace: Workspace, store: Store, endpoint: str) -> Champion | None:
    """The version that answers at an endpoint, or None."""
    table = store.routes.current(endpoint)
    return Champion(workspace.storage, table.champion) if table is not None else None


def find_champion(job: Job) -> Champion | None:
    """The version that a job's candidate would replace."""
    deploy = job.plan.find(DeployStep)
    if deploy is None:
        return None
    with Store.open(job.workspace.state_uri) as store:
        return champion_of(job.workspace, store, deploy.endpoint)


def card_of(store: Store, name: str, version: str | None) -> VersionCard | None:
    """The card of a version; null asks for the newest."""
    cards = store.versions.all(name)
    return next((card for card in cards if version in (None, card.version)), None)


def frozen_features(resolved: ResolvedFeatures) -> Features:
    """A version's features as a recipe would spell them out: what was worked out at first stays so in every retrain."""
    columns = {
        column.name: ColumnFeatures(
            kind=column.kind, transforms=FrozenDict({each.name: each.params for each in column.transforms})
        )
        for column in resolved.columns
    }
    return Features(include=tuple(columns), columns=FrozenDict(columns))

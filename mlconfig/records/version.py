"""The card of one model version: what it is, what it came from, how good it was."""

from __future__ import annotations

from typing import Literal

from mlconfig.vocabulary import Frozen, FrozenDict


class MetricValue(Frozen):
    """A metric on the held-out rows with its bootstrap interval."""

    value: float
    low: float
    high: float
    rows: int


class VersionCard(Frozen):
    """One version of a registered model. ``folder`` is relative to the storage; it holds the bytes and the records.

    In the folder: ``model.onnx``, ``signature.json``, ``profile.bin`` (reference profile), ``features.json``,
    ``dataset.json``, ``recipe.json`` (without secrets), ``plan.json``, ``card.json``, ``requirements.txt``.
    """

    schema_version: Literal[1] = 1
    name: str
    version: str
    artifact_sha256: str
    folder: str
    file: str = "model.onnx"
    created_at: float
    reason: str = "apply"
    run_id: str | None = None
    run_key: str
    plan_digest: str
    data_fingerprint: str
    git_commit: str | None = None
    metrics: FrozenDict[MetricValue] = FrozenDict()
    trained_since: float | None = None
    trained_until: float | None = None
    intended_use: str | None = None
    limitations: str | None = None

    @property
    def about(self) -> str:
        """What the recipe says of its use; empty where it says nothing."""
        return about(self.intended_use, self.limitations)


def about(intended_use: str | None, limitations: str | None) -> str:
    """A card in words."""
    said = (("intended use", intended_use), ("limitations", limitations))
    return "; ".join(f"{what}: {text}" for what, text in said if text is not None)

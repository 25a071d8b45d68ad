"""``tracking``: where runs and versions are recorded."""

from __future__ import annotations

from pydantic import Field

from mlconfig.vocabulary import AUTO, AutoOr, Frozen


class Tracking(Frozen):
    """MLflow."""

    uri: AutoOr[str] = Field(
        AUTO, description="auto: `mlflow.db` in the project's `.mlconfig`; or an MLflow tracking URI."
    )
    experiment: str | None = Field(None, min_length=1, description="null: the recipe's name.")
    keep_versions: int = Field(10, ge=1, description="Artifacts of older versions that never went live are removed.")

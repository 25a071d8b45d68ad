"""``random_forest``: the mean of many trees (Breiman, 2001)."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from mlconfig.contracts.model import Fit, Model, ModelTags
from mlconfig.vocabulary import Frozen


class RandomForest(Model):
    """scikit-learn's random forest, for classes or values by task. Copes with missing values."""

    class Params(Frozen):
        """By scikit-learn's names."""

        n_estimators: int = Field(200, ge=1, le=10_000, description="Trees.")
        max_depth: int | None = Field(None, ge=1, description="Depth of a tree; null: no bound.")
        min_samples_leaf: int = Field(1, ge=1, description="Training rows a leaf must have.")
        max_features: float | None = Field(
            None,
            gt=0.0,
            le=1.0,
            description="Share of the features each split sees; null: √ for classes, all for values.",
        )

    params: RandomForest.Params
    tags: ClassVar[ModelTags] = ModelTags()

    def fit(self, fit: Fit) -> Any:
        """A fitted ``RandomForestClassifier`` or ``RandomForestRegressor``."""
        from mlconfig.builtin.estimator_trees import ForestClassifier, ForestRegressor

        regression = fit.task == "regression"
        settings = self.params.model_dump() | {"n_jobs": fit.threads, "random_state": fit.random_state}
        settings["max_features"] = self.params.max_features or (1.0 if regression else "sqrt")
        return (ForestRegressor if regression else ForestClassifier)(**settings).fit(fit.X, fit.y)

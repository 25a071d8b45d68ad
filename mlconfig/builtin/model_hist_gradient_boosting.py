"""``hist_gradient_boosting``: scikit-learn's histogram-based boosting."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from mlconfig.contracts.model import Fit, Model, ModelTags
from mlconfig.vocabulary import Frozen


class HistGradientBoosting(Model):
    """Boosted trees, for classes or values by task. Copes with missing values."""

    class Params(Frozen):
        """By scikit-learn's names."""

        max_iter: int = Field(100, ge=1, le=100_000, description="Rounds; early stopping may end before.")
        learning_rate: float = Field(0.1, gt=0.0, le=1.0, description="What each round adds.")
        max_leaf_nodes: int | None = Field(31, ge=2, description="Leaves of a tree; null: no bound.")
        max_depth: int | None = Field(None, ge=1, description="Depth of a tree; null: no bound.")
        min_samples_leaf: int = Field(20, ge=1, description="Training rows a leaf must have.")
        l2_regularization: float = Field(0.0, ge=0.0, description="L2 penalty of leaves.")
        max_bins: int = Field(255, ge=2, le=255, description="Bins of a feature.")

    params: HistGradientBoosting.Params
    tags: ClassVar[ModelTags] = ModelTags(has_rounds=True)

    def fit(self, fit: Fit) -> Any:
        """A fitted ``HistGradientBoosting…``; stops early on the validation rows where it is told to."""
        from threadpoolctl import threadpool_limits

        from mlconfig.builtin.estimator_trees import BoostedClassifier, BoostedRegressor

        stops = fit.X_validation is not None and fit.early_stopping_rounds is not None
        estimator = (BoostedRegressor if fit.task == "regression" else BoostedClassifier)(
            **self.params.model_dump(),
            random_state=fit.random_state,
            categorical_features=None,
            early_stopping=stops,
            n_iter_no_change=fit.early_stopping_rounds or 10,
        )
        validation = {"X_val": fit.X_validation, "y_val": fit.y_validation} if stops else {}
        with threadpool_limits(limits=fit.threads, user_api="openmp"):
            return estimator.fit(fit.X, fit.y, **validation)

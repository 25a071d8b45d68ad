"""``ridge``: the linear model of values."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from mlconfig.contracts.model import Fit, Model, ModelTags
from mlconfig.vocabulary import Frozen


class Ridge(Model):
    """scikit-learn's ridge regression. Wants scaled columns (`standard_scale`) and no missing values."""

    class Params(Frozen):
        """By scikit-learn's names."""

        alpha: float = Field(1.0, ge=0.0, description="Strength of the L2 penalty.")
        fit_intercept: bool = Field(True, description="Whether there is a constant term.")

    params: Ridge.Params
    tags: ClassVar[ModelTags] = ModelTags(tasks=frozenset({"regression"}), predicts_proba=False)

    def fit(self, fit: Fit) -> Any:
        """A fitted ``Ridge``."""
        from mlconfig.builtin.estimator_linear import LinearRegressor

        return LinearRegressor(**self.params.model_dump(), random_state=fit.random_state).fit(fit.X, fit.y)

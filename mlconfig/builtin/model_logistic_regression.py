"""``logistic_regression``: the linear model of classes."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from mlconfig.contracts.model import Fit, Model, ModelTags
from mlconfig.vocabulary import Frozen


class LogisticRegression(Model):
    """scikit-learn's logistic regression by L-BFGS. Wants scaled columns (`standard_scale`) and no missing values."""

    class Params(Frozen):
        """By scikit-learn's names."""

        C: float = Field(1.0, gt=0.0, description="Inverse strength of the L2 penalty.")
        fit_intercept: bool = Field(True, description="Whether there is a constant term.")
        max_iter: int = Field(1000, ge=1, description="Iterations at most.")
        tol: float = Field(1e-4, gt=0.0, description="When it has converged.")

    params: LogisticRegression.Params
    tags: ClassVar[ModelTags] = ModelTags(tasks=frozenset({"binary", "multiclass"}))

    def fit(self, fit: Fit) -> Any:
        """A fitted ``LogisticRegression``."""
        from mlconfig.builtin.estimator_linear import LinearClassifier

        return LinearClassifier(**self.params.model_dump(), random_state=fit.random_state).fit(fit.X, fit.y)

"""``lightgbm``: gradient-boosted trees (Ke et al., NIPS 2017)."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from mlconfig.contracts.model import Fit, Model, ModelTags
from mlconfig.vocabulary import Frozen


class LightGbm(Model):
    """LightGBM, for classes or values by task. Deterministic; copes with missing values."""

    class Params(Frozen):
        """LightGBM's own, by scikit-learn's names."""

        n_estimators: int = Field(200, ge=1, le=100_000, description="Rounds; early stopping may end before.")
        learning_rate: float = Field(0.1, gt=0.0, le=1.0, description="What each round adds.")
        num_leaves: int = Field(31, ge=2, le=131_072, description="Leaves of a tree.")
        max_depth: int = Field(-1, ge=-1, description="Depth of a tree; -1: no bound.")
        min_child_samples: int = Field(20, ge=0, description="Training rows a leaf must have.")
        min_child_weight: float = Field(1e-3, ge=0.0, description="Sum of hessians a leaf must have.")
        min_split_gain: float = Field(0.0, ge=0.0, description="What a split must gain.")
        subsample: float = Field(1.0, gt=0.0, le=1.0, description="Share of the rows each round sees.")
        colsample_bytree: float = Field(1.0, gt=0.0, le=1.0, description="Share of the features each tree sees.")
        reg_alpha: float = Field(0.0, ge=0.0, description="L1 penalty of leaves.")
        reg_lambda: float = Field(0.0, ge=0.0, description="L2 penalty of leaves.")
        max_bin: int = Field(255, ge=2, description="Bins of a feature.")

    params: LightGbm.Params
    tags: ClassVar[ModelTags] = ModelTags(has_rounds=True)

    def fit(self, fit: Fit) -> Any:
        """A fitted ``LGBMClassifier`` or ``LGBMRegressor``; stops early on the validation rows where it is told to."""
        import lightgbm

        from mlconfig.builtin.estimator_lightgbm import GbmClassifier, GbmRegressor

        estimator = (GbmRegressor if fit.task == "regression" else GbmClassifier)(
            **self.params.model_dump(),
            subsample_freq=int(self.params.subsample < 1.0),
            n_jobs=fit.threads,
            random_state=fit.random_state,
            deterministic=True,
            force_row_wise=True,
            verbose=-1,
        )
        if fit.X_validation is None or fit.early_stopping_rounds is None:
            return estimator.fit(fit.X, fit.y)
        stop = lightgbm.early_stopping(fit.early_stopping_rounds, verbose=False)
        held = _held(lightgbm.__version__, fit)
        return estimator.fit(fit.X, fit.y, callbacks=[stop], **held)


def _held(version: str, fit: Fit) -> dict[str, Any]:
    """The validation rows under the names that this LightGBM takes; 4.7 deprecates the older one with a warning a fit."""
    if tuple(int(part) for part in version.split(".")[:2]) >= (4, 7):
        return {"eval_X": fit.X_validation, "eval_y": fit.y_validation}
    return {"eval_set": [(fit.X_validation, fit.y_validation)]}

"""The real data sets that scikit-learn carries: small, offline, known to everybody."""

from __future__ import annotations

import hashlib
import re
from importlib.metadata import version
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from mlconfig.contracts.source import Source, SourceTags
from mlconfig.vocabulary import Frozen

if TYPE_CHECKING:
    import pyarrow as pa


class SklearnDatasetSource(Source):
    """One of scikit-learn's bundled data sets.

    Columns carry scikit-learn's feature names with anything but letters and digits as ``_`` (``mean radius`` is
    ``mean_radius``). The target column is ``target``: scikit-learn's class numbers (0, 1, …; int64), in ``breast_cancer`` 0 is
    malignant and 1 benign; in ``diabetes`` the measured value (float64).
    """

    class Params(Frozen):
        """Which data set."""

        name: Literal["breast_cancer", "iris", "wine", "digits", "diabetes"] = Field(description="As in load_<name>.")

    params: SklearnDatasetSource.Params
    tags: ClassVar[SourceTags] = SourceTags(deterministic=True)

    def fingerprint(self) -> str:
        """The data set's name and the version of scikit-learn that carries it; neither is loaded."""
        words = f"sklearn_dataset\0{self.params.name}\0{version('scikit-learn')}"
        return f"sha256:{hashlib.sha256(words.encode()).hexdigest()}"

    def read(self) -> pa.Table:
        """All rows, in scikit-learn's order."""
        import numpy as np
        import pyarrow as pa
        from sklearn import datasets

        bunch = getattr(datasets, f"load_{self.params.name}")()
        columns = {plain_name(name): bunch.data[:, i] for i, name in enumerate(bunch.feature_names)}
        y = np.asarray(bunch.target)
        columns["target"] = y.astype(np.int64) if y.dtype.kind in "iu" else y.astype(np.float64)
        return pa.table(columns)


def plain_name(name: str) -> str:
    """``sepal length (cm)`` as ``sepal_length_cm``."""
    return re.sub(r"[^0-9A-Za-z]+", "_", name).strip("_")

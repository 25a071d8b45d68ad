"""alibi-detect's two-sample tests as detectors: the one file that imports alibi_detect and torch, on the first check.

alibi-detect (Van Looveren et al.; github.com/SeldonIO/alibi-detect) compares rows, and a test of it is worth what it is fed: a
column of NaN is "no drift" to it, one NaN in the reference blinds a column for ever, chi² raises on nulls. So nulls and
infinities are counted here, tested by themselves and taken out before it sees the rest.

Of the probability of a false alarm that a check may use, a tenth is for the nulls and the rest for the values. Scores of values
are −log10 of the p-value, which can be compared across tests; the test's own statistic is in the details. With rows enough
these tests find differences that do not matter: the built-in ``psi`` and ``ks`` tolerate those.
"""

from __future__ import annotations

import logging
import math
import threading
import warnings
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from mlconfig.builtin.two_samples import ColumnPair, at_most, column_pairs, level_codes, matrices, p_value_finding
from mlconfig.contracts.detector import Detector, DetectorTags, Evidence
from mlconfig.errors import PluginError
from mlconfig.records.verdict import Finding
from mlconfig.vocabulary import Fraction, Frozen, Kind

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]

NOTICE = (
    "alibi-detect is under the Business Source License 1.1: production use needs a licence of Seldon's (production at "
    "non-profit educational institutions excepted), and each version turns Apache-2.0 four years after its release"
)
OF_NULLS = 0.1
"""The nulls' share of a check's probability of a false alarm."""
BATCH = 200
"""Permutations at a time."""

_ONE_AT_A_TIME = threading.Lock()  # alibi-detect draws from the process's own generators


class _Alibi(Detector):
    """Reads rows; its package is imported on the first check."""

    class Params(Frozen):
        """What all of them can be told."""

        p_val: float | None = Field(
            None, gt=0.0, lt=1.0, description="False-alarm probability of a check, in place of the budget's share."
        )
        max_rows: int = Field(5000, ge=50, le=5000, description="Rows compared, of the window and the reference.")
        min_values: int = Field(30, ge=10, description="Values without nulls, in both, below which nothing is said.")

    params: _Alibi.Params
    requires: ClassVar[tuple[str, ...]] = ("alibi_detect",)
    extra: ClassVar[str] = "mlconfig[alibi]"
    test: ClassVar[str]
    drift: ClassVar[str]
    kinds: ClassVar[frozenset[Kind]] = frozenset({"numeric", "categorical", "boolean"})

    def check(self, evidence: Evidence) -> tuple[Finding, ...]:
        """What more nulls, or other values, give rise to. Raises ``PluginError`` without the package, or reference rows."""
        self._refuse_absence(evidence)
        columns = column_pairs(evidence, self.kinds)
        alpha = self.params.p_val or evidence.alpha
        nulls = [found for column in columns if (found := column.more_nulls(self._alpha_of_nulls(alpha, len(columns))))]
        _activate()
        with _ONE_AT_A_TIME, _seeded(evidence.random_state, "torch" in self.requires):
            return self._judge(columns, nulls, alpha * (1.0 - OF_NULLS), evidence.random_state)

    def _refuse_absence(self, evidence: Evidence) -> None:
        where = f"detector `alibi.{self.test}`"
        if missing := self.missing():
            raise PluginError(f"{' and '.join(missing)} cannot be imported", where, self.install_hint())
        if evidence.rows is None or evidence.reference_rows is None:
            raise PluginError("it compares rows, and none of the reference were kept", where, "train the version anew")

    def _alpha_of_nulls(self, alpha: float, columns: int) -> float:
        """Of one column."""
        return alpha * OF_NULLS / (1 if self.tags.columnwise else max(1, columns))

    def _make(self, *arguments: Any, **options: Any) -> Any:
        """alibi-detect's detector; it is never saved, for it holds the reference's rows."""
        import alibi_detect.cd

        return getattr(alibi_detect.cd, self.drift)(*arguments, **options)

    @abstractmethod
    def _judge(self, columns: list[ColumnPair], nulls: list[Finding], alpha: float, seed: int) -> tuple[Finding, ...]:
        """Findings, given those about nulls."""


class _Columnwise(_Alibi):
    """One test a column."""

    class Params(_Alibi.Params):
        """How much is compared, and how a verdict on many columns is reached."""

        correction: Literal["bonferroni", "fdr"] = Field(
            "bonferroni", description="`fdr` (Benjamini and Hochberg 1995) finds more where many columns moved at once."
        )

    params: _Columnwise.Params
    tags: ClassVar[DetectorTags] = DetectorTags(reads=frozenset({"rows"}), large_reference=False, notice=NOTICE)

    def _judge(self, columns: list[ColumnPair], nulls: list[Finding], alpha: float, seed: int) -> tuple[Finding, ...]:
        told = {finding.column for finding in nulls}
        tested = [c for c in columns if c.name not in told and c.values >= self.params.min_values]
        scores = [self._score(column, seed) for column in tested]
        threshold = self._threshold([p for p, _ in scores], alpha)
        found = [
            p_value_finding(column.name, self.test, p, threshold, {"statistic": statistic, **column.shares})
            for column, (p, statistic) in zip(tested, scores, strict=True)
        ]
        return (*nulls, *found)

    def _score(self, column: ColumnPair, seed: int) -> tuple[float, float]:
        """The p-value and the statistic of one column."""
        sides = (at_most(side.there, self.params.max_rows, seed) for side in (column.reference, column.current))
        reference, current = (side.reshape(-1, 1) for side in self._encoded(column.kind, *sides))
        p, statistic = self._make(reference, **self._options(column)).score(current)
        return float(p[0]), float(statistic[0])

    def _threshold(self, p_values: list[float], alpha: float) -> float:
        """Alpha is one column's already, which is Bonferroni's correction; the rate of false discoveries is all columns'."""
        import numpy as np
        from alibi_detect.utils.statstest import fdr

        if self.params.correction == "bonferroni" or not p_values:
            return alpha
        any_drift, threshold = fdr(np.asarray(p_values), alpha * len(p_values))
        return float(threshold) if any_drift else alpha

    def _encoded(self, kind: Kind, reference: Array, current: Array) -> tuple[Array, Array]:
        return (reference, current) if kind == "numeric" else level_codes(reference, current)

    def _options(self, column: ColumnPair) -> dict[str, Any]:  # noqa: ARG002 — for those who have some
        """What else its test of one column is told."""
        return {}


class AlibiKs(_Columnwise):
    """Kolmogorov–Smirnov, of numeric columns (alibi-detect's ``KSDrift``)."""

    test: ClassVar[str] = "ks"
    drift: ClassVar[str] = "KSDrift"
    kinds: ClassVar[frozenset[Kind]] = frozenset({"numeric"})


class AlibiCvm(_Columnwise):
    """Cramér–von Mises, of numeric columns (alibi-detect's ``CVMDrift``)."""

    test: ClassVar[str] = "cvm"
    drift: ClassVar[str] = "CVMDrift"
    kinds: ClassVar[frozenset[Kind]] = frozenset({"numeric"})


class AlibiChi2(_Columnwise):
    """Pearson's chi², of categorical and boolean columns (alibi-detect's ``ChiSquareDrift``); rare levels become one."""

    test: ClassVar[str] = "chi2"
    drift: ClassVar[str] = "ChiSquareDrift"
    kinds: ClassVar[frozenset[Kind]] = frozenset({"categorical", "boolean"})


class AlibiTabular(_Columnwise):
    """Kolmogorov–Smirnov of numeric, chi² of categorical and boolean columns (alibi-detect's ``TabularDrift``)."""

    test: ClassVar[str] = "tabular"
    drift: ClassVar[str] = "TabularDrift"

    def _options(self, column: ColumnPair) -> dict[str, Any]:
        return {"categories_per_feature": None if column.kind == "numeric" else {0: None}}


class AlibiFet(_Columnwise):
    """Fisher's exact test, of boolean columns (alibi-detect's ``FETDrift``)."""

    class Params(_Columnwise.Params):
        """Which change counts, beside what all tests of a column can be told."""

        alternative: Literal["two-sided", "greater", "less"] = Field(
            "two-sided", description="Whether the share of true changed, grew (greater) or shrank (less)."
        )

    params: AlibiFet.Params
    test: ClassVar[str] = "fet"
    drift: ClassVar[str] = "FETDrift"
    kinds: ClassVar[frozenset[Kind]] = frozenset({"boolean"})

    def _encoded(self, kind: Kind, reference: Array, current: Array) -> tuple[Array, Array]:  # noqa: ARG002 — one kind
        return reference.astype(int), current.astype(int)

    def _options(self, column: ColumnPair) -> dict[str, Any]:  # noqa: ARG002 — the same for each
        return {"alternative": self.params.alternative}


@dataclass(frozen=True)
class _Rows:
    """Complete rows as float32 [rows, names], and the probability of a false alarm that their test may use."""

    reference: Array
    current: Array
    names: list[str]
    alpha: float


class _Multivariate(_Alibi):
    """One test of all columns, on the rows that have no null in any of them."""

    class Params(_Alibi.Params):
        """How much is compared, and which columns stay out."""

        max_null_fraction: Fraction = Field(
            0.5, description="Nulls in the reference over which a column's values stay out; its nulls are counted."
        )

    params: _Multivariate.Params
    tags: ClassVar[DetectorTags] = DetectorTags(
        reads=frozenset({"rows"}), columnwise=False, large_reference=False, notice=NOTICE
    )

    def _judge(self, columns: list[ColumnPair], nulls: list[Finding], alpha: float, seed: int) -> tuple[Finding, ...]:
        if nulls:
            return tuple(nulls)
        used = [c for c in columns if c.reference.null_fraction <= self.params.max_null_fraction]
        if not used:
            return ()
        reference, current, names = matrices(used)
        most = self.params.max_rows
        rows = _Rows(at_most(reference, most, seed), at_most(current, most, seed), names, alpha)
        if min(len(rows.reference), len(rows.current)) < self.params.min_values:
            return ()
        p, details = self._test(rows)
        return (p_value_finding(None, self.test, p, alpha, {**details, "complete_rows": float(len(rows.current))}),)

    @abstractmethod
    def _test(self, rows: _Rows) -> tuple[float, dict[str, float]]:
        """The p-value, and what else is worth telling."""


class AlibiClassifier(_Multivariate):
    """Whether a classifier tells held-out rows of the window from the reference's (alibi-detect's ``ClassifierDrift``)."""

    class Params(_Multivariate.Params):
        """Which classifier, and how much it learns from."""

        model: Literal["hist_gradient_boosting", "logistic_regression"] = Field(
            "hist_gradient_boosting", description="scikit-learn's; trees also see how columns hang together."
        )
        train_fraction: float = Field(0.75, gt=0.0, lt=1.0, description="Rows to learn from; the others are judged.")

    params: AlibiClassifier.Params
    test: ClassVar[str] = "classifier"
    drift: ClassVar[str] = "ClassifierDrift"

    def _test(self, rows: _Rows) -> tuple[float, dict[str, float]]:
        from sklearn.ensemble import HistGradientBoostingClassifier
        from sklearn.linear_model import LogisticRegression

        boosted = self.params.model == "hist_gradient_boosting"
        model = HistGradientBoostingClassifier() if boosted else LogisticRegression(max_iter=1000)
        detector = self._make(rows.reference, model, backend="sklearn", train_size=self.params.train_fraction)
        told = detector.predict(rows.current, return_probs=False, return_model=False)["data"]
        return float(told["p_val"]), {"statistic": float(told["distance"])}


class _OnTorch(_Multivariate):
    """One that needs torch too."""

    requires: ClassVar[tuple[str, ...]] = ("alibi_detect", "torch")
    extra: ClassVar[str] = "mlconfig[alibi-torch]"


class _Permuting(_OnTorch):
    """A kernel distance, judged by permutations: as many as it takes to show a p-value of alpha, fewer once it cannot be.

    alibi-detect's own p-value is 0 when no permutation is further apart, however few there were, which would break any budget;
    here the true order counts as one more (Phipson and Smyth 2010), and drawing ends as soon as
    the outcome is sure (Besag and Clifford 1991).
    """

    class Params(_Multivariate.Params):
        """How many permutations may be drawn."""

        max_permutations: int = Field(
            100_000, ge=100, description="A smaller alpha than these can show is refused; drift takes all of them."
        )

    params: _Permuting.Params

    def _test(self, rows: _Rows) -> tuple[float, dict[str, float]]:
        alpha = rows.alpha
        needed = math.ceil(1.0 / alpha) - 1
        if needed > self.params.max_permutations:
            raise PluginError(
                f"a p-value of {alpha:.1e} takes {needed} permutations, and {self.params.max_permutations} are allowed",
                where=f"detector `alibi.{self.test}`",
                hint="look less often (`every`), declare more false_alarms_per_month, or raise max_permutations or p_val",
            )
        detector = self._make(rows.reference, backend="pytorch", n_permutations=BATCH, device="cpu")
        total = math.ceil(needed / BATCH) * BATCH
        drawn = further = 0
        while drawn < total and (further + 1) / (total + 1) <= alpha:
            share, distance, _ = detector.score(rows.current)
            drawn, further = drawn + BATCH, further + round(share * BATCH)
        return (further + 1) / (drawn + 1), {"statistic": float(distance), "permutations": float(drawn)}


class AlibiMmd(_Permuting):
    """Maximum mean discrepancy, Gretton et al. 2012 (alibi-detect's ``MMDDrift`` on torch); its time is quadratic in rows."""

    class Params(_Permuting.Params):
        """Few rows by default: a permutation of 200 and 200 takes a millisecond, of 500 and 500 fifteen."""

        max_rows: int = Field(200, ge=50, le=1000, description="Rows compared, of the window and the reference.")

    test: ClassVar[str] = "mmd"
    drift: ClassVar[str] = "MMDDrift"


class AlibiLsdd(_Permuting):
    """Least-squares density difference, Bu et al. 2018 (alibi-detect's ``LSDDDrift`` on torch)."""

    class Params(_Permuting.Params):
        """How many rows."""

        max_rows: int = Field(500, ge=50, le=2000, description="Rows compared, of the window and the reference.")

    test: ClassVar[str] = "lsdd"
    drift: ClassVar[str] = "LSDDDrift"


class AlibiSpotTheDiff(_OnTorch):
    """A classifier that learns one difference between typical rows, Jitkrittum et al. 2016 (``SpotTheDiffDrift`` on torch)."""

    class Params(_Multivariate.Params):
        """How it learns."""

        max_rows: int = Field(2000, ge=50, le=5000, description="Rows compared, of the window and the reference.")
        epochs: int = Field(10, ge=1, le=1000, description="Passes over the rows it learns from.")
        learning_rate: float = Field(0.01, gt=0.0, description="Of the optimiser, Adam.")
        l1_reg: float = Field(0.01, ge=0.0, description="How strongly the difference is held to few columns.")

    params: AlibiSpotTheDiff.Params
    test: ClassVar[str] = "spot_the_diff"
    drift: ClassVar[str] = "SpotTheDiffDrift"

    def _test(self, rows: _Rows) -> tuple[float, dict[str, float]]:
        how = self.params.model_dump(include={"epochs", "learning_rate", "l1_reg"})
        told = self._make(rows.reference, backend="pytorch", device="cpu", **how).predict(rows.current)["data"]
        towards = math.copysign(1.0, float(told["diff_coeffs"][0]))
        diffs = {f"diff:{name}": towards * float(diff) for name, diff in zip(rows.names, told["diffs"][0], strict=True)}
        return float(told["p_val"]), {"statistic": float(told["distance"]), **diffs}


@cache
def _activate() -> None:
    """Say under which licence it is, once a process, and import it without the notes it logs at each check."""
    logging.getLogger("mlconfig.plugins").warning(NOTICE)
    logging.getLogger("alibi_detect").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import alibi_detect.cd  # noqa: F401


@contextmanager
def _seeded(seed: int, torch_too: bool) -> Iterator[None]:
    """The process's own generators, which alibi-detect draws from, at a seed; afterwards they are as they were."""
    import numpy as np

    before = np.random.get_state()  # noqa: NPY002 — it is what alibi-detect draws from
    np.random.seed(seed % 2**32)  # noqa: NPY002
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if not torch_too:
                yield
                return
            import torch

            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                yield
    finally:
        np.random.set_state(before)  # noqa: NPY002

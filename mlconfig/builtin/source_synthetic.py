"""Made-up rows with a learnable signal and, where declared, a drift of known kind, place and size."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, model_validator

from mlconfig.contracts.source import Source, SourceTags
from mlconfig.vocabulary import Duration, Fraction, Frozen, Task, canonical

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Floats = np.ndarray[Any, np.dtype[np.float64]]

_LEVELS = ("red", "green", "blue", "grey")


class Drift(Frozen):
    """How the rows change over their stretch of time, whose begin is 0 and whose end is 1.

    The drift's strength is 0 before ``at``. Then: ``step`` is ``size`` for good; ``ramp`` grows to ``size`` at ``until``;
    ``spike`` is ``size`` until ``until`` and 0 again; ``season`` swings by ± ``size`` with ``period``.

    Inputs: the first half of the numeric columns lie higher by the strength. Signal: the numeric columns count 1 − strength for
    the target, so that at 1 they say nothing and at 2 the opposite.
    """

    kind: Literal["step", "ramp", "spike", "season"]
    size: float = Field(1.0, description="Strength; of inputs in their standard deviations.")
    at: Fraction = Field(0.5, description="Where it begins.")
    until: Fraction | None = Field(None, description="ramp, spike: where it is complete, or over.")
    period: Duration | None = Field(None, gt=timedelta(0), description="season: the length of one swing.")
    affects: Literal["inputs", "signal", "both"] = Field(
        "both", description="Where the numeric columns lie, how the target follows from them, or both."
    )

    @model_validator(mode="after")
    def _belongs(self) -> Drift:
        if (self.until is not None) != (self.kind in ("ramp", "spike")):
            raise ValueError("`until` belongs to `kind: ramp` and `kind: spike`, and they need it")
        if (self.period is not None) != (self.kind == "season"):
            raise ValueError("`period` belongs to `kind: season`, which needs it")
        if self.until is not None and self.until <= self.at:
            raise ValueError("`until` must come after `at`")
        return self


class SyntheticSource(Source):
    """Columns ``x0, x1, …`` (float64), ``c0, c1, …`` (text), ``ts`` (time, UTC, evenly spaced) and ``target``.

    The target follows a weighted sum of all columns plus noise: as it is (regression), by its sign (binary: 0, 1), or by its
    thirds (multiclass: ``low``, ``middle``, ``high``).
    """

    class Params(Frozen):
        """The same params give the same rows on every machine."""

        task: Task = Field("binary", description="What is to be predicted.")
        rows: int = Field(1000, ge=1, le=10_000_000, description="How many rows.")
        numeric: int = Field(4, ge=1, le=1000, description="How many numeric columns.")
        categorical: int = Field(1, ge=0, le=100, description="How many columns of text.")
        seed: int = Field(0, ge=0, description="Of the random numbers.")
        noise: float = Field(0.5, ge=0.0, description="Standard deviation of the noise; the signal's is 1.")
        since: str = Field("2024-01-01", pattern=r"^\d{4}-\d{2}-\d{2}$", description="The day of the first row.")
        every: Duration = Field(timedelta(minutes=1), gt=timedelta(0), description="The time between two rows.")
        drift: Drift | None = Field(None, description="null: none.")

    params: SyntheticSource.Params
    tags: ClassVar[SourceTags] = SourceTags(deterministic=True)

    def fingerprint(self) -> str:
        """A digest of the params."""
        return f"sha256:{hashlib.sha256(f'synthetic {self.revision} {canonical(self.params)}'.encode()).hexdigest()}"

    def read(self) -> pa.Table:
        """All rows, in the order of time."""
        import numpy as np
        import pyarrow as pa

        p = self.params
        rng = np.random.default_rng(p.seed)
        weights = rng.normal(size=p.numeric) / np.sqrt(p.numeric)
        strength = _strength(p.drift, p.rows, p.every)
        affects = p.drift.affects if p.drift else "both"
        moved, bent = strength * (affects != "signal"), strength * (affects != "inputs")
        numbers = rng.normal(size=(p.rows, p.numeric))
        numbers[:, : (p.numeric + 1) // 2] += moved[:, None]
        codes = rng.integers(0, len(_LEVELS), size=(p.rows, p.categorical))
        signal = (1.0 - bent) * (numbers @ weights) + 0.3 * (codes - 1.5).sum(axis=1)
        y = signal + p.noise * rng.normal(size=p.rows)
        columns: dict[str, Any] = {f"x{i}": numbers[:, i] for i in range(p.numeric)}
        levels = np.asarray(_LEVELS, dtype=object)
        columns |= {f"c{i}": pa.array(levels[codes[:, i]], pa.string()) for i in range(p.categorical)}
        return pa.table({**columns, "ts": self._times(), "target": _target(y, p.task)})

    def _times(self) -> pa.Array:
        import numpy as np
        import pyarrow as pa

        first = datetime.fromisoformat(self.params.since).replace(tzinfo=UTC).timestamp()
        step = round(self.params.every.total_seconds() * 1e6)
        return pa.array(round(first * 1e6) + step * np.arange(self.params.rows), pa.timestamp("us", tz="UTC"))


def _strength(drift: Drift | None, rows: int, every: timedelta) -> Floats:
    """The drift's strength at each row."""
    import numpy as np

    place = np.arange(rows) / rows
    if drift is None:
        return np.zeros(rows)
    begun = place >= drift.at
    if drift.kind == "step":
        return np.where(begun, drift.size, 0.0)
    if drift.kind == "season":
        assert drift.period is not None
        swing = np.sin(2 * np.pi * np.arange(rows) * (every / drift.period))
        return np.asarray(drift.size * swing * begun, dtype=np.float64)
    assert drift.until is not None
    if drift.kind == "spike":
        return np.where(begun & (place < drift.until), drift.size, 0.0)
    grown = np.clip((place - drift.at) / (drift.until - drift.at), 0.0, 1.0)
    return np.asarray(drift.size * grown, dtype=np.float64)


def _target(y: Floats, task: Task) -> Any:
    """The target's column. Classes are cut at fixed places, so that a drift moves their shares."""
    import numpy as np
    import pyarrow as pa

    if task == "regression":
        return y
    if task == "binary":
        return (y > 0).astype(np.int64)
    names = np.asarray(["low", "middle", "high"], dtype=object)
    return pa.array(names[np.digitize(y, [-0.5, 0.5])], pa.string())

"""Labels find their predictions: which rows have one, how long it took, and when a window has enough of them."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlconfig.profiles.arrays import level_name
from mlconfig.records.feedback import key_text

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from mlconfig.records.signature import Signature
    from mlconfig.sections.monitoring import Labels

    Floats = np.ndarray[Any, np.dtype[np.float64]]

AUTO_MATURITY = 0.95
"""Share of the delays seen that a window must be older than."""


@dataclass(frozen=True)
class Joined:
    """One entry a prediction [rows]. ``y``: class code or value of its label, NaN without one. ``predicted``: of the answer.

    ``delay``: seconds from the prediction to its label, 0 for one that was there first, NaN without one.
    """

    y: Floats
    predicted: Floats
    delay: Floats


def join_labels(predictions: pa.Table, labels: pa.Table, signature: Signature, settings: Labels) -> Joined:
    """Join by prediction id, and by key where ``settings.join`` is ``data.key``.

    Args:
        predictions: columns prediction_id, arrived, prediction (JSON), and ``inputs`` with the key's columns.
        labels: columns prediction_id, key, label (JSON), label_version, arrived; of several for one prediction the highest
            version counts, then the newest.
        signature: classes, task and key.

    A label later than ``settings.max_delay``, or one that is no class of this version, is passed over, as is one
    whose answer is none.
    """
    import numpy as np

    coded = _Coder(signature)
    found = _newest(labels)
    keys = _keys(predictions, signature) if settings.join == "data.key" else [None] * len(predictions)
    matched = [
        found.get(("prediction_id", name)) or found.get(("key", key))
        for name, key in zip(predictions.column("prediction_id").to_pylist(), keys, strict=True)
    ]
    y = np.array([coded(match[1]) if match else math.nan for match in matched], np.float64)
    arrived = np.array([match[0] if match else math.nan for match in matched], np.float64)
    delay = np.maximum(arrived - np.asarray(predictions.column("arrived").to_numpy(), np.float64), 0.0)
    y[delay > settings.max_delay.total_seconds()] = math.nan
    predicted = np.array([coded(text) for text in predictions.column("prediction").to_pylist()], np.float64)
    y[np.isnan(predicted)] = math.nan
    delay[np.isnan(y)] = math.nan
    return Joined(y, predicted, delay)


def maturity(delays: Floats, settings: Labels) -> float:
    """The age in seconds at which a window is scored; at most ``max_delay``, which it is when no label was ever seen."""
    import numpy as np

    longest = settings.max_delay.total_seconds()
    if settings.maturity != "auto":
        return min(settings.maturity.total_seconds(), longest)
    seen = delays[~np.isnan(delays)]
    return min(float(np.quantile(seen, AUTO_MATURITY)), longest) if len(seen) else longest


def _newest(labels: pa.Table) -> dict[tuple[str, str | None], tuple[float, str]]:
    rows = labels.select(["label_version", "arrived", "prediction_id", "key", "label"]).to_pylist()
    found: dict[tuple[str, str | None], tuple[float, str]] = {}
    for row in sorted(rows, key=lambda row: (row["label_version"] or 0, row["arrived"])):
        by = "key" if row["prediction_id"] is None else "prediction_id"
        found[by, row[by]] = (row["arrived"], row["label"])
    found.pop(("key", None), None)
    return found


def _keys(predictions: pa.Table, signature: Signature) -> Sequence[str | None]:
    inputs = predictions.column("inputs").combine_chunks()
    have = {inputs.type.field(i).name for i in range(inputs.type.num_fields)}
    if not signature.key or not have.issuperset(signature.key):
        return [None] * len(predictions)
    columns = [inputs.field(name).to_pylist() for name in signature.key]
    return [None if None in values else key_text(list(values)) for values in zip(*columns, strict=True)]


class _Coder:
    """JSON text of a label or an answer → class code or value; NaN for what is neither. Each text is read once."""

    def __init__(self, signature: Signature) -> None:
        name = level_name("categorical")
        self._codes = {name(label): float(code) for code, label in enumerate(signature.classes)}
        self._regression = signature.task == "regression"
        self._name = name
        self._known: dict[str | None, float] = {None: math.nan}

    def __call__(self, text: str | None) -> float:
        if text not in self._known:
            self._known[text] = self._read(text)
        return self._known[text]

    def _read(self, text: Any) -> float:
        try:
            value = json.loads(text)
            return float(value) if self._regression else self._codes.get(self._name(value), math.nan)
        except (TypeError, ValueError):
            return math.nan

"""Labels find their predictions: which rows have one, how long it took, and when a window has enough of them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlconfig.monitoring.answers import Coder
from mlconfig.monitoring.newest import Newest
from mlconfig.records.feedback import key_text

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from mlconfig.records.signature import Signature
    from mlconfig.sections.monitoring import Labels, Monitoring

    Floats = np.ndarray[Any, np.dtype[np.float64]]

AUTO_MATURITY = 0.95
"""Share of the delays seen that a window must be older than."""
CLOCKS_APART = 86_400.0
"""Seconds by which the clock that dates a label may be behind the one that dates its prediction."""


@dataclass(frozen=True)
class Joined:
    """One entry a prediction [rows]. ``y``: class code or value of its label, NaN without one. ``predicted``: of the answer.

    ``delay``: seconds from the prediction to its label, 0 for one that was there first, NaN without one. ``revision``: how
    often the label was corrected (its version less one), 0 without one.
    """

    y: Floats
    predicted: Floats
    delay: Floats
    revision: Floats


class LabelIndex:
    """The newest label of each prediction id and key, in columns: a block of predictions is joined by one look-up.

    Args:
        labels: blocks of any order with the columns prediction_id, key, label (JSON), label_version, arrived; of several labels
            for one prediction the highest version counts, and of one version the first to arrive.
        signature: classes, task and key.
        settings: ``join`` and ``max_delay``.

    A label takes about thirty bytes.
    """

    def __init__(self, labels: Iterable[pa.Table], signature: Signature, settings: Labels) -> None:
        self.signature, self.settings = signature, settings
        self.coder = Coder(signature)
        self._by_id = Newest()
        self._by_key = Newest() if settings.join == "data.key" else None
        for block in labels:
            self._add(block)
        self._by_id.settle()
        if self._by_key is not None:
            self._by_key.settle()

    def _add(self, block: pa.Table) -> None:
        import pyarrow.compute as pc

        by_id = block.column("prediction_id").is_valid()
        _take(self._by_id, "prediction_id", block.filter(by_id), self.coder)
        if self._by_key is not None:
            by_key = pc.and_not(block.column("key").is_valid(), by_id)
            _take(self._by_key, "key", block.filter(by_key), self.coder)

    def __len__(self) -> int:
        return len(self._by_id) + (len(self._by_key) if self._by_key is not None else 0)

    @property
    def columns(self) -> tuple[str, ...]:
        """What ``join`` reads of the log."""
        return ("prediction_id", "arrived", "prediction", *(("inputs",) if self._by_key is not None else ()))

    def join(self, predictions: pa.Table) -> Joined:
        """A block of predictions with the columns prediction_id, arrived, prediction (JSON), and ``inputs`` with the key's.

        A label later than ``settings.max_delay``, or one that is no class of this version, is passed over, as is one
        whose answer is none.
        """
        import numpy as np

        arrived = np.asarray(predictions.column("arrived").to_numpy(), np.float64)
        y, since, version = self._by_id.find(predictions.column("prediction_id"))
        if self._by_key is not None:
            by_key = self._by_key.find(keys_of(predictions, self.signature))
            other = np.isnan(since)
            found = zip((y, since, version), by_key, strict=True)
            y, since, version = (np.where(other, there, here) for here, there in found)
        delay = np.maximum(since - arrived, 0.0)
        predicted = self.coder.codes(predictions.column("prediction"))
        unusable = np.isnan(predicted) | np.isnan(y) | ~(delay <= self.settings.max_delay.total_seconds())
        labels, delays = np.where(unusable, math.nan, y), np.where(unusable, math.nan, delay)
        return Joined(labels, predicted, delays, np.where(unusable, 0.0, version - 1.0))


def _take(side: Newest, name: str, rows: pa.Table, coder: Coder) -> None:
    values = coder.codes(rows.column("label"))
    arrived, version = (rows.column(each).to_numpy() for each in ("arrived", "label_version"))
    side.add(rows.column(name), values, arrived, version)


def first_needed(since: float | None, monitoring: Monitoring) -> float | None:
    """From when on labels matter to predictions that are looked at from ``since`` on; null: from the beginning.

    An id is known once the answer is out, so its label cannot have been there long before. A key may have been labelled at
    any time; and by event time a window does not say when its rows arrived.
    """
    by_arrival = monitoring.time == "arrival" and monitoring.labels.join == "prediction_id"
    return since - CLOCKS_APART if since is not None and by_arrival else None


def maturity(delays: Floats, settings: Labels) -> float:
    """The age in seconds at which a window is scored; at most ``max_delay``, which it is when no label was ever seen."""
    import numpy as np

    longest = settings.max_delay.total_seconds()
    if settings.maturity != "auto":
        return min(settings.maturity.total_seconds(), longest)
    seen = delays[~np.isnan(delays)]
    return min(float(np.quantile(seen, AUTO_MATURITY)), longest) if len(seen) else longest


def keys_of(predictions: pa.Table, signature: Signature) -> pa.ChunkedArray:
    """The key of each row as `records.feedback.key_text` writes it, out of ``inputs``; null where a part of it is."""
    import pyarrow as pa

    inputs = predictions.column("inputs").combine_chunks()
    have = {inputs.type.field(i).name for i in range(inputs.type.num_fields)}
    if not signature.key or not have.issuperset(signature.key):
        return pa.chunked_array([pa.nulls(len(predictions), pa.string())])
    columns = [inputs.field(name).to_pylist() for name in signature.key]
    texts = [None if None in values else key_text(list(values)) for values in zip(*columns, strict=True)]
    return pa.chunked_array([pa.array(texts, pa.string())])

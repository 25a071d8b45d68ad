"""Labels find their predictions: which rows have one, how long it took, and when a window has enough of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlconfig.monitoring.answers import Coder
from mlconfig.records.feedback import key_text

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from mlconfig.records.signature import Signature
    from mlconfig.sections.monitoring import Labels

    Floats = np.ndarray[Any, np.dtype[np.float64]]
    Places = np.ndarray[Any, np.dtype[np.int64]]

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


class LabelIndex:
    """The newest label of each prediction id and key, in columns: a block of predictions is joined by one look-up.

    Args:
        labels: columns prediction_id, key, label (JSON), label_version, arrived; of several for one prediction the highest
            version counts, then the newest.
        signature: classes, task and key.
        settings: ``join`` and ``max_delay``.
    """

    def __init__(self, labels: pa.Table, signature: Signature, settings: Labels) -> None:
        self.signature, self.settings = signature, settings
        self.coder = Coder(signature)
        self._by_id = _Side(labels, "prediction_id", self.coder)
        self._by_key = _Side(labels, "key", self.coder) if settings.join == "data.key" else None

    def __len__(self) -> int:
        return len(self._by_id) + (len(self._by_key) if self._by_key is not None else 0)

    def join(self, predictions: pa.Table) -> Joined:
        """A block of predictions with the columns prediction_id, arrived, prediction (JSON), and ``inputs`` with the key's.

        A label later than ``settings.max_delay``, or one that is no class of this version, is passed over, as is one
        whose answer is none.
        """
        import numpy as np

        arrived = np.asarray(predictions.column("arrived").to_numpy(), np.float64)
        y, since = self._by_id.find(predictions.column("prediction_id"))
        if self._by_key is not None:
            by_key = self._by_key.find(_keys(predictions, self.signature))
            other = np.isnan(since)
            y, since = (np.where(other, there, here) for here, there in zip((y, since), by_key, strict=True))
        delay = np.maximum(since - arrived, 0.0)
        predicted = self.coder.codes(predictions.column("prediction"))
        unusable = np.isnan(predicted) | np.isnan(y) | ~(delay <= self.settings.max_delay.total_seconds())
        return Joined(np.where(unusable, math.nan, y), predicted, np.where(unusable, math.nan, delay))


class _Side:
    """Labels by one of their names."""

    def __init__(self, labels: pa.Table, by: str, coder: Coder) -> None:
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        rows = labels.filter(pc.is_valid(labels.column(by)))
        if by == "key":
            rows = rows.filter(pc.is_null(rows.column("prediction_id")))
        order = np.lexsort(
            (rows.column("arrived").to_numpy(), rows.column("label_version").fill_null(0).to_numpy()),
        )
        newest_last = rows.take(pa.array(order))
        names = newest_last.column(by).to_pylist()
        last = {name: place for place, name in enumerate(names)}
        kept = newest_last.take(pa.array(list(last.values()), pa.int64()))
        self._names = kept.column(by).combine_chunks()
        self._y = np.append(coder.codes(kept.column("label")), math.nan)
        self._arrived = np.append(np.asarray(kept.column("arrived").to_numpy(), np.float64), math.nan)

    def __len__(self) -> int:
        return len(self._names)

    def find(self, names: Any) -> tuple[Floats, Floats]:
        """Label and its arrival by name [rows]; NaN where there is none."""
        import numpy as np
        import pyarrow.compute as pc

        places = pc.index_in(names, value_set=self._names, skip_nulls=True)
        found = np.asarray(places.fill_null(len(self)).to_numpy(), np.int64)
        return self._y[found], self._arrived[found]


def maturity(delays: Floats, settings: Labels) -> float:
    """The age in seconds at which a window is scored; at most ``max_delay``, which it is when no label was ever seen."""
    import numpy as np

    longest = settings.max_delay.total_seconds()
    if settings.maturity != "auto":
        return min(settings.maturity.total_seconds(), longest)
    seen = delays[~np.isnan(delays)]
    return min(float(np.quantile(seen, AUTO_MATURITY)), longest) if len(seen) else longest


def _keys(predictions: pa.Table, signature: Signature) -> pa.ChunkedArray:
    import pyarrow as pa

    inputs = predictions.column("inputs").combine_chunks()
    have = {inputs.type.field(i).name for i in range(inputs.type.num_fields)}
    if not signature.key or not have.issuperset(signature.key):
        return pa.chunked_array([pa.nulls(len(predictions), pa.string())])
    columns = [inputs.field(name).to_pylist() for name in signature.key]
    texts = [None if None in values else key_text(list(values)) for values in zip(*columns, strict=True)]
    return pa.chunked_array([pa.array(texts, pa.string())])

"""The record of one label that came back for a prediction, by the prediction's id or by the key of its entity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from mlconfig.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

VERSION = 1


class FeedbackRecord(msgspec.Struct, gc=False):
    """One label as it is logged. ``key`` is `key_text` of the entity; one of ``prediction_id`` and ``key`` is null."""

    at: float
    label: msgspec.Raw
    label_version: int
    prediction_id: str | None = None
    key: str | None = None
    v: int = VERSION


_decode_all = msgspec.json.Decoder(list[FeedbackRecord]).decode


def key_text(values: Sequence[Any]) -> str:
    """The one text of a key: a JSON array of its values in the order of ``signature.key``."""
    return msgspec.json.encode(list(values)).decode()


def encode_feedback(
    prediction_id: str | None, key: str | None, label: bytes, label_version: int, arrived: float
) -> bytes:
    """The record's bytes; ``label`` is JSON already."""
    return msgspec.json.encode(FeedbackRecord(arrived, msgspec.Raw(label), label_version, prediction_id, key))


def label_table(bodies: Sequence[bytes], where: str) -> pa.Table:
    """Records as columns: prediction_id, key (JSON), label (JSON), label_version, arrived.

    Raises DataError for one that a newer program wrote.
    """
    import pyarrow as pa

    records = _decode_all(b"[%b]" % b",".join(bodies))
    newest = max((record.v for record in records), default=VERSION)
    if newest > VERSION:
        raise DataError(f"a record of version {newest}, newer than this program reads", where, "upgrade mlconfig")
    return pa.table(
        {
            "prediction_id": pa.array([record.prediction_id for record in records], pa.string()),
            "key": pa.array([record.key for record in records], pa.string()),
            "label": pa.array([bytes(record.label) for record in records], pa.binary()).cast(pa.string()),
            "label_version": pa.array([record.label_version for record in records], pa.int64()),
            "arrived": pa.array([record.at for record in records], pa.float64()),
        }
    )


def newest_labels(labels: pa.Table) -> pa.Table:
    """One label for each prediction id or key, oldest arrival first: the highest version; of one version sent twice, the first
    to arrive.
    """
    import numpy as np
    import pyarrow as pa

    order = np.lexsort((labels.column("arrived").to_numpy(), -labels.column("label_version").to_numpy()))
    best_first = labels.take(pa.array(order))
    places = best_first.select(["prediction_id", "key"]).append_column("place", pa.array(np.arange(len(labels))))
    best = places.group_by(["prediction_id", "key"], use_threads=False).aggregate([("place", "min")])
    return best_first.take(best.column("place_min")).sort_by("arrived")

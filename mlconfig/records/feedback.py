"""The record of one label that came back for a prediction, by the prediction's id or by the key of its entity."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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


def key_text(values: Sequence[Any]) -> str:
    """The one text of a key: a JSON array of its values in the order of ``signature.key``."""
    return msgspec.json.encode(list(values)).decode()


def encode_feedback(
    prediction_id: str | None, key: str | None, label: bytes, label_version: int, arrived: float
) -> bytes:
    """The record's bytes; ``label`` is JSON already."""
    return msgspec.json.encode(FeedbackRecord(arrived, msgspec.Raw(label), label_version, prediction_id, key))


def decode_feedback(payload: bytes, where: str) -> FeedbackRecord:
    """Read a record. Raises DataError for one that a newer program wrote."""
    record = msgspec.json.decode(payload, type=FeedbackRecord)
    if record.v > VERSION:
        raise DataError(f"a record of version {record.v}, newer than this program reads", where, "upgrade mlconfig")
    return record


def newest_labels(records: Iterable[FeedbackRecord]) -> list[FeedbackRecord]:
    """One label for each prediction id or key: the highest version; of one version sent twice, the first to arrive."""
    best: dict[tuple[str | None, str | None], FeedbackRecord] = {}
    for record in records:
        name = (record.prediction_id, record.key)
        known = best.get(name)
        if known is None or (record.label_version, -record.at) > (known.label_version, -known.at):
            best[name] = record
    return sorted(best.values(), key=lambda record: record.at)


def labels_table(records: Sequence[FeedbackRecord]) -> pa.Table:
    """Columns: prediction_id, key (JSON), label (JSON), label_version, arrived."""
    import pyarrow as pa

    return pa.table(
        {
            "prediction_id": pa.array([record.prediction_id for record in records], pa.string()),
            "key": pa.array([record.key for record in records], pa.string()),
            "label": pa.array([bytes(record.label).decode() for record in records], pa.string()),
            "label_version": pa.array([record.label_version for record in records], pa.int64()),
            "arrived": pa.array([record.at for record in records], pa.float64()),
        }
    )

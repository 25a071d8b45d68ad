"""Labels in bulk: a file's rows written to the endpoint's feedback, as a client would have sent them."""

from __future__ import annotations

import json
import math
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa

from mlconfig.contracts.refusal import RequestRefusedError
from mlconfig.engine.champion import Champion, champion_of
from mlconfig.engine.label_effects import Imported, effects_of
from mlconfig.engine.live import has_state
from mlconfig.engine.rows import read_rows
from mlconfig.engine.workspace import Workspace
from mlconfig.errors import DataError, EngineError
from mlconfig.lifecycle.store import Store
from mlconfig.plan.plan import Plan
from mlconfig.plan.steps import DeployStep
from mlconfig.records.feedback import label_table
from mlconfig.records.prediction_log import FEEDBACK, PredictionLog
from mlconfig.records.pseudonym import Pseudonyms
from mlconfig.records.segment_writer import SegmentWriter
from mlconfig.records.signature import Signature
from mlconfig.serving.feedback import FeedbackDecoder

BLOCK = 1000


def import_file(workspace: Workspace, plan: Plan, file: Path) -> Imported:
    """Import a CSV or Parquet file of labels; returns what they change. All rows are checked before the first is written.

    Raises:
        DataError: a column is missing, or a row's label is none of the classes; names the row.
        EngineError: no version is live, so nothing says what a label may be.
    """
    endpoint = plan.step(DeployStep).endpoint
    champion = _champion(workspace, endpoint) if has_state(workspace) else None
    if champion is None:
        raise EngineError(f"no version is live at `{endpoint}`", hint="`mlconfig apply` first")
    pseudonyms = Pseudonyms.open(workspace.storage) if champion.signature.hashes else None
    decoder = FeedbackDecoder(champion.signature, pseudonyms=pseudonyms)
    records: list[bytes] = []
    for number, row in enumerate(_rows(read_rows(file), champion.signature, file), start=1):
        records += _record(decoder, row, number, file)
    log = PredictionLog(workspace.predictions(endpoint))
    effects = effects_of(label_table(records, str(file)), log, champion.signature)
    _write(workspace, endpoint, records)
    return effects


def _champion(workspace: Workspace, endpoint: str) -> Champion | None:
    with Store.open(workspace.state_uri) as store:
        return champion_of(workspace, store, endpoint)


def _rows(table: pa.Table, signature: Signature, file: Path) -> list[dict[str, Any]]:
    """Each row in the form of a request's body."""
    target, key = signature.target, signature.key
    texts = any(isinstance(each, str) for each in signature.classes)
    names = table.column_names
    label = "label" if "label" in names else target
    by_id, by_key = "prediction_id" in names, bool(key) and all(name in names for name in key)
    if label not in names or not (by_id or by_key):
        wanted = "`prediction_id`" + (f" (or {', '.join(key)})" if key else "")
        raise DataError(
            f"needs the columns {wanted} and `label` (or `{target}`); it has {', '.join(names)}", where=str(file)
        )
    return [
        {
            "label": _typed(row[label], texts),
            **({"prediction_id": row["prediction_id"]} if by_id else {"key": {n: row[n] for n in key}}),
        }
        | ({"label_version": row["label_version"]} if "label_version" in names else {})
        for row in table.to_pylist()
    ]


def _typed(label: Any, texts: bool) -> Any:
    """A label as JSON has it: one faulty row makes a CSV's whole column text, and the others are not to blame."""
    if texts or not isinstance(label, str):
        return label
    with suppress(ValueError):
        return json.loads(label.lower())
    return label


def _record(decoder: FeedbackDecoder, row: dict[str, Any], number: int, file: Path) -> list[bytes]:
    import msgspec

    label = row["label"]
    if isinstance(label, float) and not math.isfinite(label):  # JSON has neither, and would say null
        raise DataError(f"label: expected a finite number, got {label}", where=f"{file}, row {number}")
    try:
        return decoder.decode(msgspec.json.encode(row), time.time())
    except RequestRefusedError as problem:
        raise DataError(str(problem), where=f"{file}, row {number}") from None


def _write(workspace: Workspace, endpoint: str, records: list[bytes]) -> None:
    writer = SegmentWriter(
        workspace.predictions(endpoint) / FEEDBACK, f"import-{uuid.uuid4().hex[:8]}", uuid.uuid4().hex[:16]
    )
    try:
        for start in range(0, len(records), BLOCK):
            if not writer.append(records[start : start + BLOCK]):
                raise EngineError(f"the labels could not be written: {writer.error}", where=str(workspace.storage))
    finally:
        writer.close()

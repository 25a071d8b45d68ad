"""Scoring a file: rows stream through the model in blocks, and the result appears under its name only when it is whole."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

from mlconfig.errors import DataError
from mlconfig.records.packing import Packing, pack_table
from mlconfig.records.segments import sync_folder
from mlconfig.records.signature import Signature
from mlconfig.serving.predictor import Predictions, Predictor

BLOCK_ROWS = 16_384
PREDICTION, PROBABILITY = "prediction", "probability"
_SUFFIXES = (".csv", ".parquet")
_NULLS = ["", "NULL", "NA", "null", "NaN"]


@dataclass(frozen=True)
class BatchResult:
    """What was scored."""

    rows: int
    output: Path


def predict_file(
    predictor: Predictor, signature: Signature, file: Path, output: Path, block_rows: int = BLOCK_ROWS
) -> BatchResult:
    """Score a CSV or Parquet file (by suffix) into another, in blocks of ``block_rows``.

    The output has the input's columns, then ``prediction`` (the class, or the number) and, for a classification,
    ``probability`` (binary: of the positive class; multiclass: of the predicted one). It is written under a temporary name in
    the same folder, synced, and renamed.

    Raises:
        DataError: a file is of another kind or cannot be read, a feature is missing, a value is infinite or does not fit.
    """
    for path in (file, output):
        if path.suffix not in _SUFFIXES:
            raise DataError(f"`{path.suffix}` is no kind of file that can be scored", str(path), "use .csv or .parquet")
    schema, blocks = _open(file, signature, block_rows)
    _check_columns(schema, signature, file)
    unnamed = output.with_name(f".{output.name}.{os.getpid()}.tmp")
    try:
        rows = _score(predictor, signature, schema, blocks, unnamed, output.suffix)
        unnamed.rename(output)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise DataError(f"a value does not fit its column: {error}", str(file)) from None
    except OSError as error:
        raise DataError(f"the result cannot be written: {error.strerror or error}", str(output)) from None
    finally:
        unnamed.unlink(missing_ok=True)
    sync_folder(output.parent)
    return BatchResult(rows, output)


def _check_columns(schema: pa.Schema, signature: Signature, file: Path) -> None:
    missing = [column.name for column in signature.features if column.name not in schema.names]
    if missing:
        raise DataError(f"the file lacks {', '.join(f'`{name}`' for name in missing)}", str(file))
    taken = {PREDICTION, PROBABILITY}.intersection(schema.names)
    if taken:
        raise DataError(f"the file has a column `{min(taken)}` already", str(file), "rename it")


def _open(file: Path, signature: Signature, block_rows: int) -> tuple[pa.Schema, Iterator[pa.Table]]:
    try:
        if file.suffix == ".parquet":
            parquet = pq.ParquetFile(file)
            batches = parquet.iter_batches(batch_size=block_rows)
            return parquet.schema_arrow, (pa.Table.from_batches([batch]) for batch in batches)
        return _open_csv(file, signature, block_rows)
    except (OSError, pa.ArrowInvalid) as error:
        raise DataError(f"the file cannot be read: {error}", str(file)) from None


def _open_csv(file: Path, signature: Signature, block_rows: int) -> tuple[pa.Schema, Iterator[pa.Table]]:
    """Numbers are read as such and everything else as text, so that other columns come out as they went in."""
    with pc.open_csv(file) as first:
        names = first.schema.names
    numbers = {c.name: pa.int64() if c.integer else pa.float64() for c in signature.features if c.kind == "numeric"}
    types = {name: numbers.get(name, pa.string()) for name in names}
    options = pc.ConvertOptions(column_types=types, strings_can_be_null=True, null_values=_NULLS)
    reader = pc.open_csv(file, convert_options=options)
    return reader.schema, _rechunked(reader, block_rows)


def _rechunked(reader: Any, block_rows: int) -> Iterator[pa.Table]:
    for batch in reader:
        for start in range(0, len(batch), block_rows):
            yield pa.Table.from_batches([batch.slice(start, block_rows)])


def _score(
    predictor: Predictor, signature: Signature, schema: pa.Schema, blocks: Iterator[pa.Table], target: Path, suffix: str
) -> int:
    packing, rows = Packing.of(signature), 0
    wanted = _output_schema(schema, signature)
    with target.open("wb") as out:
        with pq.ParquetWriter(out, wanted) if suffix == ".parquet" else pc.CSVWriter(out, wanted) as writer:
            for block in blocks:
                with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite and is refused below
                    feeds = pack_table(block, packing, signature.time_zone, predictor.precision)
                if "num" in feeds and np.isinf(feeds["num"]).any():
                    column = packing.numeric[int(np.isinf(feeds["num"]).any(axis=0).argmax())]
                    raise DataError("a value is infinite, or too large for the model", f"column `{column}`")
                writer.write_table(_with_answers(block, predictor.run(feeds), wanted))
                rows += len(block)
        out.flush()
        os.fsync(out.fileno())
    return rows


def _output_schema(schema: pa.Schema, signature: Signature) -> pa.Schema:
    answer = pa.float64() if signature.task == "regression" else pa.array(list(signature.classes)).type
    schema = schema.remove_metadata().append(pa.field(PREDICTION, answer))
    return schema if signature.task == "regression" else schema.append(pa.field(PROBABILITY, pa.float64()))


def _with_answers(block: pa.Table, answers: Predictions, wanted: pa.Schema) -> pa.Table:
    columns = [*block.columns, pa.array(answers.labels, wanted.field(PREDICTION).type)]
    if answers.probabilities is not None:
        columns.append(pa.array(answers.scores))
    return pa.table(columns, schema=wanted)

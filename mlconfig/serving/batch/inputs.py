"""The input of a batch: its columns, its units, and what tells it from another input."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from mlconfig.errors import DataError
from mlconfig.records.signature import Signature
from mlconfig.serving.batch import csv_units, parquet_units
from mlconfig.serving.batch.columns import check_features, check_names
from mlconfig.serving.batch.places import files_of, reads
from mlconfig.serving.batch.unit import BLOCK_ROWS, Done, Unit


class Input(Protocol):
    """Where rows come from."""

    schema: pa.Schema
    signature: Signature
    name: str

    def identity(self) -> dict[str, Any]:
        """What tells whether it is the same as in an earlier run."""
        ...

    def rows(self) -> int | None:
        """How many rows there are, about; null where only reading tells."""
        ...

    def units(self, done: dict[int, Done], spool: Path) -> Iterator[Unit]:
        """What is still to be scored; parts that cannot be gone on from are taken out of ``done``.

        ``spool``: a folder for rows that have to be handed over as a file.
        """
        ...

    def close(self) -> None:
        """Let go of what it holds."""
        ...


class FileInput:
    """Files of one kind, whose columns may differ in what is no feature: a column that a file lacks is null in its rows."""

    def __init__(self, place: Path, signature: Signature) -> None:
        self._place, self.files, self.name, self.signature = place, files_of(place), str(place), signature
        self.is_csv = self.files[0].suffix == ".csv"
        self.schema = self._joint_schema()

    def _joint_schema(self) -> pa.Schema:
        features, schemas = [column.name for column in self.signature.features], []
        for file in self.files:
            schema = self._csv_schema(file) if self.is_csv else parquet_units.schema_of(file)
            check_names(schema.names, str(file))
            check_features(schema.names, features, str(file))
            schemas.append(schema.remove_metadata())
        try:
            return pa.unify_schemas(schemas, promote_options="permissive")
        except pa.ArrowException as error:
            raise DataError(f"the files do not fit together: {str(error).splitlines()[0]}", self.name) from None

    def _csv_schema(self, file: Path) -> pa.Schema:
        types = csv_units.types_of(self.signature)
        return pa.schema([(name, types.get(name, pa.string())) for name in csv_units.names_of(file)])

    def identity(self) -> dict[str, Any]:
        """Each file's path, size and time of its last change, and how it is cut into units."""
        told = [(file, file.stat()) for file in self.files]
        unit = csv_units.UNIT_BYTES if self.is_csv else parquet_units.UNIT_ROWS
        files = [[str(file.absolute()), stat.st_size, stat.st_mtime_ns] for file, stat in told]
        return {"files": files, "unit": [unit, BLOCK_ROWS]}

    def rows(self) -> int | None:
        """Parquet tells; for CSV it is a guess."""
        if self.is_csv:
            return csv_units.rows_about(self.files)
        return sum(parquet_units.rows_of(file) for file in self.files)

    def units(self, done: dict[int, Done], spool: Path) -> Iterator[Unit]:  # noqa: ARG002 - files are read where they lie
        """Those that are not done."""
        every: Iterator[Unit] = (
            iter(csv_units.units_of(self.files, self.signature))
            if self.is_csv
            else iter(parquet_units.units_of(self.files))
        )
        return (unit for unit in every if unit.index not in done)

    def close(self) -> None:
        """Nothing is held."""

    def reads(self, file: Path) -> bool:
        """Whether a file of that name would be one of its files."""
        return reads(self._place, file)

    def size(self) -> int:
        """Bytes of all files."""
        total = 0
        for file in self.files:
            with suppress(OSError):
                total += file.stat().st_size
        return total

"""Parquet files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from mlconfig.builtin.source_files import content_digest, files_at, unreadable
from mlconfig.contracts.source import Source
from mlconfig.errors import DataError
from mlconfig.vocabulary import Frozen

if TYPE_CHECKING:
    import pyarrow as pa


class ParquetSource(Source):
    """One Parquet file, a folder of them, or a glob; read in the order of their names, one below the other."""

    class Params(Frozen):
        """``path`` is relative to the project."""

        path: str = Field(min_length=1, description="A file, a folder, or a glob.")

    params: ParquetSource.Params

    def fingerprint(self) -> str:
        """A digest of the files' names, sizes and content."""
        return content_digest(self._files())

    def read(self) -> pa.Table:
        """All rows of all files. A column that only some files have is null in the others."""
        import pyarrow as pa

        try:
            return pa.concat_tables([_read_file(file) for file in self._files()], promote_options="permissive")
        except pa.ArrowException as error:
            raise DataError(f"the files do not fit together: {error}", where=self.params.path) from error

    def _files(self) -> tuple[Path, ...]:
        return files_at(self.params.path, self.context.project, (".parquet", ".pq"))


def _read_file(file: Path) -> pa.Table:
    import pyarrow as pa
    from pyarrow import parquet

    if file.stat().st_size == 0:
        raise DataError("the file is empty", where=str(file))
    try:
        return parquet.ParquetFile(file).read()
    except (pa.ArrowException, OSError) as error:
        raise unreadable(file, error, "is it a Parquet file?") from error

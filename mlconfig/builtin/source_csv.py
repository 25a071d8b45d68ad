"""CSV files, read by Arrow: types are inferred over the whole file unless the recipe names them."""

from __future__ import annotations

import codecs
import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field

from mlconfig.builtin.source_files import content_digest, files_at, unreadable
from mlconfig.contracts.source import Source
from mlconfig.errors import DataError
from mlconfig.vocabulary import Frozen, FrozenDict, Names

if TYPE_CHECKING:
    import pyarrow as pa

ColumnType = Literal["string", "int64", "float64", "bool", "timestamp", "date"]

_SUFFIXES = (".csv", ".csv.gz", ".tsv")
_OTHER_DELIMITERS = (",", ";", "\t", "|")


def _known_encoding(value: str) -> str:
    try:
        codecs.lookup(value)
    except LookupError:
        raise ValueError(f"`{value}` is no encoding; write utf8 or latin-1, for example") from None
    return value


class CsvSource(Source):
    """One CSV file, a folder of them, or a glob; files are read in the order of their names and put one below the other.

    A header line is required. ``null_values`` holds in every column, text too.
    """

    class Params(Frozen):
        """``path`` is relative to the project. ``columns`` names the types that inference would get wrong."""

        path: str = Field(min_length=1, description="A file, a folder, or a glob.")
        delimiter: str = Field(",", min_length=1, max_length=1, description="What stands between two values.")
        null_values: Names = Field(("", "NULL", "NA", "null", "NaN"), description="What stands for no value.")
        encoding: Annotated[str, AfterValidator(_known_encoding)] = Field("utf8", description="As Python names it.")
        columns: FrozenDict[ColumnType] = Field(FrozenDict(), description="Types by column; the others are inferred.")

    params: CsvSource.Params
    suffixes: ClassVar[tuple[str, ...]] = _SUFFIXES

    def fingerprint(self) -> str:
        """A digest of the files' names, sizes and content."""
        return content_digest(self._files())

    def read(self) -> pa.Table:
        """All rows of all files."""
        import pyarrow as pa

        files = self._files()
        tables = [self._read_file(file) for file in files]
        try:
            return pa.concat_tables(tables, promote_options="permissive")
        except pa.ArrowException as error:
            hint = "give the column one type in `columns`"
            raise DataError(f"the files do not fit together: {error}", where=self.params.path, hint=hint) from error

    def _files(self) -> tuple[Path, ...]:
        return files_at(self.params.path, self.context.project, self.suffixes)

    def _read_file(self, file: Path) -> pa.Table:
        import pyarrow as pa

        if file.stat().st_size == 0:
            raise DataError("the file is empty", where=str(file))
        try:
            table = self._parse(file, threads=True)
        except UnicodeDecodeError as error:
            raise unreadable(file, error, "set `encoding`, latin-1 for example") from error
        except (pa.ArrowException, OSError) as error:
            raise self._explain(file, error) from error
        self._check_header(table, file)
        binary = next((field.name for field in table.schema if pa.types.is_binary(field.type)), None)
        if binary is not None:
            what = f"column `{binary}` is not text in the encoding {self.params.encoding}"
            raise DataError(what, where=str(file), hint="set `encoding`, latin-1 for example")
        return table

    def _parse(self, file: Path, *, threads: bool) -> pa.Table:
        from pyarrow import csv

        types = {name: _arrow_type(word) for name, word in self.params.columns.items()}
        return csv.read_csv(
            file,
            csv.ReadOptions(use_threads=threads, encoding=self.params.encoding),
            csv.ParseOptions(delimiter=self.params.delimiter, newlines_in_values=True),
            csv.ConvertOptions(
                null_values=list(self.params.null_values), strings_can_be_null=True, column_types=types or None
            ),
        )

    def _explain(self, file: Path, error: Exception) -> DataError:
        """Arrow names the row of a fault only when it reads with one thread."""
        import pyarrow as pa

        try:
            self._parse(file, threads=False)
        except (pa.ArrowException, OSError) as again:
            error = again
        text = str(error)
        hint = "check `delimiter` and quotes" if "Expected" in text else ""
        hint = "set `encoding`, latin-1 for example" if "UTF8" in text else hint
        return unreadable(file, error, hint)

    def _check_header(self, table: pa.Table, file: Path) -> None:
        names: list[str] = table.column_names
        self._check_delimiter(names, file)
        numbers = [name for name in names if _is_number(name)]
        if 2 * len(numbers) >= len(names):
            what = f"the first line holds values, not names: {', '.join(names[:4])}"
            raise DataError(what, where=f"{file}:1", hint="a CSV file must begin with a line of column names")
        if "" in names:
            raise DataError(
                f"column {names.index('') + 1} has no name", where=f"{file}:1", hint="name it in the header"
            )
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise DataError(f"column name given twice: {', '.join(twice)}", where=f"{file}:1")
        if table.num_rows == 0:
            raise DataError("the file has a header and no rows", where=str(file))
        self._check_typed_columns(names, file)

    def _check_delimiter(self, names: list[str], file: Path) -> None:
        """One column whose name holds another delimiter is a file read with the wrong one."""
        if len(names) > 1:
            return
        other = next((mark for mark in _OTHER_DELIMITERS if mark != self.params.delimiter and mark in names[0]), None)
        if other is not None:
            what = f"only one column with the delimiter {self.params.delimiter!r}"
            raise DataError(what, where=f"{file}:1", hint=f"the file looks divided by {other!r}: set `delimiter`")

    def _check_typed_columns(self, names: list[str], file: Path) -> None:
        for name in self.params.columns:
            if name not in names:
                near = difflib.get_close_matches(name, names, n=1)
                hint = f"did you mean `{near[0]}`?" if near else ""
                raise DataError(f"`columns` gives a type to `{name}`, which is no column", where=str(file), hint=hint)


def _arrow_type(word: ColumnType) -> Any:
    import pyarrow as pa

    types = {"bool": pa.bool_(), "timestamp": pa.timestamp("us"), "date": pa.date32()}
    return types.get(word) or getattr(pa, word)()


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True

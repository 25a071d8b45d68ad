"""Personal columns of a table that is read: emptied, or digests in place of their values, before anything of it is kept."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from mlconfig.data.plain import one_piece
from mlconfig.records.dataset import ColumnSchema, DataSchema
from mlconfig.records.pseudonym import Pseudonyms, is_pseudonym
from mlconfig.sections.governance import Pii


def shielded(table: pa.Table, pii: Mapping[str, Pii], pseudonyms: Pseudonyms | None) -> pa.Table:
    """The table with its personal columns hidden. Both kinds become text; a dropped one is null throughout.

    Args:
        table: of the source, or of the log (whose digests stay as they are).
        pii: by column; those that the table does not have are passed over.
        pseudonyms: needed where a column is hashed.
    """
    for name, how in pii.items():
        place = table.schema.get_field_index(name)
        if place < 0:
            continue
        hidden = pa.nulls(table.num_rows, pa.string())
        if how == "hmac":
            assert pseudonyms is not None
            hidden = digests(table.column(name), pseudonyms)
        table = table.set_column(place, name, hidden)
    return table


def digests(column: pa.ChunkedArray | pa.Array, pseudonyms: Pseudonyms) -> pa.Array:
    """The digest of each value as text, null where there is none; each distinct value is hashed once."""
    array = one_piece(column)
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    encoded = array.dictionary_encode()
    known = [_digest(value, pseudonyms) for value in encoded.dictionary.to_pylist()]
    return pa.array(known, pa.string()).take(encoded.indices)


def _digest(value: object, pseudonyms: Pseudonyms) -> str | None:
    if value is None or value != value:  # noqa: PLR0124 — NaN alone is not itself
        return None
    return str(value) if is_pseudonym(value) else pseudonyms.of(value)


def without_values(schema: DataSchema, names: Collection[str]) -> DataSchema:
    """The schema without the levels and bounds of columns that are personal or say whose a row is: a model may take them, and
    its papers hold no value.
    """
    return schema.model_copy(update={"columns": tuple(_without(each, names) for each in schema.columns)})


def _without(column: ColumnSchema, names: Collection[str]) -> ColumnSchema:
    if column.name not in names:
        return column
    return column.model_copy(update={"categories": (), "minimum": None, "maximum": None})


def subject_digests(table: pa.Table, subject: Collection[str], pseudonyms: Pseudonyms) -> pa.Array:
    """Whose each row is, as a digest of its subject's columns, so that it can be found again without saying who it is."""
    columns = [digests(table.column(name), pseudonyms) for name in subject]
    return columns[0] if len(columns) == 1 else pc.binary_join_element_wise(*columns, " ", null_handling="emit_null")

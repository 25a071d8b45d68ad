"""Whose a row is: one person, or whatever the subject's columns name, found by value or by digest."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from mlconfig.records.prediction import category_text

if TYPE_CHECKING:
    import pyarrow as pa

    from mlconfig.records.pseudonym import Pseudonyms


class Subject:
    """The rows whose subject's columns hold some values.

    Args:
        columns: that say whose a row is.
        values: of each, as a person writes it: text is compared as it is, numbers as numbers, digests by their value.
        pseudonyms: of the project.
    """

    def __init__(self, columns: Sequence[str], values: Sequence[str], pseudonyms: Pseudonyms) -> None:
        self.columns, self.values = tuple(columns), tuple(values)
        self._numbers = tuple(_number(value) for value in values)
        self._digests = tuple(pseudonyms.of(value) for value in values)

    @property
    def digest(self) -> str:
        """What the trail says of it, and the samples of versions."""
        return " ".join(self._digests)

    def is_in(self, row: Mapping[str, Any], names: Mapping[str, str]) -> bool:
        """Whether a row is theirs. ``names``: what the row calls a column, where that is another name."""
        return all(self.is_at(i, row.get(names.get(name, name))) for i, name in enumerate(self.columns))

    def is_at(self, place: int, value: Any) -> bool:
        """Whether a value is theirs, in the column of that place."""
        if value is None:
            return False
        if isinstance(value, str):
            return value in (self.values[place], self._digests[place])
        if isinstance(value, (bool, int, float)):
            text = category_text(value) if value == value and abs(value) != float("inf") else ""  # noqa: PLR0124
            return text in (self.values[place], self._numbers[place])
        return str(value) == self.values[place]

    def mask(self, columns: Sequence[pa.ChunkedArray | pa.Array]) -> pa.Array:
        """Which rows are theirs [rows], by the columns in their order; each distinct value is looked at once."""
        import pyarrow as pa
        import pyarrow.compute as pc

        whole = None
        for place, column in enumerate(columns):
            array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
            encoded = array.dictionary_encode()
            known = pa.array([self.is_at(place, value) for value in encoded.dictionary.to_pylist()], pa.bool_())
            found = known.take(encoded.indices).fill_null(False)
            whole = found if whole is None else pc.and_(whole, found)
        assert whole is not None
        return whole


def _number(value: str) -> str | None:
    """The value as a number is written, where it is one."""
    with suppress(ValueError):
        read = json.loads(value)
        if isinstance(read, (int, float)) and not isinstance(read, bool) and abs(read) < float("inf"):
            return category_text(read)
    return None

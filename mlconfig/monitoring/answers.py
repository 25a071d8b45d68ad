"""A block of the prediction log as the columns that are counted: what was asked, what was answered, by whom."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from mlconfig.profiles.arrays import level_name
from mlconfig.records.columns import PREDICTION_LABEL, PREDICTION_SCORE, PREDICTION_VALUE, answer_kinds

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import pyarrow as pa

    from mlconfig.profiles.layout import Layout
    from mlconfig.records.signature import Signature
    from mlconfig.vocabulary import Kind

    Floats = np.ndarray[Any, np.dtype[np.float64]]


def output_kinds(signature: Signature) -> dict[str, Kind]:
    """The columns of an answer, and how each is counted."""
    return answer_kinds(signature.task)


class Coder:
    """JSON text of a label or an answer → class code or value; NaN for what is neither."""

    def __init__(self, signature: Signature) -> None:
        self.name = level_name("categorical")
        self.classes = tuple(self.name(label) for label in signature.classes)
        self._codes = {name: float(code) for code, name in enumerate(self.classes)}
        self.regression = signature.task == "regression"

    def code(self, text: str | None) -> float:
        """Of one text."""
        try:
            value = json.loads(text)  # type: ignore[arg-type]
            found = float(value) if self.regression else self._codes.get(self.name(value), math.nan)
        except (TypeError, ValueError, OverflowError):
            return math.nan
        return found if math.isfinite(found) else math.nan

    def codes(self, texts: pa.ChunkedArray | pa.Array) -> Floats:
        """Of many [rows]; each distinct text is read once."""
        import numpy as np
        import pyarrow as pa

        array = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
        encoded = array.dictionary_encode()
        values = np.array([*(self.code(text) for text in encoded.dictionary.to_pylist()), math.nan], np.float64)
        places = np.asarray(encoded.indices.fill_null(len(values) - 1).to_numpy(zero_copy_only=False))
        return np.asarray(values[places])


def answered(codes: Floats, scores: Floats, coder: Coder) -> dict[str, Any]:
    """The columns of ``output_kinds``, from ``codes`` as ``Coder`` gives them and ``scores`` as the log has them [rows]."""
    import numpy as np
    import pyarrow as pa

    if coder.regression:
        return {PREDICTION_VALUE: scores}
    there = ~np.isnan(codes)
    places = pa.array(np.where(there, codes, 0).astype(np.int32), mask=~there)
    return {
        PREDICTION_LABEL: pa.DictionaryArray.from_arrays(places, pa.array(coder.classes, pa.string())),
        PREDICTION_SCORE: scores,
    }


def scores_of(block: pa.Table) -> Floats:
    """The logged scores [rows], NaN where there is none."""
    import numpy as np

    return np.asarray(block.column("score").to_numpy(), np.float64)


def inputs_of(block: pa.Table, layout: Layout) -> pa.Table:
    """The profiled columns of a block; one that the log does not have is null throughout."""
    import pyarrow as pa

    inputs = block.column("inputs").combine_chunks()
    have = {inputs.type.field(i).name for i in range(inputs.type.num_fields)}
    return pa.table(
        {
            column.name: inputs.field(column.name)
            if column.name in have
            else pa.nulls(len(inputs), _type_of(column.kind))
            for column in layout.columns
        }
    )


def levels_of(block: pa.Table, columns: Sequence[str]) -> dict[str, Any]:
    """The level of each row in some context columns, as text or null [rows]; a column that is not logged is left out."""
    if not columns:
        return {}
    inputs = block.column("inputs").combine_chunks()
    have = {inputs.type.field(i).name for i in range(inputs.type.num_fields)}
    return {column: levels_from(inputs.field(column)) for column in columns if column in have}


def levels_from(column: pa.ChunkedArray | pa.Array) -> Any:
    """The level of each row as text, null where there is none [rows]."""
    import numpy as np

    name = level_name("categorical")
    return np.array([None if v is None or v != v else name(v) for v in column.to_pylist()], dtype=object)  # noqa: PLR0124


def _type_of(kind: str) -> Any:
    import pyarrow as pa

    return {"numeric": pa.float64(), "boolean": pa.bool_(), "timestamp": pa.timestamp("us")}.get(kind, pa.string())

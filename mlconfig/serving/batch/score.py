"""One unit through the model: its blocks are packed, answered, and written as a part."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import cache

import numpy as np
import pyarrow as pa

from mlconfig.errors import DataError
from mlconfig.records.packing import Feeds, Packing, pack_table
from mlconfig.serving.batch.columns import PREDICTION, PROBABILITY, VERSION, Columns, class_type
from mlconfig.serving.batch.rules import Fault, Rules, of_answers
from mlconfig.serving.batch.unit import Done, Model, Told, Unit, Work
from mlconfig.serving.batch.write import cannot_write, write_part
from mlconfig.serving.predictor import Predictor


@cache
def predictor_of(model: Model) -> Predictor:
    """A version, loaded once a process. Raises ServingError when its bytes are others."""
    return Predictor.load(model.folder, model.sha256)


def score_unit(work: Work, unit: Unit, told: Told) -> Done:
    """Score a unit and write its part, under a temporary name until it is whole.

    Raises:
        DataError: a row cannot be read or does not fit, which names file, row and column; or the part cannot be written.
    """
    answered = _answered(Scorer(work.model, work.columns), work, unit, told)
    part = work.part(unit.index)
    unnamed = part.with_name(f".{part.name}.{os.getpid()}")
    try:
        rows = write_part(answered, work.columns, unnamed, work.form)
        size = unnamed.stat().st_size
        unnamed.rename(part)
    except OSError as error:
        raise cannot_write(error, str(part.parent)) from None
    finally:
        unnamed.unlink(missing_ok=True)
    return Done(unit.index, rows, size, unit.mark)


def _answered(scorer: Scorer, work: Work, unit: Unit, told: Told) -> Iterator[pa.Table]:
    rows = 0
    for block in unit.blocks(work.columns):
        yield scorer.answer(block, unit, rows)
        rows += block.num_rows
        told(block.num_rows)


class Scorer:
    """Answers blocks of rows with one version."""

    def __init__(self, model: Model, columns: Columns) -> None:
        self._predictor = predictor_of(model)
        self._signature = self._predictor.signature
        self._packing, self._rules = Packing.of(self._signature), Rules(self._signature)
        self._columns, self._version = columns, model.version
        self._classes = pa.array(
            list(self._signature.classes), class_type(self._signature) if self._signature.classes else pa.null()
        )

    def answer(self, block: pa.Table, unit: Unit, before: int) -> pa.Table:
        """The kept columns and the answers. ``before``: rows of the unit that went before."""
        codes, scores, probabilities = self._predictor.score(self._feeds(block, unit, before))
        self._refuse(of_answers(scores, probabilities), unit, before)
        answers = {
            PREDICTION: pa.array(scores) if codes is None else self._classes.take(pa.array(codes)),
            VERSION: pa.DictionaryArray.from_arrays(pa.array(np.zeros(len(scores), np.int8)), [self._version]),
        }
        if probabilities is not None:
            answers[PROBABILITY] = pa.array(scores)
            for place, each in enumerate(self._signature.classes):
                answers[f"{PROBABILITY}_{each}"] = pa.array(probabilities[:, place].astype(np.float64))
        columns = [self._kept(block, name) for name in self._columns.kept]
        columns += [answers[name] for name in self._columns.answers]
        return pa.table(columns, names=self._columns.output.names)

    def _kept(self, block: pa.Table, name: str) -> pa.ChunkedArray:
        wanted = self._columns.output.field(name).type
        if name not in block.column_names:
            return pa.chunked_array([pa.nulls(block.num_rows, wanted)])
        column = block.column(name)
        travels = pa.types.is_dictionary(column.type) and column.type.value_type == wanted
        return column if travels or column.type == wanted else column.cast(wanted)

    def _feeds(self, block: pa.Table, unit: Unit, before: int) -> Feeds:
        self._refuse(self._rules.of_values(block), unit, before)
        try:
            feeds = self._pack(block)
        except DataError as error:
            raise self._placed(error, block, unit, before) from None
        self._refuse(self._rules.of_feeds(feeds), unit, before)
        return feeds

    def _refuse(self, fault: Fault | None, unit: Unit, before: int) -> None:
        if fault is not None:
            column = f", column `{fault.column}`" if fault.column else ""
            raise DataError(fault.what, f"{unit.row(before + fault.row)}{column}", fault.hint)

    def _pack(self, block: pa.Table) -> Feeds:
        with np.errstate(over="ignore", invalid="ignore"):  # what float32 cannot hold becomes infinite, and is refused
            return pack_table(block, self._packing, self._signature.time_zone, self._predictor.precision)

    def _placed(self, error: DataError, block: pa.Table, unit: Unit, before: int) -> DataError:
        """The same error with file and row: the first row that cannot be packed, found by halving."""
        what, where = re.sub(r" in row \d+", "", error.what), error.where.split(", row")[0]
        if self._fault(block.slice(0, 0)):  # the whole column is of a wrong type
            return DataError(
                what, ", ".join(filter(None, (unit.row(before).rpartition(", row")[0], where))), error.hint
            )
        start, stop = 0, block.num_rows
        while stop - start > 1:
            middle = (start + stop) // 2
            start, stop = (start, middle) if self._fault(block.slice(start, middle - start)) else (middle, stop)
        return DataError(what, ", ".join(filter(None, (unit.row(before + start), where))), error.hint)

    def _fault(self, block: pa.Table) -> bool:
        try:
            self._pack(block)
        except DataError:
            return True
        return False

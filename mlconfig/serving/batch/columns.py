"""Which columns a batch reads, and what a row of its output is."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from mlconfig.errors import DataError
from mlconfig.records.signature import Signature

PREDICTION, PROBABILITY, VERSION = "prediction", "probability", "version"


@dataclass(frozen=True)
class Columns:
    """``kept`` come out as they went in, then the answers.

    ``output`` is what a reader of the output finds. Within a run, a column of text may travel as a dictionary.
    """

    features: tuple[str, ...]
    texts: frozenset[str]
    kept: tuple[str, ...]
    output: pa.Schema

    @property
    def read(self) -> tuple[str, ...]:
        """What has to be read: kept ones first."""
        return (*self.kept, *(name for name in self.features if name not in self.kept))

    @property
    def answers(self) -> tuple[str, ...]:
        """The columns that are ours."""
        return tuple(self.output.names[len(self.kept) :])


def answer_fields(signature: Signature) -> list[pa.Field]:
    """``prediction`` (the class, or the number), ``probability`` for classes, one column a class beyond two, ``version``.

    ``probability`` is of the positive class where there are two, else of the predicted one; ``probability_<class>`` is of each.
    """
    if signature.task == "regression":
        return [pa.field(PREDICTION, pa.float64()), pa.field(VERSION, pa.string())]
    fields = [pa.field(PREDICTION, class_type(signature)), pa.field(PROBABILITY, pa.float64())]
    if signature.task == "multiclass":
        fields += [pa.field(f"{PROBABILITY}_{each}", pa.float64()) for each in signature.classes]
    return [*fields, pa.field(VERSION, pa.string())]


def class_type(signature: Signature) -> pa.DataType:
    """The type of a class. Asked of Arrow, the answer would import pandas."""
    kinds = {type(each) for each in signature.classes}
    return {bool: pa.bool_(), int: pa.int64(), str: pa.string()}.get(kinds.pop(), pa.float64())


def choose(schema: pa.Schema, signature: Signature, keep: Sequence[str], where: str) -> Columns:
    """The columns of a batch over rows of ``schema``.

    Args:
        keep: ``all``, ``none``, ``key`` (the columns of ``data.key``), or names; a column of such a name wins.
        where: the input, as messages name it.

    Raises:
        DataError: a feature or a kept column is missing, or a kept one is named like one of ours.
    """
    features = tuple(column.name for column in signature.features)
    check_names(schema.names, where)
    check_features(schema.names, features, where, "rows lack")
    kept = _kept(schema.names, signature, keep, where)
    answers = answer_fields(signature)
    taken = sorted({field.name for field in answers}.intersection(kept))
    if taken:
        raise DataError(f"the input has a column `{taken[0]}` already", where, "rename it, or leave it out with --keep")
    fields = [*(schema.field(name).remove_metadata() for name in kept), *answers]
    texts = frozenset(column.name for column in signature.features if column.kind == "categorical")
    return Columns(features, texts, kept, pa.schema(fields))


def check_names(names: Sequence[str], where: str) -> None:
    """Raise DataError when two columns have one name."""
    twice = sorted({name for name in names if list(names).count(name) > 1})
    if twice:
        raise DataError(f"column name given twice: {', '.join(f'`{name}`' for name in twice)}", where, "rename one")


def check_features(names: Sequence[str], features: Sequence[str], where: str, verb: str = "file lacks") -> None:
    """Raise DataError when a feature is missing; the hint has names that are close."""
    missing = [name for name in features if name not in names]
    if missing:
        hint = _delimiter(names) or _close(missing, [name for name in names if name not in features])
        raise DataError(f"the {verb} {', '.join(f'`{name}`' for name in missing)}", where, hint)


def _delimiter(names: Sequence[str]) -> str:
    found = [word for mark, word in ((";", "semicolons"), ("\t", "tabs")) if len(names) == 1 and mark in names[0]]
    return f"its columns are separated by {found[0]}: write commas" if found else ""


def _close(missing: Sequence[str], names: Sequence[str]) -> str:
    folded = {name.lower(): name for name in names}
    found = {name: difflib.get_close_matches(name.lower(), folded, n=1) for name in missing}
    words = [f"`{folded[near[0]]}` for `{name}`" for name, near in found.items() if near]
    return f"did you mean {', '.join(words)}?" if words else ""


def _kept(names: Sequence[str], signature: Signature, keep: Sequence[str], where: str) -> tuple[str, ...]:
    wanted: list[str] = []
    for word in keep:
        if word in names:
            wanted.append(word)
        elif word == "all":
            wanted += names
        elif word == "key":
            if not signature.key:
                raise DataError("`--keep key` needs `data.key` in the recipe", where, "name the columns instead")
            wanted += signature.key
        elif word != "none":
            wanted.append(word)
    missing = [name for name in wanted if name not in names]
    if missing:
        raise DataError(f"there is no column `{missing[0]}` to keep", where, _close(missing, names))
    return tuple(dict.fromkeys(wanted))

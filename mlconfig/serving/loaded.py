"""One version in memory, as an endpoint asks it: rows that were decoded once for all versions of a moment."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import msgspec

from mlconfig.contracts.protocol import RowAnswer
from mlconfig.errors import ServingError
from mlconfig.records.packing import Feeds
from mlconfig.records.route import RouteVersion
from mlconfig.records.signature import Signature
from mlconfig.serving.pack import RowPacker
from mlconfig.serving.predictor import Predictor, Scored, read_signature
from mlconfig.serving.row_set import RowSet


class Loaded:
    """A version that answers. ``decoded_by``: the signature that rows follow, where it is another version's.

    Raises ServingError where rows that follow it lack what the version needs.
    """

    def __init__(self, version: RouteVersion, predictor: Predictor, decoded_by: Signature | None = None) -> None:
        self.version, self.predictor = version, predictor
        self.signature = predictor.signature
        self.name = msgspec.json.encode(version.version)
        self._packer = RowPacker(self.signature, decoded_by)
        if decoded_by is not None and _moments(self.signature) != _moments(decoded_by):
            raise ServingError("its times are not those that the requests of this endpoint have", "signature")
        self._labels = [msgspec.json.encode(label) for label in self.signature.classes]

    def pack(self, rows: RowSet) -> Feeds:
        """What this version's graph is fed with; packed once, also where some of the rows are taken out afterwards."""
        return rows.feeds(self._packer)

    def answer(self, rows: RowSet, ids: Sequence[bytes], *, fallback: bool = False) -> list[RowAnswer | None]:
        """An answer for each row; null where the model has none that is finite."""
        return self.answers(self.predictor.score(self.pack(rows)), ids, fallback=fallback)

    def answers(self, scored: Scored, ids: Sequence[bytes], *, fallback: bool = False) -> list[RowAnswer | None]:
        """As ``answer``, of what the predictor said."""
        codes, said, probabilities = scored
        scores, name = said.tolist(), self.name
        answers: list[RowAnswer | None]
        if codes is None or probabilities is None:
            answers = [RowAnswer(i, b"%.9g" % s, s, None, name, fallback) for i, s in zip(ids, scores, strict=True)]
        else:
            labels = self._labels
            found = zip(ids, codes.tolist(), scores, probabilities.tolist(), strict=True)
            answers = [RowAnswer(i, labels[code], s, p, name, fallback) for i, code, s, p in found]
        if math.isfinite(sum(scores)):  # what is not finite shows in the sum; looking at each costs more
            return answers
        return [answer if math.isfinite(s) else None for answer, s in zip(answers, scores, strict=True)]


def _moments(signature: Signature) -> list[str]:
    return [column.name for column in signature.features if column.kind == "timestamp"]


class Unloadable:
    """In place of a version whose bytes could not be loaded, where a fallback answers: its signature, and nothing else."""

    def __init__(self, version: RouteVersion, folder: Path, why: Exception) -> None:
        self.version, self.why = version, why
        self.signature = read_signature(folder)
        self.name = msgspec.json.encode(version.version)

    def pack(self, rows: RowSet) -> Feeds:
        """There is nothing to pack for."""
        del rows
        return {}

    def answer(self, rows: RowSet, ids: Sequence[bytes], *, fallback: bool = False) -> list[RowAnswer | None]:
        """Raises what kept it from being loaded."""
        del rows, ids, fallback
        raise self.why

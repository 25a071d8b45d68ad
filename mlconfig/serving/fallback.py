"""What answers where the chosen version cannot: the version before it, or one declared answer for all."""

from __future__ import annotations

import logging

import msgspec

from mlconfig.contracts.protocol import Asked, RowAnswer
from mlconfig.records.signature import Signature
from mlconfig.sections.serving import Constant
from mlconfig.serving.row_set import RowSet
from mlconfig.serving.state import ServingState

logger = logging.getLogger(__name__)

CONSTANT = b'"constant"'
"""The version that a constant answer is logged under, so that no version is judged by it."""
HALF = 0.5


def fallback_answers(
    fallback: Constant | str, state: ServingState, asked: Asked, ids: list[bytes]
) -> list[RowAnswer | None] | None:
    """The answers in place of the chosen version's, marked; null where there are none either."""
    if isinstance(fallback, Constant):
        try:
            prediction, score, probabilities = constant_of(fallback, state.signature)
        except ValueError:
            logger.exception("serving.fallback.constant is no answer of version %s", state.table.champion.version)
            return None
        return [RowAnswer(each, prediction, score, probabilities, CONSTANT, fallback=True) for each in ids]
    previous = state.versions.previous
    if fallback != "previous" or previous is None:
        return None
    try:
        return previous.answer(RowSet(asked.rows, asked.times), ids, fallback=True)
    except Exception:
        logger.exception("the version before, %s, failed too", previous.version.version)
        return None


def constant_of(fallback: Constant, signature: Signature) -> tuple[bytes, float, list[float] | None]:
    """A constant as an answer: JSON of the prediction, score, and probabilities by class. Raises ValueError where it is none.

    A regression's is its value, a binary's the probability of the positive class, a multiclass's one of the classes.
    """
    given, classes = fallback.constant, signature.classes
    if signature.task == "multiclass":
        found = next((place for place, each in enumerate(classes) if each == given or str(each) == given), None)
        if found is None:
            raise ValueError(f"it is none of the classes {', '.join(map(str, classes))}")
        chances = [float(place == found) for place in range(len(classes))]
        return msgspec.json.encode(classes[found]), 1.0, chances
    if isinstance(given, str):
        raise ValueError("it must be a number" if signature.task == "regression" else "it must be a probability")  # noqa: TRY004
    if signature.task == "regression":
        return b"%.9g" % given, given, None
    if not 0.0 <= given <= 1.0:
        raise ValueError("it must be a probability, from 0 to 1")
    return msgspec.json.encode(classes[int(given >= HALF)]), given, [1.0 - given, given]

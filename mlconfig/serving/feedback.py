"""Labels that come back: ``{"prediction_id" | "key", "label", "label_version"?}``, one or ``{"rows": […]}``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from mlconfig.contracts.json_form import refuse_deep, refuse_repeated
from mlconfig.contracts.refusal import RequestRefusedError
from mlconfig.records.bounds import WHOLE_MAX
from mlconfig.records.feedback import encode_feedback, key_text
from mlconfig.records.pseudonym import Pseudonyms
from mlconfig.records.signature import Signature, SignatureColumn
from mlconfig.sections.serving import Limits
from mlconfig.serving.decode import LIMITS, decode_json

_Text = Annotated[str, Meta(max_length=1024)]
_Int = Annotated[int, Meta(ge=-WHOLE_MAX, le=WHOLE_MAX)]
_Scalar = bool | _Int | float | _Text
MAX_VERSION = 2**31 - 1
_Version = Annotated[int, Meta(ge=1, le=MAX_VERSION)] | Annotated[float, Meta(ge=1, le=MAX_VERSION, multiple_of=1.0)]


class FeedbackRow(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One label as a client sends it. A higher ``label_version`` corrects an earlier label; sending one twice is harmless."""

    label: _Scalar
    prediction_id: Annotated[str, Meta(min_length=1, max_length=128)] | None = None
    key: dict[str, _Scalar] | _Scalar | None = None
    label_version: _Version = 1


_ONE = msgspec.json.Decoder(FeedbackRow).decode
_NAMES = [field.name for field in msgspec.structs.fields(FeedbackRow)]


class FeedbackDecoder:
    """Checks labels against a signature and turns them into records.

    ``pseudonyms``: of the project, where the key is hashed; a label's key is hashed as the prediction's was.
    """

    def __init__(self, signature: Signature, limits: Limits = LIMITS, pseudonyms: Pseudonyms | None = None) -> None:
        self._signature, self._depth, self._pseudonyms = signature, limits.depth, pseudonyms
        rows = Annotated[list[FeedbackRow], Meta(min_length=1, max_length=limits.rows)]
        several: Any = msgspec.defstruct("FeedbackRows", [("rows", rows)], forbid_unknown_fields=True)
        self._many = msgspec.json.Decoder(several).decode
        self._key = {name: _column(signature, name) for name in signature.key}

    def decode(self, body: bytes, arrived: float) -> list[bytes]:
        """The records of a body. Raises RequestRefusedError (400, 422) that names the field."""
        refuse_deep(body, self._depth)
        refuse_repeated(body)
        if b'"rows"' in body[:64]:
            rows = decode_json(self._many, body, _NAMES).rows
            return [self._record(row, f"rows[{index}].", arrived) for index, row in enumerate(rows)]
        return [self._record(decode_json(_ONE, body, _NAMES), "", arrived)]

    def _record(self, row: FeedbackRow, path: str, arrived: float) -> bytes:
        if (row.prediction_id is None) == (row.key is None):
            raise RequestRefusedError(422, "give either `prediction_id` or `key`", f"{path}prediction_id")
        key = None if row.key is None else key_text(self._key_values(row.key, path))
        return encode_feedback(row.prediction_id, key, self._label(row.label, path), int(row.label_version), arrived)

    def _label(self, label: Any, path: str) -> bytes:
        """The label as the signature writes it: a class, or a number."""
        if self._signature.task == "regression":
            if isinstance(label, (bool, str)):
                raise RequestRefusedError(422, "expected a number", f"{path}label")
            return msgspec.json.encode(float(label))
        for known in self._signature.classes:
            if known == label and isinstance(known, bool) == isinstance(label, bool):
                return msgspec.json.encode(known)
        raise RequestRefusedError(
            422, "the label is none of the classes", f"{path}label", "GET the endpoint to see them"
        )

    def _key_values(self, key: Any, path: str) -> list[Any]:
        if not self._key:
            raise RequestRefusedError(422, "this endpoint has no key", f"{path}key", "send the prediction_id")
        given: Mapping[str, Any] = key if isinstance(key, dict) else {next(iter(self._key)): key}
        if set(given) != set(self._key):
            raise RequestRefusedError(422, f"a key is an object with {', '.join(self._key)}", f"{path}key")
        return [self._key_value(given[name], column, f"{path}key.{name}") for name, column in self._key.items()]

    def _key_value(self, value: Any, column: SignatureColumn | None, where: str) -> Any:
        if column is not None and column.pii == "hmac":
            assert self._pseudonyms is not None
            return self._pseudonyms.of(value)
        return _typed(value, column, where)


def _column(signature: Signature, name: str) -> SignatureColumn | None:
    return next((column for column in signature.columns if column.name == name), None)


def _typed(value: Any, column: SignatureColumn | None, where: str) -> Any:
    """A key's value in the type its column is logged in, so that the two join as text."""
    if column is None:
        return value
    if column.kind == "categorical" and not isinstance(value, (bool, float)):
        return str(value)
    number = column.kind == "numeric" and isinstance(value, (int, float)) and not isinstance(value, bool)
    if number and column.integer and abs(value) <= WHOLE_MAX and value == int(value):
        return int(value)
    if number and not column.integer:
        return float(value)
    if column.kind == "boolean" and isinstance(value, bool):
        return value
    raise RequestRefusedError(422, f"the value does not fit the {column.kind} column", where)

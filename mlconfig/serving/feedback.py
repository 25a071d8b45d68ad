"""Labels that come back: ``{"prediction_id" | "key", "label", "label_version"?}``, one or ``{"rows": […]}``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from mlconfig.records.feedback import encode_feedback, key_text
from mlconfig.records.signature import Signature, SignatureColumn
from mlconfig.serving.decode import MAX_ROWS, decode_json
from mlconfig.serving.refusal import RequestRefusedError

_Text = Annotated[str, Meta(max_length=1024)]
_Int = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
_Scalar = bool | _Int | float | _Text


class FeedbackRow(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One label as a client sends it. A higher ``label_version`` corrects an earlier label; sending one twice is harmless."""

    label: _Scalar
    prediction_id: Annotated[str, Meta(min_length=1, max_length=128)] | None = None
    key: dict[str, _Scalar] | _Scalar | None = None
    label_version: Annotated[int, Meta(ge=1, le=2**31 - 1)] = 1


class FeedbackRows(msgspec.Struct, forbid_unknown_fields=True):
    """Several labels."""

    rows: Annotated[list[FeedbackRow], Meta(min_length=1, max_length=MAX_ROWS)]


_ONE, _MANY = msgspec.json.Decoder(FeedbackRow).decode, msgspec.json.Decoder(FeedbackRows).decode
_NAMES = [field.name for field in msgspec.structs.fields(FeedbackRow)]


class FeedbackDecoder:
    """Checks labels against a signature and turns them into records."""

    def __init__(self, signature: Signature) -> None:
        self._signature = signature
        self._key = {name: _column(signature, name) for name in signature.key}

    def decode(self, body: bytes, arrived: float) -> list[bytes]:
        """The records of a body. Raises RequestRefusedError (400, 422) that names the field."""
        if b'"rows"' in body[:64]:
            rows = decode_json(_MANY, body, _NAMES).rows
            return [self._record(row, f"rows[{index}].", arrived) for index, row in enumerate(rows)]
        return [self._record(decode_json(_ONE, body, _NAMES), "", arrived)]

    def _record(self, row: FeedbackRow, path: str, arrived: float) -> bytes:
        if (row.prediction_id is None) == (row.key is None):
            raise RequestRefusedError(422, "give either `prediction_id` or `key`", f"{path}prediction_id")
        key = None if row.key is None else key_text(self._key_values(row.key, path))
        return encode_feedback(row.prediction_id, key, self._label(row.label, path), row.label_version, arrived)

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
        return [_typed(given[name], column, f"{path}key.{name}") for name, column in self._key.items()]


def _column(signature: Signature, name: str) -> SignatureColumn | None:
    return next((column for column in signature.columns if column.name == name), None)


def _typed(value: Any, column: SignatureColumn | None, where: str) -> Any:
    """A key's value in the type its column is logged in, so that the two join as text."""
    if column is None:
        return value
    if column.kind == "categorical" and not isinstance(value, (bool, float)):
        return str(value)
    number = column.kind == "numeric" and isinstance(value, (int, float)) and not isinstance(value, bool)
    if number and column.integer and value == int(value):
        return int(value)
    if number and not column.integer:
        return float(value)
    if column.kind == "boolean" and isinstance(value, bool):
        return value
    raise RequestRefusedError(422, f"the value does not fit the {column.kind} column", where)

"""Inference requests and responses of the Open Inference Protocol as gRPC's messages, typed or raw.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_grpc.md
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from google.protobuf.message import DecodeError

from mlconfig.builtin.oip_columns import Columns, Output, Values, refuse_unsupported
from mlconfig.builtin.oip_messages import MESSAGES
from mlconfig.builtin.oip_tensors import (
    ALL,
    BYTES,
    WHOLE,
    Tensor,
    check_range,
    from_bytes,
    refuse,
    refuse_twice,
    texts,
    to_bytes,
)
from mlconfig.contracts.protocol import GRPC, Asked, WireReply
from mlconfig.contracts.refusal import RequestRefusedError

_CONTENTS = {
    "BOOL": "bool_contents", "BYTES": "bytes_contents", "FP32": "fp32_contents", "FP64": "fp64_contents",
    "INT64": "int64_contents", "UINT64": "uint64_contents",
    **dict.fromkeys(("INT8", "INT16", "INT32"), "int_contents"),
    **dict.fromkeys(("UINT8", "UINT16", "UINT32"), "uint_contents"),
}  # fmt: skip


class Wish(NamedTuple):
    """How a request is to be answered. ``raw``: in bytes, as it was asked."""

    id: str
    outputs: tuple[str, ...]
    raw: bool


def parse(name: str, body: bytes) -> Any:
    """A message of the service. Raises RequestRefusedError (400) for what is none."""
    try:
        return MESSAGES[name].FromString(body)
    except (DecodeError, UnicodeDecodeError):
        raise RequestRefusedError(400, f"the message is no {name}") from None


def read(message: Any, columns: Columns) -> Asked:
    """Rows of a ``ModelInferRequest``; ``shape`` of what is asked is a `Wish`. Raises RequestRefusedError."""
    raw = list(message.raw_input_contents)
    if raw and len(raw) != len(message.inputs):
        raise RequestRefusedError(400, "they are more or fewer than the inputs", "raw_input_contents")
    given: list[tuple[Tensor, Values]] = []
    for place, each in enumerate(message.inputs):
        refuse_unsupported(each.name, list(each.parameters))
        tensor = Tensor(each.name, each.datatype, list(each.shape))
        if tensor.datatype not in ALL:
            raise refuse(tensor.name, "the datatype is not taken", f"send one of {', '.join(sorted(ALL))}")
        if raw and each.contents.ListFields():
            raise refuse_twice(tensor, "raw_input_contents")
        given.append((tensor, partial(from_bytes, tensor, raw[place]) if raw else partial(_typed, tensor, each)))
    for each in message.outputs:
        refuse_unsupported(each.name, list(each.parameters))
    wish = Wish(message.id, tuple(each.name for each in message.outputs), bool(raw))
    columns.check_outputs(wish.outputs)
    asked = columns.read(given)
    asked.shape = wish
    return asked


def _typed(tensor: Tensor, given: Any, rows: int) -> list[Any]:
    field = _CONTENTS.get(tensor.datatype)
    if field is None:
        raise refuse(tensor.name, f"{tensor.datatype} has no typed contents", "send raw_input_contents")
    if len(given.contents.ListFields()) > 1:
        raise refuse_twice(tensor, field)
    values = list(getattr(given.contents, field))
    if len(values) != rows:
        raise refuse(tensor.name, f"{field} has more or fewer values than the shape says")
    if tensor.datatype == BYTES:
        return texts(tensor, values)
    if tensor.datatype in WHOLE:
        check_range(tensor, values)
    return values


def reply(model: str, version: str, wish: Wish, outputs: Sequence[Output], *, fallback: bool) -> WireReply:
    """A ``ModelInferResponse``."""
    message = MESSAGES["ModelInferResponse"](model_name=model, model_version=version, id=wish.id)
    if fallback:
        message.parameters["fallback"].bool_param = True
    for output in outputs:
        shown = message.outputs.add(name=output.name, datatype=output.datatype, shape=output.shape)
        if wish.raw:
            message.raw_output_contents.append(to_bytes(output.datatype, output.values))
            continue
        values = [each.encode() for each in output.values] if output.datatype == BYTES else output.values
        getattr(shown.contents, _CONTENTS[output.datatype]).extend(values)
    return sent(message)


def sent(message: Any) -> WireReply:
    """A message as a reply."""
    return WireReply(message.SerializeToString(), GRPC)


def made(name: str, fields: dict[str, Any]) -> WireReply:
    """A message of these fields as a reply."""
    return sent(MESSAGES[name](**fields))

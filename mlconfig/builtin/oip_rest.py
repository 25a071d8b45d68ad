"""Inference requests and responses of the Open Inference Protocol over HTTP, with the binary tensor extension.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md and
https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET, UnsetType

from mlconfig.builtin.oip_columns import Columns, Output, Values, refuse_unsupported
from mlconfig.builtin.oip_tensors import ALL, Tensor, from_bytes, from_json, refuse, refuse_twice, to_bytes
from mlconfig.contracts.json_form import is_said_once, refuse_repeated
from mlconfig.contracts.json_place import malformed
from mlconfig.contracts.protocol import JSON, Asked, WireReply, WireRequest
from mlconfig.contracts.refusal import RequestRefusedError

OCTETS = b"application/octet-stream"
LENGTH = b"inference-header-content-length"
_SIZE, _BINARY = "binary_data_size", "binary_data"


class _Part(msgspec.Struct, kw_only=True):
    """An object of the request. What was not sent is unset, so that the fields that were can be counted."""

    parameters: dict[str, Any] | UnsetType = UNSET

    def fields(self) -> int:
        """How many were sent, with the parameters."""
        values = msgspec.structs.astuple(self)
        return len(values) - values.count(UNSET) + len(self.parameters or ())

    def flag(self, name: str, where: str, *, default: bool = False) -> bool:
        """A parameter that is true or false. Raises RequestRefusedError for any other value."""
        value = (self.parameters or {}).get(name, default)
        if not isinstance(value, bool):
            raise refuse(
                where, f"the parameter `{name}` is neither true nor false", "send true or false, or leave it out"
            )
        return value


class _Input(_Part, kw_only=True):
    name: str
    shape: list[int]
    datatype: str
    data: Any = UNSET


class _Wanted(_Part, kw_only=True):
    name: str


class _Request(_Part, kw_only=True):
    inputs: list[_Input]
    outputs: list[_Wanted] | UnsetType = UNSET
    id: str | UnsetType | None = UNSET


class Wish(NamedTuple):
    """How a request is to be answered. ``binary``: names of the outputs that are answered in bytes, all for None."""

    id: str | None
    outputs: tuple[str, ...]
    binary: frozenset[str] | None


_decode = msgspec.json.Decoder(_Request).decode


def read(request: WireRequest, columns: Columns) -> Asked:
    """Rows of a request; ``shape`` of what is asked is a `Wish`. Raises RequestRefusedError."""
    header = _header_length(request)
    asked = _parse(request.body[:header])
    rest = memoryview(request.body)[header:]
    given: list[tuple[Tensor, Values]] = []
    for each in asked.inputs:
        parameters = each.parameters or {}
        refuse_unsupported(each.name, list(parameters))
        each.flag(_BINARY, each.name)
        tensor = Tensor(each.name, each.datatype, each.shape)
        if tensor.datatype not in ALL:
            raise refuse(tensor.name, "the datatype is not taken", f"send one of {', '.join(sorted(ALL))}")
        size = parameters.get(_SIZE)
        if size is None:
            given.append((tensor, partial(from_json, tensor, each.data)))
            continue
        if type(size) is not int or not 0 <= size <= len(rest):
            raise refuse(tensor.name, "the size of its binary data is not that of what came", "send as many bytes")
        if each.data is not UNSET and each.data is not None:
            raise refuse_twice(tensor, "binary data or `data`")
        given.append((tensor, partial(from_bytes, tensor, rest[:size])))
        rest = rest[size:]
    if rest:
        raise RequestRefusedError(400, "there are more binary data than the tensors announce", "body")
    wish = _wish(asked)
    columns.check_outputs(wish.outputs)
    found = columns.read(given)
    found.shape = wish
    return found


def _header_length(request: WireRequest) -> int:
    """Bytes of the JSON, before the binary data."""
    told = request.headers.get(LENGTH)
    if told is None:
        return len(request.body)
    if not told.isdigit() or len(told) > 18 or int(told) > len(request.body):
        raise RequestRefusedError(400, "it is no length within the body", LENGTH.decode())
    return int(told)


def _parse(body: bytes) -> _Request:
    try:
        asked = _decode(body)
    except msgspec.ValidationError as error:  # its message has types and places, no values
        text, _, place = str(error).partition(" - at `$.")
        raise RequestRefusedError(400, text[:1].lower() + text[1:], place.rstrip("`") or "body") from None
    except RecursionError:
        raise RequestRefusedError(400, "the body is nested too deeply") from None
    except ValueError:  # malformed JSON, NaN, text that is not UTF-8, lone surrogates
        hint = f"send one JSON object; binary data follow it, with the header {LENGTH.decode()}"
        raise malformed(body, hint) from None
    parts: list[_Part] = [asked, *asked.inputs, *(asked.outputs or ())]
    if not is_said_once(body, sum([part.fields() for part in parts])):
        refuse_repeated(body)
    return asked


def _wish(asked: _Request) -> Wish:
    outputs = asked.outputs or []
    for each in outputs:
        refuse_unsupported(each.name, list(each.parameters or ()))
    default = asked.flag("binary_data_output", "parameters")
    names = tuple(each.name for each in outputs)
    name = None if asked.id is UNSET else asked.id
    if not names:
        return Wish(name, (), None if default else frozenset())
    return Wish(name, names, frozenset(each.name for each in outputs if each.flag(_BINARY, each.name, default=default)))


def reply(model: str, version: str, wish: Wish, outputs: Sequence[Output], *, fallback: bool) -> WireReply:
    """The response; what is asked for in bytes follows the JSON."""
    listed: list[dict[str, Any]] = []
    parts: list[bytes] = []
    for output in outputs:
        shown: dict[str, Any] = {"name": output.name, "datatype": output.datatype, "shape": output.shape}
        if wish.binary is None or output.name in wish.binary:
            parts.append(to_bytes(output.datatype, output.values))
            shown["parameters"] = {_SIZE: len(parts[-1])}
        else:
            shown["data"] = output.values
        listed.append(shown)
    body: dict[str, Any] = {"model_name": model, "model_version": version}
    if wish.id is not None:
        body["id"] = wish.id
    if fallback:
        body["parameters"] = {"fallback": True}
    head = msgspec.json.encode(body | {"outputs": listed})
    if not parts:
        return WireReply(head, JSON)
    return WireReply(b"".join([head, *parts]), OCTETS, ((LENGTH, b"%d" % len(head)),))

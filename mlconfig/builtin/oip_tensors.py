"""Tensors of the Open Inference Protocol as columns: a value a row, out of JSON, out of bytes, and back.

Datatypes: https://github.com/kserve/open-inference-protocol, "Tensor Data Types". Bytes are little-endian, row by row, without
padding; an element of BYTES is its length in four bytes and then itself:
https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from mlconfig.contracts.refusal import RequestRefusedError

BYTES, BOOL = "BYTES", "BOOL"
FLOATS = {"FP16": "<f2", "FP32": "<f4", "FP64": "<f8"}
WHOLE = {
    "INT8": "<i1", "INT16": "<i2", "INT32": "<i4", "INT64": "<i8",
    "UINT8": "<u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8",
}  # fmt: skip
NUMBERS = frozenset(FLOATS | WHOLE)
ALL = NUMBERS | {BYTES, BOOL}

_BOUNDS: dict[str, tuple[float, float]] = {
    **{name: (int(np.iinfo(code).min), int(np.iinfo(code).max)) for name, code in WHOLE.items()},
    "FP16": (float(np.finfo("<f2").min), float(np.finfo("<f2").max)),  # FP32's bounds are the reader's own
}
_CODES = {BOOL: "|u1", **FLOATS, **WHOLE}
_NONE = type(None)
_IN_JSON: dict[str, set[type]] = {
    BYTES: {str, _NONE},
    BOOL: {bool, _NONE},
    **{name: {float, int, _NONE} for name in FLOATS},
    **{name: {int, _NONE} for name in WHOLE},
}
_LONGEST_NAME = 64


class Tensor(NamedTuple):
    """One input as it is announced: a value a row, shape [n] or [n, 1]."""

    name: str
    datatype: str
    shape: Sequence[int]


def refuse(name: str, what: str, hint: str = "", status: int = 400) -> RequestRefusedError:
    """An error that names the tensor; a name from the client is cut."""
    return RequestRefusedError(status, what, name[:_LONGEST_NAME], hint)


def refuse_twice(tensor: Tensor, one: str) -> RequestRefusedError:
    """An error for values that were sent in two forms: which of them was meant is not ours to guess."""
    return refuse(tensor.name, "its values come more than once", f"send {one} alone")


def rows_of(tensor: Tensor, most: int) -> int:
    """How many rows a tensor announces. Raises RequestRefusedError: 400 for another shape, 422 for none or too many."""
    shape = list(tensor.shape)
    if len(shape) not in (1, 2) or shape[1:] not in ([], [1]) or shape[0] < 0:
        raise refuse(tensor.name, "the shape is no column's", "send a tensor a column, of shape [n] or [n, 1]")
    if not shape[0]:
        raise refuse(tensor.name, "it has no row", "send at least one", 422)
    if shape[0] > most:
        raise refuse(tensor.name, f"it has more than {most} rows", "send fewer at a time", 422)
    return shape[0]


def from_json(tensor: Tensor, data: Any, rows: int) -> list[Any]:
    """The values of JSON's ``data``, flat or nested as the shape is; null is a missing one. Raises RequestRefusedError."""
    if not isinstance(data, list):
        raise refuse(tensor.name, "it has no list of data", "send `data`, or binary data with its size")
    if len(tensor.shape) == 2 and any(isinstance(each, list) for each in data):
        if not all(isinstance(each, list) and len(each) == 1 for each in data):
            raise refuse(tensor.name, "the data are not nested as the shape says", "send [[…], […], …] or a flat list")
        data = [each[0] for each in data]
    if len(data) != rows:
        raise refuse(tensor.name, "the data are more or fewer than the shape says")
    if not set(map(type, data)) <= _IN_JSON[tensor.datatype]:
        raise refuse(
            tensor.name, f"the data are not {tensor.datatype}", "send values of the datatype that is announced"
        )
    check_range(tensor, data)
    return list(data)


def check_range(tensor: Tensor, values: Sequence[Any]) -> None:
    """Refuses numbers that the datatype cannot hold."""
    bounds = _BOUNDS.get(tensor.datatype)
    if bounds is None:
        return
    known = [each for each in values if each is not None]
    if known and not (bounds[0] <= min(known) and max(known) <= bounds[1]):
        raise refuse(tensor.name, f"a value is out of the range of {tensor.datatype}")


def from_bytes(tensor: Tensor, data: bytes | memoryview, rows: int) -> list[Any]:
    """The values of binary data. Raises RequestRefusedError for data that are longer or shorter than shape and datatype say."""
    if tensor.datatype == BYTES:
        return texts(tensor, _elements(tensor, bytes(data), rows))
    code = np.dtype(_CODES[tensor.datatype])
    if len(data) != rows * code.itemsize:
        raise refuse(tensor.name, "the binary data are longer or shorter than shape and datatype say")
    values = np.frombuffer(data, code)
    if tensor.datatype == BOOL:
        if values.max() > 1:
            raise refuse(tensor.name, "a byte of BOOL is neither 0 nor 1")
        values = values.astype(bool)
    return list(values.tolist())


def texts(tensor: Tensor, elements: Sequence[bytes]) -> list[str]:
    """Elements of BYTES as text. Raises RequestRefusedError for what is not UTF-8."""
    try:
        return [each.decode() for each in elements]
    except UnicodeDecodeError:
        raise refuse(tensor.name, "an element is not text in UTF-8") from None


def _elements(tensor: Tensor, data: bytes, rows: int) -> list[bytes]:
    found, place = [], 0
    for _ in range(rows):
        begin = place + 4
        place = begin + int.from_bytes(data[place:begin], "little")
        if begin > len(data) or place > len(data):
            raise refuse(tensor.name, "the binary data end within an element")
        found.append(data[begin:place])
    if place != len(data):
        raise refuse(tensor.name, "the binary data are longer than the shape says")
    return found


def to_bytes(datatype: str, values: Sequence[Any]) -> bytes:
    """Values as binary data; nested ones row by row."""
    if datatype == BYTES:
        encoded = [each.encode() for each in values]
        return b"".join([struct.pack("<I", len(each)) + each for each in encoded])
    return np.asarray(values, _CODES[datatype]).tobytes()

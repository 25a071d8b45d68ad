"""What an Arrow stream announces, read before anything of it is unpacked: its messages' metadata alone.

Framing: https://arrow.apache.org/docs/format/Columnar.html#encapsulated-message-format. Tables of the metadata:
https://github.com/apache/arrow/blob/main/format/Message.fbs; their bytes: https://flatbuffers.dev/internals/.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from mlconfig.contracts.refusal import RequestRefusedError

if TYPE_CHECKING:
    import pyarrow as pa

_VERSION, _KIND, _HEADER, _CUSTOM = 0, 1, 2, 4  # fields of Message
_ID, _DATA, _IS_DELTA = 0, 1, 2  # fields of DictionaryBatch
_BUFFERS, _COMPRESSION = 2, 3  # fields of RecordBatch
_SCHEMA, _DICTIONARY, _RECORDS = 1, 2, 3  # kinds of a header
_V5 = 4
_ENDS = (b"\xff\xff\xff\xff\0\0\0\0", b"\0\0\0\0", b"")
"""Today's, that of writers before 2019, and none."""

_BYTE, _SHORT, _INT, _OFFSET = struct.Struct("<B"), struct.Struct("<H"), struct.Struct("<i"), struct.Struct("<I")


class _Table(NamedTuple):
    """A table of a flatbuffer. Raises ValueError or struct.error for places outside of it."""

    data: memoryview
    place: int

    def field(self, slot: int) -> int:
        """Where a field lies, 0 for one that is left out."""
        shape = self.place - self.read(_INT, self.place)
        entry = 4 + 2 * slot
        inside = entry + 2 <= self.read(_SHORT, shape)
        offset = self.read(_SHORT, shape + entry) if inside else 0
        return self.place + offset if offset else 0

    def number(self, slot: int, form: struct.Struct) -> int:
        """A field's number, 0 for one that is left out."""
        place = self.field(slot)
        return self.read(form, place) if place else 0

    def target(self, slot: int) -> int:
        """Where the table or list lies that a field refers to."""
        place = self.field(slot)
        if not place:
            raise ValueError
        return place + self.read(_OFFSET, place)

    def table(self, slot: int) -> _Table:
        """The table that a field refers to."""
        return _Table(self.data, self.target(slot))

    def read(self, form: struct.Struct, place: int) -> int:
        """The number at a place, which is never counted from the end."""
        if place < 0:
            raise ValueError
        number: int = form.unpack_from(self.data, place)[0]
        return number


def check_messages(body: bytes) -> None:
    """Refuses what would be more in memory than on the wire, and what is more than one stream.

    Raises RequestRefusedError: 415 for compressed batches; 400 for growing dictionaries, shared bytes, what follows the
    stream's end, and what is no stream.
    """
    import pyarrow as pa

    end = 0
    try:
        for message, begin, end in _messages(body):  # noqa: B007 — the last end is the stream's
            _check(message, begin)
    except (pa.ArrowException, OSError, ValueError, struct.error):
        raise no_stream() from None
    if not end:
        raise no_stream()
    if body[end : end + 9] not in _ENDS:
        place = end + next((len(mark) for mark in _ENDS if mark and body.startswith(mark, end)), 0)
        raise _refuse(f"there is more after the end of the stream, from byte {place} on", "send one stream")


def no_stream() -> RequestRefusedError:
    """400."""
    return _refuse("the body is no Arrow stream", "write it with pyarrow.ipc.new_stream")


def _refuse(what: str, hint: str, status: int = 400) -> RequestRefusedError:
    return RequestRefusedError(status, what, "body", hint)


def _messages(body: bytes) -> Iterator[tuple[pa.Message, int, int]]:
    """Each message with the place where it begins and ends; pyarrow has verified its metadata and copied nothing."""
    import pyarrow as pa

    source = pa.BufferReader(body)
    reader = pa.ipc.MessageReader.open_stream(source)
    begin = 0
    while True:
        try:
            message = reader.read_next_message()
        except StopIteration:
            return
        yield message, begin, source.tell()
        begin = source.tell()


def _check(message: pa.Message, begin: int) -> None:
    data = memoryview(message.metadata)
    start = _Table(data, 0)
    told = _Table(data, start.read(_OFFSET, 0))
    kind = told.number(_KIND, _BYTE)
    if (kind == _SCHEMA) != (begin == 0):
        if begin and kind == _SCHEMA:
            raise _refuse(f"a second stream begins at byte {begin}", "send one stream")
        raise ValueError
    if kind == _SCHEMA:
        return
    batch = told.table(_HEADER)
    if kind == _DICTIONARY:
        if batch.number(_IS_DELTA, _BYTE):
            raise _refuse("a dictionary grows from batch to batch", "send each dictionary whole")
        batch = batch.table(_DATA)
    elif kind != _RECORDS:
        raise ValueError
    old = told.number(_VERSION, _SHORT) != _V5  # these tell of compression in what is free for all
    if batch.field(_COMPRESSION) or (old and told.field(_CUSTOM)):
        raise _refuse("compressed batches are not taken", "send them uncompressed", 415)
    _check_buffers(batch, len(message.body or b""))


def _check_buffers(batch: _Table, size: int) -> None:
    """Columns that share bytes would each be made into values."""
    if not batch.field(_BUFFERS):
        return
    place = batch.target(_BUFFERS)
    count = batch.read(_OFFSET, place)
    lengths = struct.unpack_from(f"<{2 * count}q", batch.data, place + 4)[1::2]
    if lengths and (min(lengths) < 0 or sum(lengths) > size):
        raise _refuse("columns of a batch share their bytes", "write it with pyarrow.ipc.new_stream")

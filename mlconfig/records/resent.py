"""Requests that the ingress sent again to another replica, and that both have logged: which of the records count.

The ingress gives a request its id once, before it is sent anywhere, and rows are named by it (`request_of`). So two writers
that have one id saw one request: the first was ended after it had logged and before it had answered. Its records are passed
over, because the answer that the client got is the other's.

Only a writer that is gone can have left such records, and only at its end. So nothing is looked for while all writers live, and
else only what arrived in the last minute of a segment; in memory are the requests of that minute, some 200 bytes each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from mlconfig.errors import DataError
from mlconfig.records.days import Bounds, day_files, read_within
from mlconfig.records.prediction import UNORDERED_S, first_since
from mlconfig.records.segments import Segment, lock_segment, read_segment, segment_files

SETTLED_S = 2 * UNORDERED_S
"""So long after a segment was written last, what it has and nobody was answered was asked again, and logged again."""
_UUID = 36

Requests = dict[str, dict[str, float]]
"""Of each writer that is gone the requests at its end, and when they arrived."""


@dataclass(frozen=True)
class Resent:
    """``closed``: segments that nobody writes; ``requests``: by writer, those whose records another one's outweigh."""

    closed: AbstractSet[str] = frozenset()
    requests: Mapping[str, AbstractSet[str]] = field(default_factory=dict)

    def numbers(self, segment: Segment) -> list[int]:
        """The numbers of a segment's records that are passed over."""
        passed = self.requests.get(_writer(segment.header.segment))
        if not passed:
            return []
        return [number for number, body in segment.records if request_of(_decode(body).id) in passed]

    def without(self, segment: Segment) -> Segment:
        """The segment with the records that count."""
        passed = set(self.numbers(segment))
        if not passed:
            return segment
        return replace(segment, records=tuple(each for each in segment.records if each[0] not in passed))


class _Named(msgspec.Struct, gc=False):
    """The part of a record that says which and when."""

    id: str
    at: float


_decode = msgspec.json.Decoder(_Named).decode


def request_of(prediction_id: str) -> str | None:
    """The request that a row was in: the ingress' UUID before the row's place; null for an id that a replica made."""
    is_ingress = len(prediction_id) > _UUID and prediction_id[8] == prediction_id[_UUID] == "-"
    return prediction_id[:_UUID] if is_ingress else None


def find_resent(segments: Path, parquet: Path) -> Resent:
    """What to pass over in a log, as it is now.

    Of one request the record counts that is compacted, as that cannot be taken back; else the one of a writer that lives; else
    the last to arrive.

    Args:
        segments: the folder of segments.
        parquet: the folder of what was compacted.
    """
    closed, written = list[Path](), list[Path]()
    for file in segment_files(segments):
        with suppress(FileNotFoundError):
            (closed if _is_closed(file) else written).append(file)
    living = {_writer(file.stem) for file in written}
    gone = [file for file in closed if _writer(file.stem) not in living]
    names = frozenset(file.stem for file in closed)
    ends, read = _ends(gone)
    if not ends:
        return Resent(names)
    passed = {writer: set[str]() for writer in ends}
    for writer, request in _elsewhere(ends, [file for file in (*closed, *written) if file not in gone], parquet, read):
        for other, requests in ends.items():
            if other != writer and request in requests:
                passed[other].add(request)
    _add_earlier(passed, ends)
    return Resent(names, passed)


def _writer(segment: str) -> str:
    """Replica and boot, out of a segment's name."""
    return segment.rpartition("-")[0]


def _is_closed(file: Path) -> bool:
    with file.open("rb") as stream:
        return lock_segment(stream, shared=True)


def _ends(gone: list[Path]) -> tuple[Requests, set[str]]:
    """The last requests of writers that are gone; and the segments that were still there."""
    found: Requests = {}
    read = set()
    for file in gone:
        with suppress(FileNotFoundError, DataError):  # moved meanwhile; or to be set aside
            segment = read_segment(file)
            read.add(file.stem)
            last = _decode(segment.records[-1][1]).at if segment.records else 0.0
            named = dict(_named(segment, last - UNORDERED_S))
            if named:
                found.setdefault(_writer(file.stem), {}).update(named)
    return found, read


def _named(segment: Segment, since: float) -> Iterator[tuple[str, float]]:
    """Requests of a segment from a moment on, once for each of their rows."""
    for _, body in segment.records[first_since(segment, since - UNORDERED_S) :]:
        record = _decode(body)
        request = request_of(record.id)
        if request is not None:
            yield request, record.at


def _elsewhere(ends: Requests, others: list[Path], parquet: Path, read: set[str]) -> Iterator[tuple[str, str]]:
    """Writer and request of all that was logged from those ends on and is not in one of their segments."""
    since = min(at for requests in ends.values() for at in requests.values())
    for file in others:
        with suppress(FileNotFoundError, DataError):
            segment = read_segment(file)
            read.add(file.stem)
            writer = _writer(file.stem)
            yield from ((writer, request) for request, _ in _named(segment, since))
    bounds = Bounds(since - UNORDERED_S, None, "arrived")
    for file in day_files(parquet, read, bounds):  # a segment outweighs its Parquet
        table = None
        with suppress(FileNotFoundError):
            table = read_within(file, ["prediction_id"], bounds)
        for each in table.column("prediction_id").to_pylist() if table is not None else ():
            request = request_of(each)
            if request is not None:
                yield _writer(file.stem), request


def _add_earlier(passed: dict[str, set[str]], ends: Requests) -> None:
    """Where several writers that are gone have a request, all but the last one's are passed over."""
    for writer, requests in ends.items():
        for other, theirs in ends.items():
            both = requests.keys() & theirs.keys() if other != writer else ()
            passed[writer].update(each for each in both if (requests[each], writer) < (theirs[each], other))

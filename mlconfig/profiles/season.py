"""A reference by the hour of the week, so that a window is compared with rows of its own hours.

168 cells (Monday 00–01 is 0) of mergeable profiles; a coarser reference, by the hour of the day, is a sum of cells. In binary:

    "MLPS" | u16 version | u32 crc32 of what follows | zlib of: u32 length | JSON header | the profiles' bodies one by one
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import reduce
from typing import Literal
from zoneinfo import ZoneInfo

from mlconfig.errors import DataError
from mlconfig.profiles import binary
from mlconfig.profiles.profile import Profile
from mlconfig.vocabulary import Window

HOURS, WEEK = 24, 168
_QUARTER = 900
"""Seconds. Clocks differ from UTC by quarters of an hour at the finest."""
MAGIC = b"MLPS"
VERSION = 1
Level = Literal["hour", "weekday"]
_HEAD = struct.Struct("<4sHI")
_LENGTH = struct.Struct("<I")
_LARGEST = 512 << 20
_LEVEL = 6
_HINT = "make the reference again from the version's training data"


@dataclass(frozen=True, eq=False)
class Season:
    """A reference in cells.

    Args:
        cells: hour of the week (0 … 167, by the clock of ``time_zone``) → the profile of the rows of those hours.
        days: how long a stretch the rows cover.
        time_zone: whose clock it is.
    """

    cells: Mapping[int, Profile]
    days: float
    time_zone: str = "UTC"
    _made: dict[frozenset[int], Profile] = field(default_factory=dict, repr=False)

    def at(self, window: Window, level: Level) -> Profile | None:
        """The rows of the window's own hours of the day, or of the week; null where that is all there are, or none.

        Errors: none; hours without rows add nothing.
        """
        hours = hours_of_week(window, self.time_zone)
        wanted = (
            hours
            if level == "weekday"
            else frozenset(h for h in range(WEEK) if h % HOURS in {w % HOURS for w in hours})
        )
        if len(wanted) == WEEK:
            return None
        if wanted not in self._made:
            found = [self.cells[hour] for hour in sorted(wanted) if hour in self.cells]
            if not found:
                return None
            self._made[wanted] = reduce(Profile.merge, found)
        return self._made[wanted]


def hours_of_week(window: Window, time_zone: str) -> frozenset[int]:
    """The hours of the week that a window touches."""
    zone = ZoneInfo(time_zone)
    if window.end - window.start >= 7 * 86_400:
        return frozenset(range(WEEK))
    moments = [window.start]
    while (following := (moments[-1] // _QUARTER + 1) * _QUARTER) < window.end:
        moments.append(following)
    clocks = (datetime.fromtimestamp(moment, UTC).astimezone(zone) for moment in moments)
    return frozenset(clock.weekday() * HOURS + clock.hour for clock in clocks)


def dump_season(season: Season) -> bytes:
    """All cells as bytes, compressed together, since their layouts are one."""
    hours = sorted(season.cells)
    bodies = [binary.body(season.cells[hour]) for hour in hours]
    header = {
        "days": season.days,
        "time_zone": season.time_zone,
        "hours": hours,
        "sizes": [len(body) for body in bodies],
    }
    text = json.dumps(header, separators=(",", ":")).encode()
    packed = zlib.compress(b"".join([_LENGTH.pack(len(text)), text, *bodies]), _LEVEL)
    return _HEAD.pack(MAGIC, VERSION, zlib.crc32(packed)) + packed


def load_season(data: bytes) -> Season:
    """The inverse of ``dump_season``. ``DataError`` when the bytes are none, are damaged, or are of another version."""
    if len(data) < _HEAD.size or data[:4] != MAGIC:
        raise DataError("these bytes are no seasonal reference", hint=_HINT)
    _, version, checksum = _HEAD.unpack_from(data)
    packed = data[_HEAD.size :]
    if version != VERSION or zlib.crc32(packed) != checksum:
        raise DataError("a damaged seasonal reference, or one of another version", hint=_HINT)
    try:
        return _read(zlib.decompressobj().decompress(packed, _LARGEST))
    except (ValueError, KeyError, TypeError, struct.error, zlib.error) as error:
        raise DataError(f"a seasonal reference that cannot be read: {error}", hint=_HINT) from error


def _read(whole: bytes) -> Season:
    (length,) = _LENGTH.unpack_from(whole)
    at = _LENGTH.size + length
    header = json.loads(whole[_LENGTH.size : at])
    cells = {}
    for hour, size in zip(header["hours"], header["sizes"], strict=True):
        cells[int(hour)] = binary.of_body(whole[at : at + size])
        at += size
    return Season(cells, float(header["days"]), str(header["time_zone"]))

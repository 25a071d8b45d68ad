"""The sum of an endpoint's service log since it exists, kept up to date by reading only what is new.

It never shrinks, whichever process reads it: lines are only added, and what is compacted stays in the totals of the compacted
file's first line. So every replica can answer for all of them.
"""

from __future__ import annotations

from pathlib import Path

from mlconfig.records.service_counts import ServiceCounts
from mlconfig.records.service_log import decode, log_files, read_bytes, read_header, settled, whole_lines
from mlconfig.records.service_writer import SERVICE, Line


class _Tail:
    """One writer's file, read up to ``offset``."""

    def __init__(self) -> None:
        self.offset, self.counts = 0, ServiceCounts()

    def read_on(self, path: Path) -> None:
        """Take the whole lines that were added."""
        data = read_bytes(path, self.offset)
        whole = data[: data.rfind(b"\n") + 1]
        for raw in whole_lines(whole):
            if (line := decode(raw, Line)) is not None:
                self.counts.add(line.counts)
        self.offset += len(whole)


class ServiceTotals:
    """Sums the log in an endpoint's log ``folder``; one reader at a time."""

    def __init__(self, folder: Path) -> None:
        self._place = folder / SERVICE
        self._tails: dict[str, _Tail] = {}

    def read(self) -> ServiceCounts:
        """All that all replicas have written since the endpoint exists. Damaged lines are passed over."""
        return settled(self._read)

    def _read(self) -> ServiceCounts:
        files = {path.name: path for path in log_files(self._place)}
        header = read_header(self._place)
        tails = {name: self._tails.get(name) or _Tail() for name in files if name not in header.merged}
        self._tails = tails
        for name, tail in tails.items():
            tail.read_on(files[name])
        total = ServiceCounts()
        for counts in (header.totals, *(tail.counts for tail in tails.values())):
            total.add(counts)
        return total

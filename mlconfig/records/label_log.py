"""Reading the labels of an endpoint: live segments and compacted Parquet, a piece of a file at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from mlconfig.records.days import Bounds, blocks_within, day_files
from mlconfig.records.feedback import label_table
from mlconfig.records.segments import record_blocks, segment_files

if TYPE_CHECKING:
    import pyarrow as pa


def label_blocks(live: Path, compacted: Path, since: float | None) -> Iterator[pa.Table]:
    """The labels that arrived from a moment on (seconds since 1970; null: all), each as often as it was sent.

    Columns as of `records.feedback.label_table`; the first block is empty, so that there is always one. Segments first: one
    that is gone by then is in Parquet, which is listed after it.
    """
    import pyarrow.compute as pc

    yield (nothing := label_table([], str(live)))
    bounds, seen = Bounds(since, None, "arrived"), set()
    for file in segment_files(live):
        try:
            for bodies in record_blocks(file):
                seen.add(file.stem)
                table = label_table(bodies, str(file))
                yield table if since is None else table.filter(pc.field("arrived") >= since)
        except FileNotFoundError:
            continue
    for file in day_files(compacted, seen, bounds):
        with suppress(FileNotFoundError):  # older than labels are kept
            for table in blocks_within(file, nothing.column_names, bounds):
                yield table if since is None else table.filter(pc.field("arrived") >= since)

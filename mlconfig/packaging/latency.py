"""How long one row takes in the packaged model: what the gate ``latency_p99`` judges."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from mlconfig.packaging.runtime import PackagedModel
from mlconfig.records.packing import Feeds, rows_in, take_rows

WARM_UP = 50
MAX_ROWS = 500


def latency_p99(
    model: PackagedModel, feeds: Feeds, calls: int = 2000, clock: Callable[[], float] = time.perf_counter
) -> float:
    """The 99th percentile of one row's time, in seconds, over rows in turn.

    The same row again and again would flatter the result more than twofold: the processor learns a tree's branches by heart.

    Args:
        model: the packaged model, with one thread.
        feeds: at least one packed row, of the model's precision.
        calls: measured calls, after a few that are not.
        clock: seconds that only grow.
    """
    count = min(rows_in(feeds), MAX_ROWS)
    rows = [take_rows(feeds, slice(row, row + 1)) for row in range(count)]
    taken = np.empty(calls)
    for call in range(-WARM_UP, calls):
        row = rows[call % count]
        began = clock()
        model.session.run(None, row)
        if call >= 0:
            taken[call] = clock() - began
    return float(np.percentile(taken, 99))

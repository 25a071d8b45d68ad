"""A process that measures one side of the drift benchmark and is asked for its rounds, so that rounds can alternate.

It imports nothing of the project, because it runs inside each peer's own environment. A question is a line of JSON on stdin
(which work, which window), the answer a line on what stdout was when the process began; what libraries print goes to
stderr.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

Work = Callable[[int], object]


def frames_of(folder: Path) -> list[pd.DataFrame]:
    """The reference and then the windows, text as categories."""
    import pyarrow.feather

    return [pyarrow.feather.read_feather(path) for path in sorted(folder.glob("*.arrow"))]


def as_object(frame: pd.DataFrame) -> pd.DataFrame:
    """Text as Python strings instead of categories."""
    return frame.astype({name: object for name in frame.columns if name.startswith("c")})


def answer_rounds(works: dict[str, Work], packages: Sequence[str]) -> None:
    """Until stdin ends: do the work asked for, say the wall and processor seconds it took and what it found."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    _say(answers, {"versions": {name: version(name) for name in packages}})
    for line in sys.stdin:
        name, window = json.loads(line)
        wall, cpu = time.perf_counter(), time.process_time()
        found = works[name](window)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        _say(answers, {"wall": wall, "cpu": cpu, "found": found})


def _say(answers, message: dict[str, object]) -> None:
    answers.write(json.dumps(message, default=float) + "\n")
    answers.flush()

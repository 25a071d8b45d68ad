"""Evidently's side, run in its own environment with the folder of the data: its PSI test of each column without the
report around it, and the report that its drift preset makes.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import pandas as pd
from drift_rounds import answer_rounds, as_object, frames_of
from evidently import Report
from evidently.legacy.calculations.stattests import psi_stat_test
from evidently.legacy.core import ColumnType
from evidently.presets import DataDriftPreset

warnings.filterwarnings("ignore")


def psi(reference: pd.DataFrame, window: pd.DataFrame) -> dict[str, float]:
    """Of every column."""
    found = {}
    for name in reference.columns:
        kind = ColumnType.Numerical if name.startswith("x") else ColumnType.Categorical
        found[name] = psi_stat_test(reference[name], window[name], kind, 0.1).drift_score
    return found


def report(reference: pd.DataFrame, window: pd.DataFrame) -> int:
    """The metrics in the default report."""
    return len(Report([DataDriftPreset()]).run(window, reference).dict()["metrics"])


def main(folder: Path) -> None:
    """Answer rounds."""
    frames = frames_of(folder)
    objects = [as_object(frame) for frame in frames]
    works = {
        "psi, category": lambda i: psi(frames[0], frames[1 + i]),
        "psi, object": lambda i: psi(objects[0], objects[1 + i]),
        "report": lambda i: report(frames[0], frames[1 + i]),
    }
    answer_rounds(works, ("evidently", "pandas", "numpy"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""NannyML's side, run in its own environment with the folder of the data: univariate drift, Kolmogorov–Smirnov and chi²,
its calculator fitted once before.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import nannyml
import pandas as pd
from drift_rounds import answer_rounds, as_object, frames_of

warnings.filterwarnings("ignore")


def fitted(reference: pd.DataFrame) -> nannyml.UnivariateDriftCalculator:
    """A window is one chunk."""
    calculator = nannyml.UnivariateDriftCalculator(
        column_names=list(reference.columns),
        treat_as_categorical=[name for name in reference.columns if name.startswith("c")],
        continuous_methods=["kolmogorov_smirnov"],
        categorical_methods=["chi2"],
        chunk_size=len(reference),
    )
    return calculator.fit(reference)


def calculate(calculator: nannyml.UnivariateDriftCalculator, window: pd.DataFrame) -> int:
    """The columns of the result."""
    return len(calculator.calculate(window).column_names)


def main(folder: Path) -> None:
    """Answer rounds."""
    frames = frames_of(folder)
    objects = [as_object(frame) for frame in frames]
    by_category, by_object = fitted(frames[0]), fitted(objects[0])
    works = {
        "category": lambda i: calculate(by_category, frames[1 + i]),
        "object": lambda i: calculate(by_object, objects[1 + i]),
    }
    answer_rounds(works, ("nannyml", "pandas", "numpy"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

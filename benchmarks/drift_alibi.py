"""alibi-detect's side, run in its own environment with the folder of the data: `TabularDrift` (Kolmogorov–Smirnov and
chi²). It takes one matrix of numbers, so text comes as the numbers of its levels, which are not counted as its time.

alibi-detect is under the Business Source License, which allows measuring it but not using it in production.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np
from alibi_detect.cd import TabularDrift
from drift_rounds import answer_rounds, frames_of

warnings.filterwarnings("ignore")


def main(folder: Path) -> None:
    """Answer rounds."""
    frames = frames_of(folder)
    text = [name for name in frames[0].columns if name.startswith("c")]
    levels = {name: frames[0][name].cat.categories for name in text}
    for frame in frames:
        for name in text:
            frame[name] = frame[name].cat.set_categories(levels[name]).cat.codes
    # By columns, as it reads them; by rows it takes longer.
    matrices = [np.asfortranarray(frame.to_numpy(np.float32)) for frame in frames]
    sizes = {frames[0].columns.get_loc(name): len(levels[name]) for name in text}
    detector = TabularDrift(matrices[0], p_val=0.05, categories_per_feature=sizes)
    works = {"tabular": lambda i: detector.predict(matrices[1 + i])["data"]["distance"].tolist()}
    answer_rounds(works, ("alibi-detect", "scipy", "numpy"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

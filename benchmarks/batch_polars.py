"""polars and native LightGBM: `python batch_polars.py TRAIN.parquet` fits a model, with `IN OUT` it scores a folder.

Categories are numbers by a fixed order of their levels, and LightGBM takes them as categories.
"""

import sys
from pathlib import Path

import lightgbm
import polars as pl

MODEL, THREADS = Path("lightgbm.txt"), 2
LEVELS = (3, 5, 8, 12, 25, 50)
TEXTS = [f"c{place}" for place in range(len(LEVELS))]
NUMBERS = [f"x{place}" for place in range(14)]


def matrix(frame):
    """The features as one matrix of float32."""
    coded = [
        pl.col(name).cast(pl.Enum([f"level {level}" for level in range(levels)])).to_physical()
        for name, levels in zip(TEXTS, LEVELS, strict=True)
    ]
    chosen = frame.select(*NUMBERS, *coded).with_columns(pl.all().cast(pl.Float32))
    return chosen.fill_null(float("nan")).to_numpy()


def fit(file):
    """200 trees of 31 leaves."""
    frame = pl.read_parquet(file)
    data = lightgbm.Dataset(
        matrix(frame), frame["target"].to_numpy(), feature_name=NUMBERS + TEXTS, categorical_feature=TEXTS
    )
    params = {"objective": "binary", "num_leaves": 31, "num_threads": THREADS, "verbose": -1}
    lightgbm.train(params, data, 200).save_model(MODEL)


def score(source, target):
    """File by file."""
    Path(target).mkdir()
    model = lightgbm.Booster(model_file=MODEL)
    for file in sorted(Path(source).glob("*.parquet")):
        frame = pl.read_parquet(file)
        chance = model.predict(matrix(frame), num_threads=THREADS)
        answers = [pl.Series("prediction", (chance > 0.5).astype("int64")), pl.Series("probability", chance)]
        frame.with_columns(answers).write_parquet(Path(target) / file.name, compression="snappy")


if __name__ == "__main__":
    if len(sys.argv) == 2:
        fit(sys.argv[1])
    else:
        score(*sys.argv[2:])

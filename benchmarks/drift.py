"""One drift check: a window of 100,000 rows × 20 columns (14 numeric float32, 6 of text) against a reference of as many.

Ours profiles an Arrow table and compares its counts with the reference's (PSI, KL, JS, KS, chi², Wasserstein and the
relevance threshold of every column); the reference's rows are gone. Its text comes as dictionaries, as Arrow decodes it
from Parquet, and once more as plain strings, which then have to be hashed first.

The peers get the same rows, each in an environment of its own: Evidently and NannyML as pandas frames, text as
categories (what Arrow's dictionaries become) and as Python strings; alibi-detect as one float32 matrix with text as
numbers, which it asks for. Evidently's PSI is its test of each column without the report around; NannyML's
calculator was fitted before; scipy sorts the rows of both sides anew (`ks_2samp`, asymptotic, and
`chi2_contingency`). All processes stay alive and answer in turn on one core with one thread; in a round each checks
one window untimed and then all five (the report, which takes seconds, one). Ratios are medians of ratios of processor
time within a round: beside our check, and beside our check of plain strings.

Rows that a server folds into its profile come by rows and a few at a time; a block waits for others until 65,536 rows
are together. Decisions are p < 0.05 / 20, ours from counts and those of scipy from rows.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import feather

from benchmarks.drift_peers import Runner, runners
from benchmarks.report import Row, median
from mlconfig.profiles.binary import dump
from mlconfig.profiles.distances import compare, compare_all, relevance_threshold
from mlconfig.profiles.profile import Profile, fit_layout, profile_of

ROWS, NUMERIC, TEXT = 100_000, 14, 6
WINDOWS, ROUNDS = 5, 7
LEVELS = (3, 5, 8, 12, 25, 50)
KINDS = {f"x{i}": "numeric" for i in range(NUMERIC)} | {f"c{i}": "categorical" for i in range(TEXT)}
DRIFTS = (0.0, 0.02, 0.1, 0.5)
SIGNIFICANT = 0.05 / len(KINDS)

# What is asked of which process, and how it is called on the page.
WORKS = {
    ("mlconfig", "check"): "mlconfig: profile and compare",
    ("mlconfig", "profile"): "of it: profile of the window",
    ("mlconfig", "compare"): "of it: compare 20 columns",
    ("mlconfig", "check, text"): "mlconfig, plain strings",
    ("evidently", "psi, category"): "Evidently {evidently}, PSI alone, categories",
    ("evidently", "psi, object"): "Evidently {evidently}, PSI alone, Python strings",
    ("evidently", "report"): "Evidently {evidently}, default report, categories",
    ("nannyml", "category"): "NannyML {nannyml}, KS and chi², categories",
    ("nannyml", "object"): "NannyML {nannyml}, KS and chi², Python strings",
    ("alibi", "tabular"): "alibi-detect {alibi-detect}, TabularDrift",
    ("mlconfig", "scipy"): "scipy {scipy}, ks_2samp and chi2_contingency",
    ("mlconfig", "decode"): "decode the window from Parquet",
    ("mlconfig", "decode and fold"): "decode and fold it",
    ("mlconfig", "fold 1"): "fold rows one by one (4,096 of them)",
    ("mlconfig", "fold 1024"): "fold blocks of 1,024 rows",
    ("mlconfig", "fold 4096"): "fold blocks of 4,096 rows",
}
LONG = {"report", "fold 1"}


def rows(seed: int, drift: float = 0.0) -> pa.Table:
    """Normal, lognormal, gamma and rounded columns; text of 3 to 50 levels. Up to ``drift`` spreads away, the first not."""
    rng = np.random.default_rng(seed)
    draws = (
        lambda: rng.normal(50.0, 9.0, ROWS),
        lambda: rng.lognormal(3.0, 1.0, ROWS),
        lambda: rng.gamma(2.0, 3.0, ROWS),
        lambda: np.round(rng.normal(0.0, 20.0, ROWS)),
    )
    spreads = (9.0, 26.0, 4.2, 20.0)
    columns = {
        f"x{i}": pa.array((draws[i % 4]() + drift * spreads[i % 4] * i / NUMERIC).astype(np.float32))
        for i in range(NUMERIC)
    }
    for i, levels in enumerate(LEVELS):
        names = np.asarray([f"level {level}" for level in range(levels)], dtype=object)
        chance = 2.0 / levels * (1 - drift * i / TEXT)
        columns[f"c{i}"] = pa.array(names[np.minimum(rng.geometric(chance, ROWS) - 1, levels - 1)], pa.string())
    return pa.table(columns)


def with_dictionaries(table: pa.Table) -> pa.Table:
    """Text as dictionaries."""
    return pa.table(
        {n: c.dictionary_encode() if pa.types.is_string(c.type) else c
         for n, c in zip(table.column_names, table.columns, strict=True)}
    )  # fmt: skip


def check_counts(reference: Profile, window: Profile, alpha: float = 1e-4) -> dict[str, float]:
    """All distances and the threshold of all columns, from counts; the KS statistic (or chi²) of each."""
    compared = compare_all((reference.columns[name], window.columns[name]) for name in KINDS)
    for one in compared:
        relevance_threshold(one.reference_rows, one.current_rows, one.bins, 0.05, alpha)
    return {name: one.ks.statistic if one.ks else one.chi2.statistic for name, one in zip(KINDS, compared, strict=True)}


def check_rows(reference: pa.Table, window: pa.Table) -> dict[str, float]:
    """The exact tests of scipy on the rows of both."""
    return {name: statistic for name, (statistic, _) in tests_of_rows(reference, window).items()}


def tests_of_rows(reference: pa.Table, window: pa.Table) -> dict[str, tuple[float, float]]:
    """Statistic and p-value of each column by scipy; the table of a column of text is counted by Arrow."""
    from scipy.stats import chi2_contingency, ks_2samp

    found = {}
    for name, kind in KINDS.items():
        if kind == "numeric":
            sides = (side.column(name).to_numpy() for side in (reference, window))
            test = ks_2samp(*sides, method="asymp")
        else:
            counts = [{one["values"]: one["counts"] for one in pc.value_counts(side.column(name)).to_pylist()}
                      for side in (reference, window)]  # fmt: skip
            levels = sorted(set(counts[0]) | set(counts[1]))
            test = chi2_contingency([[side.get(level, 0) for level in levels] for side in counts])
        found[name] = float(test.statistic), float(test.pvalue)
    return found


def tests_of_counts(reference: Profile, window: Profile) -> dict[str, tuple[float, float]]:
    """The same from counts; every level is a bin of its own."""
    found = {}
    for name in KINDS:
        compared = compare(reference.columns[name], window.columns[name], bins=256)
        test = compared.ks or compared.chi2
        found[name] = test.statistic, test.p_value
    return found


@contextlib.contextmanager
def one_core() -> Iterator[None]:
    """This process and those it starts on one core; as before afterwards."""
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    if cores:
        os.sched_setaffinity(0, {max(cores)})
    try:
        yield
    finally:
        if cores:
            os.sched_setaffinity(0, cores)


def run() -> list[Row]:
    """The data to a folder, the processes beside it, rounds in turn; then what a clock does not show."""
    with tempfile.TemporaryDirectory(prefix="mlb-") as folder:
        for number, table in enumerate(rows(seed) for seed in range(WINDOWS + 1)):
            file = f"{folder}/{number}.arrow"
            feather.write_feather(with_dictionaries(table), file, compression="uncompressed", chunksize=ROWS)
        with one_core(), runners(Path(folder)) as alive:
            versions = {}
            for runner in alive.values():
                versions |= runner.ready()
            rounds = [_round(alive) for _ in range(-1, ROUNDS)][1:]  # the first one warms up
    named = {what: name.format_map(versions) for what, name in WORKS.items()}
    return [*(_timed(named[what], what, rounds) for what in WORKS), *_untimed()]


Times = Mapping[tuple[str, str], tuple[float, float]]


def _round(alive: Mapping[str, Runner]) -> Times:
    """Mean wall and processor seconds of each work, over the windows; one more goes before, because caches are others'."""
    found = {}
    for who, work in WORKS:
        if work not in LONG:
            alive[who].ask(work, 0)
        taken = [alive[who].ask(work, window) for window in range(1 if work in LONG else WINDOWS)]
        found[who, work] = _mean(taken, "wall"), _mean(taken, "cpu")
    return found


def _mean(taken: list[dict[str, Any]], what: str) -> float:
    return sum(one[what] for one in taken) / len(taken)


def _timed(name: str, what: tuple[str, str], rounds: list[Times]) -> Row:
    cpu = median(one[what][1] for one in rounds)
    count = 4096 if what[1] == "fold 1" else ROWS
    figures: dict[str, float | str] = {
        "wall ms": 1e3 * median(one[what][0] for one in rounds),
        "CPU ms": 1e3 * cpu,
        "CPU µs a row": 1e6 * cpu / count,
        "million cells/s": count * len(KINDS) / cpu / 1e6,
    }
    if count == ROWS:
        for column, own in (("× ours", "check"), ("× ours, plain strings", "check, text")):
            figures[column] = median(one[what][1] / one["mlconfig", own][1] for one in rounds)
    return Row(name, figures)


def _untimed() -> list[Row]:
    reference = rows(0)
    layout = fit_layout(reference, KINDS)
    kept = profile_of(layout, reference)
    equal = decisions = 0
    gaps, different = [0.0], []
    for seed, drift in enumerate(DRIFTS * WINDOWS, 1):
        window = rows(seed, drift)
        counted, exact = tests_of_counts(kept, profile_of(layout, window)), tests_of_rows(reference, window)
        for name, kind in KINDS.items():
            decided = [side[name][1] < SIGNIFICANT for side in (counted, exact)]
            equal, decisions = equal + (decided[0] == decided[1]), decisions + 1
            different += [exact[name][1]] if decided[0] != decided[1] else []
            gaps += [abs(counted[name][0] - exact[name][0])] if kind == "numeric" else []
    told = f"; p-values of the others: {', '.join(f'{p:.5f}' for p in different)}" if different else ""
    return [
        Row(
            f"decisions equal to scipy's, windows that drifted by up to {DRIFTS[0]:g} … {DRIFTS[-1]:g} spreads",
            {"wall ms": f"{equal} of {decisions}{told}"},
        ),
        Row("largest gap between KS from counts and the exact one", {"wall ms": f"{max(gaps):.5f}"}),
        Row("size of the reference's profile, which holds no rows", {"wall ms": f"{len(dump(kept)) / 1024:.1f} KiB"}),
    ]

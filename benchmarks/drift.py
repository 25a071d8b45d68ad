"""One drift check: a window of 100,000 rows × 20 columns (14 numeric float32, 6 of text) in Arrow, against a reference
of as many.

Ours profiles the window and compares its counts with the reference's (PSI, KL, JS, KS, chi², Wasserstein and the
relevance threshold of every column); the reference's rows are gone. Beside it scipy on the rows of both: `ks_2samp`
(asymptotic p-value) a numeric column, `chi2_contingency` a column of text, its table counted by Arrow; it sorts the
reference anew each time, having no way to keep it. One thread on one core; five windows in rotation. The ratio is
scipy's processor time to ours.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.report import Row, median
from mlconfig.profiles.distances import compare, relevance_threshold
from mlconfig.profiles.profile import Profile, fit_layout, profile_of

ROWS, NUMERIC, TEXT = 100_000, 14, 6
WINDOWS, ROUNDS = 5, 15
LEVELS = (3, 5, 8, 12, 25, 50)
KINDS = {f"x{i}": "numeric" for i in range(NUMERIC)} | {f"c{i}": "categorical" for i in range(TEXT)}


def rows(seed: int) -> pa.Table:
    """Normal, lognormal, gamma and rounded columns; text of 3 to 50 levels."""
    rng = np.random.default_rng(seed)
    draws = (
        lambda: rng.normal(50.0, 9.0, ROWS),
        lambda: rng.lognormal(3.0, 1.0, ROWS),
        lambda: rng.gamma(2.0, 3.0, ROWS),
        lambda: np.round(rng.normal(0.0, 20.0, ROWS)),
    )
    columns = {f"x{i}": pa.array(draws[i % 4]().astype(np.float32)) for i in range(NUMERIC)}
    for i, levels in enumerate(LEVELS):
        names = np.asarray([f"level {level}" for level in range(levels)], dtype=object)
        columns[f"c{i}"] = pa.array(names[np.minimum(rng.geometric(2.0 / levels, ROWS) - 1, levels - 1)], pa.string())
    return pa.table(columns)


def check_counts(reference: Profile, window: Profile) -> dict[str, float]:
    """All distances and the threshold of all columns, from counts; the KS statistic (or chi²) of each."""
    found = {}
    for name in KINDS:
        compared = compare(reference.columns[name], window.columns[name])
        relevance_threshold(compared.reference_rows, compared.current_rows, compared.bins, 0.05, 1e-4)
        found[name] = compared.ks.statistic if compared.ks else compared.chi2.statistic
    return found


def check_rows(reference: pa.Table, window: pa.Table) -> dict[str, float]:
    """The exact tests of scipy on the rows of both."""
    from scipy.stats import chi2_contingency, ks_2samp

    found = {}
    for name, kind in KINDS.items():
        if kind == "numeric":
            sides = (side.column(name).to_numpy() for side in (reference, window))
            found[name] = float(ks_2samp(*sides, method="asymp").statistic)
            continue
        counts = [{one["values"]: one["counts"] for one in pc.value_counts(side.column(name)).to_pylist()}
                  for side in (reference, window)]  # fmt: skip
        levels = sorted(set(counts[0]) | set(counts[1]))
        found[name] = float(chi2_contingency([[side.get(level, 0) for level in levels] for side in counts]).statistic)
    return found


def measured(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and processor seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


@contextlib.contextmanager
def one_core() -> Iterator[None]:
    """This process on one core, Arrow with one thread; as before afterwards."""
    threads, cores = pa.cpu_count(), os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    pa.set_cpu_count(1)
    if cores:
        os.sched_setaffinity(0, {max(cores)})
    try:
        yield
    finally:
        pa.set_cpu_count(threads)
        if cores:
            os.sched_setaffinity(0, cores)


# A peer (Evidently, NannyML, alibi-detect) is one more entry of `works`: a name, and a function of a window's number.
# One that cannot be installed beside ours gets an environment under .peers/, as the serving benchmark's peer does.
def run() -> list[Row]:
    """Rounds of each, one after the other within a round, so that what else the machine does meets all alike."""
    reference, windows = rows(0), [rows(seed + 1) for seed in range(WINDOWS)]
    layout = fit_layout(reference, KINDS)
    kept = profile_of(layout, reference)
    profiles = [profile_of(layout, window) for window in windows]
    works: dict[str, Callable[[int], object]] = {
        "mlconfig: profile and compare": lambda i: check_counts(kept, profile_of(layout, windows[i])),
        "of it: profile of the window": lambda i: profile_of(layout, windows[i]),
        "of it: compare 20 columns": lambda i: check_counts(kept, profiles[i]),
        "scipy: ks_2samp and chi2_contingency": lambda i: check_rows(reference, windows[i]),
    }
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
    with one_core():
        for number in range(-1, ROUNDS):
            for name, work in works.items():
                taken = measured(lambda work=work, number=number: work(number % WINDOWS))
                if number >= 0:  # the first round warms up
                    times[name].append(taken)
    ours = times["mlconfig: profile and compare"]
    found = [_row(name, taken, ours) for name, taken in times.items()]
    return [*found, _agreement(kept, profiles, reference, windows)]


def _row(name: str, taken: list[tuple[float, float]], ours: list[tuple[float, float]]) -> Row:
    cpu = median(one[1] for one in taken)
    return Row(
        name,
        {
            "wall ms": 1e3 * median(one[0] for one in taken),
            "CPU ms": 1e3 * cpu,
            "million cells/s": ROWS * len(KINDS) / cpu / 1e6,
            "CPU time beside ours": median(one[1] / own[1] for one, own in zip(taken, ours, strict=True)),
        },
    )


def _agreement(kept: Profile, profiles: list[Profile], reference: pa.Table, windows: list[pa.Table]) -> Row:
    """How far the KS statistic from counts is from the exact one."""
    gaps = [
        abs(value - exact[name])
        for profile, window in zip(profiles, windows, strict=True)
        for exact in [check_rows(reference, window)]
        for name, value in check_counts(kept, profile).items()
        if KINDS[name] == "numeric"
    ]
    return Row("largest gap between KS from counts and the exact one", {"wall ms": f"{max(gaps):.5f} (of 70 columns)"})

"""Makes the reference of a version: what the training rows looked like, and what it answers to rows it was not trained on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mlconfig.monitoring.answers import Coder, answered, levels_from, output_kinds
from mlconfig.monitoring.baseline import (
    FACTS,
    HOLDOUT,
    OUTPUTS,
    PROFILE,
    ROWS,
    SAMPLE,
    SEASON,
    SEASON_OUTPUTS,
    SUBJECT,
    Baseline,
    facts_json,
    parquet_bytes,
)
from mlconfig.monitoring.calibration import calibrate
from mlconfig.monitoring.parts import as_text
from mlconfig.profiles.arrays import as_mapping
from mlconfig.profiles.binary import dump
from mlconfig.profiles.clusters import find_clusters
from mlconfig.profiles.distinct import hash_rows, sketch
from mlconfig.profiles.profile import Profile, fit_layout, profile_of
from mlconfig.profiles.scores import ScoreCounts, count_scores
from mlconfig.profiles.season import HOURS, WEEK, Season, dump_season
from mlconfig.records.columns import LABEL_CODE, LABEL_VALUE
from mlconfig.records.wall_clock import utc_to_wall

if TYPE_CHECKING:
    import pyarrow as pa

    from mlconfig.records.signature import Signature
    from mlconfig.vocabulary import Kind

    Vector = np.ndarray[Any, Any]

DAY = 86_400.0
LEAST_DAYS = 7.0
"""A reference that is shorter says nothing of the week."""


@dataclass(frozen=True)
class HeldOut:
    """Rows that the version was not trained on, and what it says of them.

    Args:
        rows: their places in the table [held-out rows].
        predicted: class codes, or values [held-out rows].
        scores: as the prediction log has them (two classes: of the positive one; more: of the answered one; else the value).
        y: the truth, class codes or values.
    """

    rows: Vector
    predicted: Vector
    scores: Vector
    y: Vector


def feature_kinds(signature: Signature) -> dict[str, Kind]:
    """What is profiled: the columns that are predicted from, but for personal ones, whose values the log does not hold."""
    return {column.name: column.kind for column in signature.features if column.pii is None}


def reference_profile(columns: Any, kinds: Mapping[str, Kind]) -> Profile:
    """The profile of the training rows, whose layout all later windows are counted by.

    Args:
        columns: a ``pyarrow.Table`` or name → array, as a request carries them: raw values, before any transform; timestamps
            as wall clock in the recipe's zone.
        kinds: of ``feature_kinds``.
    """
    return profile_of(fit_layout(columns, kinds), columns)


def make_baseline(
    table: pa.Table,
    signature: Signature,
    held_out: HeldOut,
    moments: Vector | None,
    importance: Mapping[str, float],
    random_state: int,
    whose: Any = None,
) -> dict[str, bytes]:
    """The files of ``monitoring.baseline``, by name.

    Args:
        table: all rows that the version was learned from, raw.
        signature: of the version.
        held_out: some of them.
        moments: event times, seconds since 1970 [rows], NaN where unknown; null where rows have no time.
        importance: by feature.
        random_state: of the samples.
        whose: each row's subject as a digest [rows], kept with the samples so that erasure finds them; null: nobody's.
    """
    kinds = feature_kinds(signature)
    inputs = reference_profile(table, kinds)
    coder = Coder(signature)
    answers = answered(held_out.predicted.astype(np.float64), held_out.scores, coder)
    outputs = reference_profile(answers, output_kinds(signature))
    scores = _scores(table, signature, held_out)
    wall = None if moments is None else wall_seconds(moments, signature.time_zone)
    baseline = Baseline(
        inputs,
        outputs,
        scores,
        None if scores is None else _calibration(signature, held_out, random_state),
        duplicate_fraction=sketch(hash_rows([table.column(name) for name in kinds])).duplicate_fraction,
        importance={name: value for name, value in importance.items() if name in kinds},
        clusters=None if wall is None else find_clusters(inputs.layout, as_mapping(table), wall),
        output_clusters=None if wall is None else find_clusters(outputs.layout, answers, wall[held_out.rows]),
    )
    files = {PROFILE: dump(inputs), OUTPUTS: dump(outputs), FACTS: facts_json(baseline)}
    whole = table.select(list(kinds))
    whole = whole if whose is None else whole.append_column(SUBJECT, whose)
    files |= _samples(whole, held_out, answers, signature, random_state)
    if moments is not None:
        files |= _seasons(table, inputs, outputs, answers, held_out, moments, signature.time_zone)
    return files


def _scores(table: pa.Table, signature: Signature, held_out: HeldOut) -> ScoreCounts | None:
    if not signature.classes:
        return None
    import pyarrow as pa

    rows = table.take(pa.array(held_out.rows))
    levels = {name: levels_from(rows.column(name)) for name in signature.groups if name in rows.column_names}
    return count_scores(len(signature.classes), held_out.predicted, held_out.scores, levels)


def _calibration(signature: Signature, held_out: HeldOut, random_state: int) -> Vector:
    two = len(signature.classes) == 2
    true = held_out.y == 1 if two else held_out.y == held_out.predicted
    return calibrate(held_out.scores, true, random_state)


def _samples(
    table: pa.Table, held_out: HeldOut, answers: Mapping[str, Any], signature: Signature, random_state: int
) -> dict[str, bytes]:
    """Rows for detectors that compare rows."""
    import pyarrow as pa

    rng = np.random.default_rng(random_state)
    chosen = np.sort(rng.permutation(len(table))[:SAMPLE])
    of_held_out = np.sort(rng.permutation(len(held_out.rows))[:SAMPLE])
    rows = table.take(pa.array(held_out.rows[of_held_out]))
    for name, values in answers.items():
        rows = rows.append_column(name, as_text(values).take(pa.array(of_held_out)))
    truth = LABEL_CODE if signature.classes else LABEL_VALUE
    rows = rows.append_column(truth, pa.array(held_out.y[of_held_out]))
    return {ROWS: parquet_bytes(table.take(pa.array(chosen))), HOLDOUT: parquet_bytes(rows)}


def _seasons(
    table: pa.Table,
    inputs: Profile,
    outputs: Profile,
    answers: Mapping[str, Any],
    held_out: HeldOut,
    moments: Vector,
    time_zone: str,
) -> dict[str, bytes]:
    import pyarrow as pa

    answered_rows = pa.table({name: as_text(values) for name, values in answers.items()})
    return {
        name: dump_season(season)
        for name, profile, rows, at in (
            (SEASON, inputs, table, moments),
            (SEASON_OUTPUTS, outputs, answered_rows, moments[held_out.rows]),
        )
        for season in [make_season(profile, rows, at, time_zone)]
        if season is not None
    }


def wall_seconds(moments: Vector, time_zone: str) -> Vector:
    """Moments as the clock of the recipe's zone shows them, in whole seconds [rows]; NaN where unknown."""
    known = np.isfinite(moments)
    wall = np.full(len(moments), np.nan)
    wall[known] = utc_to_wall(np.floor(moments[known]).astype(np.int64), time_zone)
    return wall


def make_season(whole: Profile, rows: pa.Table, moments: Vector, time_zone: str) -> Season | None:
    """The rows by the hour of the week; null where they cover less than a week, or all fall on one hour of the day."""
    import pyarrow as pa

    known = np.flatnonzero(np.isfinite(moments))
    if not len(known):
        return None
    days = float(moments[known].max() - moments[known].min()) / DAY
    wall = wall_seconds(moments[known], time_zone).astype(np.int64) // 3600
    hours = (wall + 3 * HOURS) % WEEK  # 1970 began on a Thursday
    if days < LEAST_DAYS or len(np.unique(hours % HOURS)) < 2:
        return None
    columns = rows.select([column.name for column in whole.layout.columns])
    cells = {
        int(hour): profile_of(whole.layout, columns.take(pa.array(known[hours == hour]))) for hour in np.unique(hours)
    }
    return Season(cells, days, time_zone)


def permutation_importance(
    predict: Callable[[Mapping[str, Vector]], Vector],
    feeds: Mapping[str, Vector],
    names: Mapping[str, tuple[str, ...]],
    y: Vector,
    random_state: int,
    rows: int = 1000,
) -> dict[str, float]:
    """How much the squared error of the answers grows when one feature's values are shuffled among the rows (Breiman 2001).

    Args:
        predict: packed feeds → probabilities [rows, classes] or values [rows].
        feeds: packed held-out rows: name → [rows, columns].
        names: the columns' names of each feed.
        y: class codes or values [rows].
        random_state: of the shuffles.
        rows: at most so many are used.
    """
    rng = np.random.default_rng(random_state)
    chosen = np.sort(rng.permutation(len(y))[:rows])
    given, truth = {name: values[chosen] for name, values in feeds.items()}, y[chosen]
    if not len(chosen):
        return {}
    base = _squared_error(predict(given), truth)
    found = {}
    for feed, columns in names.items():
        for place, name in enumerate(columns):
            shuffled = given[feed].copy()
            shuffled[:, place] = rng.permutation(shuffled[:, place])
            found[name] = _squared_error(predict({**given, feed: shuffled}), truth) - base
    return found


def _squared_error(answers: Vector, y: Vector) -> float:
    if answers.ndim == 1:
        return float(((answers - y) ** 2).mean())
    right = np.zeros_like(answers)
    right[np.arange(len(y)), y.astype(np.int64)] = 1.0
    return float(((answers - right) ** 2).sum(axis=1).mean())

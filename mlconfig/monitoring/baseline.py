"""What a version's windows are compared with: made when it is packaged, kept in its folder.

profile.bin            the training rows as they were asked           season.bin          the same by the hour of the week
outputs.bin            the answers to held-out rows                   season_outputs.bin  the same by the hour of the week
baseline.json          scores, calibration, duplicates, importance, clusters
reference_rows.parquet, holdout_rows.parquet                          samples, only where a signal reads rows
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mlconfig.errors import DataError
from mlconfig.profiles import binary
from mlconfig.profiles.clusters import Clusters, clusters_of_tree, clusters_tree
from mlconfig.profiles.profile import Profile
from mlconfig.profiles.scores import ScoreCounts
from mlconfig.profiles.season import Season, load_season

if TYPE_CHECKING:
    import pyarrow as pa

    Floats = np.ndarray[Any, np.dtype[np.float64]]

PROFILE, OUTPUTS, FACTS = "profile.bin", "outputs.bin", "baseline.json"
SEASON, SEASON_OUTPUTS = "season.bin", "season_outputs.bin"
ROWS, HOLDOUT = "reference_rows.parquet", "holdout_rows.parquet"
SUBJECT = "mlconfig.subject"
"""The column of a sample that says, as a digest, whose a row is; no detector sees it."""
SAMPLE = 5000
"""Rows of each sample; the detectors that read rows ask for no more."""


@dataclass(frozen=True, eq=False)
class Baseline:
    """The reference of a version.

    Args:
        inputs: profile of all rows that it was learned from.
        outputs: profile of the answers to rows that it was not trained on; null for a version packaged without.
        scores: a classifier's answers to those rows, by score; null for a regression.
        calibration: what each score bucket is worth [512]; null for a regression.
        season: ``inputs`` by the hour of the week; null where the rows have no time.
        output_season: ``outputs`` likewise.
        duplicate_fraction: of the rows.
        importance: by feature, how much worse held-out rows are predicted when its values are shuffled.
        folder: where the samples lie; null for a version that has none.
        clusters: how alike the rows of one stretch of time are; null where rows have no time.
        output_clusters: how alike answers are.
    """

    inputs: Profile
    outputs: Profile | None = None
    scores: ScoreCounts | None = None
    calibration: Floats | None = None
    season: Season | None = None
    output_season: Season | None = None
    duplicate_fraction: float = 0.0
    importance: Mapping[str, float] = field(default_factory=dict)
    folder: Path | None = None
    clusters: Clusters | None = None
    output_clusters: Clusters | None = None

    @cached_property
    def rows(self) -> pa.Table | None:
        """A sample of the rows it was learned from."""
        return self._sample(ROWS)

    @cached_property
    def holdout(self) -> pa.Table | None:
        """A sample of held-out rows with answers and truth."""
        return self._sample(HOLDOUT)

    def _sample(self, name: str) -> pa.Table | None:
        import pyarrow.parquet as pq

        path = self.folder / name if self.folder is not None else None
        if path is None or not path.is_file():
            return None
        table = pq.read_table(path)
        return table.drop_columns([SUBJECT]) if SUBJECT in table.column_names else table

    def top(self, count: int) -> tuple[str, ...]:
        """The features that matter most, at most so many."""
        ranked = sorted(self.importance, key=lambda name: (-self.importance[name], name))
        return tuple(ranked[:count])


def facts_json(baseline: Baseline) -> bytes:
    """What is in no file of its own, as JSON."""
    scores, calibration = baseline.scores, baseline.calibration
    tree: dict[str, Any] = {
        "schema_version": 1,
        "duplicate_fraction": baseline.duplicate_fraction,
        "importance": dict(baseline.importance),
        "calibration": None if calibration is None else [round(float(value), 7) for value in calibration],
        "scores": None,
        "clusters": [
            None if each is None else clusters_tree(each) for each in (baseline.clusters, baseline.output_clusters)
        ],
    }
    if scores is not None:
        flat = scores.counts.ravel()
        where = np.flatnonzero(flat)
        tree["scores"] = {
            "classes": scores.classes,
            "groups": list(scores.groups),
            "places": where.tolist(),
            "counts": flat[where].tolist(),
        }
    return json.dumps(tree, separators=(",", ":"), ensure_ascii=False).encode()


def read_baseline(folder: Path) -> Baseline:
    """A version's reference. ``DataError`` when a file is damaged; files of later releases' parts may be missing."""
    inputs = binary.load((folder / PROFILE).read_bytes())
    outputs, facts = _bytes(folder / OUTPUTS), _bytes(folder / FACTS)
    seasons = [
        None if data is None else load_season(data)
        for data in (_bytes(folder / SEASON), _bytes(folder / SEASON_OUTPUTS))
    ]
    return Baseline(
        inputs,
        None if outputs is None else binary.load(outputs),
        season=seasons[0],
        output_season=seasons[1],
        folder=folder,
        **({} if facts is None else _facts(facts, folder / FACTS)),
    )


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


def _facts(data: bytes, path: Path) -> dict[str, Any]:
    try:
        tree = json.loads(data)
        calibration = tree["calibration"]
        return {
            "duplicate_fraction": float(tree["duplicate_fraction"]),
            "importance": {str(name): float(value) for name, value in tree["importance"].items()},
            "calibration": None if calibration is None else np.asarray(calibration, np.float64),
            "scores": _scores(tree["scores"]),
            **_clusters(tree.get("clusters", [None, None])),
        }
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise DataError(f"a reference that cannot be read: {error}", str(path), "train the version again") from error


def _clusters(trees: list[Any]) -> dict[str, Clusters | None]:
    inputs, outputs = (None if tree is None else clusters_of_tree(tree) for tree in trees)
    return {"clusters": inputs, "output_clusters": outputs}


def _scores(tree: dict[str, Any] | None) -> ScoreCounts | None:
    if tree is None:
        return None
    from mlconfig.profiles.scores import SCORE_BUCKETS

    classes, groups = int(tree["classes"]), tuple(tree["groups"])
    flat = np.zeros(len(groups) * classes * SCORE_BUCKETS, np.int64)
    flat[np.asarray(tree["places"], np.int64)] = tree["counts"]
    return ScoreCounts(classes, groups, flat.reshape(len(groups), classes, SCORE_BUCKETS))


def parquet_bytes(table: pa.Table) -> bytes:
    """A sample as a file's bytes."""
    import pyarrow.parquet as pq

    target = io.BytesIO()
    pq.write_table(table, target, compression="zstd")
    return target.getvalue()

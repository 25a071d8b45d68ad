"""Whether a champion may be compared on a candidate's held-out rows: only on rows that it was never trained on."""

from __future__ import annotations

import numpy as np

from mlconfig.data.event_time import event_seconds
from mlconfig.engine.champion import Champion
from mlconfig.engine.job import Job
from mlconfig.engine.tables import read_table_file
from mlconfig.plan.steps import ReadStep, TrainStep

STABLE = frozenset({"random", "group"})
"""Splits that go by a hash of the row: who is tested on once is never trained on, however the data grows."""


CHANGED = (
    "it may have been trained on the held-out rows, since the split changed; to go live all the same, set the mode of the "
    "comparing gates to report for one apply"
)


def unfair(job: Job, champion: Champion) -> str:
    """Why a comparison on the same rows would flatter the champion; empty when it would not."""
    mine, theirs = job.plan.step(TrainStep), champion.plan.step(TrainStep)
    if champion.signature.task != mine.task or list(champion.signature.classes) != _classes(job):
        return "it predicts something else"
    lacking = [column.name for column in champion.signature.features if column.name not in _columns(job)]
    if lacking:
        return f"the held-out rows lack its column {lacking[0]}"
    same_split = mine.split == theirs.split and mine.random_state == theirs.random_state
    if mine.split.by in STABLE and same_split and _told_apart(job, champion):
        return ""
    if _later(job, champion):
        return ""
    return CHANGED


def _classes(job: Job) -> list[object]:
    from mlconfig.engine.answers import candidate_of

    return list(candidate_of(job).signature.classes)


def _columns(job: Job) -> list[str]:
    return list(read_table_file(job.folder(job.plan.step(ReadStep)) / "table.arrow").column_names)


def _told_apart(job: Job, champion: Champion) -> bool:
    """Whether both hashed the same columns of a row."""
    from mlconfig.engine.answers import candidate_of

    key = job.plan.step(ReadStep).key
    if job.plan.step(TrainStep).split.by == "group" or key is not None:
        return key == champion.plan.step(ReadStep).key
    names = [column.name for column in candidate_of(job).features.columns]
    return names == [column.name for column in champion.features.columns]


def _later(job: Job, champion: Champion) -> bool:
    """Whether every held-out row is later than all that the champion was trained on."""
    read, train = job.plan.step(ReadStep), job.plan.step(TrainStep)
    if read.event_time is None or champion.trained_until is None:
        return False
    table = read_table_file(job.folder(read) / "table.arrow")
    rows = np.load(job.folder(train) / "parts.npz")["test"]
    seconds = event_seconds(table)[rows]
    return bool(len(seconds)) and bool(np.nanmin(seconds) > champion.trained_until)

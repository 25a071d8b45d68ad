"""Train: fit features and model on the training rows, with the searched values bound."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np

from mlconfig.data.event_time import event_seconds
from mlconfig.engine.carrier import relative, told
from mlconfig.engine.job import Job, Output
from mlconfig.engine.learning import Study
from mlconfig.engine.workspace import write_json
from mlconfig.plan.steps import TrainStep
from mlconfig.training.fit import Fitted, fit_pipeline


def run(job: Job) -> Output:
    """Keep the fitted pipeline, the resolved features and the row numbers of each part."""
    tuned = dict(job.outputs.get("tune", {}).get("best", {}))
    step = job.plan.bind(tuned).step(TrainStep)
    study = Study.of(job)
    prepared = study.prepare(step)
    parts = prepared.parts
    fitted = fit_pipeline(
        study.preprocessor(prepared),
        study.model(step),
        prepared.rows(parts.train),
        prepared.rows(parts.validation),
        study.settings(step, prepared),
    )
    folder = job.folder(job.plan.step(TrainStep))
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "features.json", prepared.features.model_dump_json(indent=2))
    np.savez(folder / "parts.npz", train=parts.train, validation=parts.validation, test=parts.test)
    (folder / "fitted.pkl").write_bytes(pickle.dumps(fitted))
    rounds = f", {fitted.rounds} rounds" if fitted.rounds is not None else ""
    return told(
        note=f"{step.model.name} on {len(parts.train):,} rows, {len(prepared.features.columns)} features{rounds}",
        folder=relative(folder, job.workspace.storage),
        tuned=tuned,
        rows=len(parts.train),
        rounds=fitted.rounds,
        seconds=fitted.seconds,
        until=_latest(study, np.concatenate([parts.train, parts.validation])),
        left_out=dict(prepared.features.left_out),
    )


def _latest(study: Study, rows: Any) -> float | None:
    """The latest event time of some rows; null where time is not declared."""
    if study.read.event_time is None:
        return None
    seconds = event_seconds(study.table)[rows]
    known = seconds[np.isfinite(seconds)]
    return float(known.max()) if len(known) else None


def load_fitted(folder: Path) -> Fitted:
    """The pipeline that the train step kept; read only from the project's own storage, between two steps of one plan."""
    fitted = pickle.loads((folder / "fitted.pkl").read_bytes())  # noqa: S301 — our own file, written a moment ago
    assert isinstance(fitted, Fitted)
    return fitted

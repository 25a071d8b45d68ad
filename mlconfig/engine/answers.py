"""What a version says about the held-out rows: asked of the packaged bytes, as a request would."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mlconfig.engine.champion import Champion
from mlconfig.engine.job import Job
from mlconfig.engine.tables import read_table_file
from mlconfig.evaluation.compare import Answers
from mlconfig.plan.steps import ReadStep, TrainStep
from mlconfig.records.packing import Packing, pack_table
from mlconfig.records.route import RouteVersion
from mlconfig.records.signature import Signature
from mlconfig.training.target import Target

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Holdout:
    """The rows of a job's test part, and their encoded target."""

    table: pa.Table
    target: Target
    y: Any

    def ask(self, version: Champion) -> Answers:
        """What the version's bytes say about these rows."""
        predictor = version.predictor()
        feeds = pack_table(
            self.table, Packing.of(predictor.signature), predictor.signature.time_zone, predictor.precision
        )
        found = predictor.run(feeds)
        if found.codes is None:
            return Answers(found.scores)
        assert found.probabilities is not None
        probabilities = np.asarray(found.probabilities, dtype=np.float64)
        return Answers(found.codes, probabilities[:, 1] if predictor.signature.task == "binary" else probabilities)


def candidate_of(job: Job) -> Champion:
    """The version that the job packaged."""
    package = job.outputs["package"]
    route = RouteVersion(version="candidate", artifact_sha256=package["sha256"], folder=package["folder"])
    return Champion(job.workspace.storage, route)


def holdout_of(job: Job) -> Holdout:
    """The rows that neither training nor tuning saw."""
    read, train = job.plan.step(ReadStep), job.plan.step(TrainStep)
    table = read_table_file(job.folder(read) / "table.arrow")
    signature: Signature = candidate_of(job).signature
    target = Target(read.target, train.task, signature.classes)
    rows = np.load(job.folder(train) / "parts.npz")["test"]
    test = table.take(rows)
    return Holdout(test, target, target.encode(test.column(read.target)))

"""Rows ready to learn from: features resolved, rows split, packed, and the target encoded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from mlconfig.contracts.metric import Metric
from mlconfig.contracts.model import Model
from mlconfig.contracts.transform import Transform, TransformTags
from mlconfig.data.split import Parts, split_rows
from mlconfig.engine.job import Job
from mlconfig.engine.tables import read_table_file
from mlconfig.engine.workspace import Toolbox
from mlconfig.features.pipeline import build_preprocessor
from mlconfig.features.resolve import resolve_features
from mlconfig.plan.bind import put
from mlconfig.plan.steps import LearningStep, ReadStep, TrainStep, TuneStep
from mlconfig.records.dataset import DataSchema, DatasetCard, FeatureTransform, ResolvedFeatures
from mlconfig.records.packing import Feeds, Packing, pack_table, take_rows
from mlconfig.training.fit import FitSettings, Rows
from mlconfig.training.target import Target, learn_target
from mlconfig.training.trial import TrialResult, run_trial
from mlconfig.vocabulary import canonical

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Prepared:
    """One table as a step sees it. ``feeds`` and ``y`` are of all rows; ``parts`` are row numbers."""

    features: ResolvedFeatures
    packing: Packing
    target: Target
    parts: Parts
    feeds: Feeds
    y: Any

    def rows(self, which: Any) -> Rows:
        """The packed rows of some row numbers."""
        return Rows(take_rows(self.feeds, which), self.y[which])


@dataclass(frozen=True)
class Study:
    """A table with what is needed to try settings on it; sent to each trial's worker once."""

    toolbox: Toolbox
    read: ReadStep
    table: pa.Table
    schema: DataSchema
    _prepared: dict[str, Prepared] = field(default_factory=dict, compare=False)

    @classmethod
    def of(cls, job: Job) -> Study:
        """The study of a job whose data was read."""
        read = job.plan.step(ReadStep)
        folder = job.folder(read)
        card = DatasetCard.model_validate_json((folder / "dataset.json").read_bytes())
        return cls(job.toolbox, read, read_table_file(folder / "table.arrow"), card.table_schema)

    def prepare(self, step: LearningStep) -> Prepared:
        """The rows as a step's features and split make them; kept, since most trials share them."""
        key = canonical(step.features) + canonical(step.split) + step.precision
        if key not in self._prepared:
            self._prepared[key] = self._prepare(step)
        return self._prepared[key]

    @property
    def latest(self) -> Prepared:
        """What was prepared last."""
        return next(reversed(self._prepared.values()))

    def resolve(self, step: LearningStep) -> ResolvedFeatures:
        """The columns that a step's features are, worked out on the schema alone."""
        read = self.read
        reserved = dict.fromkeys(read.pii, "it is personal (governance.pii); name it to learn from it")
        reserved |= {step.split.column: "it is the column of the split"} if step.split.column is not None else {}
        return resolve_features(
            step.features,
            self.schema,
            self._tags_of,
            target=read.target,
            key=read.key or (),
            event_time_columns=read.event_time.columns if read.event_time is not None else (),
            reserved=reserved,
        )

    def _prepare(self, step: LearningStep) -> Prepared:
        read, features = self.read, self.resolve(step)
        packing = Packing.of(features)
        target = learn_target(self.table.column(read.target), read.target, step.task)
        parts = split_rows(
            self.table,
            step.split,
            target=read.target,
            columns=read.key or [column.name for column in features.columns],
            random_state=step.random_state,
            task=step.task,
        )
        feeds = pack_table(self.table, packing, read.time_zone, step.precision)
        return Prepared(features, packing, target, parts, feeds, target.encode(self.table.column(read.target)))

    def _tags_of(self, name: str) -> TransformTags:
        return cast("TransformTags", self.toolbox.catalog.load("transform", name).tags)

    def transform(self, transform: FeatureTransform) -> Transform:
        """A transform plugin's instance."""
        return cast("Transform", self.toolbox.create("transform", transform.name, transform.params))

    def preprocessor(self, prepared: Prepared) -> Any:
        """An unfitted preprocessor."""
        return build_preprocessor(prepared.features, self.transform)

    def model(self, step: LearningStep) -> Model:
        """The model plugin's instance."""
        return cast("Model", self.toolbox.create("model", step.model.name, step.model.params))

    def settings(self, step: LearningStep, prepared: Prepared) -> FitSettings:
        """What a fit needs besides rows and plugins."""
        stopping = step.model.early_stopping
        return FitSettings(
            packing=prepared.packing,
            target=prepared.target,
            early_stopping_rounds=None if stopping == "none" else stopping.rounds,
            threads=step.model.resources.cpus,
            random_state=step.random_state,
        )

    def trial(self, template: TrainStep, tune: TuneStep, values: Mapping[str, Any]) -> TrialResult:
        """Fit with some values bound and score on the validation rows."""
        step = template
        for path, value in values.items():
            step = put(step, tune.targets[path].path, value)
        prepared = self.prepare(step)
        return run_trial(
            self.preprocessor(prepared),
            self.model(step),
            prepared.rows(prepared.parts.train),
            prepared.rows(prepared.parts.validation),
            cast("Metric", self.toolbox.create("metric", tune.metric)),
            self.settings(step, prepared),
        )

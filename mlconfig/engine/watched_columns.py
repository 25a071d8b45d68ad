"""The columns that signals are told to look at are features: known once the data is read, and told before it is used."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import TYPE_CHECKING

from mlconfig.data.event_time import require_columns
from mlconfig.errors import DataError
from mlconfig.plan.steps import MonitorStep, ReadStep, TrainStep
from mlconfig.records.dataset import DatasetCard
from mlconfig.sections.monitoring import OUTPUT_SIGNALS
from mlconfig.vocabulary import AUTO

if TYPE_CHECKING:
    import pyarrow as pa

    from mlconfig.engine.job import Job, Output
    from mlconfig.plan.plan import Plan
    from mlconfig.records.dataset import DataSchema, ResolvedFeatures


def check_at_reading(job: Job, table: pa.Table, schema: DataSchema) -> None:
    """Before anything is learned, with the features as they would be resolved.

    A retrain is held to nothing: its plan was applied, and a signal that cannot be judged is no reason not to learn.

    Raises:
        DataError: a signal names what is no column, or one that the model does not take.
    """
    named = dict(_named(job.plan))
    if not named or job.retrain is not None:
        return
    from mlconfig.engine.learning import Study  # scikit-learn comes with it, which most reads do without

    for where, names in named.items():
        require_columns(table, names, where)
    study = Study(job.toolbox, job.plan.step(ReadStep), table, schema)
    check_features(job.plan, study.resolve(job.plan.step(TrainStep)))


def check_as_read(job: Job, output: Output) -> None:
    """The same, of data that was read before and is not read again; where its files are gone, as late as the last step.

    Args:
        job: with the plan that names the columns.
        output: of the read step.
    """
    folder = output.get("folder")
    if not dict(_named(job.plan)) or folder is None or not (job.workspace.storage / folder).is_dir():
        return
    from mlconfig.engine.tables import read_table_file

    read = job.workspace.storage / folder
    card = DatasetCard.model_validate_json((read / "dataset.json").read_text())
    check_at_reading(job, read_table_file(read / "table.arrow"), card.table_schema)


def check_features(plan: Plan, features: ResolvedFeatures) -> None:
    """Against the features of a version. Raises ``DataError`` as above."""
    known = [column.name for column in features.columns]
    for where, names in _named(plan):
        for name in names:
            if name not in known:
                why = f": {features.left_out[name]}" if name in features.left_out else ""
                raise DataError(
                    f"`{name}` is no feature, and only features are watched{why}", where, _hint(name, known)
                )


def _hint(name: str, known: list[str]) -> str:
    close = get_close_matches(name, known, n=1)
    return f"did you mean `{close[0]}`?" if close else "remove it, or make it a feature: features.include"


def _named(plan: Plan) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Where the recipe says it, and the names."""
    monitor = plan.find(MonitorStep)
    for name, signal in monitor.monitoring.signals.items() if monitor is not None else ():
        if name not in OUTPUT_SIGNALS and signal.columns != AUTO and signal.columns.names is not None:
            yield f"monitoring.signals.{name}.columns", signal.columns.names

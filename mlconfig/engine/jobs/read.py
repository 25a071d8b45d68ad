"""Read: the source, each row's time, and the schema; for a retrain, the log joined with its labels as well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlconfig.data.assemble import labelled_rows, retrain_table
from mlconfig.data.event_time import event_seconds, require_columns
from mlconfig.data.fingerprint import table_digest
from mlconfig.data.personal import shielded, without_values
from mlconfig.data.read import read_table
from mlconfig.data.schema import check_schema, enforce, infer_schema, schema_notices
from mlconfig.engine.carrier import relative, told
from mlconfig.engine.champion import Champion, find_champion
from mlconfig.engine.job import Job, Output, Retrain
from mlconfig.engine.soundness import sound_rows
from mlconfig.engine.tables import write_table
from mlconfig.engine.watched_columns import check_at_reading
from mlconfig.engine.workspace import write_json
from mlconfig.plan.steps import DeployStep, PackageStep, ReadStep, RetrainStep, TrainStep
from mlconfig.records.dataset import DatasetCard
from mlconfig.records.prediction_log import PredictionLog
from mlconfig.records.pseudonym import Pseudonyms
from mlconfig.sections import RetrainData

if TYPE_CHECKING:
    import pyarrow as pa


def run(job: Job) -> Output:
    """Write the table and its card; check it against the schema of the version that is live, if there is one."""
    step = job.plan.step(ReadStep)
    champion = find_champion(job)
    table, notices = _from_source(job) if job.retrain is None else _for_retrain(job, job.retrain, champion)
    package = job.plan.step(PackageStep)
    require_columns(table, package.groups, "evaluation.fairness.groups")
    require_columns(table, () if job.retrain is not None else tuple(package.pii), "governance.pii")
    require_columns(table, package.subject, "governance.subject")
    require_columns(table, package.carried, "serving.routing_key")
    if champion is not None and champion.plan.step(ReadStep).source == step.source:
        columns = [column.name for column in champion.signature.features]
        breaches = check_schema(table, champion.dataset.table_schema, columns)
        notices += enforce(breaches, step.on_breach)
    schema = without_values(infer_schema(table, target=step.target), {*package.pii, *package.subject})
    check_at_reading(job, table, schema)
    seconds = event_seconds(table) if step.event_time is not None else None
    card = DatasetCard(
        fingerprint=table_digest(table),
        rows=table.num_rows,
        since=float(seconds.min()) if seconds is not None else None,
        until=float(seconds.max()) if seconds is not None else None,
        table_schema=schema,
        notices=notices + schema_notices(schema),
    )
    folder = job.folder(step)
    write_table(folder / "table.arrow", table)
    write_json(folder / "dataset.json", card.model_dump_json(indent=2))
    note = "; ".join((f"{table.num_rows:,} rows × {len(schema.columns)} columns", *_first(card.notices)))
    told_notices = list(card.notices)
    return told(note=note, folder=relative(folder, job.workspace.storage), rows=table.num_rows, notices=told_notices)


def _shielded(job: Job, table: pa.Table) -> pa.Table:
    """The table without the personal values that nothing is learned from."""
    pii = job.plan.step(ReadStep).pii
    return shielded(table, pii, Pseudonyms.make(job.workspace.storage) if "hmac" in pii.values() else None)


def _first(notices: tuple[str, ...], most: int = 4) -> tuple[str, ...]:
    """As many notices as a person reads in a line; the data set's card has all."""
    more = len(notices) - most
    return notices if more <= 0 else (*notices[:most], f"{more} more in dataset.json")


def _from_source(job: Job) -> tuple[pa.Table, tuple[str, ...]]:
    step = job.plan.step(ReadStep)
    source = job.toolbox.create("source", step.source.name, step.source.params)
    table, notices = read_table(source, step.data(job.plan.step(TrainStep).split), job.plan.time_zone)
    return _shielded(job, table), notices


def _for_retrain(job: Job, retrain: Retrain, champion: Champion | None) -> tuple[pa.Table, tuple[str, ...]]:
    """The rows that the policy says; the champion's columns, so that source and log fit together."""
    step, policy = job.plan.step(ReadStep), job.plan.find(RetrainStep)
    how = policy.retraining.data if policy is not None else RetrainData()
    source, notices = _from_source(job) if champion is None or how.from_ != "log" else (None, ())
    if champion is None:
        assert source is not None
        return source, notices
    log, left_out = _from_log(job, champion) if how.from_ != "source" else (None, ())
    split, package = job.plan.step(TrainStep).split, job.plan.step(PackageStep)
    extra = (
        *(step.key or ()),
        *((split.column,) if split.column is not None else ()),
        *package.groups,
        *package.carried,
    )
    table = retrain_table(
        source,
        log,
        how,
        columns=list(dict.fromkeys((*(column.name for column in champion.signature.features), *extra))),
        target=step.target,
        now=retrain.now,
        drift_since=retrain.drift_since,
        random_state=job.plan.random_state,
    )
    logged = log.num_rows if log is not None else 0
    return table, (*notices, f"{logged} logged predictions have their labels", *left_out)


def _from_log(job: Job, champion: Champion) -> tuple[pa.Table, tuple[str, ...]]:
    """The labelled rows of the log, and a notice where some were left out."""
    step, endpoint = job.plan.step(ReadStep), job.plan.step(DeployStep).endpoint
    log = PredictionLog(job.workspace.predictions(endpoint))
    predictions, notices = sound_rows(job, log.predictions())
    rows = labelled_rows(
        predictions,
        log.labels(),
        target=step.target,
        join=job.labels_join,
        key=step.key or (),
        target_type=champion.target_type,
    )
    return _shielded(job, rows), notices

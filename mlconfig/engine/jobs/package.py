"""Package: one file out of features and model, the proof that it predicts the same, and the reference profile."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, cast

from mlconfig.contracts.exporter import Exporter
from mlconfig.data.personal import subject_digests
from mlconfig.engine.baselines import baseline_files
from mlconfig.engine.carrier import relative, told
from mlconfig.engine.champion import find_champion
from mlconfig.engine.job import Job, Output
from mlconfig.engine.jobs.train import load_fitted
from mlconfig.engine.learning import Study
from mlconfig.engine.workspace import write_json
from mlconfig.packaging.export import export_model
from mlconfig.packaging.hard_rows import make_hard_rows
from mlconfig.packaging.latency import latency_p99
from mlconfig.packaging.package import Package, write_package
from mlconfig.packaging.parity import ParityReport, check_parity
from mlconfig.packaging.runtime import PackagedModel
from mlconfig.packaging.signature import make_signature
from mlconfig.packaging.thresholds import thresholds_of
from mlconfig.plan.plan import Plan
from mlconfig.plan.steps import PackageStep, ReadStep, TrainStep
from mlconfig.records.dataset import DatasetCard
from mlconfig.records.packing import take_rows
from mlconfig.records.pseudonym import Pseudonyms
from mlconfig.records.signature import Signature
from mlconfig.training.fit import Fitted


def run(job: Job) -> Output:
    """Write the version's folder. Raises ``PackagingError`` when the packaged model does not follow the fitted one."""
    step, trained = job.plan.step(PackageStep), job.outputs["train"]
    plan = job.plan.bind(dict(trained["tuned"]))
    study = Study.of(job)
    prepared = study.prepare(plan.step(TrainStep))
    fitted = load_fitted(job.workspace.storage / trained["folder"])
    exporter = cast(
        "Exporter", job.toolbox.create("exporter", step.packaging.exporter.name, step.packaging.exporter.params)
    )
    _register_converters(study, plan.step(TrainStep))
    model = export_model(exporter, fitted.pipeline, prepared.packing, fitted.target.task, step.packaging.precision)
    packaged = PackagedModel(model)
    holdout = take_rows(prepared.feeds, prepared.parts.test)
    parity = _prove(fitted, packaged, model, study, step, holdout)
    card = DatasetCard.model_validate_json((job.folder(job.plan.step(ReadStep)) / "dataset.json").read_bytes())
    signature = _signature(plan, study, fitted, card, _also_sent(job))
    package = Package(model, signature, prepared.features, card, exporter.tags.file)
    whose = _whose(job, study, step)
    files = {**baseline_files(study, prepared, packaged, signature, holdout, whose), **_papers(plan, trained, parity)}
    folder = job.workspace.storage / "versions" / plan.name / job.run_key(step)[:16]
    sha256 = write_package(folder, package, files)
    p99 = latency_p99(packaged, holdout)
    write_json(job.folder(step) / "parity.json", parity.model_dump_json(indent=2))
    return told(
        note=f"{len(model) / 1024:,.0f} KiB, parity {parity.holdout.largest:.1e} on {parity.holdout.rows} rows, "
        f"{parity.hard.largest:.1e} on {parity.hard.rows} hard ones",
        folder=relative(folder, job.workspace.storage),
        sha256=sha256,
        size=len(model),
        latency_p99=p99,
        example=signature.example,
    )


def _register_converters(study: Study, step: TrainStep) -> None:
    """Plugins of others may bring converters of their own."""
    study.model(step).register_onnx()
    for transform in {
        each.name: each for column in study.latest.features.columns for each in column.transforms
    }.values():
        study.transform(transform).register_onnx()


def _prove(
    fitted: Fitted, packaged: PackagedModel, model: bytes, study: Study, step: PackageStep, holdout: Any
) -> ParityReport:
    packing = fitted.packing
    names = {"num": packing.numeric, "cat": packing.categorical, "time": packing.timestamp}
    preprocessor = fitted.pipeline.named_steps["features"]
    thresholds = thresholds_of(model, preprocessor, packing)
    nullable = frozenset(column.name for column in study.latest.features.columns if column.nullable)
    hard = make_hard_rows(holdout, names, thresholds, nullable)
    return check_parity(fitted.predict, packaged.predict, holdout, hard, step.packaging.parity)


def _also_sent(job: Job) -> tuple[str, ...]:
    """What clients may send and a retrain does not read: the log has none of it, and they shall not notice the retrain."""
    champion = find_champion(job) if job.retrain is not None else None
    return champion.signature.unused if champion is not None else ()


def _signature(plan: Plan, study: Study, fitted: Fitted, card: DatasetCard, unused: tuple[str, ...]) -> Signature:
    read, prepared, step = plan.step(ReadStep), study.latest, plan.step(PackageStep)
    return make_signature(
        prepared.features,
        card.table_schema,
        name=plan.name,
        task=plan.task,
        target=read.target,
        classes=fitted.target.classes,
        event_time=read.event_time,
        key=read.key or (),
        groups=step.groups,
        carried=step.carried,
        unused=unused,
        time_zone=plan.time_zone,
        example=_example(study, step.subject),
        pii=step.pii,
    )


def _example(study: Study, subject: Sequence[str]) -> dict[str, Any]:
    """A held-out row; where rows are somebody's, each value is of another row, and nothing says whose."""
    rows, names = study.latest.parts.test, [name for name in study.table.column_names if name not in subject]
    if set(subject) & {column.name for column in study.latest.features.columns}:
        names = list(study.table.column_names)
    places = {name: int(rows[number % len(rows)]) if subject else int(rows[0]) for number, name in enumerate(names)}
    return {name: study.table.column(name)[row].as_py() for name, row in places.items()}


def _whose(job: Job, study: Study, step: PackageStep) -> Any:
    """Whose each row is, as a digest [rows]; null where nobody's rows can be asked for."""
    if not step.subject:
        return None
    return subject_digests(study.table, step.subject, Pseudonyms.make(job.workspace.storage))


def _papers(plan: Plan, trained: Output, parity: ParityReport) -> dict[str, bytes]:
    """What the version came from: the plan with the searched values bound, and the recipe that it stands for."""
    texts = {
        "plan.json": plan.to_json(),
        "recipe.json": json.dumps(plan.declared(), indent=2, ensure_ascii=False),
        "tuned.json": json.dumps(trained["tuned"]),
        "trained.json": json.dumps({"until": trained["until"], "rows": trained.get("rows")}),
        "parity.json": parity.model_dump_json(indent=2),
    }
    return {name: text.encode() for name, text in texts.items()}

"""Register: one run in MLflow with all that led to the version, and the version itself."""

from __future__ import annotations

import json
import time
from typing import Any

from mlconfig.engine.carrier import told
from mlconfig.engine.job import Job, Output
from mlconfig.engine.pruning import prune_versions
from mlconfig.engine.tracking.git import git_commit
from mlconfig.engine.tracking.registry import find_version, register, run_of, set_alias
from mlconfig.engine.tracking.tracker import Tracker, Trial
from mlconfig.engine.versions import keep_card
from mlconfig.plan.steps import ReadStep, RegisterStep
from mlconfig.records.dataset import DatasetCard
from mlconfig.records.version import VersionCard


def run(job: Job) -> Output:
    """The version's number and card. Repeated, it finds what an interrupted attempt made."""
    step = job.plan.step(RegisterStep)
    tracker = open_tracker(job)
    card = _card(job, step)
    effect_key = f"{job.run_key(step)}:{card.artifact_sha256[:16]}"
    known = find_version(tracker, step.name, effect_key)
    run_id = run_of(tracker, step.name, known) if known is not None else _log_run(job, step, tracker, card)
    folder = job.workspace.storage / card.folder
    version = register(
        tracker,
        step.name,
        folder,
        run_id=run_id,
        effect_key=effect_key,
        sha256=card.artifact_sha256,
        tags=_tags(card, step),
        description=step.description,
        about=card.about,
    )
    card = card.model_copy(update={"version": version, "run_id": run_id})
    keep_card(job, card)
    set_alias(tracker, step.name, "challenger", version)
    prune_versions(job, tracker)
    note = f"version {version} of {step.name}"
    return told(note=note, version=version, run_id=run_id, card=card.model_dump(mode="json"))


def open_tracker(job: Job) -> Tracker:
    """The plan's MLflow store and experiment."""
    step = job.plan.step(RegisterStep)
    uri = job.workspace.tracking_uri(step.tracking.uri)
    return Tracker.open(uri, step.tracking.experiment or job.plan.name, job.workspace.storage / "artifacts" / "mlflow")


def _card(job: Job, step: RegisterStep) -> VersionCard:
    package = job.outputs["package"]
    dataset = DatasetCard.model_validate_json((job.workspace.storage / package["folder"] / "dataset.json").read_bytes())
    return VersionCard(
        name=step.name,
        version="",
        artifact_sha256=package["sha256"],
        folder=package["folder"],
        created_at=time.time(),
        reason=job.retrain.reason if job.retrain is not None else "apply",
        run_key=job.run_key(step),
        plan_digest=job.plan.digest,
        data_fingerprint=dataset.fingerprint,
        git_commit=git_commit(job.workspace.project),
        trained_since=dataset.since,
        trained_until=job.outputs["train"]["until"],
        intended_use=step.card.intended_use,
        limitations=step.card.limitations,
    )


def _tags(card: VersionCard, step: RegisterStep) -> dict[str, str]:
    known = {
        "mlconfig.artifact_sha256": card.artifact_sha256,
        "mlconfig.data_fingerprint": card.data_fingerprint,
        "mlconfig.plan_digest": card.plan_digest,
        "mlconfig.reason": card.reason,
        "mlconfig.git_commit": card.git_commit,
    }
    return {**step.tags, **{name: value for name, value in known.items() if value is not None}}


def _log_run(job: Job, step: RegisterStep, tracker: Tracker, card: VersionCard) -> str:
    """One parent run: params, data set, sizes and times, the trials below it, and the version's papers."""
    owner = {"mlconfig.owner": step.owner} if step.owner is not None else {}
    run_id = tracker.start_run(f"{step.name} {card.artifact_sha256[:8]}", {**_tags(card, step), **owner})
    declared = job.plan.bind(dict(job.outputs["train"]["tuned"])).declared()
    told_sections = ("task", "random_state", "data", "features", "model", "packaging")
    package, train = job.outputs["package"], job.outputs["train"]
    measured = {
        "size_bytes": package["size"],
        "latency_p99_seconds": package["latency_p99"],
        "fit_seconds": train["seconds"],
    }
    tracker.log_batch(run_id, {name: declared[name] for name in told_sections}, measured)
    source = job.plan.step(ReadStep).source
    tracker.log_dataset(run_id, job.plan.name, card.data_fingerprint, json.dumps(source.model_dump(mode="json")))
    tracker.log_trials(run_id, _trials(job))
    return run_id


def _trials(job: Job) -> list[Trial]:
    tune = job.outputs.get("tune")
    if tune is None:
        return []
    kept: list[dict[str, Any]] = json.loads((job.workspace.storage / tune["folder"] / "trials.json").read_text())
    return [
        Trial(
            number=number,
            params=each["values"],
            metrics={name: each[name] for name in ("score", "loss") if each[name] is not None},
            seconds=each["seconds"],
            status="FAILED" if each["reason"] else "FINISHED",
        )
        for number, each in enumerate(kept)
    ]

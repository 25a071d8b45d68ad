"""Gate: floors and ceilings, and the champion on the same rows."""

from __future__ import annotations

import time

from mlconfig.engine.answers import candidate_of, holdout_of
from mlconfig.engine.carrier import told
from mlconfig.engine.champion import Champion, find_champion
from mlconfig.engine.job import Job, Output
from mlconfig.engine.same_rows import unfair
from mlconfig.evaluation.compare import PairedDifference, compare_paired
from mlconfig.evaluation.gates import judge
from mlconfig.lifecycle.store import Store
from mlconfig.plan.steps import GateStep
from mlconfig.records.version import MetricValue


def run(job: Job) -> Output:
    """The verdict; it is recorded by the bytes' digest, which is what a promotion and a replica ask for."""
    step, package = job.plan.step(GateStep), job.outputs["package"]
    champion = find_champion(job)
    against = f"against version {champion.route.version}" if champion is not None else "no champion yet"
    if champion is not None and champion.route.artifact_sha256 == package["sha256"]:
        champion, against = None, "the champion's own bytes"  # so there is nothing to compare
    differences, refused = _compare(job, step, champion)
    verdict = judge(
        step.gates,
        {name: MetricValue.model_validate(value) for name, value in job.outputs["evaluate"]["values"].items()},
        differences,
        size=int(package["size"]),
        latency_p99=float(package["latency_p99"]),
        artifact_sha256=str(package["sha256"]),
        champion=champion.route.version if champion is not None else None,
        refused=refused,
    )
    with Store.open(job.workspace.state_uri) as store:
        store.gates.record(verdict, time.time())
    failed = [result.gate for result in verdict.results if not result.passed]
    note = f"refused: {', '.join(failed)}" if not verdict.passed else _note(len(step.gates), failed, against)
    return told(note=note, refused=not verdict.passed, verdict=verdict.model_dump(mode="json"))


def _compare(job: Job, step: GateStep, champion: Champion | None) -> tuple[dict[str, PairedDifference], str]:
    """Paired differences on the same rows, or why there are none."""
    compared = [name for name, gate in step.gates.items() if gate.compares]
    if champion is None or not compared:
        return {}, ""
    why = unfair(job, champion)
    if why:
        return {}, why
    holdout = holdout_of(job)
    metrics = {name: job.toolbox.create("metric", name) for name in compared}
    mine, theirs = holdout.ask(candidate_of(job)), holdout.ask(champion)
    return compare_paired(holdout.y, mine, theirs, metrics, step.interval, step.random_state), ""


def _note(gates: int, failed: list[str], against: str) -> str:
    reported = f"; {', '.join(failed)} only reported" if failed else ""
    return f"{gates} gate(s) passed, {against}{reported}" if gates else "no gates"

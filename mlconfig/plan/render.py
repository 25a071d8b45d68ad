"""A plan as a text tree that a person can read aloud."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mlconfig.plan.diff import Change
from mlconfig.plan.plan import Plan
from mlconfig.plan.step import BaseStep
from mlconfig.plan.steps import (
    DeployStep,
    EvaluateStep,
    GateStep,
    MonitorStep,
    PackageStep,
    ReadStep,
    RegisterStep,
    RetrainStep,
    TrainStep,
    TuneStep,
)
from mlconfig.sections import Gate, Signal
from mlconfig.sections.monitoring import STANDARD_SIGNALS
from mlconfig.vocabulary import format_duration

SIGNS = {"add": "+", "change": "~", "keep": "=", "remove": "-", "unknown": "?"}


def render_plan(plan: Plan, changes: Sequence[Change] = ()) -> str:
    """One line a step with what it does, one line below it for each reason it runs; a summary at the end."""
    by_step = {change.step: change for change in changes}
    lines = [f"{plan.name}  ({plan.task})  plan {plan.digest[:12]}"]
    for number, step in enumerate(plan.steps):
        last = number == len(plan.steps) - 1
        lines += _step_lines(step, by_step.get(step.id), "└─" if last else "├─", "  " if last else "│ ")
    lines += [
        f"   - {change.step:<9} no longer declared {_in_brackets(change.effect)}"
        for change in changes
        if change.action == "remove"
    ]
    notices = [f"note: {notice}" for notice in plan.notices]
    return "\n".join(line.rstrip() for line in [*lines, *_summary(changes), *_apart(notices)]) + "\n"


def _apart(lines: list[str]) -> list[str]:
    return ["", *lines] if lines else []


def _step_lines(step: BaseStep, change: Change | None, branch: str, stem: str) -> list[str]:
    sign = f"{SIGNS[change.action]} " if change is not None else ""
    effect = _in_brackets(change.effect) if change is not None else ""
    head = f"{branch} {sign}{step.id:<9} {DESCRIBE[type(step)](step)} {effect}"
    why = change.why if change is not None and change.changes else ()
    return [head, *(f"{stem}      {reason}" for reason in why)]


def _summary(changes: Sequence[Change]) -> list[str]:
    if not changes:
        return []
    counts = {word: sum(change.action == word for change in changes) for word in SIGNS}
    told = {"unknown": "known after reading"}
    return [
        "",
        ", ".join(
            f"{count} to {word}" if word not in told else f"{count} {told[word]}"
            for word, count in counts.items()
            if count
        ),
    ]


def _in_brackets(text: str) -> str:
    return f"[{text}]" if text else ""


def _read(step: ReadStep) -> str:
    bounds = [
        f"{word} {moment}" for word, moment in (("since", step.period.since), ("until", step.period.until)) if moment
    ]
    return f"source {_named(step.source.name, step.source.params)}, target {step.target}" + "".join(
        f", {b}" for b in bounds
    )


def _tune(step: TuneStep) -> str:
    limit = f" or {format_duration(step.tuning.time_limit)}" if step.tuning.time_limit else ""
    paths = ", ".join(step.tuning.space)
    return f"{step.tuning.searcher.name} search, {step.tuning.trials} trials{limit}, by {step.metric}: {paths}"


def _train(step: TrainStep) -> str:
    split = step.split
    held = f"given by {split.column}" if split.by == "given" else f"{split.by} split, test {split.test_fraction:g}"
    return f"model {_named(step.model.name, step.model.params)}, {held}"


def _package(step: PackageStep) -> str:
    return f"{step.packaging.exporter.name} {step.packaging.precision}, parity {step.packaging.parity.tolerance:g}"


def _register(step: RegisterStep) -> str:
    return f"MLflow model {step.name}"


def _evaluate(step: EvaluateStep) -> str:
    groups = f"; fairness by {', '.join(step.fairness.groups)}" if step.fairness.groups else ""
    return f"the packaged bytes: {', '.join(step.metrics)}{groups}"


def _gate(step: GateStep) -> str:
    gates = [f"{name} {_conditions(gate)}" for name, gate in step.gates.items()]
    return "; ".join(gates) if gates else "no gates: every candidate passes"


def _conditions(gate: Gate) -> str:
    words = {"min": "≥", "max": "≤", "not_worse_by": "not worse by", "better_by": "better by"}
    told = [f"{word} {value}" for key, word in words.items() if (value := getattr(gate, key)) is not None]
    return ", ".join(told) + ("" if gate.mode == "enforce" else f" ({gate.mode})")


def _deploy(step: DeployStep) -> str:
    scale = step.serving.autoscaling_config
    replicas = "–".join(map(str, scale.bounds)) if scale is not None else str(step.serving.num_replicas)
    batches = "".join(f"; batch {name} at `{batch.cron}`" for name, batch in step.serving.batch.items())
    return f"POST /v1/{step.endpoint}/predict, {replicas} replica(s){batches}"


def _monitor(step: MonitorStep) -> str:
    watch = step.monitoring
    signals = ", ".join(_signal(name, signal) for name, signal in watch.signals.items()) or "nothing"
    sinks = ", ".join(step.alerts.sinks) or "nobody"
    return f"every {format_duration(watch.every)} by {watch.time} time: {signals}; alerts to {sinks}"


def _signal(name: str, signal: Signal) -> str:
    """A signal by name, with the detector where it is not the one that the name stands for."""
    implied = STANDARD_SIGNALS.get(name, {}).get("name") == signal.name
    return name if implied else f"{name} ({signal.name})"


def _retrain(step: RetrainStep) -> str:
    policy = step.retraining
    learns = f"from {policy.data.from_} ({policy.data.use})"
    return f"when {' or '.join(policy.when)}, {learns}, cooldown {format_duration(policy.cooldown)}"


def _named(name: str, params: Any) -> str:
    return name + (f" ({', '.join(f'{key}={value}' for key, value in params.items())})" if params else "")


DESCRIBE: dict[type[BaseStep], Callable[[Any], str]] = {
    ReadStep: _read,
    TuneStep: _tune,
    TrainStep: _train,
    PackageStep: _package,
    RegisterStep: _register,
    EvaluateStep: _evaluate,
    GateStep: _gate,
    DeployStep: _deploy,
    MonitorStep: _monitor,
    RetrainStep: _retrain,
}
"""How each step is told in one line."""

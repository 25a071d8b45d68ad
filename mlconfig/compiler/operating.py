"""The passes that deploy, watch and retrain."""

from __future__ import annotations

from mlconfig.compiler.bench import Bench
from mlconfig.compiler.watching import notices, watched
from mlconfig.plan.steps import DeployStep, MonitorStep, RetrainStep


def _serves(bench: Bench) -> bool:
    return bench.recipe.serving is not None and bench.recipe.engine.executor == "ray"


def deploy_step(bench: Bench) -> DeployStep | None:
    """Replicas that answer, unless the plan ends at a registered version."""
    serving = bench.recipe.serving
    if serving is None or not _serves(bench):
        return None
    return DeployStep(
        id="deploy",
        inputs=("package", "gate"),
        plugins=(
            *(bench.pin("protocol", protocol.name) for protocol in serving.protocols),
            *(() if serving.auth == "none" else (bench.pin("authenticator", serving.auth.name),)),
        ),
        endpoint=bench.endpoint,
        serving=serving,
        retention=bench.recipe.governance.retention,
    )


def monitor_step(bench: Bench) -> MonitorStep | None:
    """Windows over the endpoint's log."""
    alerts, monitoring = bench.recipe.alerts, watched(bench)
    if monitoring is None or not _serves(bench):
        return None
    detectors = dict.fromkeys(signal.name for signal in monitoring.signals.values())
    sinks = dict.fromkeys(sink.name for sink in alerts.sinks.values())
    return MonitorStep(
        id="monitor",
        inputs=("deploy",),
        plugins=(*(bench.pin("detector", name) for name in detectors), *(bench.pin("sink", name) for name in sinks)),
        endpoint=bench.endpoint,
        metric=bench.metric,
        monitoring=monitoring,
        alerts=alerts,
        fairness=bench.recipe.evaluation.fairness,
        notices=notices(bench),
    )


def retrain_step(bench: Bench) -> RetrainStep | None:
    """The policy, where one is declared."""
    retraining = bench.recipe.retraining
    if retraining is None or not _serves(bench):
        return None
    pins = tuple(bench.pin("trigger", name) for name in retraining.when)
    return RetrainStep(id="retrain", inputs=("deploy", "monitor"), plugins=pins, retraining=retraining)

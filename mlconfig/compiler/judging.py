"""The passes that evaluate and gate."""

from __future__ import annotations

from mlconfig.compiler.bench import Bench
from mlconfig.plan.steps import EvaluateStep, GateStep


def evaluate_step(bench: Bench) -> EvaluateStep:
    """The packaged bytes on the held-out rows. What the gates ask is not its business, so it does not hold them.

    Its figures go to the registered version, so each version is measured, also one of the same bytes.
    """
    return EvaluateStep(
        id="evaluate",
        inputs=("read", "train", "package", "register"),
        plugins=tuple(bench.pin("metric", name) for name in bench.metrics),
        metric=bench.metric,
        metrics=bench.metrics,
        interval=bench.recipe.evaluation.interval,
        fairness=bench.recipe.evaluation.fairness,
        random_state=bench.recipe.random_state,
    )


def gate_step(bench: Bench) -> GateStep:
    """The floors, and the champion on the same rows."""
    return GateStep(
        id="gate",
        inputs=("package", "register", "evaluate"),
        plugins=tuple(bench.pin("metric", name) for name in bench.metrics),
        gates=bench.recipe.evaluation.gates,
        interval=bench.recipe.evaluation.interval,
        random_state=bench.recipe.random_state,
    )

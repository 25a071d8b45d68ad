"""Checks of the endpoint that need a plugin's abilities or the task."""

from __future__ import annotations

from mlconfig.compiler.batch_checks import check_batches
from mlconfig.compiler.bench import Bench
from mlconfig.contracts import AuthenticatorTags, ProtocolTags
from mlconfig.sections.engine import is_loopback
from mlconfig.sections.serving import Constant, Serving


def check_serving(bench: Bench) -> None:
    """Protocols, batches, and a fallback that can be an answer of this task."""
    serving = bench.recipe.serving
    if serving is None:
        return
    for number, protocol in enumerate(serving.protocols):
        bench.plugin("protocol", ProtocolTags, f"serving.protocols.{number}.name", protocol.name, protocol.params)
    if serving.auth != "none":
        bench.plugin("authenticator", AuthenticatorTags, "serving.auth.name", serving.auth.name, serving.auth.params)
    _check_door(bench, serving)
    check_batches(bench)
    if isinstance(serving.fallback, Constant):
        _check_constant(bench, serving.fallback.constant)


def _check_door(bench: Bench, serving: Serving) -> None:
    """Who may come in from where; and a lane that Ray's Python proxy does not have."""
    ingress = bench.recipe.engine.ingress
    if serving.auth == "none" and not is_loopback(ingress.host):
        what = f"everybody could ask: {ingress.host} is not loopback, and serving.auth is none"
        bench.problem("engine.ingress.host", what, "write serving.auth: keys")
    if serving.lane == "fast" and ingress.name == "python":
        what = "Ray's Python proxy stands before it, and hands requests over in another way"
        bench.problem("serving.lane", what, "write lane: standard, or ingress.name: haproxy")


def _check_constant(bench: Bench, constant: float | str) -> None:
    """A multiclass's classes are not known before the data is read; the replica tells what is none."""
    path, task = "serving.fallback.constant", bench.recipe.task
    if task == "multiclass":
        return
    if isinstance(constant, str):
        wanted = "a number" if task == "regression" else "the probability of the positive class"
        bench.problem(path, f"must be {wanted}, the task is {task}", "write {constant: 0.5}")
    elif task == "binary" and not 0.0 <= constant <= 1.0:
        bench.problem(path, "must be a probability, from 0 to 1", "write {constant: 0.5}")

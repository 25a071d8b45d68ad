"""A plan against what was carried out before: what is added, changed, kept, removed, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

from mlconfig.plan.plan import Plan
from mlconfig.plan.step import BaseStep
from mlconfig.plan.steps import DeployStep
from mlconfig.vocabulary import Frozen, Tuple

Action = Literal["add", "change", "keep", "remove", "unknown"]
ROLLING_SETTINGS = ("endpoint", "log")
"""Settings of the deploy step that start new replicas; the others are light."""


class Change(Frozen):
    """What happens to one step, and why. ``effect``: what it means for the replicas that answer now."""

    step: str
    action: Action
    why: Tuple[str] = ()
    effect: Literal["", "light", "restarts replicas", "starts replicas", "ends replicas"] = ""

    @property
    def changes(self) -> bool:
        """Whether something will be done."""
        return self.action != "keep"


def diff(plan: Plan, before: Plan | None, content: str | None, done: Callable[[str], bool]) -> tuple[Change, ...]:
    """Compare a plan with the one applied before.

    Args:
        plan: what is wanted.
        before: what was applied last, if anything.
        content: the source's fingerprint now; null when it cannot be known before reading.
        done: whether a run key was carried out (and, for a deployment, still stands).
    """
    old = {step.id: step for step in before.steps} if before is not None else {}
    changes: list[Change] = []
    for step in plan.steps:
        upstream = [change.step for change in changes if change.changes and change.step in step.inputs]
        changes.append(_change(plan, step, old.get(step.id), content, done, upstream))
    wanted = {step.id for step in plan.steps}
    gone = [step for name, step in old.items() if name not in wanted]
    return (*changes, *(Change(step=step.id, action="remove", effect=_gone(step)) for step in gone))


def _change(
    plan: Plan,
    step: BaseStep,
    old: BaseStep | None,
    content: str | None,
    done: Callable[[str], bool],
    upstream: list[str],
) -> Change:
    if content is not None and done(plan.run_key(step, content)):
        return Change(step=step.id, action="keep")
    settings = tuple(differences(old.settings(), step.settings())) if old is not None else ()
    effect = _effect(step, old, settings)
    if old is None:
        return Change(step=step.id, action="add", why=("not carried out yet",), effect=effect)
    why = settings + tuple(f"`{name}` runs" for name in upstream)
    if content is None and not why:
        return Change(step=step.id, action="unknown", why=("known after reading",), effect=effect)
    plugins = () if old.plugins == step.plugins else ("its plugins changed",)
    return Change(step=step.id, action="change", why=why + plugins or ("its result is not there",), effect=effect)


def _effect(step: BaseStep, old: BaseStep | None, why: tuple[str, ...]) -> Any:
    if not isinstance(step, DeployStep):
        return ""
    if old is None:
        return "starts replicas"
    rolls = any(line.split(":")[0].removeprefix("serving.").split(".")[0] in ROLLING_SETTINGS for line in why)
    return "restarts replicas" if rolls else "light"


def _gone(step: BaseStep) -> Any:
    return "ends replicas" if isinstance(step, DeployStep) else ""


def differences(old: Mapping[str, Any], new: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """``path: old → new`` for each value that differs between two JSON trees."""
    for key in dict.fromkeys((*old, *new)):
        below = f"{path}{key}"
        before, after = old.get(key), new.get(key)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from differences(before, after, f"{below}.")
        elif before != after:
            yield f"{below}: {_word(before)} → {_word(after)}"


def _word(value: Any) -> str:
    return "—" if value is None else str(value)

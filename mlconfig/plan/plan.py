"""The plan: all steps of one recipe, with their declared digests; a file that is read back and checked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from pydantic import Field, ValidationError, model_validator

from mlconfig.errors import PlanError
from mlconfig.plan.bind import put
from mlconfig.plan.step import BaseStep
from mlconfig.plan.steps import DeployStep, LearningStep, MonitorStep, RetrainStep, Step, TuneStep
from mlconfig.plan.stored import FIRST_FORM, SEAL, sealed, untouched
from mlconfig.sections import Engine, Features, Period
from mlconfig.vocabulary import Frozen, FrozenDict, Task, Tuple

S = TypeVar("S", bound=BaseStep)
SCHEMA_VERSION: Literal[2] = 2
OPERATING = (DeployStep, MonitorStep, RetrainStep)
"""The steps behind a registered version."""


class Plan(Frozen):
    """Everything that will be done for a recipe. Made by ``compile_plan``; carried out by ``apply_plan``.

    ``digests`` are the steps' declared digests by id. They are names: worked out once, and kept in a plan that is stored, so
    that what was carried out under them is found again by a later program, which might work out others.
    ``based_on`` is the digest of what was live when the plan was shown; a saved plan is stale when that has changed.
    """

    schema_version: Literal[2] = SCHEMA_VERSION
    name: str
    task: Task
    random_state: int = 0
    time_zone: str = "UTC"
    project_plugins: Tuple[str] = ()
    engine: Engine = Engine()
    steps: Tuple[Step]
    digests: FrozenDict[str] = FrozenDict()
    based_on: str | None = Field(None, description="The live digest this plan was shown against.")

    @model_validator(mode="after")
    def _each_step_has_its_digest(self) -> Self:
        worked_out = self.meaning()
        if self.digests and set(self.digests) != set(worked_out):
            raise ValueError("`digests` and `steps` are not of the same steps")
        digests = {name: self.digests.get(name, own) for name, own in worked_out.items()}
        object.__setattr__(self, "digests", FrozenDict(digests))
        return self

    @property
    def digest(self) -> str:
        """One digest of the whole plan."""
        return hashlib.sha256("".join(f"{name}{value}" for name, value in self.digests.items()).encode()).hexdigest()

    def meaning(self) -> dict[str, str]:
        """The digests that this program works out, whichever the plan bears: those of two plans can be compared."""
        return _digests(self.steps)

    def step(self, kind: type[S]) -> S:
        """The step of a kind. Raises ``PlanError`` when the plan has none."""
        found = self.find(kind)
        if found is None:
            hint = "with `serving: none` or `engine.executor: local` it ends at a version" if kind in OPERATING else ""
            raise PlanError(f"the plan of `{self.name}` has no {kind.model_fields['kind'].default} step", hint=hint)
        return found

    def find(self, kind: type[S]) -> S | None:
        """The step of a kind, or None."""
        return next((step for step in self.steps if isinstance(step, kind)), None)

    @property
    def notices(self) -> tuple[str, ...]:
        """What somebody should know before applying it, such as a detector's licence."""
        monitor = self.find(MonitorStep)
        return monitor.notices if monitor is not None else ()

    def run_key(self, step: BaseStep, content: str) -> str:
        """The declared digest with the content of the source: what was carried out under it need not run again."""
        return hashlib.sha256(f"{self.digests[step.id]}:{content}".encode()).hexdigest()

    def bind(self, values: Mapping[str, Any]) -> Plan:
        """The plan with the searched values in place, and nothing left to search. Pure."""
        tune = self.find(TuneStep)
        if tune is None or not values:
            return self
        steps: list[BaseStep] = [step for step in self.steps if step.id != tune.id]
        for path, value in values.items():
            target = tune.targets[path]
            steps = [put(step, target.path, value) if step.id == target.step else step for step in steps]
        return self._with(tuple(_without_input(step, tune.id) for step in steps))

    def over(self, period: Period) -> Plan:
        """The plan on another stretch of event time. Pure."""
        return self._with(tuple(s.model_copy(update={"period": period}) if s.kind == "read" else s for s in self.steps))

    def with_features(self, features: Features) -> Plan:
        """The plan with other features. Pure."""
        steps = (
            step.model_copy(update={"features": features}) if isinstance(step, LearningStep) else step
            for step in self.steps
        )
        return self._with(tuple(steps))

    def with_base(self, based_on: str | None) -> Plan:
        """The plan with the digest of what was live when it was shown."""
        return self.model_copy(update={"based_on": based_on})

    def named_as(self, before: Plan | None) -> Plan:
        """The plan with the digests that ``before`` bears for steps that mean the same, so that their results are kept."""
        if before is None:
            return self
        mine, theirs = self.meaning(), before.meaning()
        digests = {
            name: before.digests[name] if theirs.get(name) == mine[name] else own for name, own in self.digests.items()
        }
        return self.model_copy(update={"digests": FrozenDict(digests)})

    def _with(self, steps: tuple[BaseStep, ...]) -> Plan:
        return Plan.model_validate({**dict(self), "steps": steps, "digests": {}})

    def declared(self) -> dict[str, Any]:
        """The recipe that this plan stands for, put together from its steps; secrets are markers."""
        from mlconfig.plan.declared import declared

        return declared(self)

    def to_json(self) -> str:
        """The text of ``plan.json``: stable order, two spaces, a newline at the end, sealed."""
        return json.dumps(sealed(self.model_dump(mode="json", by_alias=True)), indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """The plan that a program of this or of an earlier version wrote. Raises ``ValueError`` when it was changed since."""
        tree = json.loads(text)
        present = {name: value for name, value in tree.items() if name != SEAL} | {"schema_version": SCHEMA_VERSION}
        plan = cls.model_validate_json(json.dumps(present), strict=True)
        if not untouched(tree):
            raise ValueError("what it says is not what was written; the plan was changed by hand")
        return plan


def _digests(steps: Sequence[BaseStep]) -> dict[str, str]:
    digests: dict[str, str] = {}
    for step in steps:
        unknown = [name for name in step.inputs if name not in digests]
        if unknown or step.id in digests:
            raise ValueError(f"step `{step.id}` builds on {unknown or 'itself'}, which does not come before it")
        digests[step.id] = step.digest(digests)
    return digests


def _without_input(step: BaseStep, gone: str) -> BaseStep:
    kept = tuple(name for name in step.inputs if name != gone)
    return step if kept == step.inputs else step.model_copy(update={"inputs": kept})


def read_plan(path: Path) -> Plan:
    """A plan from its file. Raises ``PlanError`` when there is none, it is of another version, or was changed by hand."""
    try:
        text = path.read_text(encoding="utf-8")
        version = json.loads(text).get("schema_version")
    except (OSError, ValueError, AttributeError) as error:
        raise PlanError(
            f"this is no plan: {error}", where=str(path), hint="write one with `mlconfig plan --out plan.json`"
        ) from None
    if version not in (FIRST_FORM, SCHEMA_VERSION):
        what = f"this plan has schema version {version}, and this mlconfig knows up to {SCHEMA_VERSION}"
        raise PlanError(what, str(path), "upgrade mlconfig, or compile it again")
    try:
        return Plan.from_json(text)
    except ValidationError as error:
        fault = error.errors()[0]
        raise PlanError(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}", str(path), "compile it again") from None
    except ValueError as error:
        raise PlanError(str(error), str(path), "compile it again") from None

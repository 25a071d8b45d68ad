"""A rollout's way from requested to live, in this process: the machine says what is next, the carrier does it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from mlconfig.engine.carrier import Carrier
from mlconfig.engine.champion import find_champion
from mlconfig.engine.job import Output
from mlconfig.errors import EngineError, MlconfigError, StateError
from mlconfig.lifecycle.lease import Lease
from mlconfig.lifecycle.machine import Outcome, advance
from mlconfig.lifecycle.rollouts import Changes, Rollout
from mlconfig.lifecycle.states import TERMINAL, State
from mlconfig.lifecycle.store import Store
from mlconfig.plan.step import BaseStep
from mlconfig.plan.steps import EvaluateStep, GateStep, PackageStep, ReadStep, RegisterStep, TrainStep, TuneStep
from mlconfig.records.verdict import GateVerdict

LEARNING = (ReadStep, TuneStep, TrainStep, PackageStep)
JUDGING = (EvaluateStep, GateStep)


class Passage:
    """Does the machine's work for one rollout with the steps of a plan.

    Each piece of work begins with the first step: who takes up what another process left finds its steps kept.
    """

    def __init__(self, carrier: Carrier) -> None:
        self.carrier = carrier
        self.error: MlconfigError | None = None

    def workers(self) -> dict[str, Any]:
        """The machine's workers. Each can be repeated: a step that was carried out is kept."""
        return {"train": self._train, "register": self._register, "gate": self._gate}

    def _train(self, _: Rollout, __: str) -> Outcome:
        output = self._carry(*LEARNING)
        return Outcome(reason=output["note"], changes=self._learnt())

    def _register(self, _: Rollout, __: str) -> Outcome:
        output = self._carry(*LEARNING, RegisterStep)
        return Outcome(reason=output["note"], changes=self._learnt())

    def _gate(self, _: Rollout, __: str) -> Outcome:
        output = self._carry(*LEARNING, RegisterStep, *JUDGING)
        return Outcome(passed=not output["refused"], reason=output["note"], changes=self._learnt())

    def _learnt(self) -> Changes:
        """What the candidate is by now: another one than before, when its data changed while nobody worked on it."""
        outputs = self.carrier.job.outputs
        package, version = outputs["package"], outputs.get("register", {}).get("version")
        return Changes(artifact_sha256=package["sha256"], folder=package["folder"], version=version)

    def recall(self) -> None:
        """Tell of the steps that were carried out before this process took the rollout up."""
        for step in (self.carrier.job.plan.find(kind) for kind in (*LEARNING, RegisterStep, *JUDGING)):
            if step is not None and self.carrier.kept(step) is not None:
                self.carrier.carry(step)

    def _stands(self, step: BaseStep) -> bool:
        """A verdict stands against the champion that it was found with, and against no other."""
        gate = self.carrier.kept(step) if isinstance(step, GateStep) else None
        champion = find_champion(self.carrier.job) if gate is not None else None
        if gate is None or champion is None:
            return True
        verdict = GateVerdict.model_validate(gate["verdict"])
        return champion.route.artifact_sha256 == verdict.artifact_sha256 or champion.route.version == verdict.champion

    def _carry(self, *kinds: type[Any]) -> Output:
        output: Output = {}
        try:
            for step in (self.carrier.job.plan.find(kind) for kind in kinds):
                output = self.carrier.carry(step, stands=self._stands(step)) if step is not None else output
        except MlconfigError as error:
            self.error = error
            raise
        return output


def drive(store: Store, rollout: Rollout, carrier: Carrier, lease: Lease) -> Rollout:
    """Move a rollout until it is live or ended. Raises the error that made it fail, if one did."""
    passage = Passage(carrier)
    while rollout.state not in {*TERMINAL, State.LIVE}:
        rollout = advance(store, rollout, passage.workers(), time.time, lease)
    if rollout.state is State.FAILED:
        raise passage.error or EngineError(f"rollout `{rollout.id}` failed", hint="`mlconfig status` shows why")
    passage.recall()
    if rollout.state is State.LIVE:
        retire(store, rollout, lease)
    return rollout


def retire(store: Store, live: Rollout, lease: Lease) -> None:
    """The rollouts that the new champion replaced are superseded."""
    for former in store.rollouts.live(live.endpoint):
        if former.id != live.id:
            advance(store, former, {}, time.time, lease)


def open_rollout(
    store: Store, endpoint: str, plan_digest: str, reason: str, lease: Lease, request: Mapping[str, Any] | None = None
) -> Rollout:
    """The endpoint's rollout of this plan: an interrupted one goes on, another's is ended, else a new one begins."""
    found = store.rollouts.open(endpoint)
    if found is not None and found.plan_digest == plan_digest and found.reason == reason:
        return found
    if found is not None:
        abandon(store, found, reason, lease)
    return store.rollouts.request(endpoint, plan_digest, reason=reason, now=time.time(), lease=lease, request=request)


def abandon(store: Store, rollout: Rollout, reason: str, lease: Lease) -> None:
    """End a rollout that nobody works on any more, as holding its endpoint's lease proves."""
    told = f"abandoned by its process; {reason} takes its place"
    store.rollouts.transition(rollout.id, rollout.row_version, State.FAILED, reason=told, now=time.time(), lease=lease)


def retrain_on_its_way(store: Store, endpoint: str) -> Rollout | None:
    """The retrain that the controller carries out, or will; an apply is its own process's."""
    found = store.rollouts.open(endpoint)
    return found if found is not None and found.request.get("kind") == "retrain" else None


def refuse_if_busy(store: Store, endpoint: str) -> None:
    """Raise ``StateError`` when a retrain is on its way."""
    found = retrain_on_its_way(store, endpoint)
    if found is not None:
        what = f"rollout `{found.id}` of `{endpoint}` is on its way ({found.state}: {found.reason})"
        raise StateError(what, hint="wait for it; `mlconfig status` shows it")

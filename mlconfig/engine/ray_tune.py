"""A search on Ray Tune: actors are reused, and the data is in the object store once.

A fresh process a trial costs seconds where a trial costs milliseconds, so the trainable resets in place and its checkpoints are
empty: what is kept of a trial is its values and its score.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

import ray
from ray import tune
from ray.tune.search import ConcurrencyLimiter
from ray.tune.search import Searcher as TuneSearcher

from mlconfig.contracts.searcher import Searcher
from mlconfig.engine.courtesy import give_way
from mlconfig.engine.learning import Study
from mlconfig.errors import TrainingError
from mlconfig.plan.steps import TrainStep, TuneStep
from mlconfig.training.search import SearchResult, Tried, best_of
from mlconfig.training.trial import TrialResult

QUIET = {
    "RAY_AIR_NEW_OUTPUT": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "3600",
    # Tune's own handler takes Ctrl-C for the end of the time limit, and stays behind to swallow the next one
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
}


class Trial(tune.Trainable):  # type: ignore[misc]  # Ray ships no types
    """One trial after the other in one actor."""

    def setup(self, config: dict[str, Any], study: Any = None, steps: Any = None) -> None:
        give_way()
        self.study, (self.template, self.tuning) = study, steps
        self.values = config["values"]

    def step(self) -> dict[str, Any]:
        result = self.study.trial(self.template, self.tuning, self.values)
        return {**asdict(result), "done": True}

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.values = new_config["values"]
        return True

    def save_checkpoint(self, _: str) -> dict[str, Any]:
        return {}

    def load_checkpoint(self, _: Any) -> None:
        """Nothing was kept."""


class Asked(TuneSearcher):  # type: ignore[misc]  # Ray ships no types
    """Our searcher as Ray Tune's.

    ``asked``: the values of all trials by id, in the order they were asked for, in which they need not end; ``outcomes``: what
    came of those that ended.
    """

    def __init__(self, searcher: Searcher, trials: int) -> None:
        super().__init__(metric="loss", mode="min")
        # not `searcher`: Tune follows attributes of that name down to its own base searcher
        self.ours, self.left = searcher, trials
        self.asked: dict[str, dict[str, Any]] = {}
        self.outcomes: dict[str, TrialResult] = {}

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        values = self.ours.ask() if self.left else None
        if values is None:
            return str(TuneSearcher.FINISHED)
        self.left -= 1
        self.asked[trial_id] = values
        return {"values": values}

    def on_trial_complete(self, trial_id: str, result: Mapping[str, Any] | None = None, error: bool = False) -> None:
        if trial_id not in self.asked or trial_id in self.outcomes:
            return
        if result is None or error:
            outcome = TrialResult(float("nan"), reason="the trial's process ended")
        else:
            outcome = TrialResult(**{each.name: result[each.name] for each in fields(TrialResult)})
        self.ours.tell(self.asked[trial_id], outcome.loss)
        self.outcomes[trial_id] = outcome

    @property
    def tried(self) -> tuple[Tried, ...]:
        """The trials that ended; the earlier asked come first, as in a search without Ray."""
        return tuple(Tried(values, self.outcomes[each]) for each, values in self.asked.items() if each in self.outcomes)

    def save(self, checkpoint_path: str) -> None:
        """Nothing: a search is not resumed, an interrupted step is carried out again."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing was kept."""


def search_on_ray(study: Study, template: TrainStep, step: TuneStep, searcher: Searcher) -> SearchResult:
    """Search as ``training.search`` does, with as many trials at once as there are CPUs, or as ``parallel`` says."""
    os.environ.update(QUIET)
    searcher.start(step.tuning.space)
    asked = Asked(searcher, step.tuning.trials)
    cpus = template.model.resources.cpus
    parallel = step.tuning.parallel
    at_once = max(1, int(ray.cluster_resources().get("CPU", 1)) // cpus) if parallel == "auto" else parallel
    limit = step.tuning.time_limit
    trainable = tune.with_resources(tune.with_parameters(Trial, study=study, steps=(template, step)), {"cpu": cpus})
    with tempfile.TemporaryDirectory() as folder:
        tune.Tuner(
            trainable,
            tune_config=tune.TuneConfig(
                search_alg=ConcurrencyLimiter(asked, max_concurrent=min(at_once, step.tuning.trials)),
                num_samples=step.tuning.trials,
                time_budget_s=limit.total_seconds() if limit is not None else None,
                reuse_actors=True,
            ),
            run_config=tune.RunConfig(storage_path=folder, name="search", verbose=0, callbacks=[]),
        ).fit()
    if not asked.tried:
        raise TrainingError("no trial ended in time", where="tuning.time_limit", hint="give it longer")
    return best_of(asked.tried)

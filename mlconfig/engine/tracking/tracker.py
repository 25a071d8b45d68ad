"""Runs: one parent run an apply, its trials below it, params and metrics in batches, artifacts and data sets."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from mlconfig.engine.tracking.door import make_client, told
from mlconfig.engine.tracking.limits import METRICS, PARAMS, TAG, flatten, in_parts, legal_key, numbers

Status = Literal["FINISHED", "FAILED", "KILLED"]


@dataclass(frozen=True)
class Trial:
    """One trial of a search: its number, the values it tried, what they gave, and how long it took in seconds."""

    number: int
    params: Mapping[str, Any]
    metrics: Mapping[str, float]
    seconds: float = 0.0
    status: Status = "FINISHED"


@dataclass(frozen=True)
class Tracker:
    """An experiment in an MLflow store. Every call is one or few batches, never one call a value.

    ``client`` is an ``mlflow.MlflowClient``; ``experiment_id`` the experiment's.
    """

    uri: str
    experiment_id: str
    client: Any = field(repr=False)

    @classmethod
    def open(cls, uri: str, experiment: str, artifact_root: Path) -> Tracker:
        """Open a store and make the experiment where there is none; the first time the tables are made, too.

        Args:
            uri: an MLflow tracking URI; ``sqlite:///…`` needs no server.
            experiment: its name.
            artifact_root: the folder of artifacts; used when the experiment is made and the store is a local database.

        Raises:
            TrackingError: unreachable, or the store refuses.
        """
        with told(uri):
            client = make_client(uri)
            return cls(uri, _experiment(client, uri, experiment, artifact_root), client)

    def start_run(self, name: str, tags: Mapping[str, str] | None = None, parent: str | None = None) -> str:
        """A new run's id. Ended by ``end_run``."""
        above = {} if parent is None else {"mlflow.parentRunId": parent}
        labels = {legal_key(key): str(value)[:TAG] for key, value in (tags or {}).items()} | above
        with told(self.uri):
            return str(self.client.create_run(self.experiment_id, tags=labels, run_name=name).info.run_id)

    def end_run(self, run_id: str, status: Status = "FINISHED") -> None:
        """The run is over."""
        with told(self.uri):
            self.client.set_terminated(run_id, status)

    def log_batch(
        self, run_id: str, params: Mapping[str, Any] | None = None, metrics: Mapping[str, float] | None = None
    ) -> None:
        """Params (nested ones become dotted) and metrics of a run. A metric that is no number is left out."""
        from mlflow.entities import Metric, Param

        now = int(time.time() * 1000)
        said = [Param(key, value) for key, value in flatten(params or {}).items()]
        measured = [Metric(key, value, now, 0) for key, value in numbers(metrics or {}).items()]
        with told(self.uri):
            for first in in_parts(said, PARAMS):
                self.client.log_batch(run_id, params=list(first))
            for part in in_parts(measured, METRICS):
                self.client.log_batch(run_id, metrics=list(part))

    def log_trials(self, parent: str, trials: Iterable[Trial]) -> list[str]:
        """Each trial as a run below the parent; their run ids."""
        runs = []
        for trial in trials:
            run = self.start_run(f"trial {trial.number}", {"mlconfig.trial": str(trial.number)}, parent)
            self.log_batch(run, trial.params, {**trial.metrics, "seconds": trial.seconds})
            self.end_run(run, trial.status)
            runs.append(run)
        return runs

    def log_artifacts(self, run_id: str, folder: Path, under: str | None = None) -> None:
        """All files of a folder, below ``under``."""
        with told(self.uri):
            self.client.log_artifacts(run_id, str(folder), under)

    def log_dataset(self, run_id: str, name: str, digest: str, source: str) -> None:
        """The data the run read, as MLflow's data set input; ``digest`` is cut to the 36 characters MLflow keeps."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        data = Dataset(name=name, digest=digest[:36], source_type="mlconfig", source=source)
        with told(self.uri):
            self.client.log_inputs(run_id, [DatasetInput(data, [InputTag("mlflow.data.context", "training")])])


def _experiment(client: Any, uri: str, name: str, artifact_root: Path) -> str:
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    place = None if uri.startswith(("http://", "https://")) else artifact_root.absolute().as_uri()
    try:
        return str(client.create_experiment(name, artifact_location=place))
    except MlflowException:
        found = client.get_experiment_by_name(name)  # another process was as fast
        if found is None:
            raise
        return str(found.experiment_id)

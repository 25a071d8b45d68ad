"""Batch scoring with a version of the project; needs no cluster, and uses one where the recipe names it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mlconfig.engine.champion import Champion, card_of, champion_of
from mlconfig.engine.live import has_state
from mlconfig.engine.workspace import Workspace
from mlconfig.errors import DataError, EngineError
from mlconfig.lifecycle.store import Store
from mlconfig.plan.plan import Plan
from mlconfig.plan.steps import DeployStep
from mlconfig.records.route import RouteVersion
from mlconfig.serving.batch.inputs import FileInput, Input
from mlconfig.serving.batch.outputs import Output, output_of
from mlconfig.serving.batch.places import SqlPlace, files_of, is_database
from mlconfig.serving.batch.pool import Pool, processors
from mlconfig.serving.batch.run import BatchResult, Here, Runner, Settings, Watcher, run_batch
from mlconfig.serving.batch.unit import Model

if TYPE_CHECKING:
    from mlconfig.records.signature import Signature

SMALL = 8 << 20
"""Bytes of input that are scored before other processes would have started."""


@dataclass(frozen=True)
class Request:
    """What is asked for.

    Args:
        source: a file, a folder, a glob, or a database with ``#table``.
        target: a file, a folder, or a database with ``#table``.
        version: a registered version; null for the live one, or, before one is live, the newest registered one.
        query: SQL instead of the source's table.
        key: a column of the source's table or query that is unique and never null; reading goes on by it.
        form: parquet or csv, of a folder's parts.
        kind: parquet or csv, what the source's files are to be; null where they say it themselves.
        processes: on this machine; null for as many as it has processors.
        on_ray: whether tasks of the cluster score; null where ``engine.address`` decides.
    """

    source: str
    target: str
    version: str | None = None
    query: str = ""
    key: str = ""
    form: str | None = None
    kind: str | None = None
    processes: int | None = None
    on_ray: bool | None = None
    settings: Settings = field(default_factory=Settings)


def predict_batch(
    workspace: Workspace, plan: Plan, request: Request, runner: Runner | None = None, watcher: Watcher | None = None
) -> BatchResult:
    """Score what the request names. ``runner``: of the caller, who closes it, where the request does not say Ray.

    Raises:
        EngineError: there is no such version, or a process died.
        DataError: the input cannot be read or lacks a feature, or the output cannot be written.
    """
    chosen = _choose(workspace, plan, request.version)
    model = Model(chosen.folder, chosen.route.artifact_sha256, chosen.route.version)
    with ExitStack() as stack:
        target = _output(workspace, request)
        source = _input(workspace, request, chosen.signature)
        stack.callback(source.close)
        _check_kind(source, request)
        _check_apart(source, target)
        runner = stack.enter_context(_runner(workspace, request, source, runner))
        return run_batch(model, source, target, runner, request.settings, watcher)


def is_large(source: str) -> bool:
    """Whether other processes are worth starting. Raises DataError when nothing is there."""
    return is_database(source) or sum(file.stat().st_size for file in files_of(Path(source))) > SMALL


@contextmanager
def _runner(workspace: Workspace, request: Request, source: Input, given: Runner | None) -> Iterator[Runner]:
    on_ray = workspace.engine.address is not None if request.on_ray is None else request.on_ray
    if on_ray:
        from mlconfig.engine.batch_on_ray import ray_tasks

        with ray_tasks(workspace) as tasks:
            yield tasks
        return
    processes = request.processes or processors()
    if given is not None:
        yield given
    elif processes == 1 or (isinstance(source, FileInput) and source.size() <= SMALL):
        yield Here()
    else:
        with Pool(processes) as made:
            yield made


def _check_kind(source: Input, request: Request) -> None:
    kind = "csv" if getattr(source, "is_csv", False) else "parquet"
    if request.kind not in (None, kind):
        raise DataError(f"the files are {kind}, and {request.kind} is asked for", request.source)


def _check_apart(source: Input, target: Output) -> None:
    """Files are looked at where outputs are checked; a table is one by its place."""
    place = getattr(source, "place", None)
    if place is not None and place == getattr(target, "place", None):
        raise DataError("the output is the input's table", str(place), "give it another name")


def _input(workspace: Workspace, request: Request, signature: Signature) -> Input:
    if is_database(request.source):
        from mlconfig.serving.batch.sql_input import SqlInput

        return SqlInput(SqlPlace.parse(workspace.secret(request.source), request.query), request.key, signature)
    if request.query or request.key:
        raise DataError(
            "--query and --key need a database", request.source, "write postgresql://…#table or sqlite:///…#table"
        )
    return FileInput(Path(request.source), signature)


def _output(workspace: Workspace, request: Request) -> Output:
    if is_database(request.target):
        from mlconfig.serving.batch.sql_output import SqlOutput

        if request.form:
            raise DataError("--format is of the parts of a folder", request.target)
        return SqlOutput(SqlPlace.parse(workspace.secret(request.target)), workspace.storage / "predict")
    return output_of(Path(request.target), request.form)


def _choose(workspace: Workspace, plan: Plan, version: str | None) -> Champion:
    """The version asked for; else the one that is live; else the newest registered one."""
    if not has_state(workspace):
        raise EngineError(f"`{plan.name}` has no version yet", hint="`mlconfig train` or `mlconfig apply` makes one")
    with Store.open(workspace.state_uri) as store:
        deploy = plan.find(DeployStep)
        live = champion_of(workspace, store, deploy.endpoint) if deploy is not None and version is None else None
        card = card_of(store, plan.name, version)
    if live is not None:
        return live
    if card is None:
        which = f"version {version}" if version is not None else "version yet"
        raise EngineError(f"`{plan.name}` has no {which}", hint="`mlconfig status` lists them")
    if not (workspace.storage / card.folder).is_dir():
        hint = "applying its recipe again makes it anew; tracking.keep_versions says how many are kept"
        raise EngineError(f"the files of version {card.version} of `{plan.name}` were removed", hint=hint)
    return Champion(
        workspace.storage, RouteVersion(version=card.version, artifact_sha256=card.artifact_sha256, folder=card.folder)
    )

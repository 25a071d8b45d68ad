"""One replica of an endpoint: the data plane of ``serving`` as a Ray Serve deployment.

The deployment holds no version. The replica polls the route in the state database, keeps a durable copy of it, and loads
only bytes that passed their gate; so a promotion restarts nothing, and a replica that comes up without the database still
answers with the version it had.
"""

from __future__ import annotations

import gc
import os
import uuid
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ray import serve
from ray.serve import Application

from mlconfig.contracts import Context, Protocol
from mlconfig.contracts.catalog import Catalog
from mlconfig.engine.doorway import access_of
from mlconfig.engine.fast_lane import FastLane, Lane
from mlconfig.engine.grpc_door import keep_on_loopback, method_of, open_door
from mlconfig.engine.head.ingress import NAMED_BY
from mlconfig.engine.lane_policy import SIGNAL
from mlconfig.engine.lanes import register
from mlconfig.engine.standard_lane import StandardLane
from mlconfig.engine.workspace import Workspace
from mlconfig.errors import ServingError
from mlconfig.lifecycle.routes import RouteReader
from mlconfig.records.route import RouteTable, RouteVersion
from mlconfig.sections import Engine, Serving
from mlconfig.serving.app import App
from mlconfig.serving.calls import Calls
from mlconfig.serving.route_poll import RoutePoller
from mlconfig.serving.service import Service


class GatedRoutes:
    """The newest route whose bytes passed their gate: the data plane checks for itself what the controller promises."""

    def __init__(self, reader: RouteReader) -> None:
        self._reader = reader
        self._passed: set[str] = set()

    def current(self, endpoint: str) -> RouteTable | None:
        """The newest table. Raises ``ServingError`` for bytes without a passed gate; the replica keeps what it serves."""
        table = self._reader.current(endpoint)
        for version in _versions(table) if table is not None else ():
            if version.artifact_sha256 in self._passed:
                continue
            if not self._reader.passed(version.artifact_sha256):
                raise ServingError(f"version {version.version} has no passed gate", where=f"endpoint `{endpoint}`")
            self._passed.add(version.artifact_sha256)
        return table


def _versions(table: RouteTable) -> Iterator[RouteVersion]:
    """All that may answer; the one before passed its gate when it went live."""
    yield table.champion
    if table.canary is not None:
        yield table.canary.version
    yield from table.shadows


@serve.deployment(name="Replica")
@serve.ingress()  # without an application: the method below makes it, once the instance is there
class Replica:
    """Serves one endpoint. ``settings``: project, engine, plugin files, endpoint and serving, as JSON.

    It has a method for each call of gRPC that its protocols declare.
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        workspace = Workspace(Path(settings["project"]), Engine.model_validate(settings["engine"]))
        endpoint = settings["endpoint"]
        serving = Serving.model_validate(settings["serving"])
        protocols = _protocols(workspace, serving, settings["plugins"])
        access, self.guarding = access_of(workspace, endpoint, serving, settings["plugins"])
        if self.guarding is not None:
            self.guarding.start()
        replica = uuid.uuid4().hex[:12]
        named_by = os.environ.get(NAMED_BY, "").encode() or None
        self.service = Service(
            endpoint, workspace.storage, serving, protocols, replica=replica, access=access, named_by=named_by
        )
        routes = GatedRoutes(RouteReader(workspace.state_uri))
        self.poller = RoutePoller(self.service, routes, workspace.storage / "routes" / f"{endpoint}.json")
        self.poller.start()
        self._endpoint = App(self.service)
        self.lane = Lane(self._endpoint, serving.max_ongoing_requests)
        if serving.lane == "fast":
            register(partial(FastLane, lane=self.lane))
        else:
            register(partial(StandardLane, endpoint=self._endpoint))
        self._open_to_calls(workspace)
        _settle()

    def _open_to_calls(self, workspace: Workspace) -> None:
        """On a given cluster replicas talk to each other from node to node, so there Serve binds as it likes."""
        calls = Calls(self.service)
        for name in calls.paths:
            setattr(self, name, method_of(calls, name))
        open_door(calls)
        if workspace.engine.address is None:
            keep_on_loopback()

    def __serve_build_asgi_app__(self) -> App:
        """What Ray Serve answers requests with."""
        return self._endpoint

    def record_autoscaling_stats(self) -> dict[str, float]:
        """What Ray Serve's autoscaling cannot see: the fast lane's requests."""
        return {SIGNAL: float(self.lane.ongoing)}

    def check_health(self) -> None:
        """Unhealthy only without any version: a newer one that cannot be loaded leaves the old one in service."""
        if self.service.state is None:
            raise ServingError(
                self.service.problem or "no version is loaded yet", where=f"endpoint {self.service.endpoint}"
            )

    def __del__(self) -> None:
        """Serve's last hook before the process ends: the log is made durable."""
        guarding = getattr(self, "guarding", None)
        if guarding is not None:
            guarding.stop()
        if hasattr(self, "poller"):
            self.poller.stop()
            self.service.close()


def _settle() -> None:
    """Look for cycles less often than Python does by itself, and not among what is there from the start: requests leave
    hardly any, and looking took 3 to 6 % of a loaded replica's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def _protocols(workspace: Workspace, serving: Serving, files: Sequence[str]) -> dict[str, Protocol]:
    """An instance by name of all that are declared, with their secrets resolved."""
    catalog, context = Catalog(workspace.project, files), Context(workspace.project)
    return {
        each.name: catalog.create("protocol", each.name, workspace.resolve(dict(each.params)), context)
        for each in serving.protocols
    }


def build(args: dict[str, Any]) -> Application:
    """The application that Ray Serve is told to run."""
    return Replica.bind(args["settings"])  # type: ignore[attr-defined]  # the decorator makes it a deployment


OF_SERVE = {"endpoint", "num_replicas", "autoscaling_config", "batch"}
"""Keys that Ray Serve or the controller obeys, and no replica."""


_OF_LANE: dict[str, set[str]] = {"standard": {"max_ongoing_requests"}, "fast": set()}
"""Beside them what Serve obeys in that lane."""


def settings_of(workspace: Workspace, endpoint: str, serving: Serving, plugins: Sequence[str]) -> dict[str, Any]:
    """The arguments of ``build``; another value of any of them restarts the replicas, so none is here without need."""
    return {
        "project": str(workspace.project),
        "engine": workspace.engine.model_dump(mode="json"),
        "endpoint": endpoint,
        "plugins": list(plugins),
        "serving": serving.model_dump(mode="json", exclude=OF_SERVE | _OF_LANE[serving.lane]),
    }

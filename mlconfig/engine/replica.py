"""One replica of an endpoint: the data plane of ``serving`` as a Ray Serve deployment.

The deployment holds no version. The replica polls the route in the state database, keeps a durable copy of it, and loads
only bytes that passed their gate; so a promotion restarts nothing, and a replica that comes up without the database still
answers with the version it had.
"""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

from ray import serve
from ray.serve import Application

from mlconfig.engine.workspace import Workspace
from mlconfig.errors import ServingError
from mlconfig.lifecycle.routes import RouteReader
from mlconfig.records.route import RouteTable
from mlconfig.sections import Engine, Serving
from mlconfig.serving.app import App
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
        if table is not None and table.champion.artifact_sha256 not in self._passed:
            if not self._reader.passed(table.champion.artifact_sha256):
                raise ServingError(
                    f"version {table.champion.version} has no passed gate", where=f"endpoint `{endpoint}`"
                )
            self._passed.add(table.champion.artifact_sha256)
        return table


@serve.deployment(name="Replica")
@serve.ingress()  # without an application: the method below makes it, once the instance is there
class Replica:
    """Serves one endpoint. ``settings``: project, engine, endpoint and serving, as JSON."""

    def __init__(self, settings: dict[str, Any]) -> None:
        workspace = Workspace(Path(settings["project"]), Engine.model_validate(settings["engine"]))
        endpoint = settings["endpoint"]
        self.service = Service(
            endpoint, workspace.storage, Serving.model_validate(settings["serving"]), replica=uuid.uuid4().hex[:12]
        )
        routes = GatedRoutes(RouteReader(workspace.state_uri))
        self.poller = RoutePoller(self.service, routes, workspace.storage / "routes" / f"{endpoint}.json")
        self.poller.start()

    def __serve_build_asgi_app__(self) -> App:
        """What Ray Serve answers requests with."""
        return App(self.service)

    def check_health(self) -> None:
        """Unhealthy only without any version: a newer one that cannot be loaded leaves the old one in service."""
        if self.service.state is None:
            raise ServingError(
                self.service.problem or "no version is loaded yet", where=f"endpoint {self.service.endpoint}"
            )

    def __del__(self) -> None:
        """Serve's last hook before the process ends: the log is made durable."""
        if hasattr(self, "poller"):
            self.poller.stop()
            self.service.close()


def build(args: dict[str, Any]) -> Application:
    """The application that Ray Serve is told to run."""
    return Replica.bind(args["settings"])  # type: ignore[attr-defined]  # the decorator makes it a deployment


def settings_of(workspace: Workspace, endpoint: str, serving: Serving) -> dict[str, Any]:
    """The arguments of ``build``; another value of any of them restarts the replicas, so none is here without need."""
    return {
        "project": str(workspace.project),
        "engine": workspace.engine.model_dump(mode="json"),
        "endpoint": endpoint,
        "serving": {"log": serving.log.model_dump(mode="json")},
    }

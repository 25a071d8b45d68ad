"""Ray Serve through the one door of ours. Nothing else in mlconfig but `engine.grpc_door` may touch Serve's private names.

Private are `_get_global_client`, its `deploy_apps`, and the controller's `get_app_configs` (Ray 2.60). They are used because
the public `serve.run` restarts every replica at each call, while a declared application whose import path and args did not
change is updated in place: the replicas get the new ``user_config`` in 0.3 s and no request fails. The import of this module
loads Serve; connect to the cluster first, since Serve reads its settings from the environment at import.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import ray
from ray import serve
from ray.serve._private.client import ServeControllerClient
from ray.serve.config import gRPCOptions
from ray.serve.context import _get_global_client, _set_global_client
from ray.serve.exceptions import RayServeException
from ray.serve.schema import LoggingConfig, ServeApplicationSchema, ServeDeploySchema

from mlconfig.engine.grpc_door import SERVICES
from mlconfig.engine.head.places import locked
from mlconfig.engine.head.record import Head
from mlconfig.errors import ServingError

HEALTH_CHECK_PERIOD_S = 2
HEALTH_CHECK_TIMEOUT_S = 3
MAX_SURGE_PERCENT = 20
"""Of the replicas, and at least one, that an update starts before it stops old ones; these stay where new ones fail."""
_POLL_S = 0.1
_QUIET = {"enable_access_log": False, "log_level": "WARNING"}
"""Of replicas. Without the level Serve makes an access record of each request, and throws it away where it would be written."""


@dataclass(frozen=True)
class ApplicationStatus:
    """How an application is: Serve's word (``RUNNING``, ``DEPLOYING``, ``DEPLOY_FAILED``, ``UNHEALTHY``, ``DELETING``,
    ``NOT_STARTED``), its message, and how many replicas run, old ones included while they are replaced.
    """

    status: str
    message: str
    replicas: int


def start_serve(head: Head) -> str:
    """Start Serve on a head of ours, at its door; nothing happens when it runs.

    Returns:
        the URL below which the applications answer.

    Raises:
        ServingError: Serve does not start, because a port was taken since the head chose it, for example.
    """
    door = head.door
    files = {"ssl_certfile": door.certificate, "ssl_keyfile": door.key} if door.certificate else {}
    start_serve_at(door.host, head.http_port, head.ports.grpc, files)
    return head.url


def start_serve_at(host: str, port: int, grpc_port: int = 0, tls: Mapping[str, str] = MappingProxyType({})) -> str:
    """Start Serve on the connected cluster unless it runs there already; return the URL it answers at.

    ``grpc_port``: of gRPC's door, which cannot be opened later; 0 for none. ``tls``: Serve's options for it.
    """
    client = _running_client()
    if client is None:
        logging.getLogger("ray.serve").setLevel(logging.WARNING)
        try:
            serve.start(
                http_options={"host": host, "port": port, **tls},
                grpc_options=_grpc_options(grpc_port),
                logging_config=LoggingConfig(enable_access_log=False),
            )
        except (RayServeException, RuntimeError, TimeoutError, ValueError, ray.exceptions.RayError) as fault:
            client = _started_by_another()
            if client is None:
                raise ServingError(
                    f"Ray Serve did not start: {_last_line(fault)}",
                    where=f"{host}:{port}",
                    hint="`mlconfig destroy` and a new start choose other ports",
                ) from fault
        client = client or _client()
    options = client.http_config
    return f"http://{options.host}:{options.port}"


def _grpc_options(port: int) -> gRPCOptions | None:
    """Reflection stays off: it would tell anybody the methods, without asking for a key."""
    if not port:
        return None
    return gRPCOptions(port=port, grpc_servicer_functions=[SERVICES], enable_reflection=False)


def _started_by_another(patience: float = 20.0) -> ServeControllerClient | None:
    """The client of a Serve that somebody else started at the same time, once it is up; None when there is none."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        client = _running_client()
        if client is not None:
            return client
        time.sleep(_POLL_S)
    return None


def deploy_application(
    name: str,
    import_path: str,
    args: dict[str, Any],
    *,
    deployment: str,
    user_config: dict[str, Any] | None = None,
    num_replicas: int | None = None,
    max_ongoing_requests: int = 256,
    autoscaling_config: dict[str, Any] | None = None,
    route_prefix: str = "/",
    ray_actor_options: dict[str, Any] | None = None,
    runtime_env: dict[str, Any] | None = None,
) -> None:
    """Declare one application beside the others of the cluster; returns before it runs (see `wait_running`).

    Only a change of ``import_path``, ``args``, ``ray_actor_options`` or ``runtime_env`` restarts replicas.

    Args:
        name: of the application, one per endpoint.
        import_path: ``module:builder``; the builder takes ``args`` and returns a bound deployment.
        args: JSON-like arguments of the builder.
        deployment: name of the deployment the builder returns.
        user_config: what each replica's ``reconfigure`` gets; it must never raise there.
        num_replicas: fixed number of replicas; 1 when neither this nor ``autoscaling_config`` is given.
        max_ongoing_requests: requests that a replica works on at once.
        autoscaling_config: Ray's own keys; instead of ``num_replicas``.
        route_prefix: path below which the application answers; no two applications share one.
        ray_actor_options: Ray's own keys for the replica's actor.
        runtime_env: Ray's own keys, for environment variables of the replicas for example.

    Raises:
        ServingError: Serve is not running, or refuses the application.
    """
    scaling: dict[str, Any] = {"autoscaling_config": autoscaling_config, "num_replicas": num_replicas}
    settings = {
        "name": deployment,
        "max_ongoing_requests": max_ongoing_requests,
        "health_check_period_s": HEALTH_CHECK_PERIOD_S,
        "health_check_timeout_s": HEALTH_CHECK_TIMEOUT_S,
        "max_surge_percent": MAX_SURGE_PERCENT,
        "logging_config": _QUIET,
        "user_config": user_config,
        "ray_actor_options": ray_actor_options,
        **scaling,
    }
    declared = {
        "name": name,
        "import_path": import_path,
        "route_prefix": route_prefix,
        "args": args,
        "logging_config": _QUIET,
        "deployments": [{key: value for key, value in settings.items() if value is not None}],
        **({"runtime_env": runtime_env} if runtime_env else {}),
    }
    client = _client()
    with _declaring():
        _declare(client, _others(client, name), declared)


def delete_application(name: str, timeout: float = 30.0) -> bool:
    """End one application and wait until it is gone; the others go on.

    Returns:
        False when there was no such application.

    Raises:
        ServingError: Serve is not running, or the application is not gone in ``timeout`` seconds.
    """
    client = _client()
    if application_status(name).status == "NOT_STARTED":
        return False
    with _declaring():
        _declare(client, _others(client, name))
    _wait(name, "NOT_STARTED", timeout)
    return True


def application_names() -> tuple[str, ...]:
    """Names of the applications declared on the cluster, sorted."""
    return tuple(sorted(ray.get(_client()._controller.get_app_configs.remote())))  # noqa: SLF001  # private on purpose


def application_status(name: str) -> ApplicationStatus:
    """Return how an application is; ``NOT_STARTED`` when there is none of this name."""
    found = serve.status().applications.get(name)
    if found is None:
        return ApplicationStatus("NOT_STARTED", "", 0)
    deployments = found.deployments.values()
    messages = [found.message, *(each.message for each in deployments)]
    running = sum(each.replica_states.get("RUNNING", 0) for each in deployments)
    return ApplicationStatus(str(found.status.value), "\n".join(filter(None, messages)), running)


def wait_running(name: str, timeout: float = 60.0) -> None:
    """Wait until an application runs as declared last and HAProxy sends it requests.

    Raises:
        ServingError: it failed, or does not run in ``timeout`` seconds; with Serve's own message.
    """
    _wait(name, "RUNNING", timeout)
    if any(each.status != "RUNNING" for each in serve.status().applications.values()):
        return  # HAProxy is asked about all applications at once: another one's fault must not hold up this one
    try:
        _client().wait_for_proxies_serving(wait_for_applications_running=True)
    except TimeoutError as fault:
        raise ServingError(f"HAProxy does not serve it: {fault}", where=f"endpoint {name}") from fault


def _wait(name: str, wanted: str, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while (now := application_status(name)).status != wanted:
        failed = now.status in {"DEPLOY_FAILED", "NOT_STARTED"}
        if failed or time.monotonic() > deadline:
            late = "" if failed else f" after {timeout:.0f} s"
            raise ServingError(
                f"the application is {now.status}{late}, not {wanted}: {now.message or 'Ray Serve says no more'}",
                where=f"endpoint {name}",
                hint="Ray's logs are in <temp_dir>/ray/session_latest/logs/serve; <temp_dir> is in .mlconfig/ray/head.json",
            )
        time.sleep(_POLL_S)


def forget_client() -> None:
    """Let go of the cluster that this process talked to, so that the next one is not taken for it."""
    _set_global_client(None)


def _running_client() -> ServeControllerClient | None:
    return _get_global_client(raise_if_no_controller_running=False)


def _client() -> ServeControllerClient:
    client = _running_client()
    if client is None:
        raise ServingError("Ray Serve is not running", where="the connected cluster", hint="call start_serve first")
    return client


def _others(client: ServeControllerClient, name: str) -> list[ServeApplicationSchema]:
    """What is declared now, without one application: a declaration replaces the whole one before it."""
    declared = ray.get(client._controller.get_app_configs.remote())  # noqa: SLF001  # private on purpose, see above
    return [application for each, application in declared.items() if each != name]


def _declare(
    client: ServeControllerClient, others: list[ServeApplicationSchema], new: dict[str, Any] | None = None
) -> None:
    options = client.http_config
    try:
        applications = [*others, *([ServeApplicationSchema.model_validate(new)] if new else [])]
        schema = ServeDeploySchema(http_options={"host": options.host, "port": options.port}, applications=applications)
        client.deploy_apps(schema)
    except (ValueError, ImportError, AttributeError, RayServeException, ray.exceptions.RayError) as fault:
        name = new["name"] if new else "?"
        raise ServingError(
            f"Ray Serve refuses the application: {_last_line(fault)}", where=f"endpoint {name}"
        ) from fault


@contextmanager
def _declaring() -> Iterator[None]:
    """Let one process of this machine at a time read, change and write the declaration."""
    session = Path(ray._private.worker._global_node.get_session_dir_path())  # noqa: SLF001  # no public name for it
    with locked(session / "mlconfig-declaring.lock"):
        yield


def _last_line(fault: BaseException) -> str:
    return (str(fault).strip().splitlines() or [type(fault).__name__])[-1]

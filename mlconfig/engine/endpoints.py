"""Declares and removes endpoints on the connected cluster.

The first endpoint of a head takes the root path, so that ``/healthz``, ``/readyz`` and ``/openapi.json`` answer there too; each
further one answers below ``/v1/{endpoint}`` alone.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_fixed

from mlconfig.engine.address import grpc_address
from mlconfig.engine.ask import answers
from mlconfig.engine.doorway import refuse_open_to_all
from mlconfig.engine.grpc_door import message_limit
from mlconfig.engine.head.head import find_head
from mlconfig.engine.lanes import CALLBACK
from mlconfig.engine.replica import settings_of
from mlconfig.engine.serve_api import (
    application_names,
    application_status,
    delete_application,
    deploy_application,
    start_serve,
    start_serve_at,
    wait_running,
)
from mlconfig.engine.workspace import Workspace, write_json
from mlconfig.errors import EngineError, ServingError
from mlconfig.sections import Serving

HOST, PORT = "127.0.0.1", 8000
ANSWERS_S = 30.0
ATTEMPT = "MLCONFIG_ATTEMPT"
"""Tells declarations apart: Serve does not try one again that failed, though its fault, in a plugin for example, is mended."""

_UNCOUNTED = {"RAY_SERVE_HAPROXY_METRICS_ENABLED": "1", "RAY_SERVE_METRICS_EXPORT_INTERVAL_MS": "20"}
"""A replica's Serve leaves counting HTTP requests to HAProxy where it believes that HAProxy does; `/metrics` has ours. What it
counts all the same it adds up in small parts, since requests wait meanwhile.
"""


def declare(workspace: Workspace, endpoint: str, serving: Serving, plugins: Sequence[str]) -> str:
    """Have replicas answer at an endpoint; returns the URL below which it does. Raises ``ServingError`` with Serve's words."""
    url = _start(workspace)
    refuse_open_to_all(url, serving)
    kept = _kept(workspace)
    routes, attempts = kept["routes"], kept["attempts"]
    prefix = routes.setdefault(endpoint, f"/v1/{endpoint}" if "/" in routes.values() else "/")
    if application_status(endpoint).status == "DEPLOY_FAILED":
        attempts[endpoint] = attempts.get(endpoint, 0) + 1
    calls = grpc_address(workspace, serving, plugins)
    write_json(_file(workspace), {**kept, "url": url, "grpc": calls, "address": workspace.engine.address})
    environment = CALLBACK | message_limit(serving.limits.body) | {ATTEMPT: str(attempts.get(endpoint, 0))}
    if workspace.engine.address is None:  # elsewhere somebody may read what Serve counts
        environment |= _UNCOUNTED
    declared = serving.autoscaling_config
    scaling = declared.model_dump(mode="json", exclude_none=True) if declared is not None else None
    if serving.lane == "fast" and scaling is not None:
        scaling.setdefault("policy", {"policy_function": "mlconfig.engine.lane_policy:by_ongoing"})
    deploy_application(
        endpoint,
        "mlconfig.engine.replica:build",
        {"settings": settings_of(workspace, endpoint, serving, plugins)},
        deployment="Replica",
        num_replicas=None if scaling is not None else serving.num_replicas,
        max_ongoing_requests=serving.max_ongoing_requests,
        autoscaling_config=scaling,
        route_prefix=prefix,
        ray_actor_options={"num_cpus": 0.1, "runtime_env": {"env_vars": environment}},
    )
    wait_running(endpoint)
    _wait_answering(f"{url}/v1/{endpoint}")
    return url


def _wait_answering(url: str) -> None:
    """Serve's word that an application runs comes before HAProxy knows the way to it."""
    attempt = Retrying(
        retry=retry_if_result(lambda there: not there), wait=wait_fixed(0.1), stop=stop_after_delay(ANSWERS_S)
    )
    try:
        attempt(answers, url)
    except RetryError:
        hint = "`mlconfig doctor` shows the head's ports; `mlconfig destroy` and a new apply start afresh"
        raise ServingError(f"runs, but does not answer within {ANSWERS_S:.0f} s", where=url, hint=hint) from None


def remove(workspace: Workspace, endpoint: str) -> bool:
    """End an endpoint's replicas; the others go on. False when there were none."""
    gone = delete_application(endpoint)
    kept = _read(workspace)
    routes = {name: prefix for name, prefix in kept.get("routes", {}).items() if name != endpoint}
    write_json(_file(workspace), {**kept, "routes": routes})
    return gone


def _start(workspace: Workspace) -> str:
    if workspace.engine.address is not None:
        return start_serve_at(HOST, PORT)
    head = find_head(workspace.storage)
    if head is None:
        raise EngineError("the local head ended while it was worked with", hint="run the command again")
    return start_serve(head)


def _file(workspace: Workspace) -> Path:
    return workspace.storage / "serve.json"


def _kept(workspace: Workspace) -> dict[str, Any]:
    """What is known of the endpoints that are declared now: the path of each, and how often it was tried anew."""
    kept, declared = _read(workspace), set(application_names())
    for key in ("routes", "attempts"):
        kept[key] = {name: value for name, value in kept.get(key, {}).items() if name in declared}
    return kept


def _read(workspace: Workspace) -> dict[str, Any]:
    with suppress(OSError, ValueError):
        return dict(json.loads(_file(workspace).read_text()))
    return {}

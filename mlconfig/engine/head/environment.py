"""Environment variables of a head and of those who connect to it.

Figures behind the settings: requests/s and faults in docs/decisions/010-a-head-on-loopback.md.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from mlconfig.engine.head.ingress import NAMED_BY
from mlconfig.engine.head.record import Ports

# An inherited one of these would change what we start, slow it, or send a connection elsewhere.
DROPPED = ("PYTHONDONTWRITEBYTECODE", "RAY_ADDRESS", "RAY_AUTH_TOKEN", "RAY_START_HOOK", "RAY_RUNTIME_ENV_HOOK")

_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "OMP_NUM_THREADS": "1",  # replicas and trials share the cores by processes, not by threads
    "RAY_worker_niceness": "0",  # what nobody waits for takes its own (engine/courtesy.py)
    "RAY_enable_metrics_collection": "0",  # nobody reads Ray's own: replicas have ours at /metrics
}

_SERVE = {
    "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
    "RAY_SERVE_HAPROXY_METRICS_ENABLED": "0",  # one datagram a request into a Python actor
    "RAY_SERVE_CONTROL_LOOP_INTERVAL_S": "0.25",  # at 0.1, with four endpoints, 6 % of a core while nobody asks
    "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "1",
    "RAY_SERVE_FORCE_STOP_UNHEALTHY_REPLICAS": "1",
    "RAY_SERVE_HAPROXY_RETRY_ON": "conn-failure empty-response",  # a killed replica costs no request
    "RAY_SERVE_HAPROXY_HEALTH_CHECK_INTER": "1s",
    "RAY_SERVE_PROXY_HEALTH_CHECK_PERIOD_S": "1",
    "RAY_SERVE_PROXY_HEALTH_CHECK_TIMEOUT_S": "2",
    "RAY_SERVE_HAPROXY_TIMEOUT_CLIENT_S": "60",
    "RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S": "30",
}


def client_variables(token_path: Path, *, haproxy_is_on: bool = True) -> dict[str, str]:
    """Return what a process needs in its environment, before it imports Ray, to reach a head of ours."""
    return {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token_path),
        # Named for other systems, but the only switch that lets Ray's node be 127.0.0.1 on Linux too.
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        **_QUIET,
        **_SERVE,
        "RAY_SERVE_ENABLE_HA_PROXY": str(int(haproxy_is_on)),
    }


def head_variables(
    inherited: Mapping[str, str],
    *,
    token_path: Path,
    ports: Ports,
    haproxy: Path,
    launcher: Path,
    named_by: str,
    cores: int,
    haproxy_is_on: bool = True,
) -> dict[str, str]:
    """Return the whole environment of a head and all its workers.

    Args:
        inherited: the environment of the command that starts it.
        token_path: the token's file.
        ports: the ports chosen for it.
        haproxy: private directory for HAProxy's configuration, sockets and state.
        launcher: what is run as HAProxy.
        named_by: the header in which it names requests.
        cores: CPU cores of the head.
        haproxy_is_on: or Ray's Python proxy.
    """
    kept = {name: value for name, value in inherited.items() if name not in DROPPED}
    return (
        kept
        | client_variables(token_path, haproxy_is_on=haproxy_is_on)
        | {
            "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": "mlconfig.engine.grpc_door:middlewares",
            NAMED_BY: named_by,
            "RAY_SERVE_HAPROXY_BINARY_PATH": str(launcher),
            "RAY_SERVE_HAPROXY_NBTHREAD": str(max(1, min(4, cores // 4))),
            "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": str(haproxy / "haproxy.cfg"),
            "RAY_SERVE_HAPROXY_SOCKET_PATH": str(haproxy / "a"),
            "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(haproxy),
            "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": str(haproxy / "server-state"),
            "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": str(haproxy / "m"),
            "RAY_SERVE_HAPROXY_STATS_PORT": str(ports.haproxy_stats),
            "RAY_SERVE_HAPROXY_METRICS_PORT": str(ports.haproxy_metrics),
            "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": str(ports.fallback_http),
            "RAY_SERVE_FALLBACK_PROXY_GRPC_PORT": str(ports.fallback_grpc),
            "RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT": str(ports.replica_http),
            "RAY_SERVE_DIRECT_INGRESS_MAX_HTTP_PORT": str(ports.replica_http + ports.span - 1),
            "RAY_SERVE_DIRECT_INGRESS_MIN_GRPC_PORT": str(ports.replica_grpc),
            "RAY_SERVE_DIRECT_INGRESS_MAX_GRPC_PORT": str(ports.replica_grpc + ports.span - 1),
        }
    )


def apply_client_variables(token_path: Path, *, haproxy_is_on: bool = True) -> None:
    """Put the client's variables into this process's environment; what points elsewhere is taken out."""
    for name in ("RAY_ADDRESS", "RAY_AUTH_TOKEN"):
        os.environ.pop(name, None)
    os.environ.update(client_variables(token_path, haproxy_is_on=haproxy_is_on))

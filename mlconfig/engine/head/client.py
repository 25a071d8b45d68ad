"""This process as a client of a Ray cluster. Imports Ray: what is put into the environment must be there before."""

from __future__ import annotations

import logging
from importlib import import_module
from typing import Any

import ray

from mlconfig.errors import EngineError

NAMESPACE = "mlconfig"


def connect_ray(address: str, *, local: bool) -> None:
    """Connect to ``address``; nothing happens when this process already is.

    Args:
        address: ``host:port`` of Ray's control store, ``auto``, or ``ray://host:port``.
        local: a head of ours on 127.0.0.1, with the token file the environment names.

    Raises:
        EngineError: nobody answers, the token is refused, or this process is connected elsewhere.
    """
    if ray.is_initialized():
        return _check_same(address)
    if local:
        _read_environment_again()
    try:
        ray.init(**_options(address))
    except (ConnectionError, RuntimeError, ValueError) as fault:
        raise EngineError(
            f"no connection to Ray: {str(fault).strip() or type(fault).__name__}",
            where=address,
            hint="check engine.address, that the cluster runs the same Ray and Python, and RAY_AUTH_TOKEN_PATH",
        ) from fault
    return None


def _options(address: str) -> dict[str, Any]:
    return {
        "address": address,
        "namespace": NAMESPACE,
        "configure_logging": False,
        "logging_level": logging.ERROR,
        "log_to_driver": False,
    }


def _check_same(address: str) -> None:
    current = str(ray.get_runtime_context().gcs_address)
    if address not in {current, "auto"}:
        raise EngineError(
            f"this process is already connected to the Ray at {current}",
            where=address,
            hint="call mlconfig.engine.head.disconnect() first, or use another process",
        )


def _read_environment_again() -> None:
    """Let Ray take the environment's word where it was imported, or used with another head, before.

    Ray keeps the token, its C++ settings and one constant from its first import. Private names of Ray 2.60.
    """
    raylet, constants = _module("ray._raylet"), _module("ray._private.ray_constants")
    constants.ENABLE_RAY_CLUSTER = False
    raylet.Config.initialize("")
    raylet.AuthenticationTokenLoader.instance().reset_cache()


def _module(name: str) -> Any:
    return import_module(name)

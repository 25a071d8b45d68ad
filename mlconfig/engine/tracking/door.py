"""The one door to MLflow: its switches are set before it is imported, and its errors leave as ``TrackingError``."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlconfig.errors import TrackingError

SWITCHES = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",  # a model's own file must not say what may be unpickled
}
PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3"}
"""A server that is away is asked for a quarter of a minute, not for two; what the environment says goes before."""


def switch_off() -> None:
    """Telemetry off, pickle off, and quiet about the tables it makes."""
    os.environ.update(SWITCHES)
    for name, value in PATIENCE.items():
        os.environ.setdefault(name, value)
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)


def make_client(uri: str) -> Any:
    """An ``MlflowClient`` of this URI alone; the process's global URI stays as it is. The first one makes the tables."""
    switch_off()
    from mlflow.tracking import MlflowClient

    if uri.startswith("sqlite:///"):
        Path(uri.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


@contextmanager
def told(uri: str) -> Iterator[None]:
    """MLflow's errors as ours, with its address (without a password) and its first line."""
    switch_off()
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError) as error:
        line = (str(error).strip().splitlines() or ["no reason given"])[0]
        raise TrackingError(f"MLflow refused: {line}", _without_password(uri), "check tracking.uri") from error


def _without_password(uri: str) -> str:
    scheme, found, rest = uri.partition("://")
    return f"{scheme}://***@{rest.rpartition('@')[2]}" if found and "@" in rest else uri

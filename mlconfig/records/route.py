"""The route table: which version answers an endpoint; replicas fetch it and keep a fsynced copy."""

from __future__ import annotations

from typing import Literal

from mlconfig.vocabulary import Frozen


class RouteVersion(Frozen):
    """A version that may answer. ``folder`` is relative to the storage; bytes are checked against ``artifact_sha256``."""

    version: str
    artifact_sha256: str
    folder: str


class RouteTable(Frozen):
    """One generation of an endpoint's route. A replica refuses a lower generation or epoch than it has."""

    schema_version: Literal[1] = 1
    endpoint: str
    generation: int
    epoch: int = 0
    champion: RouteVersion
    previous: RouteVersion | None = None
    created_at: float
    reason: str = ""

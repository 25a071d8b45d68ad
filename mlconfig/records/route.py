"""The route table: which versions answer an endpoint; replicas fetch it and keep a fsynced copy."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mlconfig.vocabulary import Frozen, Tuple


class RouteVersion(Frozen):
    """A version that may answer. ``folder`` is relative to the storage; bytes are checked against ``artifact_sha256``."""

    version: str
    artifact_sha256: str
    folder: str


class Canary(Frozen):
    """A version that answers a share of the traffic, until ``expires`` (seconds since 1970) unless it is renewed: a controller
    that is dead leaves all of it to the champion.
    """

    version: RouteVersion
    percent: float = Field(ge=0.0, le=100.0)
    expires: float


class RouteTable(Frozen):
    """One generation of an endpoint's route. A replica refuses a lower generation or epoch than it has.

    ``shadows`` get a copy of what the champion was asked; nobody sees their answers, which are logged apart.
    """

    schema_version: Literal[1] = 1
    endpoint: str
    generation: int
    epoch: int = 0
    champion: RouteVersion
    previous: RouteVersion | None = None
    canary: Canary | None = None
    shadows: Tuple[RouteVersion] = ()
    created_at: float
    reason: str = ""

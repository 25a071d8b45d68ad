"""``engine``: where the plan is carried out."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Literal

from pydantic import Field, model_validator

from mlconfig.vocabulary import AUTO, AutoOr, Frozen, Size

StateUri = Annotated[str, Field(pattern=r"^(auto|sqlite:///.+|postgresql(\+psycopg)?://.+)$")]


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Tls(Frozen):
    """Files in PEM form, relative to the project."""

    certificate: str | None = Field(None, min_length=1, description="The server's certificate, with its chain.")
    key: str | None = Field(None, min_length=1, description="Its private key.")

    @model_validator(mode="after")
    def _both_or_none(self) -> Tls:
        if (self.certificate is None) != (self.key is None):
            lacks = "`key`" if self.key is None else "`certificate`"
            raise ValueError(f"needs {lacks} as well: with one of the two Ray would serve plain text")
        return self


class Ingress(Frozen):
    """The door of a local head's endpoints."""

    name: Literal["haproxy", "python"] = Field(
        "haproxy", description="haproxy; or Ray's Python proxy, which is many times slower and speaks TLS."
    )
    host: str = Field(
        "127.0.0.1", min_length=1, description="The address that is listened on; others need `serving.auth`."
    )
    port: AutoOr[Annotated[int, Field(ge=1, le=65_535)]] = Field(AUTO, description="auto: one that is free.")
    tls: Tls = Field(Tls(), description="Certificate and key, for `name: python`.")

    @model_validator(mode="after")
    def _tls_by_python(self) -> Ingress:
        if self.name == "haproxy" and self.tls.key is not None:
            raise ValueError("`tls` needs `name: python`: HAProxy as Ray runs it has none")
        return self


class Engine(Frozen):
    """Where it runs; one Ray head serves all recipes of a project, so these must agree among them."""

    executor: Literal["ray", "local"] = Field("ray", description="ray, or local: in this process, without serving.")
    address: str | None = Field(None, description="null: a local head of our own; or a running cluster's address.")
    storage: str = Field(".mlconfig", min_length=1, description="The folder of artifacts, prediction log and reports.")
    state: StateUri = Field(AUTO, description="auto: lifecycle.db in the storage; or a database URI.")
    secrets: str = Field("environment", description="environment, or a folder with one file a secret.")
    cpus: AutoOr[Annotated[int, Field(ge=1)]] = Field(AUTO, description="What a local head may use.")
    memory_limit: AutoOr[Size] = Field(AUTO, description="What a local head may use.")
    ingress: Ingress = Field(Ingress(), description="Where a local head's endpoints answer.")

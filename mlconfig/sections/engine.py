"""``engine``: where the plan is carried out."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from mlconfig.vocabulary import AUTO, AutoOr, Frozen, Size

StateUri = Annotated[str, Field(pattern=r"^(auto|sqlite:///.+|postgresql(\+psycopg)?://.+)$")]


class Engine(Frozen):
    """Where it runs; one Ray head serves all recipes of a project, so these must agree among them."""

    executor: Literal["ray", "local"] = Field("ray", description="ray, or local: in this process, without serving.")
    address: str | None = Field(None, description="null: a local head of our own; or a running cluster's address.")
    storage: str = Field(".mlconfig", min_length=1, description="The folder of artifacts, prediction log and reports.")
    state: StateUri = Field(AUTO, description="auto: lifecycle.db in the storage; or a database URI.")
    secrets: str = Field("environment", description="environment, or a folder with one file a secret.")
    cpus: AutoOr[Annotated[int, Field(ge=1)]] = Field(AUTO, description="What a local head may use.")
    memory_limit: AutoOr[Size] = Field(AUTO, description="What a local head may use.")

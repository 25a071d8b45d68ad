"""``model``: what is fitted, and with which means."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from mlconfig.vocabulary import AUTO, AutoOr, Frozen, NoneOr, PluginRef, Size


class Resources(Frozen):
    """What one training worker takes."""

    cpus: Annotated[int, Field(ge=1, le=1024)] = Field(1, description="CPU cores, which are also the model's threads.")
    memory: AutoOr[Size] = Field(AUTO, description="Memory the scheduler sets aside; auto: none in particular.")


class EarlyStopping(Frozen):
    """Stop when the validation rows have not improved for so many rounds."""

    rounds: int = Field(50, ge=1, description="Rounds without improvement.")


class Model(PluginRef):
    """The model plugin, its params, and what is ours beside them."""

    resources: Resources = Field(Resources(), description="Each worker's.")
    early_stopping: NoneOr[EarlyStopping] = Field(
        EarlyStopping(), description="none, or the rounds to wait, where the model has rounds."
    )

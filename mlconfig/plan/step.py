"""What every step has: its place in the plan, the plugins it is pinned to, and its declared digest."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, ClassVar

from mlconfig.vocabulary import Frozen, Tuple, canonical


class PluginPin(Frozen):
    """The plugin a step uses: pinned so that every process loads the same. ``sha256`` is a project file's."""

    kind: str
    name: str
    distribution: str
    revision: int = 1
    sha256: str | None = None


class Target(Frozen):
    """Where a value of the recipe lives in the plan: the step, and the path below it."""

    step: str
    path: Tuple[str]


class BaseStep(Frozen):
    """One step. ``inputs`` are the ids of the steps whose results it needs."""

    restarts_replicas: ClassVar[bool] = False

    kind: str
    id: str
    inputs: Tuple[str] = ()
    plugins: Tuple[PluginPin] = ()

    def settings(self) -> dict[str, Any]:
        """What the step was told, without its place in the plan."""
        return self.model_dump(mode="json", by_alias=True, exclude={"id", "kind", "inputs", "plugins"})

    def digest(self, inputs: Mapping[str, str]) -> str:
        """The declared digest: settings, plugins without their package's version, and the digests of the inputs."""
        pins = [pin.model_dump(mode="json", exclude={"distribution"}) for pin in self.plugins]
        parts = {"kind": self.kind, "settings": self.settings(), "plugins": pins}
        parts["inputs"] = {name: inputs[name] for name in self.inputs}
        return hashlib.sha256(canonical(parts).encode()).hexdigest()

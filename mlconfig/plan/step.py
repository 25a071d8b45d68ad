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
    defaults_revision: ClassVar[int] = 1
    """Raised with every default of its settings that changes, since a digest does not tell of defaults."""
    without_effect: ClassVar[frozenset[str]] = frozenset()
    """Fields that change nothing that is done."""

    kind: str
    id: str
    inputs: Tuple[str] = ()
    plugins: Tuple[PluginPin] = ()

    def settings(self) -> dict[str, Any]:
        """What the step was told, without its place in the plan."""
        return self.model_dump(mode="json", by_alias=True, exclude=self._no_settings)

    def digest(self, inputs: Mapping[str, str]) -> str:
        """The declared digest: settings, plugins without their package's version, and the digests of the inputs.

        What says no more than its default is left out, so that a key which comes later, with a default, changes nothing.
        """
        pins = [pin.model_dump(mode="json", exclude={"distribution"}, exclude_defaults=True) for pin in self.plugins]
        said = self.model_dump(mode="json", by_alias=True, exclude=self._no_settings, exclude_defaults=True)
        parts = {"kind": self.kind, "defaults": self.defaults_revision, "settings": said, "plugins": pins}
        parts["inputs"] = {name: inputs[name] for name in self.inputs}
        return hashlib.sha256(canonical(parts).encode()).hexdigest()

    @property
    def _no_settings(self) -> set[str]:
        return {"id", "kind", "inputs", "plugins", *self.without_effect}

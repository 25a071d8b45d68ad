"""Brings a route table's versions into memory: those that are there stay, and only the champion may not be missing."""

from __future__ import annotations

from pathlib import Path

from mlconfig.errors import MlconfigError
from mlconfig.records.route import RouteTable, RouteVersion
from mlconfig.records.signature import Signature
from mlconfig.sections.serving import Constant
from mlconfig.serving.fallback import constant_of
from mlconfig.serving.loaded import Loaded, Unloadable
from mlconfig.serving.predictor import Predictor
from mlconfig.serving.state import ServingState, Versions


class Loader:
    """Loads versions.

    Args:
        storage: what the table's folders are relative to.
        fallback: as ``serving.fallback``; where there is one, a replica that has nothing yet serves it in place of a champion
            that cannot be loaded.

    ``problem``: what could not be loaded the last time, though the endpoint answers; null when all could.
    """

    def __init__(self, storage: Path, fallback: Constant | str) -> None:
        self._storage, self._fallback = storage, fallback
        self.problem: str | None = None

    def load(self, table: RouteTable, now: ServingState | None) -> Versions:
        """The versions of a table; ``now`` is what is served so far. Raises MlconfigError where the champion cannot be."""
        self.problem = None
        known = _predictors(now)
        champion = self._champion(table, known, serving=now is not None)
        if isinstance(self._fallback, Constant):
            try:
                constant_of(self._fallback, champion.signature)
            except ValueError as error:
                self.problem = f"serving.fallback.constant: {error}"
        previous = self._beside(table.previous, known, champion.signature) if self._fallback == "previous" else None
        canary = self._beside(table.canary.version, known, champion.signature) if table.canary is not None else None
        shadows = [self._beside(version, known, champion.signature) for version in table.shadows]
        return Versions(champion, previous, canary, tuple(shadow for shadow in shadows if shadow is not None))

    def _champion(
        self, table: RouteTable, known: dict[RouteVersion, Predictor], *, serving: bool
    ) -> Loaded | Unloadable:
        try:
            return Loaded(table.champion, self._predictor(table.champion, known))
        except MlconfigError as error:
            if serving or self._fallback == "error" or (self._fallback == "previous" and table.previous is None):
                raise
            self.problem = f"{error}; the fallback answers"
            return Unloadable(table.champion, self._storage / table.champion.folder, error)

    def _beside(
        self, version: RouteVersion | None, known: dict[RouteVersion, Predictor], signature: Signature
    ) -> Loaded | None:
        """A version beside the champion; without it the champion answers all the same."""
        if version is None:
            return None
        try:
            return Loaded(version, self._predictor(version, known), signature)
        except MlconfigError as error:
            self.problem = f"version {version.version}: {error}"
            return None

    def _predictor(self, version: RouteVersion, known: dict[RouteVersion, Predictor]) -> Predictor:
        if version not in known:
            known[version] = Predictor.load(self._storage / version.folder, version.artifact_sha256)
        return known[version]


def _predictors(state: ServingState | None) -> dict[RouteVersion, Predictor]:
    """What is in memory; a promoted canary is not loaded twice."""
    if state is None:
        return {}
    versions = state.versions
    all_of_them = (versions.champion, versions.previous, versions.canary, *versions.shadows)
    return {each.version: each.predictor for each in all_of_them if isinstance(each, Loaded)}

"""Where a project keeps things, and the means that every job needs: folders, secrets, plugins, the state store."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from mlconfig.contracts.catalog import Catalog
from mlconfig.contracts.plugin import Context
from mlconfig.errors import EngineError
from mlconfig.plan.plan import Plan
from mlconfig.plan.step import BaseStep, PluginPin
from mlconfig.sections import Engine

SECRET = re.compile(r"\$\{secret:([A-Za-z_][A-Za-z0-9_]*)\}")
KEPT_ENVIRONMENT = (
    "a running head keeps the environment it was started with: `mlconfig destroy` and apply again, or use a folder"
)
_URI = re.compile(r"^[a-z][a-z0-9+.-]+://")


@dataclass(frozen=True)
class Workspace:
    """One project on disk. It can be pickled and opened again on a worker that sees the same folders.

    Args:
        project: the project's folder, absolute.
        engine: the recipe's engine section.
    """

    project: Path
    engine: Engine

    @cached_property
    def storage(self) -> Path:
        """The storage folder, absolute. Raises ``EngineError`` for a URI, which this version cannot store to."""
        if _URI.match(self.engine.storage):
            raise EngineError(
                f"`{self.engine.storage}` is no folder", "engine.storage", "use a folder that all nodes see"
            )
        return (self.project / self.engine.storage).absolute()

    @property
    def state_uri(self) -> str:
        """The state database's URI, its secrets resolved."""
        return (
            f"sqlite:///{self.storage / 'lifecycle.db'}"
            if self.engine.state == "auto"
            else self.secret(self.engine.state)
        )

    def tracking_uri(self, uri: str) -> str:
        """MLflow's URI, its secrets resolved."""
        return f"sqlite:///{self.storage / 'mlflow.db'}" if uri == "auto" else self.secret(uri)

    def artifacts(self, run_key: str) -> Path:
        """The folder of one carried-out step."""
        return self.storage / "artifacts" / "steps" / run_key[:24]

    def plan_file(self, name: str) -> Path:
        """Where the plan that was applied last is kept."""
        return self.storage / "plans" / f"{name}.json"

    def ended_plan_file(self, name: str) -> Path:
        """Where the plan is kept that was applied when its endpoint was ended."""
        return self.storage / "plans" / "ended" / f"{name}.json"

    def predictions(self, endpoint: str) -> Path:
        """The folder of an endpoint's prediction log."""
        return self.storage / "predictions" / endpoint

    def prepare(self) -> None:
        """Make the storage folder, readable by its owner only. Raises ``EngineError`` when it cannot be written."""
        try:
            self.storage.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self.storage / ".gitignore").write_text("*\n")
        except OSError as error:
            raise EngineError(f"cannot be written: {error.strerror}", where=str(self.storage)) from None

    def secret(self, text: str) -> str:
        """A text with its ``${secret:NAME}`` markers resolved. Raises ``EngineError`` naming the secret, never its value."""
        return SECRET.sub(lambda match: self._secret(match[1]), text)

    def _secret(self, name: str) -> str:
        folder = self.engine.secrets
        try:
            return (
                os.environ[name] if folder == "environment" else (self.project / folder / name).read_text().rstrip("\n")
            )
        except (KeyError, OSError):
            ours = folder == "environment"
            place, hint = ("the environment", KEPT_ENVIRONMENT) if ours else (f"the folder {folder}", "")
            raise EngineError(f"the secret `{name}` is not in {place}", "engine.secrets", hint) from None

    def resolve(self, tree: Any) -> Any:
        """A JSON tree with all secrets in its texts resolved."""
        if isinstance(tree, str):
            return self.secret(tree)
        if isinstance(tree, Mapping):
            return {key: self.resolve(value) for key, value in tree.items()}
        return [self.resolve(value) for value in tree] if isinstance(tree, (list, tuple)) else tree


@dataclass(frozen=True)
class Toolbox:
    """Makes plugin instances for one plan, and refuses others than the plan pins."""

    workspace: Workspace
    plan: Plan

    @cached_property
    def catalog(self) -> Catalog:
        """The plugins that the plan may use."""
        return Catalog(self.workspace.project, self.plan.project_plugins)

    @property
    def context(self) -> Context:
        """Where plugins are created."""
        return Context(self.workspace.project, self.plan.random_state, self.plan.time_zone)

    def create(self, kind: str, name: str, params: Mapping[str, Any] | None = None) -> Any:
        """An instance with its secrets resolved."""
        return self.catalog.create(kind, name, self.workspace.resolve(dict(params or {})), self.context)

    def check_pins(self) -> None:
        """Raise ``EngineError`` when an installed plugin or a project file is not the one the plan was made with."""
        for step in self.plan.steps:
            for pin in step.plugins:
                self._check(step, pin)

    def _check(self, step: BaseStep, pin: PluginPin) -> None:
        distribution, revision, sha256 = self.catalog.pin(pin.kind, pin.name)
        found = PluginPin(kind=pin.kind, name=pin.name, distribution=distribution, revision=revision, sha256=sha256)
        if found != pin:
            what = f"the {pin.kind} `{pin.name}` is not the one the plan was made with"
            raise EngineError(what, where=f"step `{step.id}`", hint="compile the plan again")


def write_json(path: Path, tree: Any) -> None:
    """Write a JSON file so that a reader sees the old one or the new one, never a half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = tree if isinstance(tree, str) else json.dumps(tree, indent=2, ensure_ascii=False) + "\n"
    temporary = path.with_suffix(f".{os.getpid()}.part")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)

"""Finds plugins: entry points, one group a kind, and single files of the project; loads only the one that is named."""

from __future__ import annotations

import difflib
import hashlib
import importlib.util
import inspect
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import Distribution, EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import ValidationError

from mlconfig.contracts import (
    authenticator,
    detector,
    exporter,
    metric,
    model,
    protocol,
    searcher,
    sink,
    source,
    transform,
    trigger,
)
from mlconfig.contracts.plugin import Context, Plugin
from mlconfig.errors import PluginError
from mlconfig.vocabulary import Frozen

CONTRACTS: dict[str, type[Plugin]] = {
    "source": source.Source,
    "transform": transform.Transform,
    "model": model.Model,
    "metric": metric.Metric,
    "searcher": searcher.Searcher,
    "detector": detector.Detector,
    "trigger": trigger.Trigger,
    "sink": sink.Sink,
    "exporter": exporter.Exporter,
    "protocol": protocol.Protocol,
    "authenticator": authenticator.Authenticator,
}
"""Each kind of plugin and what it must be."""


@dataclass(frozen=True)
class Listing:
    """A plugin that could be loaded: where it comes from, without importing it."""

    kind: str
    name: str
    distribution: str
    target: str


@cache
def _installed(kind: str) -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=f"mlconfig.{kind}s"))


def file_digest(path: Path) -> str:
    """sha256 of a plugin file, as it is pinned in a plan."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


class Catalog:
    """The plugins a recipe may name.

    Args:
        project: the project's folder; its ``plugins/`` holds the single files.
        files: bare names of those files, as the recipe's ``plugins:`` lists them.
    """

    def __init__(self, project: Path | None = None, files: Sequence[str] = ()) -> None:
        self.project = project
        self.files = tuple(files)
        self._modules: dict[str, ModuleType] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Without the loaded modules: a process that gets a catalog loads its files itself."""
        return {"project": self.project, "files": self.files, "_modules": {}}

    def list(self, kind: str) -> tuple[Listing, ...]:
        """All plugins of a kind by name; entry points are not imported, the project's listed files are."""
        found = [Listing(kind, point.name, _owner(point), point.value) for point in _installed(kind)]
        found += [
            Listing(kind, name, self._file_label(file), f"{self._file(file)}:{cls.__name__}")
            for file in self.files
            for name, cls in self._classes(file, kind)
        ]
        return tuple(sorted(found, key=lambda listing: (listing.name, listing.distribution)))

    def load(self, kind: str, name: str) -> type[Plugin]:
        """The class of a plugin. Raises ``PluginError`` when it is unknown, owned twice, or breaks its contract."""
        local = [(file, cls) for file in self.files for found, cls in self._classes(file, kind) if found == name]
        points = [point for point in _installed(kind) if point.name == name]
        owners = [self._file_label(file) for file, _ in local] + [_owner(point) for point in points]
        if len(owners) > 1:
            raise PluginError(
                f"the {kind} `{name}` is offered by {' and by '.join(owners)}", hint="uninstall one of them"
            )
        if not owners:
            raise self._unknown(kind, name)
        return local[0][1] if local else _checked(_import(points[0]), kind, name, owners[0])

    def pin(self, kind: str, name: str) -> tuple[str, int, str | None]:
        """What a plan pins of a plugin: its distribution, its revision, and the digest of a project file."""
        revision = self.load(kind, name).revision
        for file in self.files:
            if any(found == name for found, _ in self._classes(file, kind)):
                return self._file_label(file), revision, file_digest(self._file(file))
        (point,) = (point for point in _installed(kind) if point.name == name)
        return _owner(point), revision, None

    def params(self, kind: str, name: str, params: Mapping[str, Any]) -> Frozen:
        """The plugin's params, validated. Raises pydantic's ``ValidationError``; ``create`` words it for people."""
        return self.load(kind, name).Params.model_validate_json(json.dumps(dict(params)), strict=True)

    def create(self, kind: str, name: str, params: Mapping[str, Any], context: Context) -> Any:
        """An instance of a plugin; secrets in ``params`` are resolved before."""
        try:
            valid = self.params(kind, name, params)
        except ValidationError as error:
            faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
            raise PluginError(faults, where=f"{kind} `{name}`") from None
        return self.load(kind, name)(valid, context)

    def _unknown(self, kind: str, name: str) -> PluginError:
        names = [listing.name for listing in self.list(kind)]
        close = difflib.get_close_matches(name, names, n=2)
        advice = f"did you mean {' or '.join(f'`{match}`' for match in close)}? " if close else ""
        return PluginError(
            f"there is no {kind} `{name}`; there are {', '.join(dict.fromkeys(names)) or 'none'}",
            hint=f"{advice}another package may bring it (entry point group mlconfig.{kind}s), "
            "or a file of the project's plugins/ folder that the recipe lists under `plugins:`",
        )

    def _file(self, file: str) -> Path:
        if self.project is None or not re.fullmatch(r"[A-Za-z_]\w*", file):
            raise PluginError(f"`{file}` is no bare name of a file in the project's plugins/ folder", where="plugins")
        path = self.project / "plugins" / f"{file}.py"
        if not path.is_file() or path.resolve().parent != (self.project / "plugins").resolve():
            raise PluginError(f"there is no file `plugins/{file}.py` in {self.project}", where="plugins")
        return path

    def _file_label(self, file: str) -> str:
        return f"plugins/{file}.py"

    def _classes(self, file: str, kind: str) -> Iterator[tuple[str, type[Plugin]]]:
        module = self._modules.get(file) or self._modules.setdefault(file, _load_file(self._file(file)))
        for cls in vars(module).values():
            own = inspect.isclass(cls) and cls.__module__ == module.__name__ and not inspect.isabstract(cls)
            if own and issubclass(cls, CONTRACTS[kind]):
                yield str(getattr(cls, "name", _snake(cls.__name__))), cls


def _owner(point: EntryPoint) -> str:
    return _name_of(point.dist) if point.dist is not None else point.module


@cache
def _name_of(distribution: Distribution) -> str:
    """Each distribution's metadata is read once; it takes 2 ms, and a plan asks two hundred times."""
    return distribution.name


def _import(point: EntryPoint) -> Any:
    try:
        return point.load()
    except Exception as error:
        raise PluginError(f"`{point.value}` cannot be imported: {error}", where=f"plugin `{point.name}`") from error


def _checked(cls: Any, kind: str, name: str, owner: str) -> type[Plugin]:
    contract = CONTRACTS[kind]
    if not (inspect.isclass(cls) and issubclass(cls, contract)) or inspect.isabstract(cls):
        missing = ", ".join(sorted(getattr(cls, "__abstractmethods__", ()))) or f"it is no {contract.__name__}"
        raise PluginError(
            f"the {kind} `{name}` of {owner} breaks its contract: {missing}", hint="see mlconfig.contracts"
        )
    return cls


def _load_file(path: Path) -> ModuleType:
    name = f"mlconfig_project_plugin_{file_digest(path)[:16]}_{path.stem}"  # no dots: pickle imports parents
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PluginError("this file cannot be loaded", where=str(path))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise PluginError(f"the file raises {type(error).__name__} when loaded: {error}", where=str(path)) from error
    return module

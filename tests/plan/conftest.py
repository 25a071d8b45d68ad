"""Later versions of the program beside this one: its source with some lines changed, imported by itself."""

import ast
import importlib
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import mlconfig

HERE = Path(mlconfig.__file__).parent
VALUES = {"Frozen", "PluginRef", "BaseStep", "LearningStep"}
"""What a class that gets other keys derives from."""


def more_keys(text: str) -> str:
    """Three more keys, with defaults, for each model of a file."""
    lines = text.splitlines(keepends=True)
    for node in reversed(ast.parse(text).body):
        if isinstance(node, ast.ClassDef) and VALUES & {getattr(base, "id", "") for base in node.bases}:
            key = f"later_{node.name.lower()}"
            keys = (f"{key}: int = 7", f"{key}_word: str | None = None", f"{key}_flag: bool = True")
            lines.insert(node.body[0].end_lineno, "\n" + "".join(f"    {each}\n" for each in keys))
    return "".join(lines)


def _import(folder: Path) -> ModuleType:
    mine = {name: module for name, module in sys.modules.items() if name.split(".")[0] == "mlconfig"}
    for name in mine:
        del sys.modules[name]
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        return importlib.import_module("mlconfig.plan.plan")
    finally:
        sys.path.remove(str(folder))
        for name in [name for name in sys.modules if name.split(".")[0] == "mlconfig"]:
            del sys.modules[name]
        sys.modules.update(mine)


@pytest.fixture(scope="session")
def program(tmp_path_factory) -> Callable[..., ModuleType]:
    """``mlconfig.plan.plan`` of a program that differs: by ``changes`` of a room's file, or of all files of these rooms."""

    def make(changes: dict[str, Callable[[str], str]]) -> ModuleType:
        folder = tmp_path_factory.mktemp("program")
        shutil.copytree(HERE, folder / "mlconfig", ignore=shutil.ignore_patterns("__pycache__"))
        for room, change in changes.items():
            place = folder / "mlconfig" / room
            for file in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
                before = file.read_text()
                file.write_text(change(before))
        made = _import(folder)
        assert Path(made.__file__).is_relative_to(folder)
        return made

    return make


@pytest.fixture(scope="session")
def with_more_keys(program) -> ModuleType:
    """A program whose sections, steps and words all have three more keys."""
    return program({"vocabulary.py": more_keys, "sections": more_keys, "plan": more_keys})

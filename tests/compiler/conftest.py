"""A project in a folder of its own, and a way to compile recipes of it."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlconfig.compiler.compiler import compile_plan
from mlconfig.errors import RecipeError
from mlconfig.plan.plan import Plan
from mlconfig.recipe.load import load_recipe

TOY = {
    "name": "toy",
    "task": "binary",
    "data": {"source": "synthetic", "target": "target", "event_time": "ts"},
    "features": "auto",
    "model": "lightgbm",
}


class Project:
    """A project's folder; recipes are given as trees, so that a test shows only what it is about."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, tree: dict[str, Any], name: str = "toy.yaml") -> Path:
        file = self.folder / name
        file.write_text(yaml.safe_dump(tree, sort_keys=False))
        return file

    def plan(self, *overrides: str, **sections: Any) -> Plan:
        return compile_plan(load_recipe(self.write(copy.deepcopy(TOY) | sections), overrides))

    def faults(self, *overrides: str, **sections: Any) -> list[str]:
        """Each problem as text."""
        with pytest.raises(RecipeError) as caught:
            self.plan(*overrides, **sections)
        return [str(problem) for problem in caught.value.problems]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    (tmp_path / "conf").mkdir()
    monkeypatch.chdir(tmp_path)
    return Project(tmp_path)

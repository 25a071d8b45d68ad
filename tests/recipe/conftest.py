"""A project in a folder of its own, and a way to load recipes of it."""

from pathlib import Path

import pytest

from mlconfig.errors import RecipeError
from mlconfig.recipe.load import load_recipe
from mlconfig.recipe.recipe import Recipe

BARE = """\
name: churn
task: binary
data:
  source: csv
  target: churned
features: auto
model: lightgbm
"""


class Project:
    """A project's folder; files are written by their path in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, name: str, text: str | bytes) -> Path:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return file

    def load(self, text: str | bytes = BARE, *overrides: str) -> Recipe:
        return load_recipe(self.write("recipes/churn.yaml", text), overrides)

    def faults(self, text: str | bytes = BARE, *overrides: str) -> list[str]:
        """Each problem as text."""
        with pytest.raises(RecipeError) as caught:
            self.load(text, *overrides)
        return [str(problem) for problem in caught.value.problems]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    (tmp_path / "conf").mkdir()
    monkeypatch.chdir(tmp_path)
    return Project(tmp_path)


@pytest.fixture
def bare() -> str:
    """The shortest recipe there is."""
    return BARE

"""Heavy libraries stay in their rooms: proven in fresh processes."""

import subprocess
import sys
from pathlib import Path

import pytest

from mlconfig.cli.main import VERBS

HEAVY = ["ray", "mlflow", "lightgbm", "sklearn", "alibi_detect", "onnxruntime", "pandas"]
RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*.yaml"))
PROBE = """
import sys
from mlconfig.cli.main import main
for arguments in {calls!r}:
    try:
        main(arguments)
    except SystemExit as end:
        assert end.code == 0, (arguments, end.code)
print("loaded:", [name for name in {names!r} if name in sys.modules])
"""


def loaded(calls: list[list[str]], names: list[str], cwd: Path) -> str:
    """Which of some modules are there after commands were run, one after the other, in a fresh process."""
    code = PROBE.format(calls=calls, names=names)
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=cwd, timeout=60, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()[-1]


def calls_on(recipe: Path, folder: Path) -> list[list[str]]:
    data = folder / "rows.csv"
    data.write_text("a,b\n1,2\n")
    overrides = [] if recipe.stem == "breast_cancer" else [f"data.source.params.path={data}"]
    overrides.append(f"engine.storage={folder / 'storage'}")
    return [[verb, str(recipe), *overrides] for verb in ("validate", "show", "plan", "status")]


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_reading_a_recipe_loads_nothing_heavy(recipe, tmp_path):
    assert loaded(calls_on(recipe, tmp_path), HEAVY, tmp_path) == "loaded: []"


def test_help_loads_neither_hydra_nor_pydantic(tmp_path):
    calls = [["--help"], *([verb, "--help"] for verb in VERBS), ["plugins", "list", "--help"]]
    assert loaded(calls, ["hydra", "pydantic", "omegaconf", "numpy", "pyarrow", *HEAVY], tmp_path) == "loaded: []"


def test_listing_plugins_imports_none_of_them(tmp_path):
    assert loaded([["plugins", "list"]], ["mlconfig.builtin.source_csv", *HEAVY], tmp_path) == "loaded: []"


def test_the_probe_sees_what_is_loaded(tmp_path):
    assert loaded([["schema"]], ["pydantic", "ray"], tmp_path) == "loaded: ['pydantic']"

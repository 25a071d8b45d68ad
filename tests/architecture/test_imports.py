"""Heavy libraries stay in their rooms: proven in fresh processes."""

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ["ray", "mlflow", "lightgbm", "sklearn", "alibi_detect", "onnxruntime", "pandas"]
RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*.yaml"))
PROBE = """
import sys
from mlconfig.cli.main import main
try:
    main({arguments!r})
except SystemExit as end:
    assert end.code == 0, end.code
print("loaded:", [name for name in {names!r} if name in sys.modules])
"""


def loaded(arguments: list[str], names: list[str], cwd: Path) -> str:
    code = PROBE.format(arguments=arguments, names=names)
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=cwd, timeout=60, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()[-1]


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
@pytest.mark.parametrize("verb", ["validate", "plan", "show"])
def test_reading_a_recipe_loads_nothing_heavy(verb, recipe, tmp_path):
    data = tmp_path / "rows.csv"
    data.write_text("a,b\n1,2\n")
    overrides = [] if recipe.stem == "breast_cancer" else [f"data.source.params.path={data}"]
    overrides.append(f"engine.storage={tmp_path / 'storage'}")
    assert loaded([verb, str(recipe), *overrides], HEAVY, tmp_path) == "loaded: []"


def test_help_loads_neither_hydra_nor_pydantic(tmp_path):
    assert loaded(["--help"], ["hydra", "pydantic", "omegaconf", *HEAVY], tmp_path) == "loaded: []"


def test_listing_plugins_imports_none_of_them(tmp_path):
    assert loaded(["plugins", "list"], ["mlconfig.builtin.source_csv", *HEAVY], tmp_path) == "loaded: []"

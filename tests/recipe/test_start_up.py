"""Loading a recipe brings in no heavy library."""

import os
import subprocess
import sys

HEAVY = {"ray", "mlflow", "lightgbm", "sklearn", "onnxruntime", "pandas", "numpy", "scipy"}


def run(code: str, *arguments: str) -> list[str]:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True, env=environment
    )
    return done.stdout.split()


def test_loading_is_light(project, bare):
    """How quick it is, `python -m benchmarks startup` measures: a busy machine's clock proves nothing here."""
    file = project.write("recipes/churn.yaml", "defaults: [model: ridge, _self_]\n" + bare)
    code = (
        "import sys; from mlconfig import load_recipe;"
        "load_recipe(sys.argv[1], ['data.source.params.path=x', 'model=ridge']); print(*sys.modules)"
    )
    assert not HEAVY & set(run(code, str(file)))


def test_hydra_comes_only_with_load():
    modules = set(
        run("import sys, mlconfig.recipe, mlconfig.recipe.recipe, mlconfig.recipe.validate; print(*sys.modules)")
    )
    assert not {"hydra", "omegaconf", "antlr4"} & modules

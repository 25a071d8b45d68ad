"""Loading a recipe is quick and brings in no heavy library."""

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


def test_loading_is_quick_and_light(project, bare):
    file = project.write("recipes/churn.yaml", "defaults: [model: ridge, _self_]\n" + bare)
    code = (
        "import sys, time; start = time.process_time(); from mlconfig import load_recipe;"
        "load_recipe(sys.argv[1], ['data.source.params.path=x', 'model=ridge']);"
        "print(time.process_time() - start, *sys.modules)"
    )
    run(code, str(file))  # once for byte code
    seconds, *modules = run(code, str(file))
    assert not HEAVY & set(modules)
    assert min(float(seconds), *(float(run(code, str(file))[0]) for _ in range(2))) < 0.6


def test_hydra_comes_only_with_load():
    modules = set(
        run("import sys, mlconfig.recipe, mlconfig.recipe.recipe, mlconfig.recipe.validate; print(*sys.modules)")
    )
    assert not {"hydra", "omegaconf", "antlr4"} & modules

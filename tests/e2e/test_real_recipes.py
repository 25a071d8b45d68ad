"""The recipes on real data: each learns, packages, evaluates and gates in this process; figures with margins."""

from pathlib import Path

import pytest

from mlconfig.compiler.compiler import compile_plan
from mlconfig.engine.apply import apply_plan
from mlconfig.recipe.load import load_recipe

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
HERE = ["engine.executor=local", "serving=none", "monitoring=none", "retraining=none"]
FILES = {"electricity": "electricity/elec.csv", "bike_sharing": "bike_sharing/hour.csv"}

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(not DATA.exists(), reason=f"the real data is not at {DATA}")]


def apply(name, tmp_path, *overrides):
    path = f"data.source.params.path='{DATA / FILES[name]}'"
    recipe = load_recipe(
        ROOT / "recipes" / f"{name}.yaml", [path, f"engine.storage='{tmp_path / 's'}'", *HERE, *overrides]
    )
    return apply_plan(compile_plan(recipe), recipe.project)


def test_electricity_learns_the_price_from_the_order_of_its_rows(tmp_path):
    report = apply("electricity", tmp_path)
    assert not report.refused
    metric = next(iter(report.metrics.values()))
    assert 0.6 < metric < 0.95


def test_bike_sharing_learns_the_rentals_of_an_hour(tmp_path):
    report = apply("bike_sharing", tmp_path)
    assert not report.refused
    assert any(0.5 < value < 1.0 for name, value in report.metrics.items() if name == "r2")
    assert "casual" not in report.example
    assert "registered" not in report.example

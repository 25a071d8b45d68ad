"""What README and docs say of the code is so: paths, names, recipes, verbs, links, and the pages that are generated."""

import ast
import importlib
import importlib.util
import re
import tomllib
from pathlib import Path

import click
import jsonschema
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
import yaml

from mlconfig.cli.main import VERBS, LazyGroup, cli
from mlconfig.compiler.compiler import compile_plan
from mlconfig.recipe.load import load_recipe
from mlconfig.recipe.recipe import Recipe, recipe_schema

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
PATH = re.compile(r"(?<![.\w/-])mlconfig/[\w/.-]*")
DOTTED = re.compile(r"\bmlconfig(?:\.[A-Za-z_]\w*)+")
SHORT_PATH = re.compile(r"`((?:[a-z_]+/)+[a-z_0-9]+\.py)`")
NO_CODE = {"mlconfig.db"}
FILES_OF_OTHERS = {"plugins/scaling.py"}
"""A file that the README has the reader write."""


def generator():
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def prose(page):
    return page.read_text(encoding="utf-8")


def fences(language):
    return [
        (f"{page.relative_to(ROOT)}#{number}", body)
        for page in PAGES
        for number, (tongue, body) in enumerate(FENCE.findall(prose(page)))
        if tongue == language
    ]


def snippets():
    return [(place, body) for place, body in fences("yaml") if body.startswith(("name:", "defaults:"))]


def groups_of_entry_points():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return set(project["entry-points"])


def defined_in(body):
    """The names that statements define, with the statements below them."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, node.body
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from ((target.id, []) for target in targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.ImportFrom):
            yield from ((alias.asname or alias.name, []) for alias in node.names)


def exists(name):
    """Whether a dotted name is a module of ours, or is defined in one; found without importing anything."""
    parts, folder = name.split("."), ROOT
    while parts and (folder / parts[0]).is_dir():
        folder /= parts.pop(0)
    file = folder / f"{parts[0]}.py" if parts and (folder / f"{parts[0]}.py").is_file() else folder / "__init__.py"
    parts = parts[1:] if file.name != "__init__.py" else parts
    body = ast.parse(file.read_text(encoding="utf-8")).body
    for part in parts:
        found = dict(defined_in(body))
        if part not in found:
            return False
        body = found[part]
    return True


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_paths_and_names_exist(page):
    text = prose(page)
    paths = {path.rstrip(".") for path in PATH.findall(text)} | {
        path
        if path.split("/")[0] in ("tests", "docs", "plugins", "conf", "recipes", "mlconfig")
        else f"mlconfig/{path}"
        for path in SHORT_PATH.findall(text)
    }
    assert [path for path in sorted(paths) if not (ROOT / path).exists() and path not in FILES_OF_OTHERS] == []
    names = set(DOTTED.findall(text)) - groups_of_entry_points() - NO_CODE
    assert [name for name in sorted(names) if not exists(name)] == []


@pytest.mark.parametrize(
    "name", ["mlconfig.plan.nothing", "mlconfig.plan.plan.Plan.nothing", "mlconfig.nothing.at_all"]
)
def test_a_name_that_is_not_there_would_be_found_out(name):
    assert exists("mlconfig.plan.plan.Plan.run_key")
    assert not exists(name)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_resolve(page):
    links = [link.partition("#")[0] for link in LINK.findall(FENCE.sub("", prose(page))) if "://" not in link]
    assert [link for link in links if link and not (page.parent / link).exists()] == []


def project(folder):
    """A project with the rows and the plugin file that the snippets speak of."""
    (folder / "plugins").mkdir()
    (folder / "data").mkdir()
    (python,) = (body for _, body in fences("python") if "class RobustScale" in body)
    (folder / "plugins" / "scaling.py").write_text(python, encoding="utf-8")
    rows = pa.table({"signed_up": ["2026-01-01", "2026-01-02"], "spend": [1.5, None], "churned": [0, 1]})
    pq.write_table(rows, folder / "data" / "churn.parquet")
    pa_csv.write_csv(rows, folder / "data" / "churn.csv")
    return folder


@pytest.mark.parametrize(("place", "body"), snippets(), ids=[place for place, _ in snippets()])
def test_recipes_compile(place, body, tmp_path):
    file = project(tmp_path) / "recipe.yaml"
    file.write_text(body, encoding="utf-8")
    recipe = load_recipe(file)
    assert compile_plan(recipe).digests
    jsonschema.validate(yaml.safe_load(body), recipe_schema())


def test_the_first_recipe_is_about_ten_lines():
    place, body = snippets()[0]
    assert place.startswith("README.md")
    assert len(body.splitlines()) <= 12


@pytest.mark.parametrize(("place", "body"), fences("python"), ids=[place for place, _ in fences("python")])
def test_python_imports_what_there_is(place, body):
    imports = [node for node in ast.walk(ast.parse(body)) if isinstance(node, ast.ImportFrom)]
    assert imports
    for node in imports:
        module = importlib.import_module(node.module)
        assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []


def test_the_readmes_plugin_trains_and_is_exported(tmp_path):
    """The snippet is not only read: its transform fits, and ONNX Runtime gives the same numbers."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline

    from mlconfig.contracts.catalog import Catalog
    from mlconfig.contracts.exporter import Packed
    from mlconfig.contracts.plugin import Context

    catalog = Catalog(project(tmp_path), ("scaling",))
    scaler = catalog.create("transform", "robust_scale", {}, Context()).build()
    X = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)
    y = (X.sum(axis=1) > 0).astype(np.int64)
    pipeline = Pipeline([("features", scaler), ("model", LogisticRegression())]).fit(X, y)
    exporter = catalog.create("exporter", "onnx", {}, Context())
    model = exporter.export(pipeline, Packed(("a", "b", "c"), (), ()), "binary", "float32")

    import onnxruntime

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    (probabilities,) = session.run(["probabilities"], {"num": X})
    assert np.abs(probabilities - pipeline.predict_proba(X)).max() < 1e-6


def test_the_table_of_verbs_is_the_command_line():
    table = prose(ROOT / "README.md").partition("\n## Verbs\n")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == list(VERBS)


def commands():
    text = "\n".join(prose(page) for page in [*PAGES[:1], ROOT / "docs" / "architecture.md"])
    lines = re.findall(r"^ {4}(?:.*&& \.venv/bin/)?(mlconfig .*)$", text, re.MULTILINE)
    return sorted({*lines, *re.findall(r"`(mlconfig [a-z][^`]*)`", text)})


@pytest.mark.parametrize("line", commands())
def test_commands_have_verbs_and_options_that_exist(line):
    _, verb, *words = line.split()
    if verb == "VERB":
        return
    assert isinstance(cli, LazyGroup)
    command = cli.get_command(click.Context(cli), verb)
    assert command is not None, f"there is no {verb}"
    if isinstance(command, click.Group) and words:
        command = command.get_command(click.Context(command), words[0])
        assert command is not None
    known = {option for param in command.params for option in param.opts} | {"--help"}
    assert {word.partition("=")[0] for word in words if word.startswith("-")} <= known


@pytest.mark.parametrize(
    "overrides",
    [
        re.sub(r"'", "", line).split()[3:]
        for line in commands()
        if "recipes/breast_cancer.yaml " in line and "path/to" not in line
    ],
    ids=" ".join,
)
def test_overrides_of_the_readme_compile(overrides):
    assert compile_plan(load_recipe(ROOT / "recipes" / "breast_cancer.yaml", overrides)).digests


@pytest.mark.parametrize("file", ["recipe.md", "recipe.schema.json"])
def test_generated_pages_are_current(file):
    made = generator().PAGES[file]()
    there = (ROOT / "docs" / file).read_text(encoding="utf-8")
    assert there == made, "run `python docs/generate.py`"


def test_the_reference_has_every_key():
    page = prose(ROOT / "docs" / "recipe.md")
    for name, field in Recipe.model_fields.items():
        assert f"\n## {name}\n" in page or f"\n| `{name}` |" in page
        assert field.description in page
    tree = Recipe.model_validate_json(
        '{"name": "a", "task": "binary", "data": {"source": {"name": "csv"}, "target": "y"}, "features": {},'
        ' "model": {"name": "ridge"}, "retraining": {"when": {"schedule": {}}}}'
    ).effective()
    keys = [(section, key) for section, below in tree.items() if isinstance(below, dict) for key in below]
    missing = [key for section, key in keys if section != "tags" and f"| `{key}` |" not in page]
    assert missing == []


def test_units_beside_a_word_are_valid_for_editors():
    recipe = {
        "name": "a", "task": "binary", "data": {"source": "csv", "target": "y"}, "features": "auto",
        "model": {"name": "ridge", "resources": {"memory": "2GiB"}}, "engine": {"memory_limit": "8GiB"},
        "monitoring": {"labels": {"maturity": "2d"}},
    }  # fmt: skip
    jsonschema.validate(recipe, recipe_schema())
    recipe["engine"]["memory_limit"] = "8 cups"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(recipe, recipe_schema())


def test_the_picture_is_an_image_that_stands_alone():
    import xml.etree.ElementTree as ET

    root = ET.parse(ROOT / "docs" / "loop.svg").getroot()
    assert root.tag.endswith("svg")
    assert "://" not in prose(ROOT / "docs" / "loop.svg").replace('xmlns="http://www.w3.org/2000/svg"', "")
    words = " ".join("".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text"))
    for step in ("read", "tune", "train", "package", "register", "evaluate", "gate", "retrain"):
        assert step in words


def test_decisions_are_short():
    ours = sorted((ROOT / "docs" / "decisions").glob("00*.md"))
    assert len(ours) >= 5
    for file in ours:
        assert len(prose(file).splitlines()) <= 25, file.name

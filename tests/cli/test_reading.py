"""Verbs that only read a recipe: validate, show, schema, plugins list, plan. None of them makes a file."""

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from mlconfig.plan.plan import read_plan

RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("*.yaml"))


@pytest.fixture(autouse=True)
def nothing_is_made(request):
    """The project holds after each test what it held before, and the plan that a test saved."""
    if "project" not in request.fixturenames:
        yield
        return
    folder = request.getfixturevalue("project")
    before = set(folder.rglob("*"))
    yield
    assert set(folder.rglob("*")) - before <= {folder / "plan.json"}


def test_validate(project, run):
    ended = run("validate", "toy.yaml")
    assert (ended.code, ended.out, ended.err) == (0, "toy.yaml: fine (toy, binary, 8 steps)\n", "")


def test_validate_tells_all_problems_of_a_recipe(project, run, tmp_path):
    (tmp_path / "bad.yaml").write_text(
        "name: Toy\ntask: binry\ndata: {source: csv, traget: y}\nfeatures: auto\nmodel: lightgbm\ntuning: {trials: 0}\n"
    )
    ended = run("validate", tmp_path / "bad.yaml")
    assert ended.code == 2
    assert "Traceback" not in ended.err
    places = re.findall(r"bad\.yaml:(\d+): ([a-z.]+):", ended.err)
    assert {path for _, path in places} >= {"name", "task", "data.traget", "data.target", "tuning.trials"}
    assert {path: line for line, path in places}["tuning.trials"] == "6"
    assert "did you mean `target`?" in ended.err


def test_validate_for_machines(project, run):
    fine = run("validate", "toy.yaml", "-o", "json")
    assert (fine.code, fine.json) == (0, {"problems": [], "notices": []})
    ended = run("validate", "toy.yaml", "-o", "json", "tuning.trails=5", "random_state=-1")
    assert (ended.code, ended.err) == (2, "")
    found = {problem["path"]: problem for problem in ended.json["problems"]}
    assert set(found) == {"tuning.trails", "random_state"}
    assert found["tuning.trails"] == {
        "where": "override tuning.trails=5", "path": "tuning.trails", "what": "unknown key", "hint": "did you mean `trials`?",
    }  # fmt: skip


def test_validate_tells_all_problems_of_plugins(project, run):
    ended = run("validate", "toy.yaml", "model=lightgmb", "data.source=cvs", "evaluation.metric=rmse")
    assert ended.code == 2
    assert [line.split(": ")[1] for line in ended.err.splitlines()] == [
        "data.source.name", "model.name", "evaluation.metric",
    ]  # fmt: skip


def test_show_says_where_each_value_came_from(project, run):
    ended = run("show", "toy.yaml", "random_state=7", "-o", "json")
    assert ended.code == 0
    origins = {row["path"]: (row["value"], row["origin"]) for row in ended.json["origins"]}
    assert origins["random_state"] == (7, "override random_state=7")
    assert origins["evaluation.gates.roc_auc.min"] == (0.7, "toy.yaml:12")
    assert origins["tuning.trials"] == (50, "default")
    assert origins["model.name"] == ("logistic_regression", "toy.yaml:8")


def test_what_show_tells_is_the_same_recipe(project, run, tmp_path):
    told = run("show", "toy.yaml", "model.params.C=0.5", "-o", "json").json["recipe"]
    (project.parent / "again.yaml").write_text(yaml.safe_dump(told))
    assert run("show", project.parent / "again.yaml", "-o", "json").json["recipe"] == told
    assert run("validate", project.parent / "again.yaml").code == 0


def test_show_as_text_names_the_file_of_a_group(project, run):
    ended = run("show", "toy.yaml", "model=lightgbm", "tags={note: '[red]x'}")
    lines = {line.split()[0]: line for line in ended.out.splitlines()}
    assert "conf/model/lightgbm.yaml:" in lines["model.params.num_leaves"]
    assert '"[red]x"' in lines["tags.note"]  # brackets are no markup
    assert lines["model.name"].rstrip().endswith(("lightgbm.yaml:1", "lightgbm.yaml:2", "override model=lightgbm"))


def test_a_secret_stays_a_marker(project, run, monkeypatch):
    monkeypatch.setenv("HOOK", "https://hidden.example")
    override = "alerts.sinks={hook: {name: webhook, params: {url: '${secret:HOOK}'}}}"
    for verb in ("show", "plan"):
        ended = run(verb, "toy.yaml", override, "-o", "json")
        assert "${secret:HOOK}" in ended.out
        assert "hidden" not in ended.out


def test_schema(run):
    schema = run("schema").json
    validator = jsonschema.Draft202012Validator(schema)
    for recipe in RECIPES:
        validator.validate(yaml.safe_load(recipe.read_text()))
    wrong = yaml.safe_load(RECIPES[0].read_text()) | {"tunning": {}}
    assert [error.message for error in validator.iter_errors(wrong)]


def test_plugins_list(run):
    listed = run("plugins", "list", "-o", "json").json
    mine = {(row["kind"], row["name"]) for row in listed if row["distribution"] == "mlconfig"}
    assert {("source", "csv"), ("model", "lightgbm"), ("detector", "psi"), ("sink", "webhook")} <= mine
    for kind in ("detector", "detectors"):
        some = run("plugins", "list", kind, "-o", "json").json
        assert some == [row for row in listed if row["kind"] == "detector"]


def test_plan_as_text(project, run):
    ended = run("plan", "toy.yaml")
    assert ended.code == 0
    assert ended.out.startswith("toy  (binary)  plan ")
    assert "├─ + train     model logistic_regression, random split, test 0.2\n" in ended.out
    assert ended.out.endswith("\n8 to add\n")


def test_plan_as_json(project, run):
    told = run("plan", "toy.yaml", "-o", "json").json
    assert [change["action"] for change in told["changes"]] == ["add"] * len(told["plan"]["steps"])
    assert told["plan"]["schema_version"] == 2
    assert set(told["plan"]["digests"]) == {step["id"] for step in told["plan"]["steps"]}


def test_plan_with_an_exit_code(project, run):
    assert run("plan", "toy.yaml").code == 0
    assert run("plan", "toy.yaml", "--exit-code").code == 1


def test_a_source_that_is_not_there_is_known_after_reading(project, run):
    ended = run("plan", "toy.yaml", "data.source.params.path=absent.csv")
    assert ended.code == 0
    assert "+ read" in ended.out


def test_a_saved_plan_is_the_plan(project, run):
    ended = run("plan", "toy.yaml", "--out", "plan.json", "-o", "json")
    assert (
        read_plan(project / "plan.json").to_json()
        == json.dumps(ended.json["plan"], indent=2, ensure_ascii=False) + "\n"
    )
    assert run("plan", "plan.json").out == run("plan", "toy.yaml").out


@pytest.mark.parametrize(
    ("out", "told"),
    [
        ("plan.txt", "a saved plan is known by its name's end, .json"),
        ("../plan.json", "lies outside the project, and `apply` could not find it again"),
        ("absent/plan.json", "cannot be written: No such file or directory"),
        ("conf", "is a directory"),
    ],
)
def test_a_plan_is_saved_where_apply_finds_it(project, run, out, told):
    ended = run("plan", "toy.yaml", "--out", out)
    assert ended.code == 2
    assert told in ended.err
    assert ended.out == ""


def test_a_saved_plan_takes_no_overrides(project, run):
    run("plan", "toy.yaml", "--out", "plan.json")
    ended = run("plan", "plan.json", "random_state=3")
    assert ended.code == 2
    assert "a saved plan takes no overrides" in ended.err

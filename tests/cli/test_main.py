"""The group of verbs: help, mistakes in words, exit codes, tracebacks only with ``--debug``."""

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

import mlconfig.cli
from mlconfig.cli.main import VERBS, cli

SHARED = {"batches", "carrying", "explained", "main", "multirun", "options", "places", "progress", "tables", "waiting"}
"""Modules of the room that are no verb."""


def process(*arguments, cwd, **more):
    return subprocess.run(
        [sys.executable, "-m", "mlconfig", *arguments], capture_output=True, text=True, cwd=cwd, timeout=60, check=False, **more
    )  # fmt: skip


def test_every_verb_has_a_module_and_every_module_is_a_verb():
    modules = {file.stem for file in Path(mlconfig.cli.__file__).parent.glob("*.py")} - {"__init__"}
    assert modules - SHARED == set(VERBS)


@pytest.mark.parametrize(
    "verb", [(verb,) for verb in VERBS] + [("feedback", "import"), ("plugins", "list")], ids=" ".join
)
def test_help(run, verb):
    ended = run(*verb, "--help")
    assert ended.code == 0
    assert ended.out.startswith(f"Usage: mlconfig {' '.join(verb)} ")
    assert ended.err == ""
    described = cli.get_command(click.Context(cli), verb[0])
    for option in [] if described is None or isinstance(described, click.Group) else described.params:
        if isinstance(option, click.Option):
            assert option.opts[0] in ended.out
            assert option.help


def test_the_list_of_verbs(run):
    ended = run("--help")
    assert ended.code == 0
    for verb, what in VERBS.items():
        assert verb in ended.out
        assert what.split()[0] in ended.out
    assert run("-h").out == ended.out


def test_without_a_verb_it_helps(run):
    ended = run()
    assert ended.code == 2
    assert "Commands:" in ended.err + ended.out


def test_version(run):
    assert run("--version").out.startswith("mlconfig, version ")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["vaildate", "toy.yaml"], "there is no `vaildate`. Did you mean `validate`?"),
        (["xyzzy"], "there is no `xyzzy`."),
        (["plugins", "lst"], "'lst'"),
        (["plan", "toy.yaml", "--exit-cod"], "--exit-code"),
        (["plan", "toy.yaml", "-o", "yaml"], "'yaml' is not one of 'text', 'json'"),
        (["plan"], "Missing argument 'RECIPE'"),
        (["plan", "toy.yml"], "toy.yml: there is no such recipe; did you mean `toy.yaml`?"),
        (["plan", "model=ridge"], "model=ridge: there is no such recipe"),
        (["plan", "toy.yaml", "tuning.trails=5"], "tuning.trails=5: tuning.trails: unknown key (did you mean `trials`?)"),
        (["plan", "toy.yaml", "moddel=ridge"], "override moddel=ridge: moddel: unknown key (did you mean `model`?)"),
        (["plan", "toy.yaml", "description=a (b)"], """quote it: 'description="a (b)"'"""),
        (["plan", "toy.yaml", "random_state"], "an override is key=value, or ~key"),
        (["plugins", "list", "detektor"], "there is no kind `detektor`; there are source, transform, model"),
        (["predict", "toy.yaml", "--input", "absent.csv", "--output", "o.csv"], "absent.csv: there is no such file or folder"),
        (["apply", "absent.json"], "absent.json: this is no plan"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_a_mistake_is_told_in_words(project, run, arguments, told):
    ended = run(*arguments)
    assert ended.code == 2
    assert told in ended.err
    assert "Traceback" not in ended.err
    assert ended.out == ""


def test_a_quoted_override_is_taken(project, run):
    ended = run("show", "toy.yaml", 'description="a (b)"', "-o", "json")
    assert ended.json["recipe"]["description"] == "a (b)"


@pytest.mark.parametrize("place", [0, 1, 3])
def test_debug_shows_where_it_happened(project, run, place):
    arguments = ["validate", "toy.yaml", "modell=ridge"]
    arguments.insert(place, "--debug")
    ended = run(*arguments)
    assert ended.code == 2
    assert "Traceback (most recent call last)" in ended.err
    assert "RecipeError" in ended.err


def test_our_own_mistake_says_so(project, run, monkeypatch):
    from mlconfig.recipe import load

    monkeypatch.setattr(load, "load_recipe", lambda *_: 1 / 0)
    ended = run("validate", "toy.yaml")
    assert ended.code == 2
    assert (
        ended.err == "this is our mistake: ZeroDivisionError: division by zero\n  `--debug` shows where it happened\n"
    )


def test_a_person_who_stops_it_is_told_so(project, run, monkeypatch):
    from mlconfig.recipe import load

    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(load, "load_recipe", stopped)
    ended = run("validate", "toy.yaml")
    assert (ended.code, ended.out, ended.err.strip()) == (130, "", "stopped")


def test_a_process_of_its_own_from_another_folder(project, tmp_path):
    good = process("validate", str(project / "toy.yaml"), cwd=tmp_path)
    assert (good.returncode, good.stderr) == (0, "")
    assert good.stdout.endswith("toy.yaml: fine (toy, binary, 8 steps)\n")
    bad = process("validate", str(project / "toy.yaml"), "model=ridge", cwd=tmp_path)
    assert bad.returncode == 2
    assert "conf/model/ridge.yaml:2: model.name: `ridge` cannot do the task binary, only regression\n" in bad.stderr
    assert "Traceback" not in bad.stderr


def test_a_reader_that_stops_reading_is_no_mistake(project):
    with subprocess.Popen(
        [sys.executable, "-m", "mlconfig", "show", "toy.yaml"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as shown:  # fmt: skip
        shown.stdout.close()
        assert "Traceback" not in shown.stderr.read()


def test_umlauts_reach_a_pipe_that_has_no_locale(project):
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("LC_", "LANG", "PYTHON"))}
    shown = process("plan", "toy.yaml", "description='Prüfung'", cwd=project, env={**environment, "LC_ALL": "C"})
    assert shown.returncode == 0
    assert "├─ + read" in shown.stdout

"""The command line run in this process, in a small project; one project is applied once for all tests."""

import io
import json
from collections.abc import Callable
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mlconfig.cli.main import main

RECIPE = """\
name: toy
task: binary
data:
  source: {name: csv, params: {path: rows.csv}}
  target: target
  event_time: ts
features: auto
model: logistic_regression
evaluation:
  interval: {resamples: 50}
  gates:
    roc_auc: {min: 0.7}
"""
LOCAL = ("engine.executor=local", "serving=none", "monitoring=none", "retraining=none")


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def run_cli(*arguments: object) -> Ended:
    """Run a command in this process."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    return Ended(int(end.value.code or 0), out.getvalue(), err.getvalue())


def make_project(folder: Path) -> Path:
    """A project with a recipe and its rows."""
    import pyarrow.csv

    from mlconfig.builtin.source_synthetic import SyntheticSource
    from mlconfig.contracts import Context

    (folder / "conf").mkdir(parents=True)
    (folder / "toy.yaml").write_text(RECIPE)
    rows = SyntheticSource(SyntheticSource.Params(rows=400, seed=3), Context(folder)).read()
    pyarrow.csv.write_csv(rows, folder / "rows.csv")
    return folder


@pytest.fixture
def run() -> Callable[..., Ended]:
    return run_cli


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project in which nothing was applied; the test runs in it."""
    monkeypatch.chdir(make_project(tmp_path / "project"))
    return tmp_path / "project"


@dataclass(frozen=True)
class Applied:
    """The project that was applied, and how that ended."""

    folder: Path
    first: Ended


@pytest.fixture(scope="session")
def applied_once(tmp_path_factory: pytest.TempPathFactory) -> Applied:
    folder = make_project(tmp_path_factory.mktemp("applied") / "project")
    with chdir(folder):
        return Applied(folder, run_cli("apply", "toy.yaml", *LOCAL))


@pytest.fixture
def applied(applied_once: Applied, monkeypatch: pytest.MonkeyPatch) -> Applied:
    """A project in which the recipe was applied without Ray; the test runs in it, and must leave its recipe as it is."""
    monkeypatch.chdir(applied_once.folder)
    return applied_once


@pytest.fixture
def local() -> tuple[str, ...]:
    return LOCAL

"""The size budget of docs/architecture.md: what outgrows it holds two ideas."""

import ast
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "mlconfig"
FILES = sorted(PACKAGE.rglob("*.py"))
FORBIDDEN_NAMES = {"utils", "helpers", "common", "manager", "misc"}
READ_FIRST = ["recipe/recipe.py", "compiler/compiler.py", "plan/steps.py", "engine/apply.py"]


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Each function of a file with its length in lines, docstring excluded."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0]
            doc = isinstance(first, ast.Expr) and isinstance(getattr(first, "value", None), ast.Constant)
            docstring = first.end_lineno - first.lineno + 1 if doc else 0
            yield (
                f"{path.relative_to(PACKAGE)}:{node.lineno} {node.name}",
                node.end_lineno - node.lineno + 1 - docstring,
            )


def test_files_hold_one_idea():
    lengths = {str(path.relative_to(PACKAGE)): len(path.read_text().splitlines()) for path in FILES}
    assert {name: length for name, length in lengths.items() if length > 400} == {}
    assert statistics.median(length for length in lengths.values() if length) <= 110


def test_functions_hold_one_idea():
    lengths = dict(pair for path in FILES for pair in functions(path))
    assert {name: length for name, length in lengths.items() if length > 50} == {}
    assert statistics.median(lengths.values()) <= 7
    assert statistics.quantiles(lengths.values(), n=10)[-1] <= 24


def test_no_file_name_says_nothing():
    assert [path for path in FILES if path.stem in FORBIDDEN_NAMES] == []


@pytest.mark.parametrize("name", READ_FIRST)
def test_what_a_newcomer_opens_first_is_short(name):
    assert len((PACKAGE / name).read_text().splitlines()) < 160

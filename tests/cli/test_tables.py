"""Tables lose nothing: one row is one line where they are piped, and folds on a narrow terminal."""

import io
import json
import re

import pytest
from rich.console import Console

from mlconfig.cli.monitor import verdict_table
from mlconfig.cli.tables import console, table
from mlconfig.records.verdict import Verdict
from mlconfig.vocabulary import Window

LONG = "monitoring.signals." + "a_rather_long_name_" * 12
ROWS = [((LONG, "[red]1[/red]", "…"), ""), (("b", json.dumps(["x"] * 40), "override"), "dim")]


def test_a_piped_table_has_a_row_on_a_line(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    console().print(table(("key", "value", "from"), ROWS))
    head, first, second = capsys.readouterr().out.splitlines()
    assert head.split() == ["key", "value", "from"]
    assert first.split() == [LONG, "[red]1[/red]", "…"]
    assert json.dumps(["x"] * 40) in second


@pytest.mark.parametrize("width", [24, 60, 200])
def test_a_terminal_folds(width):
    out = io.StringIO()
    Console(file=out, width=width, force_terminal=True, color_system=None).print(table(("key", "value", "from"), ROWS))
    letters = re.sub(r"[^a-z_]", "", out.getvalue())
    assert letters.count("a") >= LONG.count("a")
    assert letters.count("x") == 40
    assert out.getvalue().count("…") == 1  # the one that the cell holds


def test_piped_lists_are_whole(project, run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    listed = run("plugins", "list").out
    assert "…" not in listed
    for row in run("plugins", "list", "-o", "json").json:
        (line,) = [
            line for line in listed.splitlines() if line.split()[-1] == row["target"] and row["name"] in line.split()
        ]
        assert line.split()[:3] == [row["kind"], row["name"], row["distribution"]]
    shown = run("show", "toy.yaml", f"description='{'words ' * 60}'")
    assert "…" not in shown.out
    rows = run("show", "toy.yaml", f"description='{'words ' * 60}'", "-o", "json").json["origins"]
    lines = shown.out.splitlines()[1:]
    assert [line.split()[0] for line in lines] == [row["path"] for row in rows]
    for line, row in zip(lines, rows, strict=True):
        assert json.dumps(row["value"], ensure_ascii=False) in line
        assert row["origin"] in line


def test_verdicts_are_whole(capsys):
    what = "the share of nulls in `lead_time_" + "x" * 90 + "` is 0.31, in the reference 0.01 [so it is]"
    verdict = Verdict.model_validate(
        {
            "endpoint": "toy", "version": "1", "signal": "data_quality", "window": Window(start=0.0, end=3600.0),
            "scale": 3600.0, "rows": 1234, "vote": True, "state": "alert", "since": 0.0, "detector": "quality", "reason": what,
        }
    )  # fmt: skip
    console().print(verdict_table((verdict,)))
    _, line = capsys.readouterr().out.splitlines()
    assert "1970-01-01" in line
    assert "1,234" in line
    assert line.rstrip().endswith(what)

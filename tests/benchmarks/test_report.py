"""The page of results: figures as people read them, and a section replaced without touching its neighbours."""

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks import faults, report
from benchmarks.drift import check_counts, check_rows, rows
from benchmarks.report import Row, section, table, write

ROOT = Path(__file__).parents[2]


def test_figures_have_three_digits_and_missing_ones_are_empty():
    text = table([Row("a", {"ms": 12.345, "rate": 12345.6}), Row("b", {"rate": "none"})])
    assert text.splitlines()[2:] == ["| a | 12.3 | 12,346 |", "| b |  | none |"]


def test_a_section_is_replaced_and_the_others_stay(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "RESULTS", tmp_path / "RESULTS.md")
    for name, figure in (("startup", 1.0), ("drift", 2.0), ("startup", 3.0)):
        write(name, section(name, "What it is.", [Row("x", {"ms": figure})], (0.5, 0.7)))
    text = (tmp_path / "RESULTS.md").read_text()
    assert text.count("## startup") == text.count("## drift") == 1
    assert "| x | 3 |" in text
    assert "| x | 2 |" in text
    assert "| x | 1 |" not in text
    assert "- command: `python -m benchmarks drift`" in text
    assert "- load average: 0.5 before, 0.7 after" in text


def test_an_unknown_benchmark_is_told():
    command = [sys.executable, "-m", "benchmarks", "no_such"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 2
    known = "batch, drift, faults, monitoring, monitoring_report, startup, serving"
    assert f"there is no benchmark no_such; there are {known}" in run.stderr


def test_without_the_load_generator_serving_says_how_to_get_it(monkeypatch):
    from benchmarks import serving

    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(RuntimeError, match="apt-get install -y wrk"):
        serving.run()


def test_the_drift_benchmarks_two_sides_measure_the_same():
    from benchmarks.drift import KINDS
    from mlconfig.profiles.profile import fit_layout, profile_of

    reference, window = rows(0).slice(0, 5000), rows(1).slice(0, 5000)
    layout = fit_layout(reference, KINDS)
    counted = check_counts(profile_of(layout, reference), profile_of(layout, window))
    exact = check_rows(reference, window)
    assert set(counted) == set(exact) == set(KINDS)
    for name, kind in KINDS.items():
        if kind == "numeric":
            assert counted[name] == pytest.approx(exact[name], abs=0.01), name


TOLD = """<testsuites><testsuite><testcase name="test_a_kill_costs_nothing[fast]"><properties>
<property name="failed" value="0"/><property name="slowest s" value="0.31"/></properties></testcase>
<testcase name="test_a_kill_costs_nothing[standard]"><properties><property name="failed" value="2"/></properties>
<failure message="x"/></testcase><testcase name="test_doors[a-1]"/><testcase name="test_doors[b]"><skipped/></testcase>
<testcase name="test_plain"/></testsuite></testsuites>"""


def test_faults_are_told_as_their_tests_kept_them():
    rows = faults.rows_of(ET.ElementTree(ET.fromstring(TOLD)))
    assert [(row.what, row.figures) for row in rows] == [
        ("a kill costs nothing (fast)", {"cases": 1, "held": "yes", "failed": 0, "slowest s": 0.31}),
        ("a kill costs nothing (standard)", {"cases": 1, "held": "no", "failed": 2}),
        ("doors", {"cases": 2, "held": "no"}),
        ("plain", {"cases": 1, "held": "yes"}),
    ]

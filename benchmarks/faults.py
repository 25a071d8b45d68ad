"""What breaks under load, and what it costs: replicas, Serve's controller, HAProxy, updates, the disk, clients.

The tests of `tests/faults` and those that try bodies and doors, with more of each than in CI: {rounds} kills of one of two
replicas with 50 requests in flight, {rounds} kills of the log's writer in 100,000 rows, {rounds} times as many bodies of
schemathesis, 500 slow clients; both lanes. Clients ask in a closed loop on loopback, one connection each. `failed`: requests
without a good answer; where HAProxy is killed, a client may ask again after a refused connection or a 503. `slowest s`: one
request, from its first attempt to its answer.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree as ET

from benchmarks.report import Row

ROUNDS = 20
ROOT = Path(__file__).parent.parent
TESTS = (
    "tests/faults",
    "tests/serving/test_contract.py",
    "tests/serving/test_durability.py",
    "tests/serving/test_access.py::test_each_scope_at_each_path_with_each_credential",
)

__doc__ = (__doc__ or "").format(rounds=ROUNDS)


def run() -> list[Row]:
    """One row a test, with what it kept of its loads. Raises RuntimeError where the tests could not be run."""
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "told.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={told}", *TESTS]
        environment = {**os.environ, "MLCONFIG_FAULT_ROUNDS": str(ROUNDS), "OMP_NUM_THREADS": "1"}
        ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        if ended.returncode not in (0, 1):
            raise RuntimeError(ended.stdout[-2000:] or ended.stderr[-2000:])
        return rows_of(ET.parse(told))


def rows_of(told: ET.ElementTree) -> list[Row]:
    """The rows of a JUnit document: the tests' names as words, how many cases each has, whether all held, and what they kept:
    of several cases that kept something each is a row.
    """
    rows: dict[str, Row] = {}
    for case in told.iter("testcase"):
        what, _, which = case.get("name", "").removeprefix("test_").partition("[")
        kept = {each.get("name", ""): float(each.get("value", "nan")) for each in case.iter("property")}
        name = what.replace("_", " ") + (f" ({which.rstrip(']')})" if which and kept else "")
        row = rows.setdefault(name, Row(name, {"cases": 0, "held": "yes"}))
        row.figures["cases"] = float(row.figures["cases"]) + 1
        if any(child.tag in ("failure", "error", "skipped") for child in case):
            row.figures["held"] = "no"
        row.figures.update(kept)
    return list(rows.values())

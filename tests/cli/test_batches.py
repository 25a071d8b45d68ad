"""Scheduled batches on the command line: one run by hand, and what `mlconfig status` says of them."""

import io
from datetime import UTC, datetime

import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from mlconfig.cli.batches import print_batches
from mlconfig.engine.schedule import BatchView
from mlconfig.lifecycle.batches import BatchRun

FILE = "{{name: {form}, params: {{path: '{path}'}}}}"


@pytest.fixture
def nightly(applied, tmp_path):
    """An override that declares a batch of the applied project's rows."""
    rows = pc.read_csv(applied.folder / "rows.csv").drop_columns(["target"])
    pc.write_csv(rows, tmp_path / "in.csv")
    source = FILE.format(form="csv", path=tmp_path / "in.csv")
    target = FILE.format(form="parquet", path=tmp_path / "out")
    return f"serving.batch.nightly={{input: {source}, output: {target}, cron: '0 2 * * *'}}"


def test_a_batch_is_run_by_hand_as_at_its_time(nightly, run, tmp_path):
    ended = run("predict", "toy.yaml", "--batch", "nightly", "--here", nightly)
    assert (ended.code, ended.out) == (0, f"400 row(s) scored by version 1: {tmp_path / 'out'}\n"), ended.err
    assert pq.read_table(tmp_path / "out").num_rows == 400
    again = run("predict", "toy.yaml", nightly, "--batch", "nightly", "--here", "-o", "json").json
    assert (again["rows"], again["output"]) == (400, str(tmp_path / "out"))
    (told,) = run("status", "toy.yaml", nightly, "-o", "json").json["batches"]
    assert (told["name"], told["next_at"], told["last"]["by"], told["good"]["rows"]) == ("nightly", None, "hand", 400)
    shown = run("status", "toy.yaml", nightly).out
    assert "batches\n  nightly  `0 2 * * *`  runs once it is applied; last 20" in shown
    assert "400 row(s) by version 1, by hand" in shown


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["in", "out"], "--batch stands for input, output and all that is said of them"),
        (["--version", "1"], "--batch stands for input, output and all that is said of them"),
        (["--keep", "key"], "--batch stands for input, output and all that is said of them"),
        (["--overwrite"], "--batch stands for input, output and all that is said of them"),
    ],
)
def test_what_a_batch_says_itself_is_not_said_beside_it(nightly, run, words, told):
    ended = run("predict", "toy.yaml", "--batch", "nightly", *words, nightly)
    assert (ended.code, told in ended.err) == (2, True), ended.err


def test_a_batch_that_is_not_there_is_told(nightly, run, local):
    ended = run("predict", "toy.yaml", "--batch", "hourly", nightly)
    assert (ended.code, "`toy` has no batch `hourly`\n  hint: there are: nightly" in ended.err) == (2, True)
    ended = run("predict", "toy.yaml", "--batch", "hourly", *local)
    assert (ended.code, "has no deploy step" in ended.err) == (2, True)


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def shown(**view):
    out = io.StringIO()
    batch = BatchView(name="nightly", cron="0 2 * * *", time_zone="Europe/Berlin", **view)
    print_batches(Console(file=out, width=200), [batch])
    assert out.getvalue().startswith("\nbatches\n")
    return out.getvalue().removeprefix("\nbatches\n")


DONE = BatchRun(
    state="done", due=at("2026-05-05 00:00"), began=at("2026-05-05 00:00"), ended=at("2026-05-05 00:07"),
    rows=1_234_567, version="3",
)  # fmt: skip
FAILED = DONE.model_copy(
    update={"state": "failed", "rows": None, "version": None, "error": "no [b]CPU\n  hint: end it"}
)


def test_times_are_of_the_recipes_zone():
    line = shown(next_at=at("2999-05-06 00:00"), last=DONE, good=DONE)
    assert line == (
        "  nightly  `0 2 * * *`  next 2999-05-06 02:00 Europe/Berlin; "
        "last 2026-05-05 02:07 Europe/Berlin: 1,234,567 row(s) by version 3\n"
    )


def test_a_failure_is_shown_with_its_cause_and_whose_the_output_is():
    told = shown(next_at=at("2999-05-06 00:00"), last=FAILED, good=DONE, failing_since=1.0).splitlines()
    assert told[0].endswith("; last run failed")
    assert told[1:] == [
        "    failed at 2026-05-05 02:07 Europe/Berlin: no [b]CPU",
        "      hint: end it",
        "    the output is that of 2026-05-05 02:07 Europe/Berlin: 1,234,567 row(s) by version 3",
    ]
    assert shown(last=FAILED).splitlines()[-1] == "    it never succeeded"


def test_what_is_late_runs_or_was_cut_off_is_told():
    assert "was due 2026-05-05 02:00" in shown(next_at=at("2026-05-05 00:00"))
    assert shown(running=True, last=DONE).endswith("; runs now\n")
    cut = DONE.model_copy(update={"state": "running", "attempts": 2, "ended": None})
    assert "was cut off, and goes on from its finished parts (attempt 2)" in shown(last=cut)
    assert shown().endswith("; has not run yet\n")

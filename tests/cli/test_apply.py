"""``apply``, ``train`` and ``predict`` from end to end, every step in this process; MLflow and ONNX Runtime are real."""

import json
import subprocess
import sys

import pyarrow.csv
import pyarrow.parquet
import pytest

from mlconfig.engine.workspace import Workspace, write_json
from mlconfig.plan.plan import read_plan

STEPS = ["read", "train", "package", "register", "evaluate", "gate"]


def states(ended):
    return {event["step"]: event["state"] for event in ended.json["events"]}


def test_the_first_apply_registers_a_version(applied):
    assert applied.first.code == 0
    lines = applied.first.out.splitlines()
    assert lines[0].startswith("toy  plan ")
    assert [line.split()[1] for line in lines if line.startswith(" ✓")] == STEPS
    assert lines[-1] == "Version 1 of toy is registered."


def test_the_second_apply_keeps_all(applied, run, local):
    ended = run("apply", "toy.yaml", *local, "-o", "json")
    assert ended.code == 0
    assert states(ended) == dict.fromkeys(STEPS, "kept")
    assert ended.json["version"] == "1"
    assert ended.json["gate"]["passed"] is True
    assert "Nothing to do: everything the recipe declares stands." in run("apply", "toy.yaml", *local).out


def test_the_plan_says_so_before(applied, run, local):
    ended = run("plan", "toy.yaml", *local, "--exit-code")
    assert ended.code == 0
    assert ended.out.endswith("\n6 to keep\n")
    changed = run("plan", "toy.yaml", *local, "model.params.C=0.5", "--exit-code")
    assert changed.code == 1
    assert "= read" in changed.out
    assert changed.out.endswith("\n5 to add, 1 to keep\n")


def test_looking_at_what_was_applied_loads_nothing_heavy(applied, local):
    code = (
        "import sys\nfrom mlconfig.cli.main import main\n"
        "for verb in ('plan', 'status'):\n    try:\n        main([verb, 'toy.yaml', *sys.argv[1:]])\n"
        "    except SystemExit as end:\n        assert end.code == 0\n"
        "heavy = ('ray', 'mlflow', 'lightgbm', 'sklearn', 'onnxruntime', 'pandas')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, *local], capture_output=True, text=True, cwd=applied.folder, check=True, timeout=60
    )
    assert "6 to keep" in ended.stdout
    assert ended.stdout.splitlines()[-1] == "[]"


def test_a_gate_that_refuses_exits_with_1(applied, run, local):
    ended = run("apply", "toy.yaml", *local, "evaluation.gates.roc_auc.min=0.9999")
    assert ended.code == 1
    assert "The gates refused this candidate; the route stays as it was." in ended.out
    assert "roc_auc: the interval's low end 0." in ended.out
    again = run("apply", "toy.yaml", *local, "evaluation.gates.roc_auc.min=0.9999", "-o", "json")
    assert again.code == 1
    assert states(again) == dict.fromkeys(STEPS, "kept")
    assert again.json["gate"]["passed"] is False
    assert run("apply", "toy.yaml", *local).code == 0


def test_status_names_the_version(applied, run, local):
    assert "no version was promoted yet; registered: version 1\n" in run("status", "toy.yaml", *local).out


def test_predict_writes_what_the_ending_says(applied, run, local, tmp_path):
    rows = pyarrow.csv.read_csv(applied.folder / "rows.csv").drop_columns(["target"])
    pyarrow.parquet.write_table(rows, tmp_path / "in.parquet")
    pyarrow.csv.write_csv(rows, tmp_path / "in.csv")
    made = []
    for source in ("in.csv", "in.parquet"):
        for target in ("out.csv", "out.parquet"):
            file = tmp_path / f"{source}-{target}"
            ended = run("predict", "toy.yaml", *local, "--input", tmp_path / source, "--output", file)
            assert (ended.code, ended.out) == (0, f"400 row(s) scored by version 1: {file}\n")
            read = pyarrow.csv.read_csv if file.suffix == ".csv" else pyarrow.parquet.read_table
            made.append(read(file))
    for table in made:
        assert table.column_names == [*rows.column_names, "prediction", "probability", "version"]
        assert table["prediction"].to_pylist() == made[0]["prediction"].to_pylist()
        assert table["probability"].to_pylist() == pytest.approx(made[0]["probability"].to_pylist(), abs=1e-9)
    truth = pyarrow.csv.read_csv(applied.folder / "rows.csv")["target"].to_pylist()
    right = [one == other for one, other in zip(truth, made[0]["prediction"].to_pylist(), strict=True)]
    assert sum(right) / len(right) > 0.8


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--version", "77"], "`toy` has no version 77\n  hint: `mlconfig status` lists them\n"),
        (["--output", "out.txt"], "out.txt: `.txt` is no kind of file that can be scored\n  hint: use .csv or .parquet\n"),
        (["--output", "absent/out.csv"], "absent/out.csv: the result cannot be written: No such file or directory\n"),
        (["--input", "narrow.csv"], "narrow.csv: the file lacks `x1`"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_scored(applied, run, local, arguments, told):
    (applied.folder / "narrow.csv").write_text("x0\n1.0\n")
    ended = run("predict", "toy.yaml", *local, "--input", "rows.csv", "--output", "out.csv", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(told)
    assert not (applied.folder / "out.csv").exists()


def test_a_saved_plan_is_carried_out(applied, run, local):
    run("plan", "toy.yaml", *local, "--out", "saved.json")
    ended = run("apply", "saved.json", "-o", "json")
    assert ended.code == 0
    assert states(ended) == dict.fromkeys(STEPS, "kept")


def test_a_saved_plan_that_was_edited_is_refused(applied, run, local):
    run("plan", "toy.yaml", *local, "--out", "edited.json")
    tree = json.loads((applied.folder / "edited.json").read_text())
    tree["steps"][-1]["gates"]["roc_auc"]["min"] = 0.1
    (applied.folder / "edited.json").write_text(json.dumps(tree))
    ended = run("apply", "edited.json")
    assert (ended.code, ended.out) == (2, "")
    assert "edited.json: " in ended.err
    assert "the plan was changed by hand" in ended.err
    assert "hint: compile it again" in ended.err


def test_a_saved_plan_is_stale_when_another_was_applied_since(applied, run, local):
    run("plan", "toy.yaml", *local, "--out", "stale.json")
    plan = read_plan(applied.folder / "stale.json")
    standing = Workspace(applied.folder, plan.engine).plan_file("toy")
    write_json(standing, plan.to_json())  # as an apply with an endpoint leaves it
    try:
        ended = run("apply", "stale.json")
    finally:
        standing.unlink()
    assert ended.code == 2
    assert (
        "this plan is stale: something else went live since it was made\n  hint: plan again, and look again\n"
        in ended.err
    )


def test_a_plugin_that_changed_since_the_plan_is_refused(applied, run, local):
    folder = applied.folder / "plugins"
    folder.mkdir(exist_ok=True)
    text = (
        "from mlconfig.contracts import Metric, MetricTags\n\n\nclass Luck(Metric):\n"
        "    tags = MetricTags(tasks=frozenset({'binary'}))\n\n    def score(self, y, predicted):\n        return 1.0\n"
    )
    (folder / "luck.py").write_text(text)
    assert (
        run("plan", "toy.yaml", *local, "plugins=[luck]", "evaluation.metrics=[luck]", "--out", "luck.json").code == 0
    )
    (folder / "luck.py").write_text(text + "\n# changed\n")
    ended = run("apply", "luck.json")
    assert ended.code == 2
    assert "step `evaluate`: the metric `luck` is not the one the plan was made with" in ended.err


def test_a_source_that_cannot_be_read(applied, run, local):
    ended = run("apply", "toy.yaml", *local, "data.source.params.path=absent.csv")
    assert ended.code == 2
    assert "absent.csv" in ended.err
    assert "Traceback" not in ended.err


def test_doctor(applied, run):
    ended = run("doctor", "-o", "json")
    assert ended.code == 0
    checks = {check["what"]: check for check in ended.json}
    assert {"python", "packages", "libraries", "machine", "storage", "state", "mlflow", "ray"} <= set(checks)
    assert "the audit trail is unbroken" in checks["state"]["found"]
    assert checks["storage"]["found"] == f"{applied.folder}/.mlconfig can be written"


def test_doctor_exits_with_1_when_something_is_bad(project, run):
    (project / ".mlconfig").write_text("this is no folder")
    ended = run("doctor", "-o", "json")
    assert ended.code == 1
    assert {check["what"] for check in ended.json if check["state"] == "bad"} >= {"storage", "state"}
    told = run("doctor")
    assert told.code == 1
    assert " ✗ storage    cannot be written" in told.out

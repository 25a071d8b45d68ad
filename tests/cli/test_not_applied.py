"""Verbs that need something live, in a project where nothing was ever applied: words, and no files."""

import pytest

from mlconfig.cli.main import VERBS


@pytest.fixture
def labels(project):
    (project / "labels.csv").write_text("prediction_id,label\na,1\n")
    return project / "labels.csv"


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["status", "toy.yaml"], 0, "toy  does not answer: nothing is deployed\n  no version was promoted yet\n"),
        (["monitor", "toy.yaml"], 2, "no version of `toy` is live\n  hint: `mlconfig apply` first\n"),
        (["monitor", "toy.yaml", "monitoring=none"], 2, "`toy` declares no monitoring\n"),
        (["alerts", "toy.yaml"], 2, "no version of `toy` is live\n  hint: `mlconfig apply` first\n"),
        (["alerts", "toy.yaml", "monitoring=none"], 2, "`toy` declares no monitoring\n"),
        (["report", "toy.yaml"], 2, "no version of `toy` is live\n  hint: `mlconfig apply` first\n"),
        (["report", "toy.yaml", "monitoring=none"], 2, "`toy` declares no monitoring\n"),
        (["retrain", "toy.yaml"], 2, "`toy` is not deployed\n  hint: `mlconfig apply` first\n"),
        (["retrain", "toy.yaml", "serving=none", "monitoring=none"], 2, "the plan of `toy` has no deploy step\n  hint: with"),
        (["feedback", "import", "toy.yaml", "labels.csv"], 2, "no version is live at `toy`\n  hint: `mlconfig apply` first\n"),
        (
            ["predict", "toy.yaml", "--input", "rows.csv", "--output", "scored.csv"],
            2,
            "`toy` has no version yet\n  hint: `mlconfig train` or `mlconfig apply` makes one\n",
        ),
        (["destroy", "toy.yaml"], 0, "nothing was running\n"),
        (["destroy"], 0, "nothing was running\n"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_it_is_told_and_nothing_is_made(project, labels, run, arguments, code, told):
    before = sorted(project.rglob("*"))
    ended = run(*arguments)
    assert ended.code == code
    assert (ended.out if code == 0 else ended.err).startswith(told)
    assert (ended.err if code == 0 else ended.out) == ""
    assert sorted(project.rglob("*")) == before


def test_status_for_machines(project, run):
    told = run("status", "toy.yaml", "-o", "json").json
    assert (told["name"], told["url"], told["route"], told["applied"]) == ("toy", None, None, False)
    assert told["verdicts"] == told["alerts"] == told["rollouts"] == told["versions"] == []


def test_every_verb_of_this_kind_was_tried():
    tried = {"status", "monitor", "alerts", "report", "retrain", "feedback", "predict", "keys", "erase", "destroy"}
    assert set(VERBS) - tried == {"validate", "show", "schema", "plan", "apply", "train", "plugins", "doctor"}

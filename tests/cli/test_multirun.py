"""``-m``: one plan, or one version, for each combination of swept values."""

import pytest

from mlconfig.cli.main import VERBS


def test_a_plan_for_each_combination(project, run):
    ended = run("plan", "toy.yaml", "-m", "model.params.C=0.1,1", "random_state=1,2", "name=swept", "-o", "json")
    assert ended.code == 0
    assert [told["overrides"] for told in ended.json] == [
        [f"model.params.C={c}", f"random_state={seed}", "name=swept"] for c in ("0.1", "1") for seed in (1, 2)
    ]
    plans = [told["plan"] for told in ended.json]
    assert [plan["random_state"] for plan in plans] == [1, 2, 1, 2]
    assert len({plan["digests"]["train"] for plan in plans}) == 4
    assert len({plan["digests"]["read"] for plan in plans}) == 1


def test_each_plan_is_the_one_without_a_sweep(project, run):
    swept = run("plan", "toy.yaml", "--multirun", "model.params.C=0.1,1").out
    alone = [run("plan", "toy.yaml", f"model.params.C={c}").out for c in ("0.1", "1")]
    assert swept == f"1/2  model.params.C=0.1\n{alone[0]}\n2/2  model.params.C=1\n{alone[1]}"


def test_groups_and_choices_are_swept_too(project, run):
    ended = run("plan", "toy.yaml", "-m", "model=logistic_regression,random_forest", "-o", "json")
    assert [told["plan"]["steps"][1]["model"]["name"] for told in ended.json] == [
        "logistic_regression",
        "random_forest",
    ]


def test_without_a_sweep_it_is_one_plan(project, run):
    assert len(run("plan", "toy.yaml", "-m", "-o", "json").json) == 1


def test_a_sweep_without_m_says_so(project, run):
    ended = run("plan", "toy.yaml", "model.params.C=0.1,1")
    assert ended.code == 2
    assert ended.err.startswith("override model.params.C=0.1,1: model.params.C: several values for one key (")
    assert "-m" in ended.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["model.params.C=interval(0,1)"], "only values that can be counted are swept (list them: a,b,c)"),
        (["model.params.CC=1,2"], "override model.params.CC=2: model.params.CC: unknown key"),
        (["random_state=1,2", "trials=3"], "override trials=3: trials: unknown key"),
        (["model.params.C=0.1,fast"], 'override model.params.C=fast: model.params.C: must be a number; got "fast"'),
        (["random_state=1,2", "--out", "plan.json"], "--out saves one plan and -m makes several"),
    ],
)
def test_nothing_is_planned_when_one_combination_is_wrong(project, run, arguments, told):
    ended = run("plan", "toy.yaml", "-m", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert told in ended.err
    assert ended.err.count("override trials=3") <= 1  # what all combinations share is told once
    assert not (project / "plan.json").exists()


def test_verbs_that_run_one_thing_take_no_sweep(project, run):
    takes = {verb for verb in VERBS if "--multirun" in run(verb, "--help").out}
    assert takes == {"plan", "train"}


def test_train_registers_a_version_for_each(applied, run, local):
    ended = run("train", "toy.yaml", *local, "-m", "model.params.C=0.2,0.4", "name=swept", "-o", "json")
    assert ended.code == 0
    assert [(told["version"], told["overrides"][-2]) for told in ended.json] == [
        ("1", "model.params.C=0.2"), ("2", "model.params.C=0.4"),
    ]  # fmt: skip
    for told in ended.json:
        assert [event["step"] for event in told["events"]] == ["read", "train", "package", "register"]
    again = run("train", "toy.yaml", *local, "-m", "model.params.C=0.2,0.4", "name=swept")
    assert again.out.startswith("1/2  engine.executor=local")
    assert again.out.count("Nothing to do") == 2
    assert "Version 2 of swept is registered." in again.out


def test_train_stops_before_any_when_one_is_wrong(applied, run, local):
    before = sorted((applied.folder / ".mlconfig" / "artifacts" / "steps").iterdir())
    ended = run("train", "toy.yaml", *local, "-m", "model.params.C=0.7,wrong", "name=swept")
    assert (ended.code, ended.out) == (2, "")
    assert sorted((applied.folder / ".mlconfig" / "artifacts" / "steps").iterdir()) == before

"""A recipe is data: whatever it says, nothing runs, nothing is written, and no variable of the environment is shown."""

import pytest

HOSTILE = [
    "tags: {a: !!python/object/apply:pathlib.Path.touch [MARKER]}",
    "tags: !!python/object/new:os.system [touch MARKER]",
    "tags: {_target_: pathlib.Path.touch, _args_: [MARKER]}",
    "data: {_target_: os.system, command: touch MARKER}",
    "hydra: {callbacks: {x: {_target_: os.system, command: touch MARKER}}}",
    "owner: ${oc.env:SECRET_WORD}",
    "owner: ${oc.env:SECRET_WORD,x}",
    "owner: ${oc.decode:${oc.env:SECRET_WORD}}",
    "owner: ${ oc.env : SECRET_WORD }",
    "owner: ${oc.create:{a:1}}",
    "owner: ${hydra:runtime.cwd}",
    "owner: ${secret:SECRET_WORD }",
    "? !!python/name:os.system\n: x",
    "defaults: [{model: '${oc.env:SECRET_WORD}'}]",
    "defaults: [{'${oc.env:SECRET_WORD}': x}]",
    "defaults: ['${oc.env:SECRET_WORD}']",
    "defaults: [{override hydra/launcher: '${oc.env:SECRET_WORD}'}]",
]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_recipe_is_refused(project, bare, hostile, monkeypatch, tmp_path):
    monkeypatch.setenv("SECRET_WORD", "hunter2")
    marker = tmp_path / "marker"
    faults = project.faults(f"{bare}{hostile.replace('MARKER', str(marker))}\n")
    assert not marker.exists()
    assert "hunter2" not in "\n".join(faults)
    assert all(fault.startswith("recipes/churn.yaml:") for fault in faults)


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_group_is_refused(project, bare, hostile, monkeypatch, tmp_path):
    monkeypatch.setenv("SECRET_WORD", "hunter2")
    marker = tmp_path / "marker"
    project.write("conf/model/evil.yaml", f"name: ridge\n{hostile.replace('MARKER', str(marker))}\n")
    faults = project.faults(bare, "model=evil")
    assert not marker.exists()
    assert "hunter2" not in "\n".join(faults)
    assert all(fault.startswith("conf/model/evil.yaml:") for fault in faults)


@pytest.mark.parametrize(
    "override",
    [
        "owner=${oc.env:SECRET_WORD}",
        "owner='${oc.env:SECRET_WORD}'",
        "model=${oc.env:SECRET_WORD}",
        "model._target_=os.system",
        "model={_target_: os.system}",
        "model.params={a: {b: [{_target_: os.system}]}}",
        "hydra.run.dir=x",
        "hydra/launcher=x",
        "+hydra.callbacks.x._target_=os.system",
        "model@hydra.x=ridge",
        "a=" + "[" * 5000,
        "a=" + "[" * 60 + "]" * 60,
        "a=" + "9" * 5000,
        "a=nan",
        "a=" + "x" * 100_000,
        "owner=\udcff",
        "owner='a\0b'",
        "",
        "=",
        "~",
        "a",
        "a..b=1",
    ],
    ids=lambda override: ascii(override[:40]),
)
def test_a_hostile_override_is_refused(project, bare, override, monkeypatch):
    monkeypatch.setenv("SECRET_WORD", "hunter2")
    faults = project.faults(bare, override)
    assert all(fault.startswith("override ") for fault in faults)
    assert "hunter2" not in "\n".join(faults)
    "\n".join(faults).encode()


def test_loading_leaves_no_resolver_behind(project, bare):
    from omegaconf import OmegaConf

    project.load(bare)
    assert not OmegaConf.has_resolver("secret")
    assert not OmegaConf.has_resolver("hydra")

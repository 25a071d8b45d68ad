"""A plugin whose modules are not installed is refused when the recipe is compiled, with the command that brings them."""

from importlib.util import find_spec

import pytest

FILE = """
from typing import ClassVar

from mlconfig.contracts import Detector, DetectorTags


class {cls}(Detector):
    requires: ClassVar[tuple[str, ...]] = {requires!r}
    extra: ClassVar[str] = {extra!r}

    def check(self, evidence):
        return ()
"""


def watched(project, requires, extra="acme-drift[all]", **params):
    (project.folder / "plugins").mkdir()
    (project.folder / "plugins" / "acme.py").write_text(FILE.format(cls="Acme", requires=requires, extra=extra))
    signal = {"name": "acme", "params": params} if params else "acme"
    return {"plugins": ["acme"], "monitoring": {"signals": {"drift": signal}}}


def test_what_is_missing_is_told_at_its_place_with_the_command_that_brings_it(project):
    (fault,) = project.faults(**watched(project, ("json", "nothing_of_that_name", "nor_of_this")))
    assert fault == (
        "toy.yaml:13: monitoring.signals.drift.name: the detector `acme` needs nor_of_this, nothing_of_that_name, "
        'which is not installed (pip install "acme-drift[all]")'
    )


def test_wrong_params_are_told_beside_what_is_missing(project):
    missing, params = project.faults(**watched(project, ("nothing_of_that_name",), extra="", speed=3))
    assert missing.endswith("the detector `acme` needs nothing_of_that_name, which is not installed")
    assert ": monitoring.signals.drift.params.speed: unknown key" in params


def test_what_is_installed_compiles(project):
    assert project.plan(**watched(project, ("json",))).steps


@pytest.mark.parametrize(
    ("name", "modules", "extra"),
    [("ks", ("alibi_detect",), "alibi"), ("mmd", ("alibi_detect", "torch"), "alibi-torch")],
)
def test_the_extra_for_alibi_detect_is_asked_for_where_it_is_missing(project, name, modules, extra):
    sections = {"monitoring": {"signals": {"drift": f"alibi.{name}"}}}
    missing = ", ".join(module for module in modules if find_spec(module) is None)
    if not missing:
        assert project.plan(**sections).steps
        return
    assert project.faults(**sections) == [
        (
            f"toy.yaml:11: monitoring.signals.drift.name: the detector `alibi.{name}` needs {missing}, which is not installed "
            f'(pip install "mlconfig[{extra}]")'
        )
    ]

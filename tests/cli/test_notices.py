"""What somebody must know before using a plugin, such as its licence, is said wherever a plan is looked at or carried out."""

import pytest

LICENSED = """
from typing import ClassVar

from mlconfig.contracts import Detector, DetectorTags


class Licensed(Detector):
    tags: ClassVar[DetectorTags] = DetectorTags(notice="ask [Seldon] before production")

    def check(self, evidence):
        return ()
"""


@pytest.fixture
def licensed(project):
    (project / "plugins").mkdir()
    (project / "plugins" / "licensed.py").write_text(LICENSED)
    return ("toy.yaml", "plugins=[licensed]", "monitoring.signals.drift=licensed")


def test_what_a_detectors_owner_must_know_is_shown_before_it_is_used(run, licensed):
    told = "note: `licensed`: ask [Seldon] before production\n"
    assert run("validate", *licensed).out == f"toy.yaml: fine (toy, binary, 8 steps)\n{told}"
    assert run("validate", *licensed, "-o", "json").json["notices"] == ["`licensed`: ask [Seldon] before production"]
    assert run("plan", *licensed).out.endswith(f"\n{told}")
    assert told in run("apply", *licensed, "data.source.params.path=absent.csv").out

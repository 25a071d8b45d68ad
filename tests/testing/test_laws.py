"""Each law can be broken, says so, and says what to change; and a plugin without fault breaks none."""

import importlib.util
import inspect
import sys
from importlib import import_module
from pathlib import Path

import pytest

from mlconfig.contracts import Source
from mlconfig.contracts.catalog import CONTRACTS, Catalog
from mlconfig.errors import PluginError
from mlconfig.testing import LawBrokenError, check_plugin, checks_of, kind_of, parametrize_with_checks
from mlconfig.testing.check import Check


def neighbour(name):
    """A module beside this one, under a name by which its classes can be pickled."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


PLAIN, FITTED, DOORS = (neighbour(f"broken_{name}") for name in ("plain", "fitted", "doors"))
BROKEN = PLAIN.BROKEN + FITTED.BROKEN + DOORS.BROKEN
SOUND = PLAIN.SOUND + FITTED.SOUND + DOORS.SOUND
HEAVY_FILE = """
import sklearn
from mlconfig.contracts import Source

class Heavy(Source):
    '''Imports too early.'''

    def fingerprint(self):
        return "x"

    def read(self):
        return sklearn
"""


@pytest.mark.parametrize(("law", "plugin"), BROKEN, ids=lambda given: getattr(given, "__name__", type(given).__name__))
def test_a_broken_plugin_breaks_its_law(law, plugin):
    with pytest.raises(LawBrokenError) as caught:
        Check(law, plugin)()
    text = str(caught.value)
    assert text.startswith(f"{type(plugin).__name__} breaks a law: {law.__doc__.splitlines()[0]}")
    assert "\n  found: " in text
    assert caught.value.change
    assert f"\n  change: {caught.value.change}" in text


@pytest.mark.parametrize("plugin", SOUND, ids=lambda plugin: type(plugin).__name__)
def test_a_plugin_without_fault_breaks_none(plugin):
    for name, check in checks_of(plugin):
        if (
            name != "its_module_loads_nothing_heavy" or plugin not in FITTED.SOUND
        ):  # the other file imports scikit-learn
            check()


def laws():
    modules = [import_module(f"mlconfig.testing.laws_{name}") for name in ("plugin", *CONTRACTS)]
    return [
        function
        for module in modules
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and list(inspect.signature(function).parameters) == ["plugin"]
        and not name.startswith("_") and name != "laws_for"
    ]  # fmt: skip


def test_every_law_has_a_plugin_that_breaks_it():
    proven = {law for law, _ in BROKEN} | {import_module("mlconfig.testing.laws_plugin").its_module_loads_nothing_heavy}
    assert [law.__name__ for law in laws() if law not in proven] == []
    assert len(laws()) > 50


def test_every_law_is_stated_and_named_once_in_its_kind():
    for law in laws():
        assert law.__doc__.splitlines()[0].endswith((".", "alone.")), law.__name__
    for kind in ("plugin", *CONTRACTS):
        names = [law.__name__ for law in laws() if law.__module__.endswith(f"laws_{kind}")]
        assert len(set(names)) == len(names)


def test_every_law_is_asked_of_somebody():
    plugins = [plugin for _, plugin in BROKEN] + SOUND
    asked = {check.law for plugin in plugins for _, check in checks_of(plugin)}
    assert [law.__name__ for law in laws() if law not in asked] == []


def test_a_module_that_loads_a_heavy_library_is_told(tmp_path):
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "heavy.py").write_text(HEAVY_FILE)
    plugin = Catalog(tmp_path, ["heavy"]).load("source", "heavy")()
    check = dict(checks_of(plugin))["its_module_loads_nothing_heavy"]
    with pytest.raises(LawBrokenError, match=r"found: it loads sklearn.*\n  change: import them inside the methods"):
        check()


def test_an_error_inside_a_plugin_is_its_fault_and_keeps_its_cause():
    class Fails(Source):
        """Raises."""

        def fingerprint(self):
            raise OSError("no disk")

        def read(self):
            raise OSError("no disk")

    with pytest.raises(LawBrokenError, match="found: it raised OSError: no disk") as caught:
        dict(checks_of(Fails()))["fingerprint_is_stable"]()
    assert isinstance(caught.value.__cause__, OSError)


def test_a_class_is_refused_where_an_instance_is_wanted():
    with pytest.raises(PluginError, match="give instances"):
        kind_of(PLAIN.Rows)


def test_check_plugin_runs_all_and_stops_at_the_first_broken_law():
    check_plugin(PLAIN.Rows())
    with pytest.raises(LawBrokenError, match="Undescribed breaks a law"):
        check_plugin(PLAIN.Undescribed())


def test_a_remote_sink_is_not_sent_to():
    names = {name for name, _ in checks_of(PLAIN.REMOTE())}
    assert "it_can_be_pickled" in names
    assert "an_alert_in_any_script_is_delivered" not in names


def test_parameters_are_named_by_plugin_and_law():
    mark = parametrize_with_checks([PLAIN.Rows()]).mark
    assert mark.args[0] == "check"
    assert "0-Rows-fingerprint_is_stable" in [one.id for one in mark.args[1]]

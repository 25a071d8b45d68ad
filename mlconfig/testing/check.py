"""Runs the laws of a plugin's kind on it: one by one, all at once, or as parameters of a pytest function."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from mlconfig.contracts import Plugin
from mlconfig.contracts.catalog import CONTRACTS
from mlconfig.errors import PluginError
from mlconfig.testing.law import Law, LawBrokenError

__all__ = ["Check", "LawBrokenError", "check_plugin", "checks_of", "kind_of", "parametrize_with_checks"]


@dataclass(frozen=True)
class Check:
    """One law and the plugin it is asked of; calling it raises ``LawBrokenError`` when the plugin breaks the law."""

    law: Law
    plugin: Plugin

    @property
    def name(self) -> str:
        """The law's name, fit for a test's id."""
        return str(getattr(self.law, "__name__", self.law))

    @property
    def statement(self) -> str:
        """The law itself, one sentence."""
        return (self.law.__doc__ or self.name).strip().splitlines()[0]

    def __call__(self) -> None:
        head = f"{type(self.plugin).__name__} breaks a law: {self.statement}\n  "
        try:
            self.law(self.plugin)
        except LawBrokenError as broken:
            raise LawBrokenError(f"{head}found: {broken.found}", broken.change) from None
        except Exception as error:
            found = f"found: it raised {type(error).__name__}: {error}"
            raise LawBrokenError(head + found, "make it work on what the law gives it") from error


def kind_of(plugin: Plugin) -> str:
    """The kind of an instance. Raises ``PluginError`` when it is none of them, or a class where an instance is wanted."""
    for kind, contract in CONTRACTS.items():
        if isinstance(plugin, contract):
            return kind
    raise PluginError(
        f"`{plugin!r}` is no plugin of any kind ({', '.join(CONTRACTS)})",
        where="mlconfig.testing",
        hint="give instances, such as MyDetector(MyDetector.Params(tolerance=0.2))",
    )


def checks_of(plugin: Plugin) -> list[tuple[str, Check]]:
    """All checks of a plugin by the name of their law: those of every plugin, then those of its kind and abilities."""
    laws: list[Law] = []
    for module in ("plugin", kind_of(plugin)):
        laws += import_module(f"mlconfig.testing.laws_{module}").laws_for(plugin)
    return [(check.name, check) for check in (Check(law, plugin) for law in laws)]


def check_plugin(plugin: Plugin) -> None:
    """Run all checks; raises the first broken law."""
    for _, check in checks_of(plugin):
        check()


def parametrize_with_checks(plugins: Sequence[Plugin]) -> Any:
    """A pytest decorator: the function is called once a law of each plugin, with the argument ``check``, which it calls."""
    import pytest

    return pytest.mark.parametrize(
        "check",
        [
            pytest.param(check, id=f"{number}-{type(plugin).__name__}-{name}")
            for number, plugin in enumerate(plugins)
            for name, check in checks_of(plugin)
        ],
    )

"""What a law is made of: a function of a plugin that demands something and says what to change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Law = Callable[[Any], None]
"""Takes an instance of a plugin; its docstring states the law; raises ``LawBrokenError`` when the plugin breaks it."""


class LawBrokenError(AssertionError):
    """A plugin breaks a law of its kind.

    Args:
        found: what was seen.
        change: what the plugin's author has to change.
    """

    def __init__(self, found: str, change: str = "") -> None:
        super().__init__(found, change)
        self.found, self.change = found, change

    def __str__(self) -> str:
        return f"{self.found}\n  change: {self.change}" if self.change else self.found


def demand(holds: object, found: str, change: str) -> None:
    """Raise ``LawBrokenError`` unless it holds."""
    if not holds:
        raise LawBrokenError(found, change)

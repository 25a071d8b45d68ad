"""Every error says where, what, and what to do about it.

All of them can be pickled, because many cross a process: raw arguments go to ``super().__init__`` and the text is
made in ``__str__``.
"""

from __future__ import annotations

from dataclasses import dataclass


class MlconfigError(Exception):
    """Base of all errors that are somebody's mistake and not a bug: shown without a traceback, exit code 2.

    Args:
        what: one sentence that states the fault.
        where: a file with its line, a key path, an override, a column, an address. Empty when there is no such place.
        hint: what to do about it. Empty when nothing useful can be said.
    """

    def __init__(self, what: str, where: str = "", hint: str = "") -> None:
        super().__init__(what, where, hint)
        self.what, self.where, self.hint = what, where, hint

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        advice = f"\n  hint: {self.hint}" if self.hint else ""
        return f"{place}{self.what}{advice}"


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a recipe: its place (``file:line`` or the override), key path, reason, and advice."""

    where: str
    path: str
    what: str
    hint: str = ""

    def __str__(self) -> str:
        key = f"{self.path}: " if self.path else ""
        advice = f" ({self.hint})" if self.hint else ""
        return f"{self.where}: {key}{self.what}{advice}"


class RecipeError(MlconfigError):
    """A recipe that cannot be used, with all of its problems at once."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        Exception.__init__(self, problems)
        self.problems = problems
        self.what, self.where, self.hint = f"{len(problems)} problem(s) in the recipe", problems[0].where, ""

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


class PlanError(MlconfigError):
    """A plan that cannot be made, read, or carried out as it stands (a stale one, for example)."""


class PluginError(MlconfigError):
    """A plugin that is unknown, owned twice, broken, or given wrong params."""


class DataError(MlconfigError):
    """Data that cannot be read, or breaks its schema."""


class TrainingError(MlconfigError):
    """A model that could not be fitted or searched."""


class PackagingError(MlconfigError):
    """A model that cannot be exported, or whose export predicts something else."""


class ServingError(MlconfigError):
    """An endpoint that cannot be started, reached, or asked."""


class EngineError(MlconfigError):
    """The cluster, a job on it, or the head we started."""


class StateError(MlconfigError):
    """The lifecycle database: unreachable, newer than this version, or a transition that was lost to another."""


class TrackingError(MlconfigError):
    """MLflow: unreachable, or without the version asked for."""

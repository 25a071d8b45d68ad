"""What a detector gave back, once it is what the contract asks for: a plugin may give anything."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from pydantic import ValidationError

from mlconfig.records.verdict import Finding

_FAULTS = {
    "finite_number": "no finite number",
    "float_type": "no number",
    "float_parsing": "no number",
    "bool_type": "neither true nor false",
    "bool_parsing": "neither true nor false",
    "string_type": "no text",
}


class NoFindingError(Exception):
    """What a detector did instead of giving findings, as what follows after its name."""


def findings_of(check: Callable[[], object], known: Collection[str]) -> tuple[Finding, ...]:
    """What a detector finds.

    Args:
        check: asks it.
        known: the columns that a finding may be about.

    Errors: ``NoFindingError`` for all that it may do but find. A score that is no number would vote by chance, and a
    column that is not there would be alerted of and could not be looked at.
    """
    try:
        findings = check()
    except ValidationError as error:
        raise NoFindingError(_of_validation(error)) from error
    except (Exception, SystemExit) as error:  # a stranger's detector must not end the watch over the others
        raise NoFindingError(f"raised {type(error).__name__}: {_first_line(error)}") from error
    if not isinstance(findings, tuple | list) or not all(isinstance(finding, Finding) for finding in findings):
        raise NoFindingError(f"gave back {findings!r:.60}, and must give a tuple of findings")
    try:  # `model_construct` validates nothing
        checked = tuple(Finding.model_validate(dict(finding)) for finding in findings)
    except ValidationError as error:
        raise NoFindingError(_of_validation(error)) from error
    named = (name for each in checked for name in (each.column, *each.shown_by))
    if unknown := next((name for name in named if name not in {None, *known}), None):
        raise NoFindingError(f"gave a finding about the column `{unknown}`, which the version does not have")
    return checked


def _of_validation(error: ValidationError) -> str:
    """In our words where the detector made a finding; of any other model of its own as it says it."""
    faults = error.errors(include_url=False)
    if error.title == Finding.__name__:
        return f"gave a finding whose {'; '.join(_fault(fault) for fault in faults)}"
    first = faults[0]
    return f"raised ValidationError: {error.title}.{_place(first)}: {first['msg']}"


def _fault(fault: Any) -> str:
    if fault["type"] == "missing":
        return f"{_place(fault)} is missing"
    value = fault["input"]
    told = f"{value:g}" if isinstance(value, float) else f"{value!r:.40}"
    return f"{_place(fault)} is {told}, which is {_FAULTS.get(fault['type'], 'not what it must be')}"


def _place(fault: Any) -> str:
    return ".".join(str(part) for part in fault["loc"])


def _first_line(error: BaseException) -> str:
    """A row of the table has one line."""
    return next(iter(str(error).splitlines()), "")

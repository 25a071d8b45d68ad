"""Reads one YAML scalar as it was written, and names what YAML 1.1 would make of it behind the writer's back."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import TypeVar

import yaml

Scalar = str | int | float | bool | None
N = TypeVar("N", int, float)

_CORE = "tag:yaml.org,2002:"
_EXPONENT = re.compile(r"[-+]?(\d[\d_]*)(\.\d*)?[eE][-+]?\d+")
_TRUTH = {"true": True, "false": False}


class TrapError(Exception):
    """A scalar that YAML reads as something else than it says; holds the reason and what to write."""

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what, hint)
        self.what, self.hint = what, hint


def read_scalar(node: yaml.ScalarNode) -> Scalar:
    """The value of a scalar node.

    Raises:
        TrapError: a spelling that YAML 1.1 turns into another value, a date, a number that is none, or a foreign tag.
    """
    if not node.style and _EXPONENT.fullmatch(node.value):  # YAML 1.1 takes 1e-6 for text
        return _finite(float(node.value.replace("_", "")), node.value)
    kind = node.tag.removeprefix(_CORE)
    reader = _READERS.get(kind)
    if reader is None:
        raise TrapError(f"the tag `{node.tag}` is not available in a recipe", "a recipe is data and runs no code")
    return reader(node.value)


def _bool(text: str) -> bool:
    if text.lower() not in _TRUTH:
        meant = text.lower() in ("yes", "on")
        raise TrapError(
            f"YAML reads `{text}` as {str(meant).lower()}", f'write {str(meant).lower()}, or quote it: "{text}"'
        )
    return _TRUTH[text.lower()]


def _int(text: str) -> int:
    digits = text.replace("_", "")
    if ":" in text:
        raise TrapError(f"YAML reads `{text}` as a number to base 60", f'quote it: "{text}"')
    if len(digits.lstrip("+-")) > 1 and digits.lstrip("+-").isdigit() and digits.lstrip("+-")[0] == "0":
        raise TrapError(f"YAML reads `{text}` as an octal number", f'quote it: "{text}", or leave out the leading 0')
    if len(digits) > 300:
        raise TrapError("a number with more than 300 digits")
    return _number(text, lambda: int(digits, 0))


def _float(text: str) -> float:
    if ":" in text:
        raise TrapError(f"YAML reads `{text}` as a number to base 60", f'quote it: "{text}"')
    plain = text.replace("_", "").lower()
    return _finite(_number(text, lambda: float(plain.replace(".inf", "inf").replace(".nan", "nan"))), text)


def _number(text: str, read: Callable[[], N]) -> N:
    try:
        return read()
    except ValueError:
        raise TrapError(f"`{text[:40]}` is no number") from None


def _finite(value: float, text: str) -> float:
    if not math.isfinite(value):
        raise TrapError(f"`{text[:40]}` is no finite number", "null stands for no bound")
    return value


def checked_text(text: str) -> str:
    """The text, when it can be written as UTF-8 and holds no NUL.

    Raises:
        TrapError: half of a surrogate pair, or a NUL.
    """
    if "\0" in text:
        raise TrapError("a NUL character in a text")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise TrapError("half of a surrogate pair, which is no text") from None
    return text


def _null(_: str) -> None:
    return None


def _date(text: str) -> str:
    raise TrapError(f"YAML reads `{text}` as a date", f'quote it: "{text}"')


_READERS: dict[str, Callable[[str], Scalar]] = {
    "str": checked_text,
    "bool": _bool,
    "int": _int,
    "float": _float,
    "null": _null,
    "timestamp": _date,
}

"""Where a JSON body is at fault: only one that is to be refused is read for it, once more, by a parser that takes more."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from mlconfig.contracts.refusal import RequestRefusedError

_LONE = re.compile("[\ud800-\udfff]")
_LONGEST_NAME, _LONGEST_PATH = 64, 200


class Fault(NamedTuple):
    """What is wrong, in the place of the value that it was found at. ``path``: from there down, ``.name`` or ``[index]``."""

    what: str
    hint: str
    path: str = ""

    def below(self, key: str | int) -> Fault:
        """The same, told from one level higher; a name from the client is cut."""
        step = f"[{key}]" if isinstance(key, int) else "." + _LONE.sub("\ufffd", key[:_LONGEST_NAME])
        return self._replace(path=step + self.path)

    def refusal(self) -> RequestRefusedError:
        """The fault of a whole body."""
        where = self.path.removeprefix(".")[:_LONGEST_PATH]
        return RequestRefusedError(400, self.what, where or "body", self.hint)


_NO_NUMBER = Fault("NaN and infinities are no JSON", "send null where the value may be missing")
_NO_TEXT = Fault("the text is not valid Unicode", "send UTF-8, and surrogates in pairs")
TWICE = Fault("the field is there twice", "send each field once")


def malformed(body: bytes, hint: str) -> RequestRefusedError:
    """The refusal (400) of a body that is no JSON; it names the field where all else is JSON."""
    found = first_fault(body)
    if found is not None:
        return found.refusal()
    return RequestRefusedError(400, "the body is not valid JSON", hint=hint)


def first_fault(body: bytes) -> Fault | None:
    """The first of what JSON does not allow and Python's parser takes; null where that takes the body neither."""
    try:
        tree = json.loads(
            body.decode("utf-8", "surrogateescape"),  # bytes that are no UTF-8 become lone surrogates
            object_pairs_hook=_object,
            parse_constant=lambda _: _NO_NUMBER,
            parse_int=str,  # of thousands of digits Python makes no number
            parse_float=str,
        )
        return _find(tree)
    except (ValueError, RecursionError):
        return None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | Fault:
    """An object, or what is wrong with its names."""
    seen: dict[str, Any] = {}
    for name, value in pairs:
        if name in seen:
            return TWICE.below(name)
        if _LONE.search(name):
            return _NO_TEXT.below(name)
        seen[name] = value
    return seen


def _find(value: Any) -> Fault | None:
    if isinstance(value, Fault):
        return value
    if isinstance(value, str):
        return _NO_TEXT if _LONE.search(value) else None
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        found = _find(child)
        if found is not None:
            return found.below(key)
    return None

"""What a JSON parser passes over in silence: a name that is there twice, and nesting without end."""

from __future__ import annotations

import json
import re
from typing import Any

from mlconfig.contracts.json_place import TWICE, first_fault
from mlconfig.contracts.refusal import RequestRefusedError

_NAME = re.compile(rb'"\s*:')
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)


class _RepeatedError(Exception):
    """An object has a name twice."""


def is_said_once(body: bytes, fields: int) -> bool:
    """Whether no name can be there twice, told by counting: ``fields`` different ones were found.

    Each name is followed by a colon, so as many colons as fields leave none for a second one. Colons in text make the count
    too large; then quotes with a colon are counted, which text hardly has.
    """
    return body.count(b":") == fields or len(_NAME.findall(body)) == fields


def refuse_repeated(body: bytes) -> None:
    """Raises RequestRefusedError (400) where an object has a name twice: parsers differ in which of the two counts."""
    try:
        # numbers stay text: of one with thousands of digits Python makes no number
        json.loads(body, object_pairs_hook=_once, parse_int=str, parse_float=str)
    except _RepeatedError:
        raise (first_fault(body) or TWICE).refusal() from None
    except RecursionError:
        raise RequestRefusedError(400, "the body is nested too deeply", "body") from None
    except ValueError:
        return  # no JSON: who decodes it tells


def _once(pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) != len(pairs):
        raise _RepeatedError


def refuse_deep(body: bytes, depth: int) -> None:
    """Raises RequestRefusedError (400) for JSON that is nested deeper than that; text is not looked into."""
    if body.count(b"[") + body.count(b"{") <= depth:
        return
    now = 0
    for token in _TOKEN.finditer(body):
        kind = token[0]
        now += (kind in (b"[", b"{")) - (kind in (b"]", b"}"))
        if now > depth:
            raise RequestRefusedError(400, f"the body is nested deeper than {depth} levels", "body")

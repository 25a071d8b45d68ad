"""What MLflow takes in one call: flat params, short keys and values, batches of a bounded size."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

KEY, VALUE, TAG = 250, 6000, 5000
"""Characters of a key, of a param's value, of a tag's value."""
PARAMS, METRICS = 100, 800
"""Items of one ``log_batch``; all together at most 1,000."""

_NO_KEY = re.compile(r"[^\w\-. :/]")
T = TypeVar("T")


def flatten(tree: Mapping[str, Any], above: str = "") -> dict[str, str]:
    """Nested mappings as dotted keys, each value as text; lists and what they hold stay JSON."""
    flat: dict[str, str] = {}
    for name, value in tree.items():
        key = f"{above}{name}"
        if isinstance(value, Mapping) and value:
            flat |= flatten(value, f"{key}.")
        else:
            flat[legal_key(key)] = _shorten(value if isinstance(value, str) else json.dumps(value, default=str), VALUE)
    return flat


def legal_key(key: str) -> str:
    """A key without the characters that MLflow refuses."""
    return _shorten(_NO_KEY.sub("_", key), KEY)


def numbers(metrics: Mapping[str, float]) -> dict[str, float]:
    """The metrics that are numbers: MLflow's SQL store turns NaN into 0, which would be a lie."""
    return {legal_key(key): float(value) for key, value in metrics.items() if math.isfinite(value)}


def in_parts(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Consecutive parts of at most ``size`` items."""
    return (items[start : start + size] for start in range(0, len(items), size))


def _shorten(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"

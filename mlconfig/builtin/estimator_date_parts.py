"""Hour, weekday, month and the like out of wall-clock seconds, by whole-number arithmetic alone.

Days to year, month and day as in Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`. The same
steps run in numpy and, node by node, in the graph: one class of operations stands for both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from onnx import TensorProto

from mlconfig.builtin.onnx_writer import Graph, OnnxTransformer
from mlconfig.records.wall_clock import NO_TIME

Array = np.ndarray[Any, Any]


class _Value:
    """A column of int64 in numpy or in the graph; ``//`` and ``%`` round downwards in both."""

    def __init__(self, raw: Any, graph: Graph | None) -> None:
        self.raw, self.graph = raw, graph

    def _do(self, op: str, other: int | _Value, numpy: Callable[[Any, Any], Any]) -> _Value:
        if self.graph is None:
            return _Value(numpy(self.raw, other.raw if isinstance(other, _Value) else np.int64(other)), None)
        right = other.raw if isinstance(other, _Value) else self.graph.constant(np.asarray([other], dtype=np.int64))
        return _Value(self.graph.node(op, self.raw, right), self.graph)

    def __add__(self, other: int | _Value) -> _Value:
        return self._do("Add", other, np.add)

    def __sub__(self, other: int | _Value) -> _Value:
        return self._do("Sub", other, np.subtract)

    def __mul__(self, other: int) -> _Value:
        return self._do("Mul", other, np.multiply)

    def __mod__(self, other: int) -> _Value:
        return self._do("Mod", other, np.mod)

    def __floordiv__(self, other: int) -> _Value:
        whole = self - self % other  # Div rounds towards zero; of a multiple, it is exact
        return whole._do("Div", other, np.floor_divide)

    def at_least(self, other: int) -> _Value:
        """1 where the value is ``other`` or more, else 0."""
        if self.graph is None:
            return _Value((self.raw >= other).astype(np.int64), None)
        compared = self.graph.node("GreaterOrEqual", self.raw, self.graph.constant(np.asarray([other], np.int64)))
        return _Value(self.graph.cast(compared, TensorProto.INT64), self.graph)


def _civil(days: _Value) -> dict[str, _Value]:
    """Year, month and day of days since 1970-01-01."""
    shifted = days + 719_468
    era = shifted // 146_097
    of_era = shifted - era * 146_097
    year_of_era = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (year_of_era * 365 + year_of_era // 4 - year_of_era // 100)
    from_march = (of_year * 5 + 2) // 153
    day = of_year - (from_march * 153 + 2) // 5 + 1
    month = from_march + 3 - from_march.at_least(10) * 12
    year = year_of_era + era * 400 + 1 - month.at_least(3)
    return {"year": year, "month": month, "day": day}


def parts_of(seconds: _Value, parts: Sequence[str]) -> list[_Value]:
    """The parts asked for, in their order."""
    days, of_day = seconds // 86_400, seconds % 86_400
    weekday = (days + 3) % 7
    found = {
        "hour": of_day // 3_600,
        "minute": of_day // 60 % 60,
        "day_of_week": weekday,
        "is_weekend": weekday.at_least(5),
    }
    if not set(parts) <= set(found):
        civil = _civil(days)
        found |= civil
        found["quarter"] = (civil["month"] + 2) // 3
    return [found[part] for part in parts]


class DatePartsTransformer(OnnxTransformer):
    """Parts of each time, column by column; a missing time gives NaN in all of its parts.

    Args:
        parts: of hour, minute, day_of_week (Monday is 0), is_weekend, day, month, quarter, year.
    """

    def __init__(self, parts: tuple[str, ...] = ("hour", "day_of_week", "month")) -> None:
        self.parts = parts

    def learn(self, x: Array) -> None:
        """Only the width."""
        self.width_ = x.shape[1] * len(self.parts)

    def apply(self, x: Array) -> Array:
        """float32 [rows, columns · parts]."""
        missing = x == NO_TIME
        seconds = _Value(np.where(missing, np.int64(0), x.astype(np.int64)), None)
        whole = [part.raw.astype(np.float32) for part in parts_of(seconds, self.parts)]
        return np.concatenate([np.where(missing, np.float32(np.nan), part) for part in whole], axis=1)

    def write(self, graph: Graph, x: str) -> str:
        """The same operations on int64, then Where(missing, NaN, part)."""
        missing = graph.node("Equal", x, graph.constant(np.asarray([NO_TIME], dtype=np.int64)))
        known = graph.node("Where", missing, graph.constant(np.asarray([0], dtype=np.int64)), x)
        nan = graph.constant(np.asarray([np.nan], dtype=np.float32))
        whole = [graph.cast(part.raw, TensorProto.FLOAT) for part in parts_of(_Value(known, graph), self.parts)]
        found = [graph.node("Where", missing, nan, part) for part in whole]
        return found[0] if len(found) == 1 else graph.node("Concat", *found, axis=1)

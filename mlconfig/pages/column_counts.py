"""A column's counts in the reference and now, side by side."""

from __future__ import annotations

from dataclasses import dataclass

from mlconfig.pages.wording import Clock, count, number, share
from mlconfig.profiles.counts import CategoricalCounts, NumericCounts
from mlconfig.profiles.layout import ColumnLayout
from mlconfig.profiles.profile import Profile

NOTABLE = 0.01
"""A share that grew by so much is marked."""
_ALWAYS = ("rows", "nulls", "out of range", "new categories")


@dataclass(frozen=True)
class CountRow:
    """A figure of the reference beside the current one; ``notable`` where a person should look."""

    name: str
    reference: str
    current: str
    notable: bool = False


@dataclass(frozen=True)
class _Fact:
    """``part``: of the rows; null for what is no share. ``shown``: not left out even when both sides have none."""

    text: str
    part: float | None = None


def count_rows(column: ColumnLayout, reference: Profile | None, current: Profile | None) -> tuple[CountRow, ...]:
    """Rows, nulls, what is out of range or new, and where the values lie. What neither side has is left out."""
    before, now = _facts(column, reference), _facts(column, current)
    nothing = _Fact("–")
    rows = []
    for name in dict.fromkeys([*before, *now]):
        one, other = before.get(name, nothing), now.get(name, nothing)
        if name in _ALWAYS or one.part or other.part or (one.part is None and other.part is None):
            grown = (other.part or 0.0) - (one.part or 0.0) >= NOTABLE
            rows.append(CountRow(name, one.text, other.text, grown))
    return tuple(rows)


def _facts(column: ColumnLayout, profile: Profile | None) -> dict[str, _Fact]:
    if profile is None or column.name not in profile.columns:
        return {}
    counts = profile.columns[column.name]
    facts = {"rows": _Fact(count(counts.rows)), "nulls": _part(counts.nulls, counts.rows)}
    if isinstance(counts, CategoricalCounts):
        return facts | _level_facts(counts)
    return facts | _number_facts(column, profile, counts)


def _part(amount: int, rows: int) -> _Fact:
    if not amount:
        return _Fact("0", 0.0)
    return _Fact(f"{amount:,} ({share(amount / rows)})", amount / rows)


def _level_facts(counts: CategoricalCounts) -> dict[str, _Fact]:
    return {
        "new categories": _part(counts.new, counts.rows),
        "rare, together": _part(counts.other, counts.rows),
        "categories seen": _Fact(count((counts.counts > 0).sum())),
    }


def _number_facts(column: ColumnLayout, profile: Profile, counts: NumericCounts) -> dict[str, _Fact]:
    facts = {
        "out of range": _part(counts.below + counts.above, counts.rows),
        "infinite": _part(counts.pos_inf + counts.neg_inf, counts.rows),
    }
    if not counts.n:
        return facts
    median = float(profile.quantile(column.name, 0.5)[0])
    places = {"smallest": counts.minimum, "median": median, "largest": counts.maximum}
    if column.kind == "timestamp":
        clock = Clock("UTC")  # what a clock on the wall showed is kept as if it were UTC
        return facts | {name: _Fact(clock.at(value)) for name, value in places.items()}
    places["mean"] = profile.mean(column.name)
    return facts | {name: _Fact(number(value)) for name, value in places.items()}

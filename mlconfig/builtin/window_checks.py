"""Checks of a window as a whole, from its facts: what never came, what was refused, what is old, doubled, or not there."""

from __future__ import annotations

from datetime import timedelta

from mlconfig.builtin.proportions import wilson
from mlconfig.contracts.detector import WindowFacts
from mlconfig.profiles.profile import Profile
from mlconfig.records.verdict import Finding
from mlconfig.vocabulary import FrozenDict, format_duration


def missing(facts: WindowFacts, reference: Profile, alpha: float) -> Finding:
    """Columns that are null in every row, although nulls of the reference are not so frequent that this may be chance."""
    gone = [name for name in facts.missing if _hardly_chance(name, reference, facts.rows, alpha)]
    return Finding(
        column=None,
        statistic="missing_columns",
        drift_score=float(len(gone)),
        threshold=0.0,
        is_drift=bool(gone),
        details=FrozenDict({"rows": float(facts.rows)}),
        message=_without_values(gone, facts.omittable),
    )


def _without_values(gone: list[str], omittable: tuple[str, ...]) -> str:
    """A required column that is left out, or renamed, is refused: where rows came, it was sent as null."""
    null, maybe = ([name for name in gone if (name in omittable) == may] for may in (False, True))
    said = [
        f"{_listed(names)} {'is' if len(names) == 1 else 'are'} {how}"
        for names, how in (
            (null, "null in every row"),
            (maybe, f"null or left out in every row: {'was it' if len(maybe) == 1 else 'were they'} renamed?"),
        )
        if names
    ]
    return "; ".join(said)


def _hardly_chance(name: str, reference: Profile, rows: int, alpha: float) -> bool:
    counts = reference.columns.get(name)
    return bool(counts is None or not counts.rows or (counts.nulls / counts.rows) ** rows <= alpha)


def _listed(names: list[str], most: int = 5) -> str:
    told = ", ".join(f"`{name}`" for name in names[:most])
    return told if len(names) <= most else f"{told} and {len(names) - most} more"


def rejected(facts: WindowFacts, allowed: float, alpha: float) -> Finding | None:
    """Requests refused for what was sent; null where it is not known how many there were."""
    value = facts.rejected_fraction
    if value is None:
        return None
    requests = facts.requests if facts.requests is not None else round(facts.rows / max(1.0 - value, 1e-9))
    if not requests:
        return None
    at_least, _ = wilson(value * requests, requests, alpha)
    breached = at_least > allowed
    return Finding(
        column=None,
        statistic="rejected_fraction",
        drift_score=value,
        threshold=allowed,
        is_drift=breached,
        details=FrozenDict({"requests": float(requests), "at_least": at_least}),
        message=f"{value:.1%} of the requests were refused for what was sent ({allowed:.1%} allowed)"
        if breached
        else "",
    )


def duplicates(facts: WindowFacts, allowed: float, alpha: float) -> Finding | None:
    """Rows whose inputs another row has, over the reference's share; null where it is not known."""
    if facts.duplicate_fraction is None or not facts.rows:
        return None
    before = facts.reference_duplicate_fraction
    increase = facts.duplicate_fraction - before
    at_least = wilson(facts.duplicate_fraction * facts.rows, facts.rows, alpha)[0] - before
    breached = at_least > allowed
    return Finding(
        column=None,
        statistic="duplicate_fraction_increase",
        drift_score=increase,
        threshold=allowed,
        is_drift=breached,
        details=FrozenDict({"value": facts.duplicate_fraction, "reference": before, "at_least": at_least}),
        message=f"{facts.duplicate_fraction:.1%} of the rows are duplicates, {before:.1%} in the reference "
        f"({allowed:.1%} more allowed)"
        if breached
        else "",
    )


def freshness(facts: WindowFacts, allowed: timedelta | None) -> Finding | None:
    """The age of the newest row; null where no bound is set, or no row has an event time."""
    if allowed is None or facts.newest_age is None:
        return None
    age, bound = facts.newest_age, allowed.total_seconds()
    return Finding(
        column=None,
        statistic="newest_age",
        drift_score=age,
        threshold=bound,
        is_drift=age > bound,
        message=f"the newest row is {format_duration(timedelta(seconds=round(age)))} old ({format_duration(allowed)} allowed)"
        if age > bound
        else "",
    )


def volume(facts: WindowFacts, allowed: float, alpha: float) -> Finding | None:
    """How much is missing of the rows that were expected; null where nothing was.

    It counts where it is more than allowed and so few rows have a probability of at most alpha among those expected (Poisson).
    """
    from scipy.special import pdtr

    if not facts.expected_rows:
        return None
    drop, chance = 1.0 - facts.rows / facts.expected_rows, float(pdtr(facts.rows, facts.expected_rows))
    breached = drop > allowed and chance <= alpha
    return Finding(
        column=None,
        statistic="volume_drop",
        drift_score=drop,
        threshold=allowed,
        is_drift=breached,
        p_value=chance,
        details=FrozenDict({"rows": float(facts.rows), "expected_rows": facts.expected_rows}),
        message=f"{facts.rows:,} rows where about {facts.expected_rows:,.0f} were expected" if breached else "",
    )

"""From rounds to the table: medians, ratios within a round, and beside each goal whether it is met."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from benchmarks.report import Row, median
from benchmarks.serving_load import Round
from benchmarks.serving_ours import ENDPOINTS
from benchmarks.serving_peers import FASTAPI

Rounds = Mapping[str, Sequence[Round]]
"""By server."""
STANDARD, FAST, STANDARD_BARE, FAST_BARE = (endpoint.what for endpoint in ENDPOINTS)
OURS = frozenset((STANDARD, FAST, STANDARD_BARE, FAST_BARE))
LANES = (STANDARD, FAST)
RATE_GOALS = {STANDARD: {1: 0.65, 16: 1.1, 64: 1.2}, FAST: {1: 1.0, 16: 2.2, 64: 3.0}}
PEER_GOALS = {
    "MLServer": {STANDARD: 2.2, FAST: 5.0},
    "BentoML": {STANDARD: 3.0, FAST: 7.0},
    "LitServe": {STANDARD: 3.0, FAST: 8.0},
    "mlflow": {STANDARD: 30.0, FAST: 60.0},
}
"""At ``PEER_CONNECTIONS``."""
PEER_CONNECTIONS, LATE_CONNECTIONS = 64, 16
P99_GOALS = {STANDARD: 1.1, FAST: 0.6}
SLOW_STORE_P99 = 1.1
FEATURES_US = 15.0
RESIDENT_MB = 400.0


def at_least(seen: float, goal: float) -> dict[str, float | str]:
    """The goal's two columns, where more is better."""
    return {"goal": f"≥ {goal:g}", "met": "yes" if seen >= goal else "no"}


def at_most(seen: float, goal: float) -> dict[str, float | str]:
    """The goal's two columns, where less is better."""
    return {"goal": f"≤ {goal:g}", "met": "yes" if seen <= goal else "no"}


def ratio(one: Iterable[Round], other: Iterable[Round], name: str = "rate") -> float:
    """The median of ratios within a round."""
    return median(getattr(a, name) / getattr(b, name) for a, b in zip(one, other, strict=True))


def of_servers(connections: int, found: Rounds) -> list[Row]:
    """A line a server, at one number of connections."""
    return [_of_server(name, connections, rounds, found[FASTAPI]) for name, rounds in found.items()]


def of_bare(connections: int, found: Rounds) -> list[Row]:
    """The lines of the bare endpoints."""
    return [_of_server(name, connections, found[name], found[FASTAPI]) for name in (STANDARD_BARE, FAST_BARE)]


def _of_server(name: str, connections: int, rounds: Sequence[Round], baseline: Sequence[Round]) -> Row:
    beside = ratio(rounds, baseline)
    goal = RATE_GOALS.get(name, {}).get(connections)
    return Row(
        f"{name}, c = {connections}",
        {
            "requests/s": median(one.rate for one in rounds),
            "p50 ms": median(one.p50 for one in rounds),
            "p99 ms": median(one.p99 for one in rounds),
            "CPU µs a request": median(one.cpu for one in rounds),
            "not 2xx or lost": _wrong(name, sum(one.wrong for one in rounds)),
            "÷ FastAPI, or seen": beside,
            **({} if goal is None else at_least(beside, goal)),
        },
    )


def _wrong(name: str, count: int) -> str:
    return f"{count}, must be 0" if name in OURS and count else str(count)


def of_peers(found: Rounds) -> list[Row]:
    """Requests a second over each peer's."""
    rows = []
    for peer, goals in PEER_GOALS.items():
        for name in [name for name in found if name.startswith(peer)]:
            for lane in LANES:
                seen = ratio(found[lane], found[name])
                what = f"{lane}: requests/s ÷ {name}'s, c = {PEER_CONNECTIONS}"
                rows.append(Row(what, {"÷ FastAPI, or seen": seen, **at_least(seen, goals[lane])}))
    return rows


def of_lateness(found: Rounds) -> list[Row]:
    """The 99th percentile over FastAPI's."""
    rows = []
    for lane in LANES:
        seen = ratio(found[lane], found[FASTAPI], "p99")
        what = f"{lane}: p99 ÷ FastAPI's, c = {LATE_CONNECTIONS}"
        rows.append(Row(what, {"÷ FastAPI, or seen": seen, **at_most(seen, P99_GOALS[lane])}))
    return rows


def of_slow_store(found: Mapping[str, Sequence[tuple[Round, Round]]]) -> list[Row]:
    """The 99th percentile while the store is slow over that of the round without, and requests that were lost."""
    rows = []
    for name, pairs in found.items():
        seen = ratio([slowed for slowed, _ in pairs], [other for _, other in pairs], "p99")
        wrong = _wrong(name, sum(slowed.wrong for slowed, _ in pairs))
        what = f"{name}: p99 while the store is slow, over p99 while it is not, c = {LATE_CONNECTIONS}"
        rows.append(Row(what, {"not 2xx or lost": wrong, "÷ FastAPI, or seen": seen, **at_most(seen, SLOW_STORE_P99)}))
    return rows


def of_features(connections: int, found: Rounds, idle: float) -> list[Row]:
    """What the features cost: processor time a request with all of them, less the bare endpoint's of the same round.

    ``idle``: processor seconds a second while nobody asks; taken off both, else the slower one would be charged with more.
    """
    rows = []
    for full, bare in ((STANDARD, STANDARD_BARE), (FAST, FAST_BARE)):
        pairs = list(zip(found[full], found[bare], strict=True))
        seen = median(_busy(a, idle) - _busy(b, idle) for a, b in pairs)
        replica = median(a.replica_cpu - b.replica_cpu for a, b in pairs)
        features = f"canary, shadow, log and keys together, c = {connections}"
        what = f"{full}: {features} (CPU µs a request; of the replica alone: {replica:.1f})"
        rows.append(Row(what, {"÷ FastAPI, or seen": seen, **at_most(seen, FEATURES_US)}))
    return rows


def _busy(one: Round, idle: float) -> float:
    return one.cpu - idle / one.rate * 1e6


def of_memory(resident: Mapping[str, Mapping[str, float]]) -> list[Row]:
    """What a replica with three versions holds after the load."""
    rows = []
    for lane in LANES:
        sizes = resident[lane]
        what = f"{lane}: a replica with three versions, MB resident (its proportional share: {sizes['PSS MB']:.0f})"
        rows.append(Row(what, {"÷ FastAPI, or seen": sizes["RSS MB"], **at_most(sizes["RSS MB"], RESIDENT_MB)}))
    return rows

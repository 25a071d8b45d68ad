"""Whether a candidate's bytes may serve: each gate judged, and said in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from mlconfig.records.verdict import GateResult, GateVerdict
from mlconfig.records.version import MetricValue
from mlconfig.vocabulary import format_size, parse_duration, parse_size

if TYPE_CHECKING:
    from mlconfig.evaluation.compare import PairedDifference
    from mlconfig.sections.evaluation import Gate

CONDITIONS = ("min", "max", "not_worse_by", "better_by")


@dataclass(frozen=True)
class _Unit:
    """How a gate's bound is read and its value is written."""

    read: Callable[[Any], float]
    write: Callable[[float], str]


def _seconds(value: Any) -> float:
    duration: timedelta = parse_duration(value)
    return duration.total_seconds()


def _write_size(value: float) -> str:
    return format_size(int(value)) if value < 1 << 20 else f"{value / (1 << 20):.2f}MiB"


_PLAIN = _Unit(float, lambda value: f"{value:.4g}")
_UNITS = {
    "size": _Unit(lambda value: float(parse_size(value)), _write_size),
    "latency_p99": _Unit(_seconds, lambda value: f"{value * 1000:.3g}ms"),
}


def judge(
    gates: Mapping[str, Gate],
    values: Mapping[str, MetricValue],
    differences: Mapping[str, PairedDifference],
    *,
    size: int,
    latency_p99: float,
    artifact_sha256: str,
    champion: str | None,
    refused: str = "",
) -> GateVerdict:
    """The verdict on a candidate.

    - ``min``, ``max``: with ``judge: bound`` the interval's worse end must pass (its low end ``min``, its high end ``max``),
      with ``judge: point`` the value itself.
    - ``not_worse_by: d``: the paired difference on the same rows, in the metric's good direction, is at least −d;
      ``better_by: d``: at least d. With ``judge: bound`` the low end of the *difference's* interval must be:
      "not shown to be worse" is not
      enough, "shown to be no worse" is asked. Equal answers differ by exactly 0 and pass ``not_worse_by`` always.
    - Without a champion a comparison passes. With one, a comparison that could not be made does not.

    Args:
        gates: by metric, or ``size`` and ``latency_p99``.
        values: of ``evaluate``.
        differences: of ``compare_paired``; empty without a champion.
        size: of the packaged model, bytes.
        latency_p99: of one row in the packaged model, seconds.
        artifact_sha256: the bytes that are judged.
        champion: the version compared with, or null.
        refused: why there is a champion and yet no comparison on the same rows.

    Only gates with ``mode: enforce`` decide; ``report`` is judged and said, ``disabled`` is not judged.
    """
    measured = dict(values)
    for name, fact in (("size", float(size)), ("latency_p99", latency_p99)):
        measured[name] = MetricValue(value=fact, low=fact, high=fact, rows=0)
    results = tuple(
        _judge_one(name, gate, measured.get(name), differences.get(name), champion, refused)
        for name, gate in gates.items()
    )
    passed = all(result.passed for result in results if result.mode == "enforce")
    return GateVerdict(artifact_sha256=artifact_sha256, passed=passed, results=results, champion=champion)


def _judge_one(
    name: str,
    gate: Gate,
    value: MetricValue | None,
    difference: PairedDifference | None,
    champion: str | None,
    refused: str,
) -> GateResult:
    shown = value or MetricValue(value=0.0, low=0.0, high=0.0, rows=0)
    bound = ", ".join(f"{word} {getattr(gate, word)}" for word in CONDITIONS if getattr(gate, word) is not None)
    if gate.mode == "disabled":
        checks = [(True, "switched off")]
    elif value is None:
        checks = [(False, "undefined on the held-out rows, so it cannot pass")]
    else:
        checks = [*_floor_and_ceiling(name, gate, value), *_comparisons(gate, difference, champion, refused)]
    return GateResult(
        gate=name,
        value=shown.value,
        low=shown.low,
        high=shown.high,
        bound=bound,
        champion=difference.champion if difference else None,
        passed=all(passed for passed, _ in checks),
        mode=gate.mode,
        reason="; ".join(reason for _, reason in checks),
    )


def _floor_and_ceiling(name: str, gate: Gate, value: MetricValue) -> list[tuple[bool, str]]:
    unit = _UNITS.get(name, _PLAIN)
    by_bound = gate.judge == "bound" and value.rows > 0
    checks = []
    if gate.min is not None:
        end, low = ("the interval's low end", value.low) if by_bound else ("the value", value.value)
        passed = low >= unit.read(gate.min)
        checks.append((passed, f"{end} {unit.write(low)} is {'not ' if passed else ''}under {gate.min}"))
    if gate.max is not None:
        end, high = ("the interval's high end", value.high) if by_bound else ("the value", value.value)
        passed = high <= unit.read(gate.max)
        checks.append((passed, f"{end} {unit.write(high)} is {'not ' if passed else ''}over {gate.max}"))
    return checks


def _comparisons(
    gate: Gate, difference: PairedDifference | None, champion: str | None, refused: str
) -> list[tuple[bool, str]]:
    if not gate.compares:
        return []
    if champion is None:
        return [(True, "no champion yet")]
    if difference is None:
        return [
            (False, f"not compared with version {champion}: {refused or 'there is no value for both on the same rows'}")
        ]
    by_bound = gate.judge == "bound"
    gain = difference.low if by_bound else difference.better_by
    what = f"{_gain(difference.better_by)} than version {champion} on the same {difference.rows} rows"
    if by_bound:
        what += f", at worst {_gain(gain)}"
    checks = []
    if gate.not_worse_by is not None:
        checks.append((gain >= -gate.not_worse_by, f"{what}; at most {gate.not_worse_by} worse is asked"))
    if gate.better_by is not None:
        checks.append((gain >= gate.better_by, f"{what}; at least {gate.better_by} better is asked"))
    return checks


def _gain(value: float) -> str:
    return f"{abs(value):.4g} {'better' if value >= 0 else 'worse'}"

"""What `monitor --explain` prints: both sides of a column, and how each threshold came about."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mlconfig.cli.tables import table

if TYPE_CHECKING:
    from rich.console import Console

    from mlconfig.monitoring.explain import Explanation, Judged
    from mlconfig.vocabulary import Window

COLUMNS = ("values", "reference", "share", "window", "share")


def as_tree(window: Window, explanation: Explanation) -> dict[str, Any]:
    """For machines."""
    tree = asdict(explanation)
    tree["judged"] = [
        {**plain, "verdict": judged.verdict.model_dump(mode="json")}
        for plain, judged in zip(tree["judged"], explanation.judged, strict=True)
    ]
    return {"window": window.model_dump(), **tree}


def print_explanation(out: Console, window: Window, explanation: Explanation) -> None:
    """For people."""
    out.print(
        f"`{explanation.column}` ({explanation.kind}), {_moment(window.start)} to {_moment(window.end)} UTC",
        markup=False,
    )
    rows = [
        (each.label, f"{each.reference:,}", _share(each.reference, explanation.reference_rows), f"{each.current:,}",
         _share(each.current, explanation.rows))
        for each in explanation.bins
    ]  # fmt: skip
    total = ("rows", f"{explanation.reference_rows:,}", "", f"{explanation.rows:,}", "")
    out.print(table(COLUMNS, ((row, "") for row in (*rows, total))))
    for judged in explanation.judged:
        _print_judged(out, judged)
    out.print("\nhow alpha came about", style="bold")
    for sentence in explanation.budget:
        out.print(f"  {sentence}", markup=False)


def _print_judged(out: Console, judged: Judged) -> None:
    verdict = judged.verdict
    out.print(
        f"\n{verdict.signal} (detector {verdict.detector}), against {judged.reference}", markup=False, style="bold"
    )
    if verdict.reason:
        out.print(f"  unknown: {verdict.reason}", markup=False)
    for finding in verdict.findings:
        said = "over" if finding.is_drift else "not over"
        out.print(f"  {finding.statistic} {finding.drift_score:.4f} is {said} {finding.threshold:.4f}", markup=False)
        if finding.message:
            out.print(f"  {finding.message}", markup=False)
        for name, value in finding.details.items():
            out.print(f"    {name} {value:.6g}", markup=False, style="dim")
    for sentence in judged.sentences:
        out.print(f"  {sentence}", markup=False)


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else ""


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}"

"""The monitoring report: what it shows, and the page made of it, one HTML file that needs nothing beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mlconfig.profiles.profile import Profile
from mlconfig.records.verdict import Alert, Verdict
from mlconfig.vocabulary import Window


@dataclass(frozen=True)
class Compared:
    """A reference and what it is compared with; both of one layout. Null: there is none."""

    reference: Profile | None = None
    current: Profile | None = None


@dataclass(frozen=True)
class VersionChange:
    """A version went live, and why."""

    at: float
    version: str
    reason: str = ""


@dataclass(frozen=True)
class MonitoringReport:
    """What is shown of one version over a period. Moments are seconds since 1970.

    Args:
        recipe, endpoint, version: whose report it is; ``owner``: who is asked, where the recipe says so.
        made_at: when it was put together.
        period: what it covers; time axes show it.
        every: length of a base window in seconds.
        time_zone: of all times on the page, an IANA name.
        live_since: when the version went live; null where that is not known.
        inputs, outputs: profiles of what was asked and of what was answered.
        reference_words: what the reference is, in words.
        current_window: what of the period ``inputs.current`` and ``outputs.current`` cover; null: no row came.
        verdicts: of the version, all signals and scales, in any order.
        alerts: said in the period, with their ends.
        changes: versions that went live.
        volume: predictions by start of their base window; a window without any is left out.
        metric: name of the primary metric.
    """

    recipe: str
    endpoint: str
    version: str
    made_at: float
    period: Window
    every: float
    time_zone: str = "UTC"
    owner: str | None = None
    live_since: float | None = None
    inputs: Compared = Compared()
    outputs: Compared = Compared()
    reference_words: str = "the rows it was trained on"
    current_window: Window | None = None
    verdicts: tuple[Verdict, ...] = ()
    alerts: tuple[Alert, ...] = ()
    changes: tuple[VersionChange, ...] = ()
    volume: Mapping[float, int] = field(default_factory=dict)
    metric: str = ""


def render(report: MonitoringReport) -> str:
    """The page, as text in UTF-8. The same report always gives the same page."""
    from mlconfig.pages.monitoring_view import view_of
    from mlconfig.pages.template import fill

    return fill("monitoring_report.html", view_of(report))

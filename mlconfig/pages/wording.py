"""Numbers, moments and stretches of time as a person on call reads them."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from mlconfig.vocabulary import plural

_LETTERS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_PLAIN = 10_000
_UNITS = ((604_800, "week"), (86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def number(value: float) -> str:
    """Three significant digits; 12.3k from ten thousand on, powers of ten where nothing else is short."""
    if not math.isfinite(value):
        return "–" if math.isnan(value) else ("−∞" if value < 0 else "∞")
    size = abs(value)
    if size != 0 and not 1e-4 <= size < 1e15:
        return f"{value:.2e}".replace("-", "−")
    for unit, letter in _LETTERS if size >= _PLAIN else ():
        if size >= unit:
            return _signed(f"{value / unit:.3g}") + letter
    return _signed(f"{value:.0f}" if size >= 1000 else f"{value:.3g}")


def _signed(text: str) -> str:
    return text.replace("-", "−")


def count(value: float) -> str:
    """A whole number, in full."""
    return f"{value:,.0f}"


def share(value: float) -> str:
    """A part of a whole in percent; what is there is never written as nothing, nor what is missing as all."""
    if math.isnan(value):
        return "–"
    if 0 < value < 0.001:
        return "<0.1 %"
    if 0.999 < value < 1:
        return ">99.9 %"
    return f"{100 * value:.0f} %" if value in (0, 1) else f"{100 * value:.1f} %"


def times(ratio: float) -> str:
    """A multiple of a limit."""
    if ratio >= 99.5:
        return "over 99×"
    return f"{ratio:.0f}×" if ratio >= 9.95 else f"{ratio:.1f}×"


def duration(seconds: float) -> str:
    """In the largest unit that divides it: ``1 hour``, ``24 hours``, ``7 days``."""
    whole = max(round(seconds), 1)
    if whole == 86_400:
        return "24 hours"
    if whole == 604_800:
        return "7 days"
    size, word = next((size, word) for size, word in _UNITS if whole % size == 0)
    return plural(whole // size, word)


def pieces(text: str) -> list[tuple[str, bool]]:
    """A text of ours cut at its backticks: what stands between two of them is a name, and marked so."""
    cut = text.split("`")
    if len(cut) % 2 == 0:
        return [(text, False)]
    return [(part, place % 2 == 1) for place, part in enumerate(cut) if part]


class Clock:
    """Moments on the clocks of a time zone.

    Args:
        time_zone: an IANA name.
    """

    def __init__(self, time_zone: str) -> None:
        self.name = time_zone
        self.zone = ZoneInfo(time_zone)

    def local(self, moment: float) -> datetime:
        """Seconds since 1970 as a date and a time of day."""
        return datetime.fromtimestamp(moment, UTC).astimezone(self.zone)

    def at(self, moment: float) -> str:
        """``12 May 2026, 14:00``."""
        found = self.local(moment)
        return f"{found.day} {found:%b %Y, %H:%M}"

    def day(self, moment: float) -> str:
        """``12 May 2026``."""
        found = self.local(moment)
        return f"{found.day} {found:%b %Y}"

    def iso(self, moment: float) -> str:
        """For the ``datetime`` attribute of a ``<time>``."""
        return self.local(moment).isoformat(timespec="seconds")

    def span(self, start: float, end: float) -> str:
        """``1 May 2026, 00:00 to 14:00``; the date is not said twice."""
        first, last = self.local(start), self.local(end)
        until = f"{last:%H:%M}" if first.date() == last.date() else self.at(end)
        return f"{self.at(start)} to {until}"

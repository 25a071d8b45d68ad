"""Tables that cut nothing: folded to a terminal's width, and as wide as they need to be where they are piped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

PIPED_WIDTH = 100_000
"""Columns; no line of ours is longer, so a program that reads them finds one row on one line."""


def console() -> Console:
    """The console that verbs print to."""
    from rich.console import Console

    terminal = Console(highlight=False, soft_wrap=True)
    return terminal if terminal.is_terminal else Console(highlight=False, soft_wrap=True, width=PIPED_WIDTH)


def table(columns: Sequence[str], rows: Iterable[tuple[Sequence[str], str]]) -> Table:
    """Rows of plain text, each with its style. What is too wide is folded, never cut, and brackets in it are no markup."""
    from rich.table import Table
    from rich.text import Text

    made = Table(box=None, header_style="bold", pad_edge=False)
    for name in columns:
        made.add_column(name, overflow="fold")
    for cells, style in rows:
        made.add_row(*(Text(cell) for cell in cells), style=style)
    return made

"""How far a batch is: a bar with rows a second and the time that is left on a terminal, words alone elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.progress import Progress, Task

    from mlconfig.serving.batch.run import Watcher


class Words:
    """For pipes and logs: only what a person should know, on stderr; nothing for a machine."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet

    def begin(self, total: int | None, done: int) -> None:
        """Nothing is shown."""

    def word(self, text: str) -> None:
        """Say it."""
        if not self._quiet:
            click.echo(text, err=True)

    def rows(self, count: int) -> None:
        """Nothing is shown."""


class Bar:
    """For a terminal."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("rows", total=None)

    def begin(self, total: int | None, done: int) -> None:
        """Rows of an earlier run count for the share that is done, not for the speed."""
        self._progress.reset(self._task, total=None if total is None else max(total, done), completed=done)

    def word(self, text: str) -> None:
        """Say it above the bar."""
        self._progress.console.print(text, markup=False)

    def rows(self, count: int) -> None:
        """Advance."""
        self._progress.advance(self._task, count)


@contextmanager
def rows_watcher(*, quiet: bool, terminal: bool) -> Iterator[Watcher]:
    """A bar on a terminal, words elsewhere; a machine's output is accompanied by neither."""
    if quiet or not terminal:
        yield Words(quiet=quiet)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, TaskProgressColumn, TimeRemainingColumn
    from rich.progress import Progress as Made
    from rich.text import Text

    class Speed(ProgressColumn):
        """Rows a second."""

        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:,.0f} rows/s" if task.speed else "")

    columns = (BarColumn(), TaskProgressColumn(), MofNCompleteColumn(), Speed(), TimeRemainingColumn())
    with Made(*columns, console=Console(stderr=True, highlight=False), transient=True) as progress:
        yield Bar(progress)

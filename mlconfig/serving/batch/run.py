"""A batch from its input to its output, by whatever scores units."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from mlconfig.serving.batch import columns as columns_of
from mlconfig.serving.batch.inputs import FileInput, Input
from mlconfig.serving.batch.interrupts import interrupts_held_back
from mlconfig.serving.batch.outputs import Output
from mlconfig.serving.batch.parts import Parts
from mlconfig.serving.batch.unit import Done, Model, Told, Unit, Work

SCHEMA_VERSION = 1


class Runner(Protocol):
    """Scores units somewhere."""

    def run(self, work: Work, units: Iterator[Unit], told: Told) -> Iterator[Done]:
        """Score all, in any order; raises the error of the first that failed."""
        ...


class Here:
    """Scores in this process: what is small is done before another one has started."""

    def run(self, work: Work, units: Iterator[Unit], told: Told) -> Iterator[Done]:
        """One after the other. Ctrl-C ends it between two blocks."""
        from mlconfig.serving.batch.score import score_unit

        with interrupts_held_back() as let_through:

            def scored(rows: int) -> None:
                told(rows)
                let_through()

            for unit in units:
                yield score_unit(work, unit, scored)
                let_through()


class Watcher(Protocol):
    """Is told how a batch goes."""

    def begin(self, total: int | None, done: int) -> None:
        """Rows in all, about, and those that an earlier run finished."""

    def word(self, text: str) -> None:
        """Something that a person should know."""

    def rows(self, count: int) -> None:
        """More rows were scored."""


class Unwatched:
    """Nobody looks."""

    def begin(self, total: int | None, done: int) -> None:
        """Nothing."""

    def word(self, text: str) -> None:
        """Nothing."""

    def rows(self, count: int) -> None:
        """Nothing."""


@dataclass(frozen=True)
class Settings:
    """How a batch is done. ``keep``: see ``columns.choose``."""

    keep: Sequence[str] = ("all",)
    overwrite: bool = False
    resume: bool = True


@dataclass(frozen=True)
class BatchResult:
    """What was scored: rows in all, those of them that an earlier run had finished, parts, and seconds."""

    rows: int
    resumed: int
    parts: int
    seconds: float
    version: str


def run_batch(
    model: Model,
    source: Input,
    output: Output,
    runner: Runner,
    settings: Settings | None = None,
    watcher: Watcher | None = None,
) -> BatchResult:
    """Score all rows of ``source`` with ``model`` into ``output``.

    Where an earlier run of the same batch was stopped, its finished parts are taken.

    Raises:
        DataError: the input cannot be read or does not fit the model, or the output cannot be written, or exists.
        ServingError: the model cannot be loaded.
        EngineError: a process died.
    """
    began, settings, watcher = time.monotonic(), settings or Settings(), watcher or Unwatched()
    output.check(overwrite=settings.overwrite, files=source if isinstance(source, FileInput) else None)
    columns = columns_of.choose(source.schema, source.signature, settings.keep, source.name)
    manifest = _manifest(model, source, output, columns)
    with Parts(output.parts, manifest, output.form, resume=settings.resume) as parts:
        if parts.afresh:
            watcher.word(f"an earlier run was {parts.afresh}: starting afresh")
        units = source.units(parts.done, parts.folder)
        parts.relist()
        resumed = sum(done.rows for done in parts.done.values())
        if resumed:
            watcher.word(f"going on where an earlier run stopped: {resumed:,} rows are done")
        watcher.begin(source.rows(), resumed)
        work = Work(model, columns, parts.folder, output.form)
        try:
            _carry(runner.run(work, units, watcher.rows), parts, output, work)
            output.finish(parts, columns, manifest)
        except BaseException:
            output.abandon()
            raise
    done = parts.done.values()
    return BatchResult(sum(each.rows for each in done), resumed, len(done), time.monotonic() - began, model.version)


def _carry(finished: Iterator[Done], parts: Parts, output: Output, work: Work) -> None:
    """Record parts as they come, and hand them on in order."""
    following = _hand_on(parts, output, work, 0)
    for done in finished:
        parts.record(done)
        following = _hand_on(parts, output, work, following)


def _hand_on(parts: Parts, output: Output, work: Work, following: int) -> int:
    while following in parts.done:
        output.add(parts.path(following), work.columns)
        following += 1
    return following


def _manifest(model: Model, source: Input, output: Output, columns: columns_of.Columns) -> dict[str, Any]:
    """What finished parts depend on."""
    fields = [[field.name, str(field.type)] for field in columns.output]
    return {
        "schema_version": SCHEMA_VERSION,
        "model": {"version": model.version, "sha256": model.sha256},
        "input": source.identity(),
        "settings": {"columns": fields, "form": output.form},
    }

"""A subject's rows outside of the log: samples of versions, tables between steps, pages; and what is left of it anywhere."""

from __future__ import annotations

import html
import json
import mmap
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc

from mlconfig.engine.workspace import write_json
from mlconfig.lifecycle.redact import TELLING, finder, hidden_text
from mlconfig.monitoring.baseline import HOLDOUT, ROWS, SUBJECT
from mlconfig.records.erasing import erase_in_parquet

if TYPE_CHECKING:
    from mlconfig.records.subject import Subject

VERSIONS = ("versions", "artifacts/mlflow")
"""Where versions lie, and the copies of them that MLflow keeps."""
STALE_S = 3600.0
"""A table that was begun so long ago and not finished is nobody's any more."""


def rewrite_samples(storage: Path, subject: Subject) -> int:
    """Take the subject's rows out of every version's samples; returns how many."""

    def mask(table: pa.Table) -> pa.Array:
        if SUBJECT not in table.column_names:
            return pa.array([False] * len(table), pa.bool_())
        return pc.equal(table.column(SUBJECT), subject.digest).combine_chunks().fill_null(False)

    files = [path for place in VERSIONS for name in (ROWS, HOLDOUT) for path in (storage / place).rglob(name)]
    return sum(erase_in_parquet(path, mask) for path in sorted(files))


def remove_steps(storage: Path, subject: Subject) -> int:
    """Remove the tables between steps that hold the subject; a step that needs one again reads the source again. Returns how
    many.
    """
    steps = storage / "artifacts" / "steps"
    found = [path.parent for path in sorted(steps.glob("*/table.arrow")) if _holds(path, subject)]
    for folder in found:
        shutil.rmtree(folder, ignore_errors=True)
    for draft in steps.glob("*/table.*.part"):
        if time.time() - draft.stat().st_mtime > STALE_S:
            draft.unlink(missing_ok=True)
    return len(found)


def _holds(path: Path, subject: Subject) -> bool:
    with pa.memory_map(str(path)) as source:
        table = pa.ipc.open_file(source).read_all()
        if not set(subject.columns) <= set(table.column_names):
            return False
        return bool(pc.any(subject.mask([table.column(name) for name in subject.columns])).as_py())


def rewrite_papers(storage: Path, subject: Subject) -> int:
    """Hide the value in the papers of versions, such as the levels of a column; returns in how many. No model is changed."""
    hide, needles, rewritten = finder(subject.values), _needles(subject), 0
    for path in sorted(path for place in (*VERSIONS, "artifacts/steps") for path in (storage / place).rglob("*.json")):
        if _contains(path, needles):
            text = path.read_text(encoding="utf-8")
            hidden = hidden_text(text, hide)
            if hidden != text:
                write_json(path, hidden)
                rewritten += 1
    return rewritten


def remove_reports(storage: Path, subject: Subject) -> int:
    """Remove the pages that name the subject; `mlconfig report` writes them again. Returns how many."""
    needles = _needles(subject)
    pages = [path for path in sorted((storage / "reports").glob("*.html")) if _contains(path, needles)]
    for path in pages:
        path.unlink()
    return len(pages)


def leftovers(storage: Path, subject: Subject) -> Iterator[str]:
    """Files below the storage that still hold the value, in a form that bytes tell; a short value is not looked for."""
    needles = _needles(subject)
    for path in sorted(storage.rglob("*")) if needles else ():
        if path.is_file() and not path.is_symlink() and _contains(path, needles):
            yield str(path.relative_to(storage))


def _needles(subject: Subject) -> list[bytes]:
    """A value as it stands in a text, in JSON and on a page."""
    forms = {
        form
        for value in subject.values
        if len(value) >= TELLING
        for form in (value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], html.escape(value))
    }
    return [form.encode("utf-8", "surrogatepass") for form in sorted(forms)]


def _contains(path: Path, needles: list[bytes]) -> bool:
    try:
        with path.open("rb") as file:
            if not path.stat().st_size:
                return False
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return any(data.find(needle) >= 0 for needle in needles)
    except (OSError, ValueError):
        return False  # it went meanwhile, or is no file that can be mapped

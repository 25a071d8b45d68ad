"""A process that scores units: ``python -m mlconfig.serving.batch.worker``, started and fed by ``pool``.

It reads pickled messages from stdin: the work, then units. It answers on what stdout was: rows of each block, and how each unit
ended. When stdin ends, or nobody reads its answers, its parent is gone, and so is it.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
from importlib.abc import MetaPathFinder
from typing import Any, BinaryIO


def main() -> None:
    """Serve until there is nothing more to do."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group; the parent decides
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    sys.meta_path.insert(0, _WithoutPandas())
    import pyarrow as pa

    pa.set_cpu_count(1)
    from mlconfig.serving.batch import csv_units, parquet_units, score  # noqa: F401 - while the parent still plans

    try:
        _serve(sys.stdin.buffer, answers)
    except (EOFError, BrokenPipeError):
        os._exit(0)


class _WithoutPandas(MetaPathFinder):
    """Arrow would import pandas to see whether what it is given is a series: a third of a second, for nothing."""

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:  # noqa: ARG002 - as imports ask
        """No pandas here."""
        if fullname == "pandas":
            raise ModuleNotFoundError(fullname, name=fullname)


def _serve(asked: BinaryIO, answers: BinaryIO) -> None:
    from mlconfig.errors import MlconfigError
    from mlconfig.serving.batch.score import predictor_of, score_unit

    work = pickle.load(asked)  # noqa: S301 - our own parent's words
    _say(answers, "ready", _attempt(lambda: predictor_of(work.model)))
    while True:
        unit = pickle.load(asked)  # noqa: S301
        try:
            done = score_unit(work, unit, lambda rows: _say(answers, "rows", rows))
            _say(answers, "done", done)
        except MlconfigError as error:
            _say(answers, "failed", error)


def _attempt(load: Any) -> Exception | None:
    from mlconfig.errors import MlconfigError

    try:
        load()
    except MlconfigError as error:
        return error
    return None


def _say(answers: BinaryIO, kind: str, what: object) -> None:
    answers.write(pickle.dumps((kind, what)))


if __name__ == "__main__":
    main()

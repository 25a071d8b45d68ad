"""Processes of this machine that score units, one thread of ONNX Runtime each.

Plain child processes with a pipe each way: starting them needs nothing but an interpreter, so they import while the recipe is
still being read; when the parent dies, however it dies, their pipes end and so do they.
"""

from __future__ import annotations

import os
import pickle
import queue
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Lock, Thread
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from mlconfig.errors import EngineError, MlconfigError

if TYPE_CHECKING:
    from mlconfig.serving.batch.unit import Done, Told, Unit, Work

PATIENCE_S = 2.0
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "ARROW_IO_THREADS"), "1")


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Pool:
    """``processes`` children, started at once. Close it, or use it as a context."""

    def __init__(self, processes: int) -> None:
        self._children = [_start() for _ in range(processes)]
        self._threads: list[Thread] = []

    @property
    def pids(self) -> list[int]:
        """The processes, as tests and people may want to know them."""
        return [child.pid for child in self._children]

    def run(self, work: Work, units: Iterator[Unit], told: Told) -> Iterator[Done]:
        """Score all units, each by whoever is free; yields them as they end.

        Raises:
            DataError, ServingError: of the first unit that failed.
            EngineError: a process died.
        """
        ended: queue.SimpleQueue[Any] = queue.SimpleQueue()
        take = _shared(units)
        self._threads = [
            Thread(target=_drive, args=(child, work, take, ended.put), name="batch", daemon=True)
            for child in self._children
        ]
        for thread in self._threads:
            thread.start()
        running = len(self._threads)
        while running:
            said = ended.get()
            if isinstance(said, BaseException):
                raise said
            if said is None:
                running -= 1
            elif isinstance(said, int):
                told(said)
            else:
                yield said

    def close(self) -> None:
        """End the processes; what they were at is lost."""
        for child in self._children:
            child.kill()
        for thread in self._threads:  # they see their pipes end; one that waits for a database is left behind
            thread.join(PATIENCE_S)
        for child in self._children:
            child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    _close(pipe)
        self._children = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _start() -> subprocess.Popen[bytes]:
    package = str(Path(__file__).parents[3])
    paths = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH", ""))))
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "mlconfig.serving.batch.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **_ONE_THREAD, "PYTHONPATH": paths},
    )


def _shared(units: Iterator[Unit]) -> Callable[[], Unit | None]:
    """The next unit, for several threads; reading a source happens here, by whoever asks."""
    lock = Lock()

    def take() -> Unit | None:
        with lock:
            return next(units, None)

    return take


def _drive(
    child: subprocess.Popen[bytes], work: Work, take: Callable[[], Unit | None], put: Callable[[Any], None]
) -> None:
    """Feed one process until there are no more units. Puts rows, ends of units, and at last None or an error."""
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        _send(child, work)
        _, fault = pickle.load(child.stdout)  # noqa: S301 - our own child's words
        _raise(fault)
        while (unit := take()) is not None:
            _send(child, unit)
            _follow(child, put)
        put(None)
    except (EOFError, BrokenPipeError, pickle.UnpicklingError, ValueError):
        put(_died(child))
    except BaseException as error:  # noqa: BLE001 - it is raised where the results are taken
        put(error)


def _follow(child: subprocess.Popen[bytes], put: Callable[[Any], None]) -> None:
    assert child.stdout is not None
    while True:
        kind, what = pickle.load(child.stdout)  # noqa: S301
        if kind == "failed":
            raise what
        put(what)
        if kind == "done":
            return


def _raise(fault: BaseException | None) -> None:
    if fault is not None:
        raise fault


def _send(child: subprocess.Popen[bytes], what: object) -> None:
    assert child.stdin is not None
    child.stdin.write(pickle.dumps(what))
    child.stdin.flush()


def _died(child: subprocess.Popen[bytes]) -> MlconfigError:
    code = child.wait()
    how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
    memory = "it may have run out of memory: try fewer --processes. " if code == -9 else ""
    hint = f"{memory}Finished parts are kept: the same command goes on from there"
    return EngineError(f"a process that scored rows died {how}", hint=hint)


def _close(pipe: Any) -> None:
    try:
        pipe.close()
    except OSError:  # what was buffered has no reader any more
        return

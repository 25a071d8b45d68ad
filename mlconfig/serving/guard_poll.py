"""Keeps a guard on the newest keys: asks a source twice a second, and keeps a durable copy for a start without the source."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from pydantic import ValidationError

from mlconfig.contracts.authenticator import Guard
from mlconfig.errors import MlconfigError, StateError
from mlconfig.records.key_table import KeyTable
from mlconfig.records.secret_file import replace_private
from mlconfig.serving.polling import INTERVAL, Polling


class KeySource(Protocol):
    """Where key tables come from."""

    def current(self, endpoint: str) -> KeyTable:
        """The keys of an endpoint now. May raise when it cannot be reached."""


def read_copy(file: Path) -> KeyTable | None:
    """The kept copy; None when there is none or it is damaged."""
    try:
        return KeyTable.model_validate_json(file.read_bytes())
    except (OSError, ValidationError):
        return None


def write_copy(file: Path, table: KeyTable) -> None:
    """Replace the copy, durably and never by an older generation: a key that was revoked must not come back with it."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with file.with_name(f".{file.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # replicas of one endpoint share the copy
        kept = read_copy(file)
        if kept is None or (kept.generation <= table.generation and kept != table):
            replace_private(file, table.model_dump_json().encode())


class GuardPoller(Polling):
    """Keeps a guard up to date.

    Args:
        guard: what is kept up to date.
        endpoint: whose keys.
        source: null for a guard that knows no keys of ours.
        file: the copy; read while the source does not answer and nothing was taken yet.
        interval: seconds.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        guard: Guard,
        endpoint: str,
        source: KeySource | None,
        file: Path,
        interval: float = INTERVAL,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__("guard", endpoint, interval)
        self._guard, self._endpoint, self._source, self._file, self._clock = guard, endpoint, source, file, clock
        self._taken: KeyTable | None = None
        self._copied: KeyTable | None = None

    def poll_once(self) -> None:
        """Refresh, take the keys if there are others, and copy them. Never raises; ``problem`` says what failed."""
        faults = [self._try(self._refresh, "")]
        if self._source is not None:
            faults.append(self._try(self._ask, "the keys cannot be read anew: "))
            if self._taken is None:
                faults.append(self._try(self._take_copy, "the kept copy of the keys does not serve: "))
            faults.append(self._try(self._copy, "the copy of the keys cannot be written: "))
        self._report("; ".join(filter(None, faults)))

    def _refresh(self) -> None:
        self._guard.refresh(self._clock())

    def _ask(self) -> None:
        """An older generation is not taken: a database that went back in time gives no revoked key back."""
        assert self._source is not None
        table, taken = self._source.current(self._endpoint), self._taken
        if taken is not None and table.generation < taken.generation:
            raise StateError(f"generation {table.generation} is older than {taken.generation}, which is known")
        if table != taken:
            self._take(table)

    def _take_copy(self) -> None:
        kept = read_copy(self._file)
        if kept is not None:
            self._take(kept)

    def _take(self, table: KeyTable) -> None:
        self._guard.take(table)
        self._taken = table

    def _copy(self) -> None:
        if self._taken is not None and self._copied != self._taken:
            write_copy(self._file, self._taken)
            self._copied = self._taken

    def _try(self, attempt: Callable[[], None], what: str) -> str:
        try:
            attempt()
        except MlconfigError as error:
            return what + str(error).splitlines()[0]
        except Exception as error:  # noqa: BLE001 — a source that is down must not end the polling
            return f"{what}{type(error).__name__}"  # its text may hold what it was given
        return ""

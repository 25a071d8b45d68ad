"""Keeps a service on the newest route: asks a source, swaps, and keeps a durable copy for a start without the source."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from pydantic import ValidationError

from mlconfig.errors import MlconfigError
from mlconfig.records.route import RouteTable
from mlconfig.records.secret_file import replace_private
from mlconfig.serving.polling import INTERVAL, Polling
from mlconfig.serving.service import Service


class RouteSource(Protocol):
    """Where route tables come from."""

    def current(self, endpoint: str) -> RouteTable | None:
        """The newest table of an endpoint; None when there is none yet. May raise when it cannot be reached."""


def read_copy(file: Path) -> RouteTable | None:
    """The kept copy; None when there is none or it is damaged."""
    try:
        return RouteTable.model_validate_json(file.read_bytes())
    except (OSError, ValidationError):
        return None


def write_copy(file: Path, table: RouteTable) -> None:
    """Replace the copy, durably and never by an older generation."""
    kept = read_copy(file)
    if kept is not None and (kept.generation, kept.epoch) >= (table.generation, table.epoch):
        return
    replace_private(file, table.model_dump_json().encode())


class RoutePoller(Polling):
    """Polls ``source``.

    While no version is loaded, and the source has no answer or one that cannot be loaded, the copy in ``file`` is served.
    """

    def __init__(self, service: Service, source: RouteSource, file: Path, interval: float = INTERVAL) -> None:
        super().__init__("route", service.endpoint, interval)
        self._service, self._source, self._file = service, source, file
        self._taken: RouteTable | None = None

    def poll_once(self) -> bool:
        """Ask once and swap if there is something new; True when a version is served. Never raises."""
        table = self._ask()
        state = self._service.state
        if table is not None and (table != self._taken or (state is not None and state.is_makeshift)):
            self._take(table)
        if self._service.state is None and (kept := read_copy(self._file)) is not None and kept != table:
            self._service.swap(kept)
        return self._service.state is not None

    def _ask(self) -> RouteTable | None:
        try:
            table = self._source.current(self._service.endpoint)
        except Exception as error:  # noqa: BLE001 — a source that is down must not end the polling
            self._report(f"the route source does not answer: {type(error).__name__}: {error}")
            return None
        return table

    def _take(self, table: RouteTable) -> None:
        if not self._service.swap(table):
            self._report(self._service.problem or "")
            return
        self._taken = table
        self._report(self._service.problem or "")
        try:
            write_copy(self._file, table)
        except (OSError, MlconfigError) as error:
            self._report(f"the copy of the route cannot be written: {error}")

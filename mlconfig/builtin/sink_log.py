"""Alerts as lines: one for people through ``logging``, one JSON object in a file."""

from __future__ import annotations

import logging
import os

from pydantic import Field

from mlconfig.contracts.sink import Sink
from mlconfig.records.verdict import Alert
from mlconfig.vocabulary import Frozen

LOGGER = logging.getLogger("mlconfig.alerts")
_LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "critical": logging.CRITICAL}


class LogSink(Sink):
    """Appends to a file of JSON lines and logs a sentence. Raises ``OSError`` when the file cannot be written."""

    class Params(Frozen):
        """Where the file is."""

        path: str = Field(".mlconfig/alerts.jsonl", min_length=1, description="Relative to the project.")

    params: LogSink.Params

    def send(self, alert: Alert) -> None:
        """One line a file; whole lines also when several processes write."""
        path = self.context.project / self.params.path
        path.parent.mkdir(parents=True, exist_ok=True)
        line = (alert.model_dump_json() + "\n").encode()
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, line)
        finally:
            os.close(descriptor)
        level = logging.INFO if alert.resolved else _LEVELS[alert.severity]
        LOGGER.log(level, "%s: %s", alert.endpoint, alert.what)

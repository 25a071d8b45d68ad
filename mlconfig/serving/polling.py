"""What is asked for again and again in a thread of its own, and says a fault once."""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod

logger = logging.getLogger(__name__)

INTERVAL = 0.5


class Polling(ABC):
    """``poll_once`` every ``interval`` seconds.

    Args:
        what: is polled; part of the thread's name.
        endpoint: for whom.
        interval: seconds.
    """

    def __init__(self, what: str, endpoint: str, interval: float = INTERVAL) -> None:
        self._name, self._for, self._interval = f"{what}-{endpoint}", endpoint, interval
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.problem = ""
        """What failed the last time; empty when nothing did."""

    @abstractmethod
    def poll_once(self) -> object:
        """Ask once. Never raises."""

    def start(self) -> None:
        """Poll once now, then in the background until `stop`."""
        self.poll_once()
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(self._interval):
            self.poll_once()

    def stop(self) -> None:
        """End the polling; waits for what is under way."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _report(self, fault: str) -> None:
        """Say a fault once, not twice a second."""
        if fault and fault != self.problem:
            logger.warning("%s: %s", self._for, fault)
        self.problem = fault

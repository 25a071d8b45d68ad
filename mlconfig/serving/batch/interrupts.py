"""Ctrl-C where native code must not be cut off."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import current_thread, main_thread


@contextmanager
def interrupts_held_back() -> Iterator[Callable[[], None]]:
    """Hold Ctrl-C back; what is yielded raises KeyboardInterrupt when one has come.

    ONNX Runtime asks Python for each text that it is given. A KeyboardInterrupt there is an answer that it does not expect: it
    crashes. Where another thread than the main one runs, or Ctrl-C is ignored, nothing has to be held back.
    """
    asked: list[int] = []

    def let_through() -> None:
        if asked:
            raise KeyboardInterrupt

    if current_thread() is not main_thread() or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield let_through
        return
    signal.signal(signal.SIGINT, lambda number, _: asked.append(number))
    try:
        yield let_through
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    let_through()

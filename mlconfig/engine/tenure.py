"""Holding an endpoint's lease while something takes long: taken at the start, renewed by a thread, given back at the end."""

from __future__ import annotations

import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_fixed

from mlconfig.errors import EngineError, StateError
from mlconfig.lifecycle.lease import Lease
from mlconfig.lifecycle.store import Store

RENEW_S = 5.0
PATIENCE_S = 20.0
"""A lease of a dead process runs out in 15 s, so who waits longer than this waits for somebody alive."""


def holder() -> str:
    """A name for this process's incarnation, of which there are no two."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


@contextmanager
def tenure(store: Store, endpoint: str, patience: float = PATIENCE_S) -> Iterator[Lease]:
    """Hold an endpoint's lease. Raises ``EngineError`` when somebody alive holds it longer than ``patience`` seconds."""
    lease = _acquire(store, endpoint, patience)
    ended = threading.Event()
    thread = threading.Thread(target=_renew, args=(store, lease, ended), name=f"lease-{endpoint}", daemon=True)
    thread.start()
    try:
        yield lease
    finally:
        ended.set()
        thread.join()
        store.leases.release(lease)


def _acquire(store: Store, endpoint: str, patience: float) -> Lease:
    me = holder()
    attempt = Retrying(
        retry=retry_if_result(lambda lease: lease is None), wait=wait_fixed(0.2), stop=stop_after_delay(patience)
    )
    try:
        lease = attempt(lambda: store.leases.acquire(endpoint, me, time.time()))
    except RetryError:
        current = store.leases.current(endpoint)
        other = current.holder if current is not None else "another process"
        raise EngineError(
            f"{other} is at work on `{endpoint}`", hint="wait until it is done; `mlconfig status` shows it"
        ) from None
    assert lease is not None
    return lease


def _renew(store: Store, lease: Lease, ended: threading.Event) -> None:
    while not ended.wait(RENEW_S):
        try:
            lease = store.leases.renew(lease, time.time())
        except StateError:
            return  # lost: every write of the holder is refused from now on, which is how it learns

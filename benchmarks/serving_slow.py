"""A slow store under an endpoint that is asked: nobody who waits for an answer may notice."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks.serving_load import Round, Server, load

LOCKED_S, FREE_S = 0.45, 0.05
"""So long nobody else can read the state database, and so long they can, in turn."""
PAUSE_S, BLOCK, BLOCKS = 0.02, 1 << 20, 64
"""Blocks of so many bytes are made durable one after the other, with pauses; the file does not grow beyond some of them."""


@contextmanager
def slow(storage: Path) -> Iterator[None]:
    """The state database locked most of the time, and the disk of the storage kept busy, until the end of the block."""
    over = threading.Event()
    threads = [
        threading.Thread(target=_lock, args=(storage / "lifecycle.db", over)),
        threading.Thread(target=_write, args=(storage / "busy", over)),
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()
        (storage / "busy").unlink(missing_ok=True)


def _lock(database: Path, over: threading.Event) -> None:
    connection = sqlite3.connect(database, timeout=30.0, isolation_level=None)
    while not over.is_set():
        connection.execute("BEGIN EXCLUSIVE")
        over.wait(LOCKED_S)
        connection.execute("ROLLBACK")
        over.wait(FREE_S)
    connection.close()


def _write(file: Path, over: threading.Event) -> None:
    block = os.urandom(BLOCK)
    with file.open("wb", buffering=0) as written:
        while not over.wait(PAUSE_S):
            if written.tell() >= BLOCKS * BLOCK:
                written.seek(0)
            written.write(block)
            os.fsync(written.fileno())


def rounds_of_both(
    servers: Mapping[str, Server], storage: Path, connections: int, rounds: int, told: Callable[[str], None]
) -> dict[str, list[tuple[Round, Round]]]:
    """For each server pairs of a round with a slow store and one without, each second pair the other way round."""
    found: dict[str, list[tuple[Round, Round]]] = {name: [] for name in servers}
    for number in range(rounds):
        for name, server in servers.items():
            before = load(server, connections) if number % 2 else None
            with slow(storage):
                slowed = load(server, connections)
            found[name].append((slowed, before or load(server, connections)))
        told(f"slow store, c = {connections}, round {number + 1} of {rounds}")
    return found

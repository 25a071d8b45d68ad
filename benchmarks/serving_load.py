"""One server under load: rounds of `wrk`, and what the server's processes spent and hold meanwhile."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

SECONDS = 2
WARM_UP_SECONDS = 3
SCRIPT = Path(__file__).with_name("rotate.lua")


@dataclass(frozen=True)
class Server:
    """One address, and the session whose processes are the server's own.

    ``bodies``: a file of requests, one a line. ``headers``: sent with each. ``replica``: the process that predicts, where the
    session holds more than that one server.
    """

    url: str
    session: int
    bodies: Path
    headers: tuple[str, ...] = ()
    replica: int | None = None

    def spent(self) -> dict[int, float]:
        """Processor seconds so far by process."""
        found = {}
        for process in family(self.session):
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                found[process.pid] = times.user + times.system
        return found


@dataclass(frozen=True)
class Round:
    """What one round showed. Milliseconds, and processor microseconds a request: of all processes, and of the replica alone."""

    rate: float
    p50: float
    p99: float
    cpu: float
    replica_cpu: float
    wrong: int


def family(session: int) -> list[psutil.Process]:
    """The processes of a session that are alive, and what its leader has started in sessions of their own."""

    def belongs(process: psutil.Process) -> bool:
        try:
            return os.getsid(process.pid) == session
        except ProcessLookupError:
            return False

    found = {process.pid: process for process in psutil.process_iter() if belongs(process)}
    with contextlib.suppress(psutil.NoSuchProcess):
        found |= {process.pid: process for process in psutil.Process(session).children(recursive=True)}
    return list(found.values())


def memory(process: psutil.Process) -> dict[str, float]:
    """MB that a process holds; the proportional size counts a page that several share only in part."""
    found = process.memory_full_info()
    return {"RSS MB": found.rss / 1e6, "PSS MB": found.pss / 1e6}


def require_wrk() -> None:
    """Raises RuntimeError where there is no load generator."""
    if shutil.which("wrk") is None:
        raise RuntimeError(
            "the load generator `wrk` is not here; Debian: apt-get install -y wrk; macOS: brew install wrk"
        )


def load(server: Server, connections: int, seconds: int = SECONDS) -> Round:
    """One round: one thread of wrk, keep-alive, the bodies in turn."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", SCRIPT, server.url, "--"]
    words = [*command, server.bodies, *server.headers]
    before = server.spent()
    run = subprocess.run(words, capture_output=True, text=True, timeout=seconds + 30, check=True)
    spent = {process: total - before.get(process, 0.0) for process, total in server.spent().items()}
    told = json.loads(run.stdout.strip().splitlines()[-1])
    each = 1e6 / max(told["requests"], 1)
    return Round(
        told["requests"] / told["seconds"],
        told["p50_ms"],
        told["p99_ms"],
        sum(spent.values()) * each,
        spent.get(server.replica or server.session, 0.0) * each,
        told["refused"] + told["lost"],
    )


def rounds_of(
    servers: dict[str, Server], connections: int, rounds: int, told: Callable[[str], None]
) -> dict[str, list[Round]]:
    """Rounds in turn; each begins with another server, so that none always comes behind the same."""
    found: dict[str, list[Round]] = {name: [] for name in servers}
    names = list(servers)
    for number in range(rounds):
        place = number % len(names)
        for name in names[place:] + names[:place]:
            found[name].append(load(servers[name], connections))
        told(f"c = {connections}, round {number + 1} of {rounds}")
    return found

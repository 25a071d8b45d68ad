"""Processes of one POSIX session: who is in it, is it still ours, and how it ends.

Every process of a Ray head keeps the session id it was started with, HAProxy too, while process groups, command lines and
environments vary. A session's leader stays alive as long as the head, so the session's number cannot pass to strangers.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from mlconfig.engine.head.record import Identity
from mlconfig.errors import EngineError

PATIENCE_S = 0.8  # between asking and killing; what keeps state needs under half a second


def _stat(pid: int) -> list[str] | None:
    """Fields of ``/proc/<pid>/stat`` from the state on (proc(5), field 3); None when there is no such process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return text.rpartition(")")[2].split()


def identify(pid: int) -> Identity | None:
    """Return the identity of a living process; None when it is gone or a zombie."""
    fields = _stat(pid)
    if fields is None or fields[0] in "ZX":
        return None
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return Identity(pid=pid, born=f"{boot}:{fields[19]}")


def is_alive(process: Identity) -> bool:
    """Tell whether this very process still runs; another one with its number does not count."""
    return identify(process.pid) == process


def session_members(sid: int) -> list[int]:
    """Pids of the living processes of a session, zombies left out."""
    members = []
    for entry in Path("/proc").iterdir():
        fields = _stat(int(entry.name)) if entry.name.isdigit() else None
        if fields is not None and fields[0] not in "ZX" and int(fields[3]) == sid:
            members.append(int(entry.name))
    return members


def _signal(pids: list[int], number: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def _followers(sid: int) -> list[int]:
    return [pid for pid in session_members(sid) if pid != sid]


def _wait_gone(sid: int, seconds: float) -> list[int]:
    """Wait until only the leader is left; return who else still is."""
    deadline = time.monotonic() + seconds
    while (others := _followers(sid)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return others


def _wait_dead(process: Identity) -> None:
    deadline = time.monotonic() + 1.0
    while is_alive(process) and time.monotonic() < deadline:
        time.sleep(0.01)


def _stop(process: Identity) -> None:
    """Have a process stand still, so that it starts no other one; return when it does, or is gone."""
    deadline = time.monotonic() + 1.0
    _signal([process.pid] if is_alive(process) else [], signal.SIGSTOP)
    while is_alive(process) and (_stat(process.pid) or "T")[0] != "T" and time.monotonic() < deadline:
        time.sleep(0.005)


def end_session(leader: Identity, *known: Identity) -> int:
    """End every process of a session, the leader last: it keeps the session's number from strangers until then.

    The others are asked and given time; then the leader is stopped, for what it starts between the last look at them and its
    own end would be left behind.

    Args:
        leader: who leads the session; its pid is the session's number.
        known: further members, asked to end first; they prove that the number is still this session's where the leader is gone.

    Returns:
        how many processes were ended; 0 when none of the given ones lives, for then nothing proves whose the session is.

    Raises:
        EngineError: a process outlived SIGKILL.
    """
    if not any(is_alive(process) for process in (leader, *known)):
        return 0
    ended = set(session_members(leader.pid))
    if first := [process.pid for process in known if is_alive(process)]:
        _signal(first, signal.SIGTERM)
        _wait_gone(leader.pid, 0.1)
    # A process may start another while it ends, so each round looks again.
    for number, seconds in ((signal.SIGTERM, PATIENCE_S), (signal.SIGKILL, 1.0), (signal.SIGKILL, 1.0)):
        if number is signal.SIGKILL:
            _stop(leader)
        others = _followers(leader.pid)
        ended.update(others)
        _signal(others, number)
        _wait_gone(leader.pid, seconds)
    if is_alive(leader):
        _signal([leader.pid], signal.SIGKILL)
        _wait_dead(leader)
    if left := session_members(leader.pid):
        raise EngineError(f"processes {left} of the local Ray head outlived SIGKILL", where=f"session {leader.pid}")
    return len(ended)

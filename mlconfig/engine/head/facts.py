"""What a head listens on, for `mlconfig doctor`."""

from __future__ import annotations

from dataclasses import dataclass

import psutil

from mlconfig.engine.head.process import session_members
from mlconfig.engine.head.record import Head


@dataclass(frozen=True, order=True)
class Listener:
    """One listening socket: its port, the address it is bound to, and the process that holds it."""

    port: int
    host: str
    pid: int
    process: str

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return self.host.removeprefix("::ffff:").startswith("127.") or self.host == "::1"


def listening(head: Head) -> tuple[Listener, ...]:
    """Return every listening TCP socket of the head's processes, by port."""
    found = set()
    for pid in session_members(head.sid):
        try:
            process = psutil.Process(pid)
            sockets = process.net_connections(kind="tcp")
        except psutil.Error:
            continue
        found |= {
            Listener(entry.laddr.port, entry.laddr.ip, pid, process.name())
            for entry in sockets
            if entry.status == psutil.CONN_LISTEN
        }
    return tuple(sorted(found))

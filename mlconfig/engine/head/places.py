"""Where a head keeps its files, which of them are secret, and the lock that lets one command at a time change them.

A Unix socket's path may have 107 bytes (unix(7)), HAProxy's 97, of which Ray and Serve add about 65: a project's own path is
often too long. Sockets and sessions therefore live under ``<system temp>/mlconfig-<uid>/<hash of the storage>``.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlconfig.errors import EngineError

# Serve: <dir>/h/<node id, 56 bytes>/a within 97.
# Ray: <dir>/ray/session_2026-11-20_13-59-26_175695_4194304/sockets/plasma_store within 107.
LONGEST_DIR = 36


def _private(path: Path) -> Path:
    """Make a directory that its owner alone can enter; refuse one that somebody else made first."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise EngineError(
            "the directory for Ray's sockets belongs to somebody else",
            where=str(path),
            hint="remove it, or set TMPDIR to a short directory of your own",
        )
    path.chmod(0o700)
    return path


def user_dir() -> Path:
    """Return this user's private directory for the short paths of all heads; made when missing."""
    name = f"mlconfig-{os.getuid()}"
    wanted = Path(tempfile.gettempdir()) / name
    if len(os.fsencode(wanted)) + 11 > LONGEST_DIR:
        wanted = Path("/tmp") / name  # noqa: S108  # ours alone: `_private` refuses a directory of somebody else
    return _private(wanted)


def temp_dir(storage: Path) -> Path:
    """Return the short directory of the storage's head; it is not made here."""
    digest = hashlib.sha256(os.fsencode(storage.resolve())).hexdigest()
    return user_dir() / digest[:10]


def make_dirs(storage: Path) -> Path:
    """Make the head's directories, all private; return the short one."""
    _private(storage / "ray")
    short = _private(temp_dir(storage))
    for name in ("ray", "h"):
        _private(short / name)
    return short


def make_token(storage: Path) -> Path:
    """Write a fresh token for Ray that only its owner can read; return its file.

    Ray would make one itself, readable by all (mode 0644). Source: docs.ray.io, "Ray token authentication".
    """
    path = storage.resolve() / "ray" / "token"  # the head works in another folder
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(32))
    return path


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock between processes; waits for the one who has it, and a dead holder frees it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield

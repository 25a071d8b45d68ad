"""A secret of the project: one file in its storage, readable by its owner only, made once."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from mlconfig.errors import StateError
from mlconfig.records.segments import sync_folder

BYTES = 32


def make_secret(path: Path) -> bytes:
    """The secret of a file [32 bytes], drawn where there is none. Any number of processes may call it at once."""
    if path.exists():
        return read_secret(path)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    write_private(draft, secrets.token_hex(BYTES).encode())
    with suppress(FileExistsError):  # somebody was as fast, and theirs counts
        os.link(draft, path)
    draft.unlink()
    sync_folder(path.parent)
    return read_secret(path)


def read_secret(path: Path) -> bytes:
    """The secret of a file [32 bytes]. Raises StateError where it is missing or damaged."""
    try:
        secret = bytes.fromhex(path.read_text())
    except OSError as error:
        raise StateError(
            f"the secret cannot be read: {error.strerror}", str(path), "bring it back from a backup"
        ) from None
    except ValueError:
        secret = b""
    if len(secret) != BYTES:
        raise StateError("this is no secret of ours", str(path), "bring it back from a backup")
    return secret


def write_private(path: Path, data: bytes) -> None:
    """Write a new file that only its owner may read, down to the disk. Raises FileExistsError where there is one."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "wb", closefd=False) as out:
            out.write(data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_private(path: Path, data: bytes) -> None:
    """Replace a file by one that only its owner may read; a reader sees the old one or the new one, also after a crash."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        write_private(draft, data)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)

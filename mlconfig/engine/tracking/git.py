"""The commit that a project stands on, read from git's own files."""

from __future__ import annotations

from pathlib import Path


def git_commit(folder: Path) -> str | None:
    """The commit checked out in the repository around ``folder``; None outside one, or before its first commit."""
    for place in (folder.resolve(), *folder.resolve().parents):
        if (place / ".git").exists():
            return _head(_git_folder(place / ".git"))
    return None


def _git_folder(entry: Path) -> Path:
    """``.git`` itself, or where its file (of a work tree or a submodule) points."""
    if entry.is_dir():
        return entry
    return (entry.parent / entry.read_text().removeprefix("gitdir:").strip()).resolve()


def _head(git: Path) -> str | None:
    try:
        head = (git / "HEAD").read_text().strip()
        shared = git / "commondir"
        common = (git / shared.read_text().strip()).resolve() if shared.exists() else git
    except OSError:
        return None
    if not head.startswith("ref:"):
        return head
    return _resolve(common, head.removeprefix("ref:").strip())


def _resolve(common: Path, ref: str) -> str | None:
    if (common / ref).is_file():
        return (common / ref).read_text().strip()
    packed = common / "packed-refs"
    lines = packed.read_text().splitlines() if packed.is_file() else []
    return next((line.split()[0] for line in lines if line.endswith(f" {ref}")), None)

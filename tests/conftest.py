"""What several rooms' tests share: one Ray head for the whole session."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import settings

from mlconfig.engine.head import Head, connect, destroy_head, disconnect, start_head
from mlconfig.engine.head.process import session_members

# How long an example takes says how busy the machine is, and nothing about the code.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")

# A suite that a shell runs in the background finds Ctrl-C ignored, and so would all that it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)


class RaySession(NamedTuple):
    """The session's head and the storage folder it belongs to."""

    head: Head
    storage: Path

    def connect(self) -> Head:
        """Connect this process to the head, unless it is; return the head."""
        connect(self.head)
        return self.head


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """How processes share the tests (``-n 2 --dist loadgroup``): all that need the cluster stay in one, which begins with
    them, since they take longest; of the others, those of a file stay together, because they share what they set up.
    """
    items.sort(key=lambda item: item.get_closest_marker("ray") is None)
    for item in items:
        group = "ray" if item.get_closest_marker("ray") is not None else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Say it where xdist does not group (3.8 cannot with pytest 9.2): each process would start a cluster of its own."""
    if getattr(session.config.option, "loadgroup", False) and session.items:
        assert "@" in session.items[0].nodeid, "pytest-xdist took no notice of the groups"


@pytest.fixture(scope="session")
def ray_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RaySession]:
    """One local head of ours for all tests marked ``ray``; nothing of it is left when the session ends."""
    storage = tmp_path_factory.mktemp("head") / ".mlconfig"
    head = start_head(storage, cpus=4)
    yield RaySession(head, storage)
    disconnect()
    began = time.monotonic()
    ended = destroy_head(storage)
    assert time.monotonic() - began < 5.0
    assert ended > 5
    assert session_members(head.sid) == []
    assert not head.temp_dir.exists()
    assert [path.name for path in (storage / "ray").iterdir()] == ["lock"]

"""Following the route: a source that comes, goes, and lies."""

import threading

import pytest

from mlconfig.builtin.protocol_mlconfig import MlconfigProtocol
from mlconfig.sections.serving import Serving
from mlconfig.serving.route_poll import RoutePoller, read_copy, write_copy
from mlconfig.serving.service import Service

PROTOCOLS = {"mlconfig": MlconfigProtocol()}


class Source:
    """A route source in memory; ``down`` makes it raise."""

    def __init__(self):
        self.table, self.down, self.asked = None, False, threading.Semaphore(0)

    def current(self, endpoint):
        assert endpoint == "churn"
        self.asked.release()
        if self.down:
            raise ConnectionError("no database")
        return self.table


@pytest.fixture
def source():
    return Source()


@pytest.fixture
def start(tmp_path, source):
    """Begin a replica's service and poller, as after a restart."""
    begun = []

    def begin(interval=0.005):
        service = Service("churn", tmp_path, Serving(), PROTOCOLS, replica="r0")
        poller = RoutePoller(service, source, tmp_path / "routes" / "churn.json", interval)
        begun.append((service, poller))
        return service, poller

    yield begin
    for service, poller in begun:
        poller.stop()
        service.close()


def polls(source, count=2):
    """Wait for so many polls from now on; those of before tell nothing about what has been set since."""
    while source.asked.acquire(blocking=False):
        pass
    for _ in range(count):
        assert source.asked.acquire(timeout=10)


def test_a_new_generation_is_taken_over_in_the_background(source, start, tmp_path, make_version, make_route_table):
    service, poller = start()
    poller.start()
    assert service.state is None
    source.table = make_route_table(make_version(tmp_path, "1"), 1)
    polls(source, 4)
    assert service.state.table.generation == 1
    source.table = make_route_table(make_version(tmp_path, "2", weight=2), 2)
    polls(source, 4)
    assert service.state.table.champion.version == "2"
    poller.stop()
    assert read_copy(tmp_path / "routes" / "churn.json") == source.table


def test_a_cold_start_without_the_source_serves_the_copy(source, start, tmp_path, make_version, make_route_table):
    source.table = make_route_table(make_version(tmp_path), 3)
    assert start()[1].poll_once()
    source.down = True
    service, poller = start()
    assert poller.poll_once()
    assert service.state.table.generation == 3
    source.down, source.table = False, make_route_table(source.table.champion, 4)
    assert poller.poll_once()
    assert service.state.table.generation == 4


def test_a_cold_start_with_a_broken_route_serves_the_copy(source, start, tmp_path, make_version, make_route_table):
    source.table = make_route_table(make_version(tmp_path), 3)
    assert start()[1].poll_once()
    broken = make_version(tmp_path, "2", weight=2)
    (tmp_path / broken.folder / "model.onnx").write_bytes(b"other bytes")
    source.table = make_route_table(broken, 4)
    service, poller = start()
    assert poller.poll_once()
    assert service.state.table.generation == 3
    assert poller.poll_once()
    assert "the bytes are not those that passed the gate" in service.problem


def test_a_source_that_is_down_leaves_what_is_served(source, start, tmp_path, make_version, make_route_table, caplog):
    service, poller = start()
    assert not poller.poll_once()
    source.table = make_route_table(make_version(tmp_path), 1)
    poller.poll_once()
    source.down = True
    for _ in range(3):
        assert poller.poll_once()
    assert service.state.table.generation == 1
    assert [record.message for record in caplog.records] == [
        "churn: the route source does not answer: ConnectionError: no database"
    ]


def test_a_version_that_was_not_there_yet_is_tried_again(source, start, tmp_path, make_version, make_route_table):
    version = make_version(tmp_path)
    folder = tmp_path / version.folder
    folder.rename(tmp_path / "elsewhere")
    source.table = make_route_table(version)
    service, poller = start()
    assert not poller.poll_once()
    assert "cannot be read" in service.problem
    assert read_copy(tmp_path / "routes" / "churn.json") is None  # only what was served is kept
    (tmp_path / "elsewhere").rename(folder)
    assert poller.poll_once()
    assert service.problem is None


def test_the_copy_is_never_replaced_by_an_older_one(tmp_path, make_version, make_route_table):
    file, version = tmp_path / "route.json", make_version(tmp_path)
    write_copy(file, make_route_table(version, 2))
    write_copy(file, make_route_table(version, 1))
    assert read_copy(file).generation == 2
    file.write_text("torn")
    assert read_copy(file) is None
    write_copy(file, make_route_table(version, 1))
    assert read_copy(file).generation == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["route.json", "versions"]

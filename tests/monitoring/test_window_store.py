"""Closed windows on disk: kept once, found again, counted again where a file is damaged."""

import pytest

from mlconfig.monitoring.log import COUNTED
from mlconfig.monitoring.pass_windows import PassWindows
from mlconfig.monitoring.window_store import WindowStore, rows_by_start
from mlconfig.vocabulary import Window

from .conftest import BEGIN, HOUR, Log, make_watch


@pytest.fixture
def watched():
    return make_watch()


@pytest.fixture
def new_store(tmp_path, watched):
    """Makes the store of the version as a new process would."""
    return lambda version="1": WindowStore(tmp_path, version, watched.baseline.inputs.layout.digest, HOUR)


def counted(watched, rows=50):
    log = Log()
    log.hour(0, rows)
    (block,) = log.blocks(version="1", columns=COUNTED)
    return watched.counter.count(block)


def test_what_is_put_is_found_by_another_process(watched, new_store):
    new_store().put(HOUR, counted(watched))
    new_store().put(-2 * HOUR, counted(watched, 30))
    found = new_store()
    assert [(w.start, w.rows) for w in found.windows.values()] == [(-2 * HOUR, 30), (HOUR, 50)]
    assert found.get(HOUR).rows == 50
    assert found.get(2 * HOUR) is None
    assert [start for start, _ in found.between(-2 * HOUR, HOUR)] == [-2 * HOUR]


def test_a_window_is_replaced_whole(watched, new_store):
    store = new_store()
    store.put(HOUR, counted(watched, 30))
    store.put(HOUR, counted(watched, 50))
    assert [path.name for path in store.folder.iterdir()] == [f"{int(HOUR)}-50.mlpw"]
    assert new_store().get(HOUR).rows == 50


def test_half_written_and_strange_files_are_passed_over(watched, new_store):
    store = new_store()
    store.put(HOUR, counted(watched))
    (store.folder / "7200-10.99.part").write_bytes(b"half")
    (store.folder / "notes.txt").write_text("hello")
    assert list(new_store().windows) == [HOUR]


def test_rows_of_all_versions_are_told_from_names(tmp_path, watched, new_store):
    new_store().put(HOUR, counted(watched, 30))
    new_store("2/odd name").put(HOUR, counted(watched, 50))
    assert rows_by_start(tmp_path, HOUR) == {HOUR: 80}
    assert rows_by_start(tmp_path, 7200.0) == {}


@pytest.mark.parametrize("damage", [b"", b"MLPW", None])
def test_a_damaged_window_is_counted_again_from_the_log(watched, new_store, damage):
    log = Log()
    for hour in range(4):
        log.hour(hour, 40 + hour)
    PassWindows(watched, log, new_store(), BEGIN + 4 * HOUR)
    path = new_store().windows[BEGIN + HOUR].path
    path.write_bytes(damage if damage is not None else path.read_bytes()[:-9])
    again = PassWindows(watched, log, new_store(), BEGIN + 4 * HOUR)
    day = Window(start=BEGIN, end=BEGIN + 4 * HOUR)
    assert again.counts(day).rows == again.rows(day) == 40 + 41 + 42 + 43
    assert new_store().get(BEGIN + HOUR).rows == 41  # and kept


def test_a_damaged_window_whose_rows_are_gone_holds_none(watched, new_store):
    log = Log()
    log.hour(0, 40)
    log.hour(1, 40)
    PassWindows(watched, log, new_store(), BEGIN + 2 * HOUR)
    new_store().windows[BEGIN].path.write_bytes(b"")
    log._predictions = log._predictions[1:]
    again = PassWindows(watched, log, new_store(), BEGIN + 2 * HOUR)
    assert again.counts(Window(start=BEGIN, end=BEGIN + HOUR)).rows == 0
    assert again.counts(Window(start=BEGIN, end=BEGIN + 2 * HOUR)).rows == 40


def test_a_window_is_closed_once_and_late_rows_do_not_count(watched, new_store):
    log = Log()
    log.hour(0, 40)
    PassWindows(watched, log, new_store(), BEGIN + HOUR)
    log.hour(0, 7)
    log.hour(1, 10)
    found = PassWindows(watched, log, new_store(), BEGIN + 1.5 * HOUR)
    assert found.rows_at == {BEGIN: 40}
    assert PassWindows(watched, log, new_store(), BEGIN + 2 * HOUR).rows_at == {BEGIN: 40, BEGIN + HOUR: 10}

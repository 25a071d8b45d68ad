"""A guard's keys: taken from the source, kept as a copy, never older than they were."""

import stat
import time

import pytest

from mlconfig.builtin.authenticator_keys import Keys
from mlconfig.contracts import Guard, Premises, RequestRefusedError
from mlconfig.errors import PluginError, StateError
from mlconfig.records.key_table import PEPPER_FILE, KeyRow, KeyTable, Pepper, draw_key
from mlconfig.serving.guard_poll import GuardPoller, read_copy, write_copy


class Source:
    """Gives a table, or fails."""

    def __init__(self, table=None):
        self.table = table

    def current(self, endpoint):
        if self.table is None:
            raise StateError("down")
        return self.table


@pytest.fixture
def made(tmp_path):
    """A key, and tables with and without it."""
    key_id, key = draw_key()
    digest = Pepper.make(tmp_path).digest(key.encode()).hex()
    row = KeyRow(id=key_id, client="shop", scopes=("predict",), digest=digest, created_at=1.0)
    return key.encode(), KeyTable(endpoint="churn", generation=1, keys=(row,)), KeyTable(endpoint="churn", generation=2)


def poller(tmp_path, source, **options):
    guard = Keys().guard(Premises("churn", tmp_path))
    return guard, GuardPoller(guard, "churn", source, tmp_path / "keys" / "churn.json", **options)


def status(guard, key):
    try:
        guard.admit({b"x-api-key": key}, 2.0)
    except RequestRefusedError as problem:
        return problem.status
    return 200


def test_keys_are_taken_and_revoked(tmp_path, made):
    key, with_it, without = made
    source = Source(with_it)
    guard, polls = poller(tmp_path, source)
    assert status(guard, key) == 503
    polls.poll_once()
    assert (status(guard, key), polls.problem) == (200, "")
    source.table = None
    polls.poll_once()
    assert status(guard, key) == 200
    assert polls.problem == "the keys cannot be read anew: down"
    source.table = without
    polls.poll_once()
    assert (status(guard, key), polls.problem) == (401, "")


def test_an_older_generation_gives_no_revoked_key_back(tmp_path, made):
    key, with_it, without = made
    source = Source(without)
    guard, polls = poller(tmp_path, source)
    polls.poll_once()
    source.table = with_it
    polls.poll_once()
    assert status(guard, key) == 401
    assert "generation 1 is older than 2" in polls.problem
    write_copy(tmp_path / "keys" / "churn.json", with_it)
    assert read_copy(tmp_path / "keys" / "churn.json") == without


def test_the_copy_serves_without_the_source_and_is_its_owners_alone(tmp_path, made):
    key, with_it, _ = made
    poller(tmp_path, Source(with_it))[1].poll_once()
    file = tmp_path / "keys" / "churn.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / PEPPER_FILE).stat().st_mode) == 0o600
    assert key not in file.read_bytes()
    guard, polls = poller(tmp_path, Source())
    polls.poll_once()
    assert status(guard, key) == 200
    file.write_text("{")
    guard, polls = poller(tmp_path, Source())
    polls.poll_once()
    assert status(guard, key) == 503


def test_a_copy_that_could_not_be_written_is_written_later(tmp_path, made):
    key, with_it, _ = made
    (tmp_path / "keys").write_text("in the way")
    guard, polls = poller(tmp_path, Source(with_it))
    polls.poll_once()
    assert status(guard, key) == 200
    assert polls.problem.startswith("the copy of the keys cannot be written: ")
    (tmp_path / "keys").unlink()
    polls.poll_once()
    assert polls.problem == ""
    assert read_copy(tmp_path / "keys" / "churn.json") == with_it


def test_a_lost_pepper_lets_nobody_in_and_is_told(tmp_path, made):
    key, with_it, _ = made
    (tmp_path / PEPPER_FILE).unlink()
    guard, polls = poller(tmp_path, Source(with_it))
    polls.poll_once()
    assert status(guard, key) == 503
    assert "keys.pepper" in polls.problem
    with pytest.raises(StateError, match="bring it back from a backup"):
        Pepper.open(tmp_path)
    (tmp_path / PEPPER_FILE).write_text("not hex")
    with pytest.raises(StateError, match="no secret of ours"):
        Pepper.open(tmp_path)


def test_the_pepper_is_made_once(tmp_path):
    first = Pepper.make(tmp_path / "new").digest(b"key")
    assert Pepper.make(tmp_path / "new").digest(b"key") == first == Pepper.open(tmp_path / "new").digest(b"key")
    assert Pepper(b"given by a secret").digest(b"key") != first


def test_a_pepper_of_the_recipe_needs_no_file(tmp_path, made):
    _, with_it, _ = made
    (tmp_path / PEPPER_FILE).unlink()
    plugin = Keys(Keys.Params(pepper="a secret of some length"))
    guard = plugin.guard(Premises("churn", tmp_path))
    key_id, key = draw_key()
    digest = Pepper(b"a secret of some length").digest(key.encode()).hex()
    row = with_it.keys[0].model_copy(update={"id": key_id, "digest": digest})
    guard.take(KeyTable(endpoint="churn", generation=1, keys=(row,)))
    assert status(guard, key.encode()) == 200


class Fetching(Guard):
    """Counts what is asked of it, and can fail."""

    def __init__(self):
        self.refreshed, self.error = 0, None

    def admit(self, headers, now):
        raise NotImplementedError

    def refresh(self, now):
        self.refreshed += 1
        if self.error:
            raise self.error


def test_a_guard_is_refreshed_in_the_background_whatever_fails(tmp_path, caplog):
    guard = Fetching()
    polls = GuardPoller(guard, "churn", None, tmp_path / "churn.json", interval=0.005)
    guard.error = PluginError("the key set cannot be fetched: 500", "https://id")
    polls.start()
    deadline = time.monotonic() + 5.0
    while guard.refreshed < 5 and time.monotonic() < deadline:
        time.sleep(0.005)
    assert polls.problem == "https://id: the key set cannot be fetched: 500"
    assert caplog.text.count("the key set cannot be fetched") == 1
    guard.error = ValueError("holds a secret")
    polls.poll_once()
    assert polls.problem == "ValueError"
    polls.stop()
    assert guard.refreshed >= 5
    assert not (tmp_path / "churn.json").exists()

"""The parts of a head that need no Ray: ports, private files, HAProxy's launcher, sessions of processes."""

import os
import socket
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from mlconfig.engine.head import find_head
from mlconfig.engine.head.environment import head_variables
from mlconfig.engine.head.head import check_version
from mlconfig.engine.head.ingress import NAMED_BY, write_launcher
from mlconfig.engine.head.places import LONGEST_DIR, make_dirs, make_token, temp_dir
from mlconfig.engine.head.ports import FIRST, LAST, choose_ports, is_free
from mlconfig.engine.head.process import end_session, identify, is_alive, session_members
from mlconfig.engine.head.record import Head, Identity, read_record, record_path, write_record
from mlconfig.errors import EngineError


def _head(**changes):
    known = Identity(pid=2**22 + 1, born="never")
    fields = {
        "address": "127.0.0.1:1",
        "leader": known,
        "gcs": known,
        "raylet": known,
        "ports": choose_ports(set()),
        "temp_dir": Path("/tmp/mlconfig-none/none"),
        "token_path": Path("token"),
        "started": 0.0,
        "ray_version": "0.1",
    }
    return Head(**fields | changes)


def test_chosen_ports_are_free_and_apart():
    ports = choose_ports(set())
    assert len(ports.taken()) == 7 + 2 * ports.span
    assert all(FIRST <= port <= LAST and is_free(port) for port in ports.taken())


def test_what_another_head_reserved_or_a_stranger_holds_is_not_chosen():
    first = choose_ports(set())
    with socket.socket() as stranger:
        free = next(port for port in range(LAST - 100, LAST) if is_free(port))
        stranger.bind(("127.0.0.1", free))
        stranger.listen()
        assert not is_free(free)
        second = choose_ports(first.taken())
        assert second.taken().isdisjoint(first.taken() | {free})


def test_no_free_ports_is_an_error_that_says_where_to_look():
    with pytest.raises(EngineError, match=r"no 300 free ports between 20000 and 32700(.|\n)*mlconfig destroy"):
        choose_ports(set(range(FIRST, LAST)))


def test_files_of_a_head_are_its_owners_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    storage = Path("long" * 40)
    short = make_dirs(storage)
    try:
        token = make_token(storage)
        assert token.stat().st_mode & 0o777 == 0o600
        assert token.is_absolute()
        assert len(token.read_text()) == 64
        assert make_token(storage).read_text() != "", "a second start replaces the first one's token"
        assert {path.stat().st_mode & 0o777 for path in (short, short.parent, short / "h", storage / "ray")} == {0o700}
        assert len(os.fsencode(short)) <= LONGEST_DIR
        assert temp_dir(tmp_path / "other") != temp_dir(storage) == temp_dir(tmp_path / storage)
    finally:
        for folder in ("ray", "h", "."):
            (short / folder).rmdir()


def test_somebody_elses_directory_for_sockets_is_refused(monkeypatch):
    import shutil
    import tempfile

    root = Path(tempfile.mkdtemp(prefix="m", dir="/tmp"))
    monkeypatch.setattr("tempfile.tempdir", str(root))
    try:
        (root / "elsewhere").mkdir()
        (root / f"mlconfig-{os.getuid()}").symlink_to(root / "elsewhere")
        with pytest.raises(EngineError, match=r"belongs to somebody else(.|\n)*TMPDIR"):
            temp_dir(root / "storage")
    finally:
        shutil.rmtree(root)


def test_the_launcher_puts_haproxy_on_loopback(tmp_path):
    config = tmp_path / "haproxy.cfg"
    config.write_text(
        f"global\n    log 127.0.0.1:514 local0 info\n    stats socket {tmp_path}/a mode 666 level admin expose-fd listeners\n"
        "defaults\n    mode http\n    timeout connect 1s\n    timeout client 1s\n    timeout server 1s\n    option httplog\n"
        "frontend prometheus\n    bind :20101\n"
        "frontend http_frontend\n    bind 127.0.0.1:20100\n"
        "listen stats\n  bind *:20102\n  stats enable\n"
        "frontend grpc_frontend\n    # HTTP/2\n    bind 127.0.0.1:20103 proto h2\n    mode http\n    log global\n"
    )
    launcher = write_launcher(tmp_path, "x-named")
    check = subprocess.run([launcher, "-c", "-f", config], capture_output=True, text=True, check=False)
    assert check.returncode == 0, check.stderr
    mended = config.read_text()
    assert [line.split()[1] for line in mended.splitlines() if "bind" in line] == [
        "127.0.0.1:20101",
        "127.0.0.1:20100",
        "127.0.0.1:20102",
        "127.0.0.1:20103",
    ]
    assert " mode 600 level admin" in mended
    assert "timeout http-request 10s\n    timeout http-keep-alive 60s\n" in mended
    assert "httplog" not in mended
    assert "514" not in mended
    assert mended.count("http-request set-header x-named %[uuid]\n") == 2, "requests are named over HTTP and gRPC"
    assert mended.index("x-named", mended.index("grpc_frontend")) > 0


def test_a_head_gets_our_settings_and_not_what_would_mislead_it(tmp_path):
    ports = choose_ports(set())
    inherited = {"PATH": "/bin", "PYTHONDONTWRITEBYTECODE": "1", "RAY_ADDRESS": "far:1", "OMP_NUM_THREADS": "8"}
    variables = head_variables(
        inherited,
        token_path=tmp_path / "t",
        ports=ports,
        haproxy=tmp_path,
        launcher=tmp_path / "l",
        named_by="x-n",
        cores=16,
    )
    assert variables[NAMED_BY] == "x-n", "replicas are told where to find the names"
    assert not {"PYTHONDONTWRITEBYTECODE", "RAY_ADDRESS"} & variables.keys()
    assert variables["PATH"] == "/bin"
    assert variables["OMP_NUM_THREADS"] == "1"
    assert variables["RAY_AUTH_MODE"] == "token"
    assert variables["RAY_SERVE_HAPROXY_NBTHREAD"] == "4"
    assert variables["RAY_SERVE_HAPROXY_STATS_PORT"] == str(ports.haproxy_stats)


def test_a_session_ends_whole_even_when_a_process_ignores_the_request():
    script = "sh -c 'trap \"\" TERM; echo ready; while :; do sleep 0.05; done' & setsid sleep 60 & sleep 60 & wait"
    leader = subprocess.Popen(["sh", "-c", script], start_new_session=True, stdout=subprocess.PIPE)
    assert leader.stdout.readline() == b"ready\n"
    mine = identify(leader.pid)
    outsider = _wait_for(lambda: next(iter(_children(leader.pid) - set(session_members(leader.pid))), None))
    _wait_for(lambda: len(session_members(leader.pid)) >= 4)
    began = time.monotonic()
    assert end_session(mine) >= 4
    assert time.monotonic() - began < 4
    assert session_members(leader.pid) == []
    assert not is_alive(mine), "the leader is a zombie of ours, and counts as gone"
    assert identify(outsider) is not None, "a process that left the session is not touched"
    os.kill(outsider, 9)
    leader.stdout.close()
    leader.wait()


def test_a_leader_that_goes_on_starting_processes_leaves_none_behind():
    leader = subprocess.Popen(["sh", "-c", "while :; do sleep 60; done"], start_new_session=True)
    _wait_for(lambda: len(session_members(leader.pid)) == 2)
    assert end_session(identify(leader.pid)) >= 2, "a leader that had no turn on a busy machine started no third"
    assert session_members(leader.pid) == []
    leader.wait()


def _children(parent):
    return {pid for pid in psutil.pids() if _parent(pid) == parent}


def _wait_for(condition, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "the processes did not start"
        time.sleep(0.01)
    return found


def _parent(pid):
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None


def test_a_stranger_with_the_same_number_is_not_touched():
    stranger = subprocess.Popen(["sleep", "60"], start_new_session=True)
    try:
        assert end_session(Identity(pid=stranger.pid, born="another boot:1")) == 0
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_record_comes_back_as_it_was_written(tmp_path):
    (tmp_path / "ray").mkdir()
    head = _head()
    write_record(tmp_path, head)
    assert read_record(tmp_path) == head


def test_the_record_of_a_dead_head_is_cleaned(tmp_path):
    (tmp_path / "ray").mkdir()
    write_record(tmp_path, _head())
    assert find_head(tmp_path) is None
    assert not record_path(tmp_path).exists()


def test_a_record_that_cannot_be_read_says_which(tmp_path):
    (tmp_path / "ray").mkdir()
    record_path(tmp_path).write_text('{"address": 3}')
    with pytest.raises(EngineError, match=r"head\.json: the record of the local Ray head cannot be read"):
        find_head(tmp_path)


def test_a_head_of_another_ray_is_refused():
    with pytest.raises(EngineError, match=r"runs Ray 0\.1, but Ray .* is installed(.|\n)*mlconfig destroy"):
        check_version(_head())

"""A local Ray head of our own: it outlives the command, is found by the next one, and ends without a trace."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import IO

import msgspec
import psutil

from mlconfig.engine.head.environment import apply_client_variables, head_variables
from mlconfig.engine.head.ingress import secret_header, write_launcher
from mlconfig.engine.head.places import locked, make_dirs, make_token, temp_dir, user_dir
from mlconfig.engine.head.ports import answers, choose_ports
from mlconfig.engine.head.process import end_session, identify, is_alive, session_members
from mlconfig.engine.head.record import Door, Head, Identity, Ports, read_record, record_path, write_record
from mlconfig.errors import EngineError

START_TIMEOUT_S = 90.0
# The shell starts Ray, leaves its exit status, and then only leads the session until the head is ended.
_LEAD = '"$@"; echo $? > "$STATUS.draft" && mv "$STATUS.draft" "$STATUS"; exec sleep 2147483647'


def _lock(storage: Path) -> Path:
    return storage / "ray" / "lock"


def _is_running(head: Head) -> bool:
    return is_alive(head.gcs) and is_alive(head.raylet) and answers(head.address)


def find_head(storage: Path) -> Head | None:
    """Return the storage's living head; None when there is none. What a dead one left is cleaned up.

    Args:
        storage: the project's storage folder (``.mlconfig``).

    Raises:
        EngineError: the record of the head cannot be read.
    """
    head = read_record(storage)
    if head is None or _is_running(head):
        return head
    with locked(_lock(storage)):
        return _find_locked(storage)


def _find_locked(storage: Path) -> Head | None:
    head = read_record(storage)
    if head is None or _is_running(head):
        return head
    _destroy_locked(storage)
    return None


def _destroy_locked(storage: Path) -> int:
    """End what the storage's record names, or what a start that was cut off left; remove the files of both."""
    head, leader = read_record(storage), _read_leader(storage)
    ended = end_session(leader) if leader is not None else 0
    if head is not None:
        ended += end_session(head.leader, head.raylet, head.gcs)
        _remove(head.temp_dir)
    _remove(temp_dir(storage))
    for file in (_leader_path(storage), storage / "ray" / "token", record_path(storage)):
        file.unlink(missing_ok=True)
    return ended


def _remove(directory: Path) -> None:
    """Remove a head's short directory; a path out of a file counts only when it is one that we would have chosen."""
    if directory.parent.name == user_dir().name:
        shutil.rmtree(directory, ignore_errors=True)


def _leader_path(storage: Path) -> Path:
    return storage / "ray" / "leader.json"


def _read_leader(storage: Path) -> Identity | None:
    """The session leader of a start that is under way or was cut off."""
    try:
        return msgspec.json.decode(_leader_path(storage).read_bytes(), type=Identity)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


def destroy_head(storage: Path) -> int:
    """End the storage's head with all its processes, HAProxy included, and remove its files.

    Returns:
        how many processes were ended; 0 when there was no head.

    Raises:
        EngineError: the record cannot be read, or a process cannot be ended.
    """
    if not (storage / "ray").exists():
        return 0
    with locked(_lock(storage)):
        return _destroy_locked(storage)


def start_head(
    storage: Path,
    *,
    cpus: int | None = None,
    memory: int | None = None,
    door: Door = Door(),  # noqa: B008 — frozen
) -> Head:
    """Return the storage's head, started if need be. Commands at the same time start one between them.

    Args:
        storage: the project's storage folder; made when missing.
        cpus: CPU cores that Ray may plan with; all when None.
        memory: bytes of memory that Ray may plan with; Ray's own estimate when None.
        door: where its endpoints are reached.

    Raises:
        EngineError: no free ports, Ray does not start, or the running head is of another version of Ray or has another door.
    """
    with locked(_lock(storage)):
        found = _find_locked(storage)
        if found is not None:
            check_version(found)
            check_door(found, door)
            return found
        return _start_locked(storage, cpus, memory, door)


def check_version(head: Head) -> None:
    """Raise ``EngineError`` when the head runs another version of Ray than is installed: Ray refuses to mix them."""
    installed = version("ray")
    if head.ray_version != installed:
        raise EngineError(
            f"the local head runs Ray {head.ray_version}, but Ray {installed} is installed",
            where=head.address,
            hint="end it with `mlconfig destroy`; the next command starts a new one",
        )


def check_door(head: Head, wanted: Door) -> None:
    """Raise ``EngineError`` where a running head has another door than is wanted."""
    if head.door != wanted:
        raise EngineError(
            f"the local head runs with another engine.ingress: {head.door.name} at {head.url}",
            where="engine.ingress",
            hint="end it with `mlconfig destroy` and apply again; one head serves all recipes of a project",
        )


def _start_locked(storage: Path, cpus: int | None, memory: int | None, door: Door) -> Head:
    _destroy_locked(storage)
    short = make_dirs(storage)
    token_path = make_token(storage)
    with locked(user_dir() / "ports.lock"):
        ports = choose_ports(_reserved(user_dir()), seed=str(storage.absolute()), http=door.port)
        (short / "ports").write_text(" ".join(map(str, sorted(ports.taken()))), encoding="ascii")
    named_by = secret_header()
    variables = head_variables(
        os.environ,
        token_path=token_path,
        ports=ports,
        haproxy=short / "h",
        launcher=write_launcher(short / "h", named_by),
        named_by=named_by,
        cores=cpus or os.cpu_count() or 1,
        haproxy_is_on=door.name == "haproxy",
    )
    output, status = short / "start.out", short / "start.status"
    status.unlink(missing_ok=True)
    with output.open("wb") as sink:
        leader = _lead(_arguments(short / "ray", ports, cpus, memory), variables | {"STATUS": str(status)}, short, sink)
    try:
        _leader_path(storage).write_bytes(msgspec.json.encode(_identity(leader.pid)))
        _wait_started(leader, status, output)
        head = _describe(leader, short, ports, token_path, door)
        write_record(storage, head)
        _leader_path(storage).unlink()
    except BaseException:
        _abandon(leader)
        _destroy_locked(storage)
        raise
    return head


def _reserved(directory: Path) -> set[int]:
    """Ports that this user's other heads hold or may hold later."""
    return {int(port) for file in directory.glob("*/ports") for port in file.read_text(encoding="ascii").split()}


def _arguments(ray_dir: Path, ports: Ports, cpus: int | None, memory: int | None) -> list[str]:
    """Return the command that starts the head; it ends as soon as the head runs."""
    limits = {"--num-cpus": cpus, "--memory": memory}
    return [
        *(sys.executable, "-c", "from ray.scripts.scripts import main; main()", "start", "--head", "--port=0"),
        "--node-ip-address=127.0.0.1",
        "--include-dashboard=false",
        "--no-monitor",
        "--include-log-monitor=false",
        "--disable-usage-stats",
        "--dashboard-agent-listen-port=0",
        f"--ray-client-server-port={ports.ray_client}",
        f"--temp-dir={ray_dir}",
        *(f"{flag}={value}" for flag, value in limits.items() if value is not None),
    ]


def _lead(arguments: list[str], variables: dict[str, str], folder: Path, sink: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start the session's leader, apart from the terminal and from the folder of the command."""
    return subprocess.Popen(  # noqa: S603  # our own script and arguments
        ["/bin/sh", "-c", _LEAD, "mlconfig-head", *arguments],
        env=variables,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=sink,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def _wait_started(leader: subprocess.Popen[bytes], status: Path, output: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while not status.exists():
        if leader.poll() is not None or time.monotonic() > deadline:
            raise _not_started(f"Ray did not start in {START_TIMEOUT_S:.0f} s", output)
        time.sleep(0.02)
    code = status.read_text(encoding="ascii").strip()
    if code != "0":
        raise _not_started(f"`ray start` failed with status {code}", output)


def _not_started(what: str, output: Path) -> EngineError:
    last = output.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-8:]
    return EngineError(
        "\n    ".join([f"{what}; its last words:", *last]),
        where="local Ray head",
        hint="`mlconfig doctor` shows versions, ports and free memory",
    )


def _describe(leader: subprocess.Popen[bytes], short: Path, ports: Ports, token_path: Path, door: Door) -> Head:
    return Head(
        address=(short / "ray" / "ray_current_cluster").read_text(encoding="ascii").strip(),
        leader=_identity(leader.pid),
        gcs=_member(leader.pid, "gcs_server"),
        raylet=_member(leader.pid, "raylet"),
        ports=ports,
        temp_dir=short,
        token_path=token_path,
        started=time.time(),
        ray_version=version("ray"),
        door=door,
    )


def _identity(pid: int) -> Identity:
    found = identify(pid)
    if found is None:
        raise EngineError("a process of the local Ray head ended while it started", where=f"pid {pid}")
    return found


def _member(sid: int, program: str) -> Identity:
    """Identity of the session's process whose program file has this name."""
    for pid in session_members(sid):
        with suppress(psutil.Error):
            if Path(psutil.Process(pid).exe()).name == program:
                return _identity(pid)
    raise EngineError(f"the local Ray head started without its {program}", where=f"session {sid}")


def _abandon(leader: subprocess.Popen[bytes]) -> None:
    """End what a failed start left. The leader is our own child, not yet waited for, so its number is still its own."""
    for pid in session_members(leader.pid):
        with suppress(ProcessLookupError):
            os.kill(pid, 9)
    leader.wait()


def connect(head_or_address: Head | str) -> None:
    """Connect this process to a head of ours or to a cluster's address, in the namespace ``mlconfig``.

    Connecting again to the same place does nothing.

    Raises:
        EngineError: nobody answers there, the versions differ, or this process is connected elsewhere.
    """
    if isinstance(head_or_address, str):
        from mlconfig.engine.head.client import connect_ray

        return connect_ray(head_or_address, local=False)
    check_version(head_or_address)
    if not answers(head_or_address.address):
        raise EngineError(
            "the local Ray head does not answer",
            where=head_or_address.address,
            hint="run the command again: it starts a new one",
        )
    apply_client_variables(head_or_address.token_path, haproxy_is_on=head_or_address.door.name == "haproxy")
    from mlconfig.engine.head.client import connect_ray  # the environment comes first

    return connect_ray(head_or_address.address, local=True)


def disconnect() -> None:
    """Leave the cluster; the head goes on. Nothing happens when this process is not connected."""
    import ray

    serve_api = sys.modules.get("mlconfig.engine.serve_api")
    if serve_api is not None:
        serve_api.forget_client()

    ray.shutdown()

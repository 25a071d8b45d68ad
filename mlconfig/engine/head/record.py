"""What is remembered of a head that we started: enough to find it, to reach it, and to end it and nothing else."""

from __future__ import annotations

from pathlib import Path

import msgspec

from mlconfig.errors import EngineError


class Ports(msgspec.Struct, frozen=True, kw_only=True):
    """Ports that would collide between two heads, chosen free when the head starts. All of them on 127.0.0.1.

    Args:
        http: the front door: HAProxy.
        grpc: its door for gRPC; 0 for a head that was started before there was one.
        haproxy_stats, haproxy_metrics: HAProxy's own pages.
        fallback_http, fallback_grpc: Serve's Python proxy behind HAProxy.
        ray_client: Ray's client server, which cannot be switched off.
        replica_http, replica_grpc: first of the ``span`` ports that replicas listen on.
        span: how many ports each of the two blocks holds.
    """

    http: int
    haproxy_stats: int
    haproxy_metrics: int
    fallback_http: int
    fallback_grpc: int
    ray_client: int
    replica_http: int
    replica_grpc: int
    span: int
    grpc: int = 0

    def taken(self) -> set[int]:
        """Every port that this head holds or may hold later."""
        single = {self.http, self.haproxy_stats, self.haproxy_metrics, self.fallback_http, self.fallback_grpc}
        blocks = (
            *range(self.replica_http, self.replica_http + self.span),
            *range(self.replica_grpc, self.replica_grpc + self.span),
        )
        return (single | {self.ray_client, self.grpc} | set(blocks)) - {0}


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """A process that cannot be mistaken for a later one with the same number: pid and when it started."""

    pid: int
    born: str


class Door(msgspec.Struct, frozen=True, kw_only=True):
    """As ``engine.ingress`` declares it, with absolute paths; ``port`` 0 for one that is free."""

    name: str = "haproxy"
    host: str = "127.0.0.1"
    port: int = 0
    certificate: str = ""
    key: str = ""


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """A local Ray head of ours, as ``<storage>/ray/head.json`` keeps it.

    Args:
        address: of Ray's control store (GCS), ``127.0.0.1:port``.
        leader: the process that leads the head's POSIX session; its pid is the session id.
        gcs, raylet: the two processes without which there is no head.
        ports: see `Ports`.
        temp_dir: short private directory with Ray's session, sockets and HAProxy's files; removed by `destroy_head`.
        token_path: file with Ray's token, readable by its owner alone.
        started: seconds since the epoch.
        ray_version: version of Ray that runs it.
        door: where its endpoints are reached.
    """

    address: str
    leader: Identity
    gcs: Identity
    raylet: Identity
    ports: Ports
    temp_dir: Path
    token_path: Path
    started: float
    ray_version: str
    door: Door = Door()

    @property
    def sid(self) -> int:
        """POSIX session id that every process of the head shares."""
        return self.leader.pid

    @property
    def http_port(self) -> int:
        """Port of the endpoints on 127.0.0.1."""
        return self.ports.http

    @property
    def url(self) -> str:
        """Where the endpoints answer, from this machine."""
        host = "127.0.0.1" if self.door.host in ("0.0.0.0", "::", "localhost") else self.door.host  # noqa: S104
        return f"{'https' if self.door.certificate else 'http'}://{host}:{self.ports.http}"


def record_path(storage: Path) -> Path:
    """Return where the record of the storage's head is kept."""
    return storage / "ray" / "head.json"


def _path(kind: type, text: str) -> Path:
    if kind is not Path:
        raise TypeError(f"a record holds no {kind}")
    return Path(text)


def read_record(storage: Path) -> Head | None:
    """Return the recorded head, alive or not; None when there is no record.

    Raises:
        EngineError: the record cannot be understood.
    """
    path = record_path(storage)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Head, dec_hook=_path)
    except FileNotFoundError:
        return None
    except (msgspec.MsgspecError, OSError) as fault:
        raise EngineError(
            f"the record of the local Ray head cannot be read: {fault}",
            where=str(path),
            hint="it may be of another version of mlconfig: end that head's processes, then remove the file",
        ) from fault


def write_record(storage: Path, head: Head) -> None:
    """Write the record in one step, so that a reader finds it whole or not at all."""
    path = record_path(storage)
    draft = path.with_suffix(".draft")
    draft.write_bytes(msgspec.json.format(msgspec.json.encode(head, enc_hook=str), indent=2))
    draft.replace(path)

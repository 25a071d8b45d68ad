"""Free ports for a head: none of Ray's and Serve's usual ones is relied on.

They lie between the ports Ray gives its workers (10002-19999) and those the kernel gives clients (32768 on), so that neither
takes one by accident. What other heads of this user hold or may hold later counts as taken.
"""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator

from mlconfig.engine.head.record import Ports
from mlconfig.errors import EngineError

FIRST, LAST = 20_000, 32_700
REPLICAS = 100  # replicas of one head at most, counted with those that leave while others come
SINGLES = ("http", "haproxy_stats", "haproxy_metrics", "fallback_http", "fallback_grpc", "ray_client", "grpc")


def is_free(port: int) -> bool:
    """Tell whether nobody listens on the port, on any interface."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True


def answers(address: str, seconds: float = 0.5) -> bool:
    """Tell whether somebody accepts connections at ``host:port``."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=seconds).close()
    except OSError:
        return False
    return True


def _free_blocks(reserved: set[int], length: int, seed: str) -> Iterator[int]:
    starts = list(range(FIRST, LAST - length, length))
    random.Random(seed).shuffle(starts)  # noqa: S311 — an order, no secret
    for start in starts:
        block = range(start, start + length)
        if reserved.isdisjoint(block) and all(is_free(port) for port in block):
            yield start


def choose_ports(reserved: set[int], seed: str = "", http: int = 0) -> Ports:
    """Choose ports that are free now and that no other head of ours has reserved.

    Args:
        reserved: ports to leave alone.
        seed: orders the search. The same one finds the same ports while they are free, so that an endpoint's URL outlives
            its head.
        http: the front door's, where it is declared; 0: one of the free ones.

    Raises:
        EngineError: too few free ports, or the declared one is taken.
    """
    blocks = _free_blocks(reserved, REPLICAS, seed)
    try:
        replica_http, replica_grpc, single = next(blocks), next(blocks), next(blocks)
    except StopIteration:
        raise EngineError(
            f"no {3 * REPLICAS} free ports between {FIRST} and {LAST} for a local Ray head",
            where="127.0.0.1",
            hint="end other heads with `mlconfig destroy` in their projects, or set engine.address to a running cluster",
        ) from None
    singles = {name: single + place for place, name in enumerate(SINGLES)}
    if http:
        if not is_free(http):
            raise EngineError(f"the port {http} is taken", where="engine.ingress.port", hint="choose another, or auto")
        singles["http"] = http
    return Ports(**singles, replica_http=replica_http, replica_grpc=replica_grpc, span=REPLICAS)

"""Requests a second, lateness, processor time and memory of our endpoints beside five servers of the same model.

The model is `benchmarks/serving.yaml`'s: 14 numbers and 6 categories a row (about 370 bytes of JSON), one-hot, LightGBM of
200 trees × 31 leaves. All servers load the same ONNX file with one thread and one process that predicts; they are checked to
give the same answers before.

Ours are two endpoints on one Ray head as `mlconfig apply` deploys them, one in each lane, one replica each, all features on:
validation against the signature, the prediction log written before each answer, a canary that answers 10 % of the requests, a
shadow that is asked all of them and logged apart, API keys, micro-batching, counts. Two more are bare: no canary, no
shadow, no authentication, no logged answers; the difference is what these features cost together. They are deployed once the
others have been compared with the peers, and measured in rounds with them. Monitoring is on, but its passes are an hour apart.

The peers have none of that but validation of types, where they offer it. Each is set up as its documentation has it for
production, with one process for one core:

- FastAPI by hand (`serving_fastapi.py`): pydantic, an `async` handler, uvicorn with uvloop and httptools, no access log.
- MLServer (`serving_mlserver.py`): a custom runtime over its V2 protocol, `debug: false`, `parallel_workers: 0` (predicts
  in the server's own process), no adaptive batching, which is its default.
- BentoML (`serving_bentoml.py`): `bentoml serve` without `--reload`, one worker, a pydantic model, an `async` API, no
  access log.
- LitServe (`serving_litserve.py`): one worker, one server process, `fast_queue`, which it advises for many requests a
  second, no batching.
- `mlflow models serve` (`serving_mlflow.py`): a pyfunc with a signature, asked by `dataframe_split`, one worker.

A store is slow where the state database is locked nine tenths of the time and a block of 1 MiB after the other is made
durable in the storage; rounds with it and without it alternate. `p99` there is over the round without.

Load is `wrk`, one thread, keep-alive, 256 bodies in rotation, on the same cores as the server. Rounds of {seconds} s in turn,
each beginning with another server; medians of {rounds}; a ratio is the median of ratios within a round. Answers other than
2xx and lost connections are counted. CPU µs a request is the processor time of all processes of a server over its
requests; ours are HAProxy, the replicas, Ray's and our controllers with all that they do beside.
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks import serving_figures as figures
from benchmarks.report import Row
from benchmarks.serving_load import SECONDS, WARM_UP_SECONDS, Server, load, require_wrk, rounds_of
from benchmarks.serving_ours import Ours, check_canary, deployed, put_beside, read, rows
from benchmarks.serving_peers import KINDS, Answer, Body, running
from benchmarks.serving_slow import rounds_of_both

CONNECTIONS, ROUNDS = (1, 16, 64), 9
FEATURE_CONNECTIONS = (16, 64)
BODIES = 256
START_S = 120.0
Reader = Callable[[Any], Answer]

__doc__ = (__doc__ or "").format(seconds=SECONDS, rounds=ROUNDS)


def run() -> list[Row]:
    """Deploy, start the peers, check that they agree, load all in turn, end all."""
    require_wrk()
    absent = _install()
    given = rows(BODIES)
    with tempfile.TemporaryDirectory(prefix="mlb-", dir="/tmp") as place, contextlib.ExitStack() as stack:
        folder = Path(place)
        bodies = folder / "bodies.jsonl"
        bodies.write_text("".join(json.dumps(row) + "\n" for row in given))
        ours = stack.enter_context(deployed(folder / "s", bodies, _say))
        peers, failed = _start(stack, ours.version, folder, given, absent)
        servers = {name: ours.servers[name] for name in figures.LANES} | peers
        _check(ours.servers, peers)
        put_beside(ours)
        for name in figures.LANES:
            check_canary([ask(ours.servers[name], line) for line in _lines(ours.servers[name])])
        table = _measure(ours, servers)
        return table + [Row(f"{name}: not measured, {why}", {}) for name, why in (absent | failed).items()]


def _say(text: str) -> None:
    print(f"  {time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def _install() -> dict[str, str]:
    """Make the peers' environments; why there is none by name."""
    absent = {}
    for name, kind in KINDS.items():
        try:
            kind.peer.python()
        except RuntimeError as error:
            if name == figures.FASTAPI:
                raise
            absent[name] = str(error)
    return absent


def _start(
    stack: contextlib.ExitStack, version: Path, folder: Path, given: Sequence[Body], absent: Mapping[str, str]
) -> tuple[dict[str, Server], dict[str, str]]:
    """All peers that are installed, started at the same time; those that answer, and why others do not."""

    def start(name: str) -> Server | str:
        place = folder / KINDS[name].peer.name
        try:
            server = stack.enter_context(running(KINDS[name], version, place, given))
            _await_answer(server)
        except RuntimeError as error:
            return str(error)
        return server

    names = [name for name in KINDS if name not in absent]
    with ThreadPoolExecutor(len(names)) as pool:
        started = dict(zip(names, pool.map(start, names), strict=True))
    failed = {name: each for name, each in started.items() if isinstance(each, str)}
    if figures.FASTAPI in failed:
        raise RuntimeError(failed[figures.FASTAPI])
    _say("the peers answer")
    return {name: each for name, each in started.items() if isinstance(each, Server)}, failed


def _lines(server: Server) -> list[str]:
    return server.bodies.read_text().splitlines()


def ask(server: Server, body: str) -> Any:
    """One answer."""
    headers = dict(header.split(": ", 1) for header in server.headers)
    request = urllib.request.Request(server.url, body.encode(), {"Content-Type": "application/json", **headers})
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)


def _await_answer(server: Server) -> None:
    """Some listen before they can answer."""
    body, deadline = _lines(server)[0], time.monotonic() + START_S
    while True:
        try:
            ask(server, body)
        except (urllib.error.URLError, OSError) as error:
            if time.monotonic() > deadline:
                raise RuntimeError(f"the server does not answer: {error}") from None
            time.sleep(0.2)
        else:
            return


def _check(ours: Mapping[str, Server], peers: Mapping[str, Server]) -> None:
    """The same answers to all bodies; otherwise there is nothing to compare."""
    readers: dict[str, Reader] = dict.fromkeys(ours, read) | {name: KINDS[name].read for name in peers}
    servers = {**ours, **peers}
    told = {name: [readers[name](ask(each, line)) for line in _lines(each)] for name, each in servers.items()}
    wanted = told[figures.FASTAPI]
    for name, answers in told.items():
        for number, (mine, other) in enumerate(zip(answers, wanted, strict=True)):
            if int(mine[0]) != other[0] or abs(mine[1] - other[1]) > 1e-5:
                raise RuntimeError(f"row {number}: {name} says {mine}, and {figures.FASTAPI} says {other}")
    _say(f"{len(servers)} servers agree")


def _measure(ours: Ours, servers: Mapping[str, Server]) -> list[Row]:
    _warm_up(servers)
    found = {each: rounds_of(dict(servers), each, ROUNDS, _say) for each in CONNECTIONS}
    table = [row for connections, rounds in found.items() for row in figures.of_servers(connections, rounds)]
    table += figures.of_peers(found[figures.PEER_CONNECTIONS])
    table += figures.of_lateness(found[figures.LATE_CONNECTIONS])
    memory = figures.of_memory(ours.resident())
    return table + _measure_slow_store(ours) + _measure_features(ours, servers[figures.FASTAPI]) + memory


def _measure_slow_store(ours: Ours) -> list[Row]:
    connections = figures.LATE_CONNECTIONS
    return figures.of_slow_store(rounds_of_both(ours.servers, ours.storage, connections, ROUNDS, _say))


def _measure_features(ours: Ours, fastapi: Server) -> list[Row]:
    ours.deploy_bare(_say)
    _warm_up(ours.bare)
    idle = ours.settle()
    _say(f"idle, our processes take {idle:.3f} of a core")
    everyone = {**ours.servers, **ours.bare, figures.FASTAPI: fastapi}
    table = []
    for connections in FEATURE_CONNECTIONS:
        rounds = rounds_of(everyone, connections, ROUNDS, _say)
        table += figures.of_bare(connections, rounds)
        table += figures.of_features(connections, rounds, idle)
    return table


def _warm_up(servers: Mapping[str, Server]) -> None:
    for server in servers.values():
        load(server, 16, WARM_UP_SECONDS)

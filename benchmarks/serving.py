"""Requests a second of the endpoint of `recipes/breast_cancer.yaml` (30 numbers a row), beside a hand-written server of
the same model.

Ours is the standard lane as `mlconfig apply` deploys it: HAProxy, Ray Serve, one replica, validation against the
signature, micro-batching, the prediction log written before each answer, monitoring on. The peer is
`serving_peer.py`: FastAPI, pydantic, ONNX Runtime, uvicorn with uvloop and httptools, one process, none of the rest.
Both load the same ONNX file, get the same 256 bodies in rotation from `wrk` (one thread, keep-alive, on the same
cores), and are checked to answer the same before. Rounds in turn; medians; the ratio is the median of ratios within a
round. Answers other than 2xx, and lost connections, are counted: there must be none.

CPU µs a request is the processor time of all processes of the server over its requests: ours are HAProxy, the replica,
and Ray's and our controllers with all that they do beside; it hardly depends on what else the machine does.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.report import Row, median

ROOT = Path(__file__).parents[1]
PEERS = ROOT / ".peers"
PEER_PACKAGES = (
    "fastapi==0.165.0", "pydantic==2.14.3", "uvicorn[standard]==0.54.0", "onnxruntime==1.31.1", "numpy==2.4.6",
)  # fmt: skip
RECIPE = "recipes/breast_cancer.yaml"
CONNECTIONS, ROUNDS, SECONDS = (1, 16, 64), 5, 3
BODIES = 256


@dataclass(frozen=True)
class Server:
    """Where it answers, and the session whose processes are its own."""

    url: str
    session: int

    def cpu(self) -> dict[int, float]:
        """Processor seconds so far by process."""
        found = {}
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, ProcessLookupError):
                if os.getsid(process.pid) == self.session:
                    times = process.cpu_times()
                    found[process.pid] = times.user + times.system
        return found


def run() -> list[Row]:
    """Deploy, start the peer, check that they agree, load both in turn, end both."""
    if shutil.which("wrk") is None:
        raise RuntimeError(
            "the load generator `wrk` is not here; Debian: apt-get install -y wrk; macOS: brew install wrk"
        )
    python = peer_environment()
    with tempfile.TemporaryDirectory(prefix="mlb-", dir="/tmp") as folder, endpoint(Path(folder) / "s") as ours:
        storage = Path(folder) / "s"
        model = newest(storage, "model.onnx")
        bodies = Path(folder) / "bodies.jsonl"
        bodies.write_text("\n".join(json.dumps(row) for row in rows()) + "\n")
        with peer(python, model, model.with_name("signature.json")) as theirs:
            check_agreement(ours.url, theirs.url)
            return measure({"mlconfig": ours, "FastAPI by hand": theirs}, bodies)


def peer_environment() -> Path:
    """The peer's own Python, made once, with pinned packages."""
    folder, pins = PEERS / "fastapi", "\n".join(PEER_PACKAGES)
    marker = folder / "pins.txt"
    if not marker.exists() or marker.read_text() != pins:
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        subprocess.run(
            [folder / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", *PEER_PACKAGES], check=True
        )
        marker.write_text(pins)
    return folder / "bin" / "python"


def _mlconfig(*words: str) -> str:
    command = [sys.executable, "-m", "mlconfig", *words]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600, check=False)
    if run.returncode:
        raise RuntimeError(
            f"`mlconfig {words[0]}` ended with {run.returncode}: {(run.stderr or run.stdout).strip()[-600:]}"
        )
    return run.stdout


@contextlib.contextmanager
def endpoint(storage: Path) -> Iterator[Server]:
    """The address that predicts, of a recipe applied for this run alone; destroyed afterwards."""
    words = (RECIPE, f"engine.storage={storage}")
    try:
        report = json.loads(_mlconfig("apply", *words, "-o", "json"))
        leader = json.loads((storage / "ray" / "head.json").read_text())["leader"]["pid"]
        yield Server(f"{report['url']}/v1/{report['endpoint']}/predict", os.getsid(leader))
    finally:
        _mlconfig("destroy", *words)


@contextlib.contextmanager
def peer(python: Path, model: Path, signature: Path) -> Iterator[Server]:
    """The address of the hand-written server; ended afterwards."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [python, ROOT / "benchmarks" / "serving_peer.py", model, signature, str(port)]
    server = subprocess.Popen(command, start_new_session=True)
    url, deadline = f"http://127.0.0.1:{port}/predict", time.monotonic() + 60
    try:
        while not _listens(port):
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the peer's server did not start")
            time.sleep(0.05)
        yield Server(url, server.pid)
    finally:
        server.terminate()
        server.wait(timeout=20)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def newest(storage: Path, name: str) -> Path:
    """The file that the version was registered with."""
    found = sorted(storage.rglob(name), key=lambda path: path.stat().st_mtime)
    if not found:
        raise RuntimeError(f"there is no {name} below {storage}")
    return next(path for path in reversed(found) if path.with_name("signature.json").exists())


def rows() -> list[dict[str, Any]]:
    """Rows of the recipe's own data, without the target."""
    from mlconfig.contracts import Context
    from mlconfig.contracts.catalog import Catalog

    source = Catalog().create("source", "sklearn_dataset", {"name": "breast_cancer"}, Context())
    return source.read().drop_columns(["target"]).slice(0, BODIES).to_pylist()


def check_agreement(ours: str, theirs: str) -> None:
    """The same answers to all bodies; otherwise there is nothing to compare."""
    for row in rows():
        mine, other = _post(ours, row), _post(theirs, row)
        gap = abs(_positive(mine) - other["probabilities"][1])
        if gap > 1e-5 or int(mine["prediction"]) != other["prediction"]:
            raise RuntimeError(f"the servers disagree: {mine} and {other}")


def _positive(answer: dict[str, Any]) -> float:
    given = answer.get("probabilities", answer.get("probability"))
    return float(given[1] if isinstance(given, list) else given)


def _post(url: str, row: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(url, json.dumps(row).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)


def measure(servers: dict[str, Server], bodies: Path) -> list[Row]:
    """Rounds in turn at each number of connections."""
    for server in servers.values():
        load(server, bodies, 16)  # warms both up
    return [row for connections in CONNECTIONS for row in _at(connections, servers, bodies)]


def _at(connections: int, servers: dict[str, Server], bodies: Path) -> list[Row]:
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in servers}
    for _ in range(ROUNDS):
        for name, server in servers.items():
            rounds[name].append(load(server, bodies, connections))
    rates = {name: [one["requests"] / one["seconds"] for one in found] for name, found in rounds.items()}
    baseline = list(rates.values())[-1]
    return [
        Row(
            f"{name}, c = {connections}",
            {
                "requests/s": median(rates[name]),
                "p50 ms": median(one["p50_ms"] for one in found),
                "p99 ms": median(one["p99_ms"] for one in found),
                "CPU µs a request": median(one["cpu"] / one["requests"] * 1e6 for one in found),
                "not 2xx or lost": str(round(sum(one["refused"] + one["lost"] for one in found))),
                "requests/s beside the peer": median(a / b for a, b in zip(rates[name], baseline, strict=True)),
            },
        )
        for name, found in rounds.items()
    ]


def load(server: Server, bodies: Path, connections: int) -> dict[str, float]:
    """One round of wrk."""
    script = ROOT / "benchmarks" / "rotate.lua"
    command = ["wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", "-s", script, server.url, "--", bodies]
    before = server.cpu()
    run = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS + 30, check=True)
    spent = sum(seconds - before.get(process, 0.0) for process, seconds in server.cpu().items())
    return json.loads(run.stdout.strip().splitlines()[-1]) | {"cpu": spent}

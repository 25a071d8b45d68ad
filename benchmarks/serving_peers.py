"""The servers that ours is measured beside, each in an environment of its own and started as its documentation has it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.drift_peers import Peer
from benchmarks.serving_load import Server, family

HERE = Path(__file__).parent
RUNTIME = "onnxruntime==1.31.1"
START_S = 120.0
QUIET = {
    "OMP_NUM_THREADS": "1",
    "DO_NOT_TRACK": "1",
    "BENTOML_DO_NOT_TRACK": "True",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PYTHONDONTWRITEBYTECODE": "",
}
Body = dict[str, Any]
Answer = tuple[int, float]
"""A class, and the probability of the positive one."""


@dataclass(frozen=True)
class Kind:
    """One of the servers.

    ``command``: what is started in the folder with the model; ``prepare``: what is run there before. ``path``: that predicts.
    ``body``: makes a request of a row; ``read``: takes the answer out of a response.
    """

    peer: Peer
    command: Callable[[Path, int], Sequence[str | Path]]
    path: str
    body: Callable[[Body], Body]
    read: Callable[[Any], Answer]
    prepare: Callable[[Path, Path], None] = lambda _python, _folder: None


def _plain(row: Body) -> Body:
    return row


def _read_plain(answer: Any) -> Answer:
    return answer["prediction"], answer["probabilities"][1]


def _v2(row: Body) -> Body:
    numbers = [value for value in row.values() if not isinstance(value, str)]
    texts = [value for value in row.values() if isinstance(value, str)]
    tensors = (("num", "FP32", numbers), ("cat", "BYTES", texts))
    return {
        "inputs": [
            {"name": name, "shape": [1, len(data)], "datatype": datatype, "data": data}
            for name, datatype, data in tensors
        ]
    }


def _read_v2(answer: Any) -> Answer:
    given = {output["name"]: output["data"] for output in answer["outputs"]}
    return given["prediction"][0], given["probabilities"][1]


def _prepare_mlserver(python: Path, folder: Path) -> None:
    """`debug: false` and no pool of workers, as its documentation advises where there is one process to serve one model."""
    del python
    ports = {name: _free_port() for name in ("grpc_port", "metrics_port")}
    settings = {"host": "127.0.0.1", "debug": False, "parallel_workers": 0, **ports}
    model = {
        "name": "bench",
        "implementation": "serving_mlserver.Runtime",
        "parameters": {"uri": str(folder), "version": "1"},
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    (folder / "model-settings.json").write_text(json.dumps(model))


def _prepare_mlflow(python: Path, folder: Path) -> None:
    environment = os.environ | QUIET | {"MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db"}
    run = subprocess.run(
        [python, "serving_mlflow.py"], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if run.returncode:
        raise RuntimeError(f"the pyfunc cannot be saved: {run.stderr.strip()[-600:]}")


def _start_mlserver(python: Path, port: int) -> list[str | Path]:
    return ["env", f"MLSERVER_HTTP_PORT={port}", python.with_name("mlserver"), "start", "."]


def _start_bentoml(python: Path, port: int) -> list[str | Path]:
    words = ["serve", "serving_bentoml:Predictor", "--host", "127.0.0.1", "--port", str(port)]
    return [python.with_name("bentoml"), *words]


def _start_mlflow(python: Path, port: int) -> list[str | Path]:
    words = ["models", "serve", "-m", "pyfunc", "--env-manager", "local", "-h", "127.0.0.1", "-p", str(port), "-w", "1"]
    return [python.with_name("mlflow"), *words]


def _by_script(name: str) -> Callable[[Path, int], list[str | Path]]:
    return lambda python, port: [python, name, str(port)]


UVICORN = ("pydantic==2.14.3", "uvicorn[standard]==0.54.0", "numpy==2.4.6", RUNTIME)
FASTAPI = "FastAPI by hand"
KINDS = {
    FASTAPI: Kind(
        Peer("fastapi", ("fastapi==0.165.0", *UVICORN), "serving_fastapi.py"),
        _by_script("serving_fastapi.py"), "/predict", _plain, _read_plain,
    ),
    "MLServer 1.7.1": Kind(
        Peer("mlserver", ("mlserver==1.7.1", "numpy==1.26.4", RUNTIME), "serving_mlserver.py"),
        _start_mlserver, "/v2/models/bench/infer", _v2, _read_v2, _prepare_mlserver,
    ),
    "BentoML 1.4.39": Kind(
        Peer("bentoml", ("bentoml==1.4.39", "uvloop==0.23.0", "numpy==2.4.6", RUNTIME), "serving_bentoml.py"),
        _start_bentoml, "/predict", lambda row: {"row": row}, _read_plain,
    ),
    "LitServe 0.2.19": Kind(
        Peer("litserve", ("litserve==0.2.19", *UVICORN), "serving_litserve.py"),
        _by_script("serving_litserve.py"), "/predict", _plain, _read_plain,
    ),
    "mlflow models serve 3.17.2": Kind(
        Peer("mlflow", ("mlflow==3.17.2", RUNTIME), "serving_mlflow.py"),
        _start_mlflow, "/invocations",
        lambda row: {"dataframe_split": {"columns": list(row), "data": [list(row.values())]}},
        lambda answer: _read_plain(answer["predictions"][0]), _prepare_mlflow,
    ),
}  # fmt: skip


@contextlib.contextmanager
def running(kind: Kind, version: Path, folder: Path, rows: Sequence[Body]) -> Iterator[Server]:
    """One of them, once it answers; with all its processes ended afterwards. ``version``: the folder with the model.

    Raises RuntimeError where it cannot be installed or started.
    """
    python = kind.peer.python()
    folder.mkdir(parents=True)
    for file in (
        version / "model.onnx",
        version / "signature.json",
        HERE / "serving_model.py",
        HERE / kind.peer.script,
    ):
        shutil.copy(file, folder)
    kind.prepare(python, folder)
    bodies, port = folder / "bodies.jsonl", _free_port()
    bodies.write_text("".join(json.dumps(kind.body(row)) + "\n" for row in rows))
    environment = os.environ | QUIET | {"PYTHONPATH": str(folder), "BENTOML_HOME": str(folder / "home")}
    environment["PATH"] = f"{python.parent}{os.pathsep}{environment['PATH']}"
    with (folder / "output.txt").open("w") as output:
        command = list(kind.command(python, port))
        server = subprocess.Popen(
            command, cwd=folder, env=environment, start_new_session=True, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        _wait(server, port, folder / "output.txt")
        yield Server(f"http://127.0.0.1:{port}{kind.path}", server.pid, bodies)
    finally:
        _end(server)


def _wait(server: subprocess.Popen[bytes], port: int, output: Path) -> None:
    deadline = time.monotonic() + START_S
    while not _listens(port):
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the server did not start: {output.read_text().strip()[-600:]}")
        time.sleep(0.05)


def _end(server: subprocess.Popen[bytes]) -> None:
    all_of_it = family(server.pid)
    server.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        server.wait(timeout=10)
    for process in all_of_it:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    server.wait()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0

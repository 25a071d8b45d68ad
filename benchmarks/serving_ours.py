"""Our endpoints for the serving benchmark: two with all features on, and later on the same head two bare ones."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from benchmarks.serving_load import Server, family, memory
from benchmarks.serving_peers import Answer, Body

ROOT = Path(__file__).parents[1]
RECIPE = "benchmarks/serving.yaml"
NAME = "serving_bench"
RATES = (0.06, 0.07, 0.05)
"""The learning rates of three versions: the canary's, the shadow's, and last the champion's."""
CANARY_PERCENT = 10.0
YEAR_S = 365 * 86400.0


@dataclass(frozen=True)
class Endpoint:
    """What it is called in the table, its name, and what its recipe says otherwise."""

    what: str
    name: str
    words: tuple[str, ...]
    is_full: bool


KEYS = ("serving.auth=keys",)
BARE = ("serving.log.sample_fraction=0",)
ENDPOINTS = (
    Endpoint("mlconfig, standard lane", NAME, KEYS, is_full=True),
    Endpoint("mlconfig, fast lane", "serving_fast", ("serving.lane=fast", *KEYS), is_full=True),
    Endpoint("mlconfig, standard lane, bare", "serving_standard_bare", BARE, is_full=False),
    Endpoint("mlconfig, fast lane, bare", "serving_fast_bare", ("serving.lane=fast", *BARE), is_full=False),
)


def run_mlconfig(*words: str) -> str:
    """What a verb prints. Raises RuntimeError with its complaint."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-m", "mlconfig", *words]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600, check=False)
    if run.returncode:
        complaint = (run.stderr or run.stdout).strip()[-600:]
        raise RuntimeError(f"`mlconfig {words[0]}` ended with {run.returncode}: {complaint}")
    return run.stdout


def _key(words: Sequence[str]) -> str:
    """The header that lets in, of a key made for this run."""
    made = json.loads(run_mlconfig("keys", "create", RECIPE, *words, "--client", "benchmark", "-o", "json"))
    return f"Authorization: Bearer {made['key']}"


def rows(count: int) -> list[Body]:
    """Rows of the recipe's own data, without the target."""
    from mlconfig.contracts import Context
    from mlconfig.contracts.catalog import Catalog
    from mlconfig.recipe.load import load_recipe

    source = load_recipe(ROOT / RECIPE).data.source
    table = Catalog().create("source", source.name, dict(source.params), Context()).read()
    return table.drop_columns(["target", "ts"]).slice(0, count).to_pylist()


@dataclass(frozen=True)
class Ours:
    """Our servers by what they are called in the table, and the folder of the champion's version.

    ``bare``: more of them, once `deploy_bare` was called.
    """

    servers: dict[str, Server]
    version: Path
    storage: Path
    bodies: Path
    bare: dict[str, Server] = field(default_factory=dict)

    def deploy_bare(self, told: Callable[[str], None]) -> None:
        """Deploy the bare ones too: while the full ones are compared with peers, they would only cost."""
        for endpoint in ENDPOINTS:
            if not endpoint.is_full:
                self.bare[endpoint.what] = _deploy(endpoint, self.storage, self.bodies)
                told(f"{endpoint.what} answers")

    def idle(self, seconds: float = 3.0) -> float:
        """Processor seconds a second of all processes while nobody asks anything."""
        server = next(iter(self.servers.values()))
        before = server.spent()
        time.sleep(seconds)
        return sum(total - before.get(process, 0.0) for process, total in server.spent().items()) / seconds

    def settle(self, quiet: float = 0.1, patience: float = 120.0) -> float:
        """Wait until what was logged is compacted, or the patience ends; what `idle` says then."""
        deadline = time.monotonic() + patience
        while self.idle() > quiet and time.monotonic() < deadline:
            pass
        return self.idle()

    def resident(self) -> dict[str, dict[str, float]]:
        """What each replica holds."""
        return {what: memory(psutil.Process(server.replica)) for what, server in self.servers.items()}


@contextlib.contextmanager
def deployed(storage: Path, bodies: Path, told: Callable[[str], None]) -> Iterator[Ours]:
    """The full endpoints, applied for this run alone, with the champion alone in service; all are destroyed afterwards."""
    place = f"engine.storage={storage}"
    try:
        for rate in RATES[:-1]:
            run_mlconfig("apply", RECIPE, place, *KEYS, f"model.params.learning_rate={rate}")
            told(f"version with learning rate {rate} is live")
        servers = {}
        for endpoint in ENDPOINTS:
            if endpoint.is_full:
                servers[endpoint.what] = _deploy(endpoint, storage, bodies)
                told(f"{endpoint.what} answers")
        yield Ours(servers, _champion(storage), storage, bodies)
    finally:
        for endpoint in ENDPOINTS:
            with contextlib.suppress(RuntimeError):
                run_mlconfig("destroy", RECIPE, place, f"name={endpoint.name}", *endpoint.words)


def _deploy(endpoint: Endpoint, storage: Path, bodies: Path) -> Server:
    words = (
        f"engine.storage={storage}", f"name={endpoint.name}", f"model.params.learning_rate={RATES[-1]}", *endpoint.words
    )  # fmt: skip
    report = json.loads(run_mlconfig("apply", RECIPE, *words, "-o", "json"))
    leader = json.loads((storage / "ray" / "head.json").read_text())["leader"]["pid"]
    url, session = f"{report['url']}/v1/{report['endpoint']}/predict", os.getsid(leader)
    headers = (_key(words),) if endpoint.is_full else ()
    return Server(url, session, bodies, headers, _replica(session, endpoint.name))


def _replica(session: int, endpoint: str) -> int:
    """The process of an endpoint's only replica, as Ray titles it."""
    found = []
    for process in family(session):
        with contextlib.suppress(psutil.Error):  # some end meanwhile
            if f"ServeReplica:{endpoint}:" in " ".join(process.cmdline()):
                found.append(process.pid)
    if len(found) != 1:
        raise RuntimeError(f"`{endpoint}` has {len(found)} replicas, not one")
    return found[0]


def _champion(storage: Path) -> Path:
    from mlconfig.lifecycle.store import Store

    with Store.open(f"sqlite:///{storage / 'lifecycle.db'}") as store:
        table = store.routes.current(NAME)
        assert table is not None
        return storage / table.champion.folder


def put_beside(ours: Ours) -> None:
    """The first two versions as canary and shadow beside the champions of the full endpoints, once replicas have them."""
    from mlconfig.engine.tenure import tenure
    from mlconfig.lifecycle.store import Store
    from mlconfig.records.route import Canary

    with Store.open(f"sqlite:///{ours.storage / 'lifecycle.db'}") as store:
        first, second = [table.champion for table in reversed(store.routes.history(NAME))][:2]
        # Under names of their own: other endpoints number their versions from one too.
        canary, shadow = first.model_copy(update={"version": "c"}), second.model_copy(update={"version": "s"})
        for endpoint in ENDPOINTS:
            if not endpoint.is_full:
                continue
            now = time.time()
            table = store.routes.current(endpoint.name)
            assert table is not None
            with tenure(store, endpoint.name) as lease:
                store.routes.beside(
                    endpoint.name,
                    canary=Canary(version=canary, percent=CANARY_PERCENT, expires=now + YEAR_S),
                    shadows=[shadow],
                    expected_generation=table.generation,
                    reason="benchmark",
                    now=now,
                    lease=lease,
                )
            _await_generation(ours.servers[endpoint.what], table.generation + 1)


def _await_generation(server: Server, generation: int) -> None:
    url, deadline = server.url.removesuffix("/predict"), time.monotonic() + 30
    request = urllib.request.Request(url, headers=dict(header.split(": ", 1) for header in server.headers))
    while True:
        with urllib.request.urlopen(request, timeout=10) as response:
            if json.load(response)["generation"] == generation:
                return
        if time.monotonic() > deadline:
            raise RuntimeError(f"{url} does not come to generation {generation}")
        time.sleep(0.2)


def read(answer: dict[str, Any]) -> Answer:
    """The class, and the probability of the positive one."""
    return answer["prediction"], answer["probability"]


def check_canary(answers: Sequence[dict[str, Any]]) -> None:
    """The canary must answer about its share."""
    versions = [answer["version"] for answer in answers]
    share = 1 - max(versions.count(version) for version in set(versions)) / len(versions)
    if not 0.02 < share < 0.25:
        raise RuntimeError(f"the canary answers {share:.0%} of the requests")

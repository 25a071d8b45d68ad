"""The model registry: versions made once for an effect, aliases as a projection, artifacts of old versions removed."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from mlconfig.engine.tracking.door import told
from mlconfig.engine.tracking.pyfunc import DIGEST
from mlconfig.engine.tracking.schema import example_frame, mlflow_signature
from mlconfig.engine.tracking.tracker import Tracker
from mlconfig.records.signature import Signature

EFFECT, PRUNED = "mlconfig.effect", "mlconfig.pruned"
LOADER = "mlconfig.engine.tracking.pyfunc"


def find_version(tracker: Tracker, name: str, effect_key: str) -> str | None:
    """The version that an earlier attempt at this effect made, unless its artifacts were pruned since."""
    with told(tracker.uri):
        found = tracker.client.search_model_versions(f"name = '{name}' and tags.`{EFFECT}` = '{effect_key}'")
    return next((str(one.version) for one in found if PRUNED not in one.tags), None)


def run_of(tracker: Tracker, name: str, version: str) -> str:
    """The run that made a version."""
    with told(tracker.uri):
        return str(tracker.client.get_model_version(name, version).run_id)


def register(
    tracker: Tracker, name: str, folder: Path, *, run_id: str, effect_key: str, sha256: str,
    tags: Mapping[str, str] | None = None, description: str | None = None, about: str = "",
) -> str:  # fmt: skip
    """Register a version's folder as an MLflow model that ``mlflow.pyfunc.load_model("models:/name/version")`` loads.

    Args:
        tracker: the open store.
        name: of the registered model.
        folder: the version's: ``model.onnx``, ``signature.json`` (with its example row), ``requirements.txt``.
        run_id: the run that made it; the model is logged there.
        effect_key: one version is made for one key, however often this is called; written in the version's own transaction.
        sha256: of ``model.onnx``; loading checks it.
        tags: of the version (data fingerprint, git commit, plan digest).
        description: of the registered model.
        about: what the version is for, and what not; its own description.

    Returns:
        The version, as MLflow numbers it.
    """
    known = find_version(tracker, name, effect_key)
    if known is not None:
        return known
    place = f"model/{sha256[:16]}"
    with tempfile.TemporaryDirectory(prefix="mlconfig-") as scratch:
        model = Path(scratch) / "model"
        _save(folder, model, sha256)
        tracker.log_artifacts(run_id, model, place)
    with told(tracker.uri):
        _ensure_model(tracker.client, name, description)
        source = f"{tracker.client.get_run(run_id).info.artifact_uri}/{place}"
        labels = {**(tags or {}), EFFECT: effect_key}
        return str(tracker.client.create_model_version(name, source, run_id, labels, description=about or None).version)


def _save(folder: Path, model: Path, sha256: str) -> None:
    import mlflow.pyfunc

    signature = Signature.model_validate_json((folder / "signature.json").read_bytes())
    requirements = (folder / "requirements.txt").read_text().split() if (folder / "requirements.txt").exists() else []
    with tempfile.TemporaryDirectory(prefix="mlconfig-") as scratch:
        data = Path(scratch) / "version"
        shutil.copytree(folder, data)
        (data / DIGEST).write_text(json.dumps({"sha256": sha256}))
        mlflow.pyfunc.save_model(
            model, loader_module=LOADER, data_path=str(data), signature=mlflow_signature(signature),
            input_example=example_frame(signature), pip_requirements=requirements,
        )  # fmt: skip


def _ensure_model(client: Any, name: str, description: str | None) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name, description=description)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def set_alias(tracker: Tracker, name: str, alias: str, version: str | None) -> bool:
    """Point an alias at a version (None: at nothing); False when it pointed there already and nothing was written."""
    with told(tracker.uri):
        now = tracker.client.get_registered_model(name).aliases.get(alias)
        if (None if now is None else str(now)) == version:
            return False
        if version is None:
            tracker.client.delete_registered_model_alias(name, alias)
        else:
            tracker.client.set_registered_model_alias(name, alias, version)
        return True


def prune(tracker: Tracker, name: str, keep_versions: int, never: Collection[str]) -> list[str]:
    """Remove the artifacts of all but the newest versions; their rows stay, tagged as pruned.

    Args:
        tracker: the open store.
        name: of the registered model.
        keep_versions: how many of the newest stay whole.
        never: versions that went live at some time; they stay whole, however old.

    Returns:
        the versions whose artifacts were removed now.
    """
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    removed = []
    with told(tracker.uri):
        versions = sorted(tracker.client.search_model_versions(f"name = '{name}'"), key=lambda one: -int(one.version))
        kept = {one.source for one in versions[:keep_versions]} | {
            one.source for one in versions if str(one.version) in never
        }
        for one in versions[keep_versions:]:
            if one.source in kept or PRUNED in one.tags:
                continue
            get_artifact_repository(one.source).delete_artifacts()
            tracker.client.set_model_version_tag(name, one.version, PRUNED, "true")
            removed.append(str(one.version))
    return removed

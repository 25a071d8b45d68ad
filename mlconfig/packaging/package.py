"""A version's folder: written at once or not at all, and read back."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from mlconfig.errors import PackagingError
from mlconfig.records.dataset import DatasetCard, ResolvedFeatures
from mlconfig.records.signature import Signature

Record = TypeVar("Record", bound=BaseModel)

MODEL_FILE = "model.onnx"
NEEDED_TO_PREDICT = ("mlconfig", "numpy", "onnxruntime", "pyarrow")


@dataclass(frozen=True)
class Package:
    """What a version predicts with, and what it came from. ``files``: all others by name, such as ``profile.bin``."""

    model: bytes
    signature: Signature
    features: ResolvedFeatures
    dataset: DatasetCard
    file: str = MODEL_FILE

    @property
    def sha256(self) -> str:
        """The digest of the model's bytes: what a gate passes and a replica loads."""
        return hashlib.sha256(self.model).hexdigest()


def requirements() -> str:
    """``requirements.txt`` of what predicting needs, pinned to what is installed."""
    return "".join(f"{name}=={version(name)}\n" for name in NEEDED_TO_PREDICT)


def write_package(folder: Path, package: Package, files: Mapping[str, bytes] | None = None) -> str:
    """Write a version's folder beside its final place, force it to the disk, and rename it into place.

    Args:
        folder: where it shall stand; if it stands there with the same model already, it is left as it is.
        package: model and records.
        files: further files by name (``profile.bin``, ``recipe.json``, ``plan.json``, ``card.json``).

    Returns:
        The sha256 of the model file.

    Raises:
        PackagingError: another version stands there.
    """
    if folder.exists():
        if _digest_of(folder / package.file) != package.sha256:
            raise PackagingError("another version stands in this folder", where=str(folder))
        return package.sha256
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        for name, content in {**_files_of(package), **(files or {})}.items():
            _write(draft / name, content)
        draft.chmod(0o755)
        _sync(draft)
        draft.rename(folder)
    except OSError:
        shutil.rmtree(draft, ignore_errors=True)
        if _digest_of(folder / package.file) != package.sha256:  # else another process was as fast
            raise
    _sync(folder.parent)
    return package.sha256


def read_package(folder: Path, file: str = MODEL_FILE) -> Package:
    """A version's folder. Raises ``PackagingError`` when a file is missing or cannot be read."""
    try:
        return Package(
            model=(folder / file).read_bytes(),
            signature=_read(folder / "signature.json", Signature),
            features=_read(folder / "features.json", ResolvedFeatures),
            dataset=_read(folder / "dataset.json", DatasetCard),
            file=file,
        )
    except OSError as error:
        raise PackagingError(f"the version lacks a file: {error.strerror}", where=str(error.filename)) from error


def _files_of(package: Package) -> dict[str, bytes]:
    records = {"signature": package.signature, "features": package.features, "dataset": package.dataset}
    files = {f"{name}.json": record.model_dump_json(indent=1).encode() for name, record in records.items()}
    return {package.file: package.model, **files, "requirements.txt": requirements().encode()}


def _read(path: Path, record: type[Record]) -> Record:
    try:
        return record.model_validate_json(path.read_bytes(), strict=True)
    except ValidationError as error:
        raise PackagingError(f"not a {record.__name__}: {error.errors()[0]['msg']}", where=str(path)) from None


def _digest_of(path: Path) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

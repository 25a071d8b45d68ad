"""The processes whose rounds the drift benchmark compares: ours and each peer's, a peer in an environment of its own."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PEERS = ROOT / ".peers"
QUIET = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "DO_NOT_TRACK": "1",
    "NML_DISABLE_USAGE_LOGGING": "1",
}
"""One thread, and no word to anybody's server."""


@dataclass(frozen=True)
class Peer:
    """What it is called, what is installed for it, and the file that measures it."""

    name: str
    packages: tuple[str, ...]
    script: str

    def python(self) -> Path:
        """Its own Python, made once, with pinned packages."""
        folder, pins = PEERS / self.name, "\n".join(self.packages)
        marker = folder / "pins.txt"
        if not marker.exists() or marker.read_text() != pins:
            # The newest Python that all of them support.
            base = shutil.which("python3.11") or sys.executable
            _run([base, "-m", "venv", "--clear", folder])
            _run([folder / "bin" / "pip", "install", "--disable-pip-version-check", *self.packages])
            marker.write_text(pins)
        return folder / "bin" / "python"


def _run(command: list[str | Path]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"a peer cannot be installed: {done.stderr.strip()[-600:]}")


# alibi-detect: no numpy 2, hence no pyarrow 26; evidently: no pandas 3; nannyml does not name statsmodels.
PEERS_OF_DRIFT = (
    Peer("evidently", ("evidently==0.7.23", "pandas==2.3.3", "pyarrow==25.0.1"), "drift_evidently.py"),
    Peer("nannyml", ("nannyml==0.13.1", "statsmodels==0.15.0", "pandas==3.1.1", "pyarrow==25.0.1"), "drift_nannyml.py"),
    Peer("alibi", ("alibi-detect==0.13.0", "pyarrow==25.0.1"), "drift_alibi.py"),
)


class Runner:
    """A process that waits for rounds."""

    def __init__(self, command: list[str | Path]) -> None:
        self._complaints = tempfile.TemporaryFile("w+")  # noqa: SIM115  (closed with the process)
        self._process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **QUIET}, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._complaints,
        )  # fmt: skip

    def ready(self) -> dict[str, str]:
        """Wait until it has read the data; the versions of what it measures."""
        return dict(self._answer()["versions"])

    def ask(self, work: str, window: int) -> dict[str, Any]:
        """One round: ``wall`` and ``cpu`` seconds, and what was ``found``."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps([work, window]) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            self._complaints.seek(0)
            raise RuntimeError(f"a peer ended: {self._complaints.read()[-1500:]}")
        return dict(json.loads(line))

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()
        self._complaints.close()


@contextlib.contextmanager
def runners(folder: Path) -> Iterator[dict[str, Runner]]:
    """Ours and the peers', alive, on the cores of this process, each having read the data in the folder."""
    commands = {"mlconfig": [sys.executable, "-m", "benchmarks.drift_ours", folder]}
    for peer in PEERS_OF_DRIFT:
        commands[peer.name] = [peer.python(), ROOT / "benchmarks" / peer.script, folder]
    with contextlib.ExitStack() as stack:
        alive = {}
        for name, command in commands.items():
            alive[name] = Runner(command)
            stack.callback(alive[name].close)
        yield alive

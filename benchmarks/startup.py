"""Wall time of a verb in a fresh process, with byte code in place; rounds of all verbs in turn, medians of seven.

`python -c pass` is the floor. "heavy" names those of ray, mlflow, lightgbm, sklearn, onnxruntime, pandas, scipy,
pyarrow, numpy, hydra and pydantic that the verb loaded; none of the first six may ever be among them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.report import Row, median

ROUNDS = 7
ROOT = Path(__file__).parents[1]
LIBRARIES = (
    "ray",
    "mlflow",
    "lightgbm",
    "sklearn",
    "onnxruntime",
    "pandas",
    "scipy",
    "pyarrow",
    "numpy",
    "hydra",
    "pydantic",
)
MAIN = "import sys; from mlconfig.cli.main import main; main(sys.argv[1:])"
PROBE = """
import sys
from mlconfig.cli.main import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    assert not end.code, end.code
names = "{names}".split()
print("\\n" + str(len(sys.modules)), *[name for name in names if name in sys.modules])
"""


def run() -> list[Row]:
    """Each verb on the recipe `breast_cancer`."""
    with tempfile.TemporaryDirectory() as storage:
        recipe = ["recipes/breast_cancer.yaml", f"engine.storage={storage}/s"]
        verbs = {"--help": ["--help"], "plugins list": ["plugins", "list"], "validate": ["validate", *recipe],
                 "plan": ["plan", *recipe]}  # fmt: skip
        commands = {"python -c pass": [sys.executable, "-c", "pass"]}
        commands |= {f"mlconfig {name}": [sys.executable, "-c", MAIN, *words] for name, words in verbs.items()}
        times: dict[str, list[float]] = {name: [] for name in commands}
        for number in range(-1, ROUNDS):
            for name, command in commands.items():
                seconds = _seconds(command)
                if number >= 0:  # the first round writes byte code and fills caches
                    times[name].append(seconds)
        loaded = {f"mlconfig {name}": _loaded(words) for name, words in verbs.items()}
    return [
        Row(name, {"ms": 1e3 * median(taken), "least ms": 1e3 * min(taken), **loaded.get(name, {})})
        for name, taken in times.items()
    ]


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _seconds(command: list[str]) -> float:
    began = time.perf_counter()
    run = subprocess.run(command, cwd=ROOT, env=_environment(), capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - began
    if run.returncode:
        raise RuntimeError(f"{' '.join(command[3:])} failed: {run.stderr.strip()}")
    return seconds


def _loaded(words: list[str]) -> dict[str, float | str]:
    """How many modules a verb leaves loaded, and which of the large libraries are among them."""
    command = [sys.executable, "-c", PROBE.format(names=" ".join(LIBRARIES)), *words]
    run = subprocess.run(command, cwd=ROOT, env=_environment(), capture_output=True, text=True, check=True)
    count, *names = run.stdout.splitlines()[-1].split()
    return {"modules": float(count), "heavy": ", ".join(names) or "none"}

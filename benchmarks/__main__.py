"""``python -m benchmarks [name …]``: runs them one after the other and writes ``benchmarks/RESULTS.md``."""

from __future__ import annotations

import sys
from importlib import import_module

from benchmarks.report import busy, section, table, write

NAMES = ("batch", "drift", "faults", "monitoring", "monitoring_report", "startup", "serving")


def main(names: list[str]) -> int:
    """0 when all ran; 2 when a name is unknown or a benchmark lacks what it needs, which it says."""
    unknown = sorted(set(names) - set(NAMES))
    if unknown:
        print(f"there is no benchmark {', '.join(unknown)}; there are {', '.join(NAMES)}", file=sys.stderr)
        return 2
    code = 0
    for name in names or NAMES:
        print(f"{name} …", flush=True)
        module, before = import_module(f"benchmarks.{name}"), busy()
        try:
            rows = module.run()
        except RuntimeError as error:
            print(f"{name} did not run: {error}", file=sys.stderr)
            code = 2
            continue
        print(table(rows), flush=True)
        write(name, section(name, module.__doc__ or "", rows, (before, busy())))
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

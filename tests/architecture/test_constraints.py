"""The two sets of pinned packages are one, but for what alibi-detect keeps back."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
KEPT_BACK = {"numpy", "pandas", "pandas-stubs", "pillow", "ml-dtypes"}
PIN = re.compile(r"([A-Za-z0-9._-]+)==([A-Za-z0-9.+!]+)")


def pins(name):
    lines = [line for line in (ROOT / name).read_text().splitlines() if line and not line.startswith("#")]
    found = [PIN.fullmatch(line) for line in lines]
    assert None not in found, [line for line, pin in zip(lines, found, strict=True) if pin is None]
    return {re.sub(r"[-_.]+", "-", pin[1]).lower(): pin[2] for pin in found}


def test_a_package_in_both_has_one_version():
    without, with_alibi = pins("constraints.txt"), pins("constraints-alibi.txt")
    both = set(without) & set(with_alibi) - KEPT_BACK
    assert len(both) > 100
    assert {name: with_alibi[name] for name in both} == {name: without[name] for name in both}


def test_numpy_is_below_2_with_the_extra_alone():
    assert pins("constraints-alibi.txt")["numpy"].startswith("1.")
    assert pins("constraints.txt")["numpy"].startswith("2.")

"""The tree says what is where: tests mirror the rooms, rooms are those of the contracts, and forbidden words stay out."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "mlconfig"
ROOMS = {path.name for path in PACKAGE.iterdir() if path.is_dir() and list(path.glob("*.py"))}
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]


def test_the_contracts_name_every_room_and_every_module():
    (layers,) = [contract for contract in CONTRACTS if contract["type"] == "layers"]
    named = {room.strip() for floor in layers["layers"] for room in floor.split("|")}
    modules = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__", "__main__"}
    assert named == ROOMS | modules
    assert layers["exhaustive"]


def test_no_contract_has_an_exception():
    assert len(CONTRACTS) == 6
    assert [contract["name"] for contract in CONTRACTS if "ignore_imports" in contract] == []


def test_tests_mirror_the_rooms():
    empty = {room for room in ROOMS if [path.stem for path in (PACKAGE / room).glob("*.py")] == ["__init__"]}
    tested = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and list(path.rglob("test_*.py"))}
    assert sorted(ROOMS - empty - tested) == []


def test_every_built_in_plugin_has_its_file_and_every_file_of_one_its_entry_point():
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    named = {target.split(":")[0].rpartition(".")[2] for group in groups.values() for target in group.values()}
    kinds = {group.removeprefix("mlconfig.").removesuffix("s") for group in groups}
    shared = {"source_files", "metrics_resampling"}  # what several plugins build on
    files = {
        path.stem for path in (PACKAGE / "builtin").glob("*.py") if re.match(rf"({'|'.join(kinds)})s?_", path.stem)
    }
    assert files - shared == named


def test_comments_leave_nothing_open():
    words = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    assert [str(path) for path in PACKAGE.rglob("*.py") if words.search(path.read_text())] == []

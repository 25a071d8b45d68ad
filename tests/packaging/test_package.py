import json

import pytest

from mlconfig.errors import DataError, PackagingError
from mlconfig.packaging.latency import latency_p99
from mlconfig.packaging.package import Package, read_package, requirements, write_package
from mlconfig.packaging.runtime import PackagedModel
from mlconfig.packaging.signature import make_signature
from mlconfig.records.columns import EVENT_TIME
from mlconfig.records.dataset import DatasetCard
from mlconfig.records.packing import Packing, pack_rows, rows_in
from mlconfig.sections.data import EventTime
from mlconfig.vocabulary import FrozenDict


@pytest.fixture
def package(lightgbm_version):
    built = lightgbm_version
    signature = make_signature(
        built.resolved, built.schema, name="churn", task="binary", target="y", classes=built.fitted.target.classes,
        example=built.table.slice(0, 1).to_pylist()[0],
    )  # fmt: skip
    card = DatasetCard(fingerprint="f", rows=3, table_schema=built.schema)
    return Package(built.model, signature, built.resolved, card)


def test_a_version_is_written_whole_and_read_back(package, tmp_path):
    folder = tmp_path / "versions" / "1"
    digest = write_package(folder, package, {"profile.bin": b"\x00\x01"})
    assert read_package(folder) == package
    assert digest == package.sha256 == read_package(folder).sha256
    assert sorted(path.name for path in folder.iterdir()) == [
        "dataset.json", "features.json", "model.onnx", "profile.bin", "requirements.txt", "signature.json",
    ]  # fmt: skip
    assert [path.name for path in folder.parent.iterdir()] == ["1"]


def test_writing_the_same_version_again_changes_nothing_and_another_one_is_refused(package, tmp_path):
    from dataclasses import replace

    folder = tmp_path / "1"
    write_package(folder, package)
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    write_package(folder, package)
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    with pytest.raises(PackagingError, match="another version stands in this folder"):
        write_package(folder, replace(package, model=b"other"))


def test_a_damaged_version_says_which_file(package, tmp_path):
    folder = tmp_path / "1"
    write_package(folder, package)
    (folder / "features.json").write_text("{}")
    with pytest.raises(PackagingError, match=r"features\.json: not a ResolvedFeatures: Field required"):
        read_package(folder)
    (folder / "features.json").unlink()
    with pytest.raises(PackagingError, match=r"features\.json: the version lacks a file"):
        read_package(folder)


def test_requirements_are_pinned():
    lines = requirements().splitlines()
    assert all("==" in line for line in lines)
    assert {"onnxruntime", "numpy"} <= {line.split("==")[0] for line in lines}


def test_the_signatures_example_is_a_request_that_can_be_answered(package, lightgbm_version):
    example = json.loads(json.dumps(package.signature.example))
    packing = Packing.of(package.signature)
    assert packing == Packing.of(lightgbm_version.resolved)
    feeds = pack_rows([example], packing)
    answer = lightgbm_version.packaged.predict(feeds)
    expected = lightgbm_version.packaged.predict({name: block[:1] for name, block in lightgbm_version.feeds.items()})
    assert answer.scores.tolist() == expected.scores.tolist()
    assert package.signature.classes == (False, True)


def test_context_follows_the_features(lightgbm_version):
    built = lightgbm_version
    parts = EventTime(columns=("price", "plan"), format="%Y %B")
    row = {**built.table.slice(0, 1).to_pylist()[0], EVENT_TIME: 3600.0}
    signature = make_signature(
        built.resolved, built.schema, name="m", task="binary", target="y", classes=(0, 1), event_time=parts,
        key=("city", "y"), example=row,
    )  # fmt: skip
    names = {column.name: column for column in signature.columns}
    assert signature.event_time == "event_time"
    assert (names["event_time"].role, names["event_time"].required) == ("context", False)
    assert names["city"].role == "feature"  # named by the key as well, and still predicted from
    assert signature.example["event_time"] == "1970-01-01T01:00:00+00:00"
    single = make_signature(
        built.resolved, built.schema, name="m", task="binary", target="y", event_time=EventTime(columns=("moment",))
    )
    assert single.event_time == "moment"
    assert [column.name for column in single.columns].count("moment") == 1


def test_columns_that_the_model_does_not_take_may_be_sent_all_the_same(lightgbm_version):
    built = lightgbm_version
    resolved = built.resolved.model_copy(
        update={"left_out": FrozenDict({"y": "it is the target", "id": "it looks like an id", "plan": "it is the key"})}
    )
    signature = make_signature(
        resolved, built.schema, name="m", task="binary", target="y", key=("plan",), unused=("once", "id", "city")
    )
    assert signature.unused == ("id", "once")  # neither the target, nor what is a feature or context


def test_what_is_no_graph_is_refused():
    with pytest.raises(PackagingError, match=r"model\.onnx: ONNX Runtime does not take the graph"):
        PackagedModel(b"no graph")


def test_latency_is_the_99th_percentile_over_rows_in_turn(lightgbm_version):
    ticks = iter(range(10**6))
    assert latency_p99(lightgbm_version.packaged, lightgbm_version.holdout, 100, lambda: float(next(ticks))) == 1.0
    assert 0.0 < latency_p99(lightgbm_version.packaged, lightgbm_version.holdout, 200) < 1.0
    assert rows_in(lightgbm_version.holdout) == 300


def test_a_group_is_carried_whether_or_not_it_is_predicted_from(lightgbm_version):
    built = lightgbm_version
    without = built.resolved.model_copy(
        update={"columns": tuple(column for column in built.resolved.columns if column.name not in ("plan", "amount"))}
    )
    signature = make_signature(
        without, built.schema, name="m", task="binary", target="y", key=("plan",), groups=("plan", "amount", "city")
    )
    names = {column.name: column for column in signature.columns}
    assert signature.groups == ("plan", "amount", "city")
    assert [column.name for column in signature.columns if column.role == "context"] == ["plan", "amount"]
    assert (names["amount"].kind, names["amount"].required, names["amount"].nullable) == ("numeric", False, True)
    assert names["city"].role == "feature"
    assert "plan" not in Packing.of(signature).names


def test_a_group_that_the_data_lacks_is_refused(lightgbm_version):
    built = lightgbm_version
    with pytest.raises(DataError) as refused:
        make_signature(built.resolved, built.schema, name="m", task="binary", target="y", groups=("city", "sex"))
    assert str(refused.value) == (
        "evaluation.fairness.groups: the data has no column `sex`\n"
        "  hint: a group is a column of the data; it need not be a feature"
    )

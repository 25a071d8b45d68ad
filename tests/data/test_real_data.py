"""The data sections of the recipes, read on the real files that they were written for."""

from pathlib import Path

import pytest
import yaml

from mlconfig.builtin.source_csv import CsvSource
from mlconfig.builtin.source_sklearn_dataset import SklearnDatasetSource
from mlconfig.contracts.plugin import Context
from mlconfig.data.assemble import retrain_table
from mlconfig.data.event_time import event_seconds
from mlconfig.data.moments import moment_seconds
from mlconfig.data.read import read_table
from mlconfig.data.schema import check_schema, infer_schema, schema_notices
from mlconfig.data.split import split_rows
from mlconfig.sections.data import Data
from mlconfig.sections.features import Features
from mlconfig.sections.retraining import RetrainData

ROOT = Path(__file__).parents[2]
FILES = ROOT.parent / "shared" / "data"
EXPECTED = {
    "hotel_bookings": ("hotel_bookings/hotel_bookings.csv", 7774, "2015-07-01", "2015-10-31"),
    "electricity": ("electricity/elec.csv", 8000, "1996-05-07", "1996-10-20 15:30"),
    "bike_sharing": ("bike_sharing/hour.csv", 8645, "2011-01-01", "2011-12-31 23:00"),
}


def recipe(name):
    return yaml.safe_load((ROOT / "recipes" / f"{name}.yaml").read_text())


def read(name, *, whole=False):
    file = FILES / EXPECTED[name][0]
    if not file.exists():
        pytest.skip(f"the real data is not here: {file}")
    written = recipe(name)
    data = Data.model_validate({**written["data"], **({"period": {}} if whole else {})})
    source = CsvSource(CsvSource.Params(path=str(file)), Context(project=ROOT))
    return written, data, read_table(source, data, written.get("time_zone", "UTC"))


@pytest.mark.parametrize("name", EXPECTED)
def test_the_period_of_the_recipe_is_read(name):
    _, rows, since, until = EXPECTED[name]
    written, _, (table, notices) = read(name)
    zone = written.get("time_zone", "UTC")
    assert (table.num_rows, notices) == (rows, ())
    seconds = event_seconds(table)
    assert (seconds.min(), seconds.max()) == (moment_seconds(since, zone), moment_seconds(until, zone))


@pytest.mark.parametrize("name", EXPECTED)
def test_excluded_columns_are_there_and_what_is_left_can_be_split(name):
    written, data, (table, _) = read(name)
    features = written["features"]
    excluded = Features.model_validate({} if features == "auto" else features).exclude
    assert set(excluded) <= set(table.column_names)
    columns = [
        c.name for c in infer_schema(table, target=data.target).columns if c.name not in (*excluded, data.target)
    ]
    parts = split_rows(table, data.split, target=data.target, columns=columns, random_state=0, task=written["task"])
    shares = [len(part) / table.num_rows for part in (parts.train, parts.validation, parts.test)]
    assert shares == pytest.approx([0.7, 0.1, 0.2], abs=0.02)


def test_ids_and_constants_of_the_real_data_are_seen():
    _, data, (table, _) = read("bike_sharing")
    notices = schema_notices(infer_schema(table, target=data.target))
    assert "`instant` looks like an id: 8645 different values in 8645 rows" in notices
    assert "`yr` is constant" in notices


def test_later_hotel_rows_keep_to_the_schema_of_the_first_months():
    _, data, (table, _) = read("hotel_bookings")
    _, _, (whole, _) = read("hotel_bookings", whole=True)
    assert check_schema(whole, infer_schema(table, target=data.target)) == ()


def test_a_retrain_in_a_replay_does_not_see_what_is_to_come():
    _, data, (table, _) = read("hotel_bookings")
    _, _, (whole, _) = read("hotel_bookings", whole=True)
    now, how = moment_seconds("2016-02-01"), RetrainData()
    logged = whole.slice(table.num_rows)
    grown = retrain_table(table, logged, how, columns=["lead_time"], target=data.target, now=now, drift_since=None)
    assert event_seconds(grown).max() <= now < event_seconds(logged).max()
    assert table.num_rows < grown.num_rows < whole.num_rows


def test_the_bundled_data_needs_no_file():
    data = Data.model_validate(recipe("breast_cancer")["data"])
    source = SklearnDatasetSource(SklearnDatasetSource.Params.model_validate(dict(data.source.params)))
    table, notices = read_table(source, data, "UTC")
    schema = infer_schema(table, target=data.target)
    assert (table.num_rows, notices) == (569, ())
    assert not any(column.id_like for column in schema.columns)
    split_rows(table, data.split, target="target", columns=table.column_names[:-1], random_state=0, task="binary")

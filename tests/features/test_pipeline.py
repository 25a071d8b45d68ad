import pickle

import numpy as np
from sklearn.base import clone

from mlconfig.contracts.catalog import Catalog
from mlconfig.contracts.plugin import Context
from mlconfig.features.pipeline import build_preprocessor
from mlconfig.records.dataset import FeatureColumn, FeatureTransform, ResolvedFeatures
from mlconfig.records.packing import Packing, frame_of, pack_rows

CATALOG = Catalog()


def make(wanted):
    return CATALOG.create("transform", wanted.name, wanted.params, Context())


def column(name, kind, *transforms):
    return FeatureColumn(name=name, kind=kind, transforms=tuple(FeatureTransform(name=each) for each in transforms))


RESOLVED = ResolvedFeatures(
    columns=(
        column("plan", "categorical", "one_hot"),
        column("age", "numeric", "impute"),
        column("at", "timestamp", "date_parts"),
        column("member", "boolean", "impute"),
        column("bare", "numeric"),
    )
)
ROWS = [
    {"plan": "b", "age": 4, "at": "1970-01-01T05:00:00", "member": True, "bare": 9},
    {"plan": "a", "age": 2, "at": None, "member": None, "bare": None},
]


def test_columns_with_the_same_transforms_share_a_pipeline_over_the_packed_places():
    preprocessor = build_preprocessor(RESOLVED, make)
    assert [(name, places) for name, _, places in preprocessor.transformers] == [
        ("numeric_0", [0, 1]),
        ("numeric_1", [2]),
        ("categorical_2", [3]),
        ("timestamp_3", [4]),
    ]
    assert Packing.of(RESOLVED).names == ("age", "member", "bare", "plan", "at")


def test_the_output_follows_the_groups_and_keeps_float32():
    packing = Packing.of(RESOLVED)
    preprocessor = build_preprocessor(RESOLVED, make)
    found = preprocessor.fit_transform(frame_of(pack_rows(ROWS, packing), packing))
    nan = np.nan
    expected = [[4, 1, 9, 0, 1, 5, 3, 1], [2, 1, nan, 1, 0, nan, nan, nan]]
    assert np.array_equal(found, expected, equal_nan=True)
    assert found.dtype == np.float32


def test_it_can_be_cloned_and_pickled():
    packing = Packing.of(RESOLVED)
    frame = frame_of(pack_rows(ROWS, packing), packing)
    first = build_preprocessor(RESOLVED, make).fit(frame)
    again = pickle.loads(pickle.dumps(clone(first).fit(frame)))
    assert np.array_equal(first.transform(frame), again.transform(frame), equal_nan=True)

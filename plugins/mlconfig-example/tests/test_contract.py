"""The contract test: all laws of each kind, from the kit that mlconfig ships; and what is special to these two."""

import numpy as np
import pytest
from mlconfig_example import Cyclic, MeanShift

from mlconfig.contracts import Evidence
from mlconfig.profiles.profile import fit_layout, profile_of
from mlconfig.testing import parametrize_with_checks


@parametrize_with_checks(
    [
        MeanShift(),
        MeanShift(MeanShift.Params(tolerance=0.0)),
        Cyclic(Cyclic.Params(period=24.0)),
        Cyclic(Cyclic.Params(period=0.7)),
    ]
)
def test_contract(check):
    check()


def evidence(shift, rows, reference_rows=20_000):
    rng = np.random.default_rng(0)
    reference = {"x": rng.normal(10.0, 2.0, reference_rows)}
    layout = fit_layout(reference, {"x": "numeric"})
    window = {"x": rng.normal(10.0 + 2.0 * shift, 2.0, rows)}
    return Evidence(profile_of(layout, reference), profile_of(layout, window), ("x",), alpha=1e-3)


@pytest.mark.parametrize(("shift", "rows", "drifts"), [(0.1, 100_000, False), (0.3, 100_000, True), (0.3, 100, False)])
def test_a_shift_counts_when_it_matters_and_is_certain(shift, rows, drifts):
    (found,) = MeanShift().check(evidence(shift, rows))
    assert found.is_drift is drifts
    assert found.drift_score == pytest.approx(shift, abs=0.2 if rows == 100 else 0.02)
    assert (("moved" in found.message) and found.column == "x") is drifts


def test_midnight_lies_beside_eleven_in_the_evening():
    hours = np.array([[23.0], [0.0], [12.0], [24.0]])
    at = Cyclic(Cyclic.Params(period=24.0)).build().fit_transform(hours)
    assert np.linalg.norm(at[0] - at[1]) < 0.3
    assert np.linalg.norm(at[0] - at[2]) > 1.9
    assert at[1] == pytest.approx(at[3])
    assert at[1] == pytest.approx([0.0, 1.0])

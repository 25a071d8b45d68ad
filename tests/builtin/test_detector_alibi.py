"""alibi-detect's tests: nulls are never fine, equals are quiet, a shift is found, nothing is imported before a check."""

import logging
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pyarrow as pa
import pytest

from mlconfig.builtin import detector_alibi
from mlconfig.contracts import Context, Evidence
from mlconfig.contracts.catalog import Catalog
from mlconfig.errors import PluginError
from mlconfig.profiles.profile import empty_profile, fit_layout
from mlconfig.testing import laws_detector, laws_plugin
from mlconfig.vocabulary import FrozenDict

COLUMNWISE = ("ks", "cvm", "chi2", "tabular", "fet")
TORCH = ("mmd", "lsdd", "spot_the_diff")
PLAIN = (*COLUMNWISE, "classifier")
FEW = {
    "mmd": {"max_rows": 60},
    "lsdd": {"max_rows": 200},
    "classifier": {"model": "logistic_regression"},
    "spot_the_diff": {"max_rows": 400},
}
KINDS = {"x": "numeric", "c": "categorical", "b": "boolean", "t": "timestamp"}
ALPHA = 1e-3

needs_alibi = pytest.mark.skipif(
    find_spec("alibi_detect") is None, reason="needs the extra mlconfig[alibi]; `make unit-alibi` runs this with it"
)
TORCH_MARKS = [
    needs_alibi,
    pytest.mark.skipif(
        find_spec("torch") is None, reason="needs the extra mlconfig[alibi-torch], whose torch CI lacks"
    ),
]
EACH = [pytest.param(name, marks=needs_alibi) for name in PLAIN] + [
    pytest.param(name, marks=TORCH_MARKS) for name in TORCH
]
EACH_COLUMNWISE = [pytest.param(name, marks=needs_alibi) for name in COLUMNWISE]


def detector(name, **params):
    return Catalog().create("detector", f"alibi.{name}", {**FEW.get(name, {}), **params}, Context())


def rows(n, seed, shift=0.0, levels=("a", "b", "c"), true=0.3):
    rng = np.random.default_rng(seed)
    return {
        "x": rng.normal(shift, 1, n),
        "c": rng.choice(np.array(levels, object), n),
        "b": rng.random(n) < true,
        "t": pa.array((rng.random(n) * 86_400e6).astype("int64"), pa.timestamp("us")),
    }


REFERENCE = rows(2000, 0)
LAYOUT = fit_layout({**REFERENCE, "t": np.arange(2000.0)}, KINDS)


def moved(n=600, seed=1):
    return rows(n, seed, shift=1.5, levels=("a", "a", "a", "a", "b", "c"), true=0.6)


def evidence(window, reference=REFERENCE, columns=tuple(KINDS), alpha=ALPHA, **more):
    empty = empty_profile(LAYOUT)
    rows, reference_rows = pa.table(window), pa.table(reference)
    return Evidence(empty, empty, columns, alpha, rows=rows, reference_rows=reference_rows, **more)


def drifting(found):
    return {finding.column for finding in found if finding.is_drift}


def hidden(values, share=1.0, seed=3):
    """Values of which a share is null."""
    gone = np.random.default_rng(seed).random(len(values)) < share
    return pa.array(list(values), mask=gone)


# Without the package too


def test_loading_them_imports_nothing_heavy():
    code = (
        "import sys; from mlconfig.contracts.catalog import Catalog; "
        f"[Catalog().load('detector', 'alibi.' + name).tags for name in {(*PLAIN, *TORCH)!r}]; "
        "print([name for name in ('alibi_detect', 'torch', 'sklearn', 'scipy', 'pandas') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize("name", [*PLAIN, *TORCH])
def test_their_tags_tell_what_they_need_and_under_which_licence(name):
    cls = Catalog().load("detector", f"alibi.{name}")
    assert cls.tags.reads == {"rows"}
    assert cls.tags.columnwise is (name in COLUMNWISE)
    assert cls.tags.tasks == {"binary", "multiclass", "regression"}
    assert "Business Source License 1.1: production use needs a licence of Seldon's" in cls.tags.notice
    assert cls.requires == (("alibi_detect", "torch") if name in TORCH else ("alibi_detect",))


@pytest.mark.parametrize(("name", "modules", "extra"), [
    ("ks", ["alibi_detect"], "alibi"),
    ("classifier", ["alibi_detect"], "alibi"),
    ("mmd", ["alibi_detect", "torch"], "alibi-torch"),
])  # fmt: skip
def test_without_the_package_a_check_says_what_to_install(monkeypatch, name, modules, extra):
    monkeypatch.setattr("mlconfig.contracts.plugin.find_spec", lambda module: None)
    with pytest.raises(PluginError) as caught:
        detector(name).check(evidence(REFERENCE))
    assert str(caught.value) == (
        f'detector `alibi.{name}`: {" and ".join(modules)} cannot be imported\n  hint: pip install "mlconfig[{extra}]"'
    )


@pytest.mark.parametrize("name", [*PLAIN, *TORCH])
@pytest.mark.parametrize(
    "params", [{"p_val": 0}, {"p_val": 1}, {"max_rows": 9}, {"max_rows": 10_000}, {"min_values": 1}]
)
def test_senseless_params_are_refused(name, params):
    with pytest.raises(PluginError, match=next(iter(params))):
        detector(name, **params)


# With it


@needs_alibi
def test_the_extra_keeps_numpy_below_2():
    assert int(np.__version__.split(".")[0]) < 2


@needs_alibi
def test_the_licence_is_told_once_a_process(caplog):
    detector_alibi._activate.cache_clear()
    with caplog.at_level(logging.WARNING, "mlconfig.plugins"):
        for name in ("ks", "chi2"):
            detector(name).check(evidence(REFERENCE))
    assert [record.message for record in caplog.records if record.name == "mlconfig.plugins"] == [detector_alibi.NOTICE]


@pytest.mark.parametrize("name", EACH)
def test_equals_are_quiet_and_a_shift_is_found(name):
    for seed in (1, 2, 3):
        found = detector(name).check(evidence(rows(600, seed), random_state=seed))
        assert found
        assert not drifting(found)
    found = detector(name).check(evidence(moved()))
    assert drifting(found) == {finding.column for finding in found} != set()
    for finding in found:
        assert finding.drift_score > finding.threshold > 0
        assert finding.p_value < ALPHA
        assert finding.details["statistic"] != 0
        assert " moved: " in finding.message


@pytest.mark.parametrize(("name", "columns"), [
    pytest.param("ks", {"x"}, marks=needs_alibi),
    pytest.param("cvm", {"x"}, marks=needs_alibi),
    pytest.param("chi2", {"c", "b"}, marks=needs_alibi),
    pytest.param("fet", {"b"}, marks=needs_alibi),
    pytest.param("tabular", {"x", "c", "b"}, marks=needs_alibi),
])  # fmt: skip
def test_each_looks_at_the_columns_it_can_judge(name, columns):
    assert {finding.column for finding in detector(name).check(evidence(moved()))} == columns
    assert detector(name).check(evidence(moved(), columns=("t",))) == ()


@pytest.mark.parametrize("name", EACH)
def test_a_window_of_nulls_drifts_by_its_nulls(name):
    window = {
        **rows(600, 1),
        "x": hidden(rows(600, 1)["x"]),
        "c": hidden(rows(600, 1)["c"]),
        "b": hidden(rows(600, 1)["b"]),
    }
    found = detector(name).check(evidence(window))
    assert found
    for finding in found:
        assert (finding.statistic, finding.is_drift, finding.drift_score) == ("null_fraction", True, 1.0)
        assert finding.threshold < 0.05
        assert finding.message == (
            f"`{finding.column}` has 100.0% nulls, the reference 0.0%; chance explains up to {finding.threshold:.1%}"
        )


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", [
    *(pytest.param(name, marks=needs_alibi) for name in ("ks", "cvm", "tabular", "classifier")),
    *(pytest.param(name, marks=TORCH_MARKS) for name in TORCH),
])  # fmt: skip
def test_nan_and_infinity_count_as_nulls(name, bad):
    window = rows(600, 1)
    window["x"][:200] = bad
    assert drifting(detector(name).check(evidence(window))) == {"x"}
    window["x"][3:200] = 0.1  # three of 600: the others are compared
    found = detector(name).check(evidence(window))
    assert found
    assert not any(finding.statistic == "null_fraction" for finding in found)


@pytest.mark.parametrize("name", EACH)
def test_nulls_of_the_reference_blind_no_column(name):
    reference = {
        **REFERENCE,
        "x": REFERENCE["x"].copy(),
        "c": hidden(REFERENCE["c"], 0.05),
        "b": hidden(REFERENCE["b"], 0.05),
    }
    reference["x"][0] = np.nan
    window = moved()
    assert drifting(detector(name).check(evidence(window, reference)))
    for finding in detector(name).check(evidence(window, reference)):
        assert finding.statistic != "null_fraction"
    usual = {**rows(600, 1), "c": hidden(rows(600, 1)["c"], 0.05)}
    assert not drifting(detector(name).check(evidence(usual, reference)))


@pytest.mark.parametrize("name", EACH)
def test_too_few_values_are_never_called_fine(name):
    assert detector(name).check(evidence(rows(20, 1))) == ()
    assert detector(name).check(evidence(rows(0, 1))) == ()
    reference, window = ({key: hidden(side[key]) for key in ("x", "c", "b")} for side in (REFERENCE, rows(600, 1)))
    assert detector(name).check(evidence(rows(600, 1), reference)) == ()
    assert detector(name).check(evidence(window, reference)) == ()


@pytest.mark.parametrize("name", EACH)
def test_a_column_that_the_log_lacks_is_null(name):
    window = {"t": rows(600, 1)["t"]}
    found = detector(name).check(evidence(window))
    assert found
    assert all(finding.statistic == "null_fraction" and finding.is_drift for finding in found)


@pytest.mark.parametrize("name", EACH)
def test_chance_of_a_tenth_of_a_percent_raises_no_alarm_over_nulls(name):
    """One null in a small window, where a large reference has none, proves nothing."""
    window = rows(100, 1)
    one = {key: pa.array(list(window[key]), mask=np.arange(100) == 7) for key in ("x", "c", "b")}
    assert not drifting(detector(name).check(evidence({**window, **one})))


@pytest.mark.parametrize("name", EACH)
def test_the_same_seed_gives_the_same_and_the_process_keeps_its_own_numbers(name):
    given = evidence(moved(), random_state=5)
    np.random.seed(11)  # noqa: NPY002
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    found = detector(name).check(given)
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002
    assert detector(name).check(given) == found


@pytest.mark.parametrize("name", EACH)
def test_reference_rows_are_needed(name):
    with pytest.raises(PluginError, match="none of the reference were kept"):
        detector(name).check(replace(evidence(REFERENCE), reference_rows=None))


@pytest.mark.parametrize("law", [
    *(law for law in laws_detector.laws_for(Catalog().load("detector", "alibi.ks")())),
    laws_detector.nothing_but_nulls_is_never_fine,
    laws_plugin.it_can_be_pickled, laws_plugin.its_module_loads_nothing_heavy,
], ids=lambda law: law.__name__)  # fmt: skip
@pytest.mark.parametrize("name", EACH)
def test_they_keep_the_laws_of_a_detector(name, law):
    law(detector(name))


@needs_alibi
def test_p_val_takes_the_place_of_the_budgets_share():
    slight = rows(600, 1, shift=0.1)
    assert not drifting(detector("ks").check(evidence(slight, alpha=1e-9)))
    (finding,) = detector("ks", p_val=0.5).check(evidence(slight, alpha=1e-9))
    assert finding.is_drift
    assert 10**-finding.threshold == pytest.approx(0.45)


@needs_alibi
def test_false_discoveries_are_corrected_over_the_columns():
    """Of three columns with p just above alpha, Benjamini and Hochberg accept all, Bonferroni none."""
    window = rows(600, 1, shift=0.18, levels=("a", "a", "a", "b", "b", "c", "c"), true=0.38)
    p_values = [finding.p_value for finding in detector("tabular").check(evidence(window))]
    alpha = 1.05 * max(p_values) / 3 / (1 - detector_alibi.OF_NULLS)
    assert alpha * (1 - detector_alibi.OF_NULLS) < max(p_values)
    assert drifting(detector("tabular", correction="fdr").check(evidence(window, alpha=alpha))) == {"x", "c", "b"}
    assert drifting(detector("tabular").check(evidence(window, alpha=alpha))) != {"x", "c", "b"}
    assert not drifting(detector("tabular", correction="fdr").check(evidence(rows(600, 1), alpha=1e-3)))


@needs_alibi
def test_rare_levels_are_no_false_alarm():
    """Of two thousand names nearly all are new in each window; chi² of single rows would be drift in every one."""
    names = [f"name{number}" for number in range(5000)]
    reference = rows(2000, 0, levels=names)
    assert not drifting(detector("chi2").check(evidence(rows(150, 1, levels=names), reference)))
    assert drifting(detector("chi2").check(evidence(rows(150, 1, levels=["new"]), reference))) == {"c"}


@needs_alibi
def test_float32_beside_float64_is_no_drift():
    rng = np.random.default_rng(0)
    prices = rng.choice([0.1, 0.2, 0.3], 2000)
    window = {**rows(600, 1), "x": pa.array(rng.choice([0.1, 0.2, 0.3], 600).astype("float32"))}
    assert not drifting(detector("ks").check(evidence(window, {**REFERENCE, "x": prices})))


@needs_alibi
def test_fisher_can_look_at_one_direction():
    grown, shrunk = rows(600, 1, true=0.6), rows(600, 1, true=0.1)
    told = {
        alternative: [
            drifting(detector("fet", alternative=alternative).check(evidence(window))) for window in (grown, shrunk)
        ]
        for alternative in ("two-sided", "greater", "less")
    }
    assert told == {"two-sided": [{"b"}, {"b"}], "greater": [{"b"}, set()], "less": [set(), {"b"}]}


@needs_alibi
@pytest.mark.parametrize("model", ["hist_gradient_boosting", "logistic_regression"])
def test_either_classifier_tells_moved_rows(model):
    assert drifting(detector("classifier", model=model).check(evidence(moved()))) == {None}
    assert not drifting(detector("classifier", model=model).check(evidence(rows(600, 1))))


@needs_alibi
def test_trees_see_columns_that_moved_together_where_no_column_did():
    rng = np.random.default_rng(1)
    kinds = {"x": "numeric", "y": "numeric"}
    reference = {name: rng.normal(size=3000) for name in kinds}
    x = rng.normal(size=3000)
    window = {"x": x, "y": 0.9 * x + np.sqrt(1 - 0.81) * rng.normal(size=3000)}
    empty = empty_profile(fit_layout(reference, kinds))
    given = replace(evidence(window, reference, columns=("x", "y")), reference=empty, current=empty)
    assert drifting(detector("classifier", model="hist_gradient_boosting").check(given)) == {None}
    assert not drifting(detector("ks").check(given))


@pytest.mark.parametrize("name", [pytest.param(name, marks=TORCH_MARKS) for name in ("mmd", "lsdd")])
def test_permutations_are_as_many_as_alpha_needs(name):
    (quiet,) = detector(name).check(evidence(rows(600, 1)))
    (loud,) = detector(name).check(evidence(moved()))
    assert quiet.details["permutations"] == detector_alibi.BATCH
    assert loud.details["permutations"] == 1200  # 1 / (0.9 * 0.001), in batches of 200
    assert loud.p_value == 1 / 1201
    with pytest.raises(
        PluginError, match=r"a p-value of 9\.0e-10 takes 1111111111 permutations, and 100000 are allowed"
    ):
        detector(name).check(evidence(moved(), alpha=1e-9))


@pytest.mark.parametrize("name", [pytest.param("spot_the_diff", marks=TORCH_MARKS)])
def test_spot_the_diff_names_the_difference(name):
    (finding,) = detector(name).check(evidence(rows(600, 1, shift=1.5)))
    diffs = {key: value for key, value in finding.details.items() if key.startswith("diff:")}
    assert set(diffs) == {"diff:x", "diff:b", "diff:c=a", "diff:c=b", "diff:c=c", "diff:c: other"}
    assert max(diffs, key=diffs.get) == "diff:x"
    assert isinstance(finding.details, FrozenDict)


@pytest.mark.parametrize("name", EACH_COLUMNWISE)
def test_false_alarms_keep_to_their_probability(name):
    """Of 120 null windows with rare levels and some nulls, at a probability of 0.1 a column."""
    found = []
    for seed in range(120):
        window = rows(300, seed + 10, levels=tuple("abcdefghijklmnopqrstuvwxyz"))
        window["c"] = hidden(window["c"], 0.03, seed)
        reference = rows(900, seed + 500, levels=tuple("abcdefghijklmnopqrstuvwxyz"))
        reference["c"] = hidden(reference["c"], 0.03, seed + 1)
        found += detector(name, p_val=0.1).check(evidence(window, reference))
    share = sum(finding.is_drift for finding in found) / len(found)
    assert 0.02 < share < 0.16  # Fisher's test and small chi² are conservative

"""Whatever plugins, params, gates and searched values a recipe names: it compiles, or is refused with a place."""

import copy
import re

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mlconfig.compiler.compiler import compile_plan
from mlconfig.compiler.space import probes
from mlconfig.contracts.catalog import CONTRACTS, Catalog
from mlconfig.errors import RecipeError
from mlconfig.plan.plan import Plan
from mlconfig.plan.steps import TrainStep, TuneStep
from mlconfig.recipe.load import load_recipe

TOY = {
    "name": "toy",
    "task": "binary",
    "data": {"source": {"name": "synthetic", "params": {}}, "target": "target", "event_time": "ts"},
    "features": {"kinds": {}},
    "model": {"name": "lightgbm", "params": {}},
    "tuning": {"space": {"model.params.num_leaves": {"int": [4, 9]}}},
    "evaluation": {"metrics": [], "gates": {}},
    "monitoring": {"signals": {}},
    "alerts": {"sinks": {}},
    "retraining": {"when": {"performance": {}}},
}
PLACE = re.compile(r"toy\.yaml:\d+")
NAMES = {kind: [listing.name for listing in Catalog().list(kind)] for kind in CONTRACTS}
WORDS = st.text("abcxyz_.-:'", max_size=4)
SCALARS = st.none() | st.booleans() | st.integers(-9, 99) | st.floats(-2, 2, allow_nan=False) | WORDS
VALUES = st.recursive(
    SCALARS, lambda below: st.lists(below, max_size=3) | st.dictionaries(WORDS, below, max_size=2), max_leaves=4
)


def keys_of(kind):
    found = {key for name in NAMES[kind] for key in Catalog().load(kind, name).Params.model_fields}
    return st.sampled_from(sorted(found)) | WORDS if found else WORDS


def named(kind):
    """A plugin that is there, or some word."""
    return st.sampled_from(NAMES[kind]) | WORDS


def params(kind):
    return st.dictionaries(keys_of(kind), VALUES, max_size=2)


def refs(kind):
    return named(kind) | st.fixed_dictionaries({"name": named(kind), "params": params(kind)})


BOUNDS = st.sampled_from(["5ms", "1s", "20MiB", "5", "0.5"]) | SCALARS
GATES = st.dictionaries(
    st.sampled_from(["min", "max", "not_worse_by", "better_by", "judge"]), BOUNDS, min_size=1, max_size=2
)
SIZED = st.tuples(st.integers(1, 9), st.integers(9, 30)).map(list) | st.lists(VALUES, max_size=3)
DIMENSIONS = st.dictionaries(st.sampled_from(["int", "float", "choice"]), SIZED, min_size=1, max_size=1)
SEARCHED = st.sampled_from([
    "model.name", "model.params", "model.params.num_leaves", "model.params.learning_rate", "model.resources.cpus",
    "model.early_stopping", "model.early_stopping.rounds", "features.include", "features.exclude", "features.kinds",
    "features.kinds.numeric", "features.kinds.numeric.clip.low", "features.kinds.categorical.one_hot.min_count",
    "features.columns.x0.kind", "features.columns.x0.transforms", "data.split.by", "data.split.test_fraction",
    "data.target", "model", "model.params.num_leaves.x", "features..x", ".", "model.",
]) | WORDS  # fmt: skip
MUTATIONS = st.one_of(
    st.tuples(st.just(("data", "source")), refs("source")),
    st.tuples(st.just(("model",)), refs("model")),
    st.tuples(st.just(("tuning", "searcher")), refs("searcher")),
    st.tuples(st.tuples(st.just("tuning"), st.just("space"), SEARCHED), DIMENSIONS),
    st.tuples(st.just(("evaluation", "metrics")), st.lists(named("metric"), max_size=3)),
    st.tuples(
        st.tuples(st.just("evaluation"), st.just("gates"), named("metric") | st.sampled_from(["size", "latency_p99"])), GATES
    ),
    st.tuples(
        st.tuples(st.just("features"), st.just("kinds"), st.sampled_from(["numeric", "categorical", "boolean", "timestamp"])),
        st.dictionaries(named("transform"), params("transform"), max_size=3),
    ),
    st.tuples(st.tuples(st.just("monitoring"), st.just("signals"), WORDS), refs("detector")),
    st.tuples(st.tuples(st.just("alerts"), st.just("sinks"), WORDS), refs("sink")),
    st.tuples(st.tuples(st.just("retraining"), st.just("when"), named("trigger")), params("trigger")),
)  # fmt: skip


def mutated(mutations):
    tree = copy.deepcopy(TOY)
    for path, value in mutations:
        node = tree
        for key in path[:-1]:
            node = node[key]
        node[path[-1]] = value
    return tree


def compiled(file):
    """The plan, or what is wrong with the recipe."""
    try:
        return compile_plan(load_recipe(file))
    except RecipeError as error:
        return error.problems


@settings(
    max_examples=200, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(mutations=st.lists(MUTATIONS, min_size=1, max_size=3))
@example(mutations=[])
def test_two_hundred_mutated_declarations(project, mutations):
    plan = compiled(project.write(mutated(mutations)))
    if not isinstance(plan, Plan):
        assert plan
        for problem in plan:
            assert PLACE.fullmatch(problem.where), problem
            assert problem.what
            assert "pydantic" not in str(problem)
        return
    assert Plan.from_json(plan.to_json()) == plan
    for path, dimension in tune.tuning.space.items() if (tune := plan.find(TuneStep)) is not None else ():
        for value in probes(dimension):  # what was accepted can be bound, and needs no plugin that is not pinned
            train = plan.bind({path: value}).step(TrainStep)
            chains = [*train.features.kinds.values(), *(c.transforms or {} for c in train.features.columns.values())]
            pinned = {(pin.kind, pin.name) for pin in train.plugins}
            assert pinned >= {("model", train.model.name), *(("transform", name) for chain in chains for name in chain)}
    assert compiled(project.write(plan.declared(), "again.yaml")) == plan

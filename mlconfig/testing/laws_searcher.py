"""Laws of a searcher: seeded, inside its space, and ending only where it says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlconfig.contracts import Searcher
from mlconfig.sections.tuning import Dimension
from mlconfig.testing.law import Law, demand

ASKED = 60
MANY = 200_000


def space() -> dict[str, Dimension]:
    """All kinds of dimension."""
    return {
        "model.params.leaves": Dimension.model_validate({"int": [2, 64], "log": True}),
        "model.params.depth": Dimension.model_validate({"int": [3, 3]}),
        "model.params.rate": Dimension.model_validate({"float": [0.001, 0.5], "log": True}),
        "model.params.share": Dimension.model_validate({"float": [0.0, 1.0]}),
        "features.kind": Dimension.model_validate({"choice": ["a", 1, None]}),
    }


def laws_for(plugin: Searcher) -> list[Law]:
    """All of them; those about the end by what the tags say."""
    end: Law = a_finite_searcher_ends if plugin.tags.finite else an_endless_searcher_goes_on
    return [
        same_seed_same_values, values_lie_in_the_space, values_are_of_the_spaces_paths, starting_begins_anew,
        it_copes_with_failed_trials, end,
    ]  # fmt: skip


def _history(plugin: Searcher, asked: int = ASKED) -> list[dict[str, Any] | None]:
    """Ask and tell, with a loss that follows from the values."""
    plugin.start(space())
    seen: list[dict[str, Any] | None] = []
    for _ in range(asked):
        values = plugin.ask()
        seen.append(None if values is None else dict(values))
        if values is None:
            break
        plugin.tell(values, abs(float(values["model.params.rate"]) - 0.1) + float(values["model.params.leaves"]) / 64)
    return seen


def _fresh(plugin: Searcher) -> Searcher:
    return type(plugin)(plugin.params, plugin.context)


def same_seed_same_values(plugin: Searcher) -> None:
    """The same random state and the same history give the same values."""
    first, second = _history(_fresh(plugin)), _history(_fresh(plugin))
    place = next((i for i, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), -1)
    demand(
        first == second,
        f"ask {place + 1} gave {first[place]}, then {second[place]}",
        "draw from random.Random(self.context.random_state), made in start()",
    )


def starting_begins_anew(plugin: Searcher) -> None:
    """``start`` begins anew, also on an instance that was used before."""
    searcher = _fresh(plugin)
    demand(
        _history(searcher) == _history(searcher),
        "the second search on one instance differs from the first",
        "set all state, the random generator too, in start()",
    )


def values_are_of_the_spaces_paths(plugin: Searcher) -> None:
    """Each answer has one value for each path of the space, and no other."""
    for values in _history(_fresh(plugin)):
        demand(values is None or set(values) == set(space()), f"{values}", "answer with exactly the space's paths")


def values_lie_in_the_space(plugin: Searcher) -> None:
    """Each value lies in its dimension: whole numbers stay whole, both ends are included, choices are as written."""
    for values in _history(_fresh(plugin)):
        for path, value in (values or {}).items():
            dimension = space()[path]
            demand(
                _inside(value, dimension), f"{path} = {value!r}, outside {dimension!r}", "clip to the ends, and round"
            )


def _inside(value: Any, dimension: Dimension) -> bool:
    if dimension.choice is not None:
        return any(value == one and type(value) is type(one) for one in dimension.choice)
    if dimension.int_ is not None:
        return type(value) is int and dimension.int_[0] <= value <= dimension.int_[1]
    assert dimension.float_ is not None
    return type(value) is float and dimension.float_[0] <= value <= dimension.float_[1]


def it_copes_with_failed_trials(plugin: Searcher) -> None:
    """A trial that failed (its loss is NaN) does not end the search."""
    searcher = _fresh(plugin)
    searcher.start(space())
    values: Mapping[str, Any] | None = searcher.ask()
    demand(values is not None, "it had nothing to try in a new search", "answer at least once")
    searcher.tell(values or {}, float("nan"))
    demand(searcher.ask() is not None, "after a NaN there was nothing more to try", "pass over NaN in tell()")


def a_finite_searcher_ends(plugin: Searcher) -> None:
    """A searcher with ``finite`` runs out of values, and stays at its end."""
    searcher = _fresh(plugin)
    searcher.start(space())
    ended = any(searcher.ask() is None for _ in range(MANY))
    demand(ended, f"it still had values after {MANY}", "return None at the end, or declare `finite=False`")
    demand(searcher.ask() is None, "after its end it had values again", "keep returning None")


def an_endless_searcher_goes_on(plugin: Searcher) -> None:
    """A searcher without ``finite`` always has another value: the number of trials is the recipe's."""
    asked = _history(_fresh(plugin), 300)
    demand(None not in asked, f"it ended after {len(asked) - 1} values", "go on, or declare `finite=True` in the tags")

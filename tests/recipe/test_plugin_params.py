"""A plugin's params are worded like the rest: with the place the user wrote, and the nearest valid key."""

import pytest
from pydantic import Field, ValidationError

from mlconfig.recipe.validate import problems_of
from mlconfig.vocabulary import Frozen


class Params(Frozen):
    path: str = Field(description="A file.")
    rows: int = 5


@pytest.mark.parametrize("how", ["origin", "place"])
def test_problems_of_params(project, bare, how):
    recipe = project.load(bare, "data.source.params.rws=5")
    with pytest.raises(ValidationError) as caught:
        Params.model_validate(dict(recipe.data.source.params), strict=True)
    problems = problems_of(caught.value, "data.source.params", getattr(recipe, how), Params)
    assert [str(problem) for problem in problems] == [
        "override data.source.params.rws=5: data.source.params.path: is missing (A file.)",
        "override data.source.params.rws=5: data.source.params.rws: unknown key (did you mean `rows`?)",
    ]


def test_params_that_nobody_wrote_point_to_the_plugin(project, bare):
    recipe = project.load(bare)
    with pytest.raises(ValidationError) as caught:
        Params.model_validate({})
    (problem,) = problems_of(caught.value, "data.source.params", recipe.origin)
    assert (problem.where, problem.hint) == ("recipes/churn.yaml:4", "")

"""The recipe: what the user declared about one model's whole life. Read this first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, PrivateAttr, SerializerFunctionWrapHandler, WrapSerializer

from mlconfig.recipe.places import DEFAULT, Keys, Places, dotted, split_path
from mlconfig.recipe.shape import says
from mlconfig.sections import (
    Alerts,
    Data,
    Engine,
    Evaluation,
    Features,
    Governance,
    Model,
    Monitoring,
    Packaging,
    Retraining,
    Serving,
    Tracking,
    Tuning,
)
from mlconfig.vocabulary import AUTO, Frozen, FrozenDict, Name, Task, Tuple, name_to_plugin

S = TypeVar("S")


def _auto_to_defaults(value: Any) -> Any:
    return {} if value == AUTO else value


def _none_to_null(value: Any) -> Any:
    return None if value == "none" else _auto_to_defaults(value)


def _null_to_none(value: Any, write: SerializerFunctionWrapHandler) -> Any:
    return "none" if value is None else write(value)


Section = Annotated[S, BeforeValidator(_auto_to_defaults)]
"""A section; a bare `auto` stands for its defaults."""

OffSection = Annotated[S | None, BeforeValidator(_none_to_null), WrapSerializer(_null_to_none)]
"""A section that `none` switches off."""


def _known_zone(value: str) -> str:
    if isinstance(value, str):
        try:
            ZoneInfo(value)
        except (OSError, ValueError, KeyError) as error:
            raise ValueError(f"`{value}` is no time zone; write UTC or Europe/Berlin") from error
    return value


class Recipe(Frozen):
    """One model's life: data, features, model, tuning, gates, packaging, serving, monitoring, retraining."""

    schema_version: Literal[1] = Field(1, description="The version of this language.")
    name: Name = Field(description="The registered model, the endpoint and the experiment take it over.")
    description: str | None = Field(None, description="What the model is for.")
    owner: str | None = Field(None, description="Who answers for it.")
    tags: FrozenDict[str] = Field(FrozenDict(), description="Free key: value pairs, copied to MLflow.")
    task: Task = Field(description="binary, multiclass or regression.")
    random_state: int = Field(0, ge=0, lt=2**32, description="Seeds everything that draws.")
    time_zone: Annotated[str, BeforeValidator(_known_zone)] = Field("UTC", description="Of times without a zone.")
    plugins: Tuple[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]] = Field(
        (), description="Single files of the project's plugins/ folder, by bare name."
    )

    data: Section[Data] = Field(description="Where the rows come from and what is predicted.")
    features: Section[Features] = Field(description="Which columns the model sees, and how.")
    model: Annotated[Section[Model], BeforeValidator(name_to_plugin)] = Field(description="What is fitted.")
    tuning: Section[Tuning] = Field(Tuning(), description="What is searched.")
    evaluation: Section[Evaluation] = Field(Evaluation(), description="What is measured, and what must be reached.")
    packaging: Section[Packaging] = Field(Packaging(), description="The one file that is served.")
    serving: OffSection[Serving] = Field(Serving(), description="The endpoint; `none` ends at a registered version.")
    monitoring: OffSection[Monitoring] = Field(Monitoring(), description="What is watched; `none` switches it off.")
    alerts: Section[Alerts] = Field(Alerts(), description="Where verdicts are sent.")
    retraining: OffSection[Retraining] = Field(None, description="What starts a retrain; `none`: only by hand.")
    governance: Section[Governance] = Field(
        Governance(), description="Personal data, erasure, retention, and what a version is for."
    )
    tracking: Section[Tracking] = Field(Tracking(), description="Where runs and versions are recorded.")
    engine: Section[Engine] = Field(Engine(), description="Where it is carried out.")

    _project: Path = PrivateAttr(default_factory=Path.cwd)
    _places: Places = PrivateAttr(default_factory=Places)
    _tree: dict[str, Any] = PrivateAttr(default_factory=dict)

    def __eq__(self, other: object) -> bool:
        """Equal when the same is declared, wherever it was written."""
        return isinstance(other, Recipe) and self.__dict__ == other.__dict__

    __hash__ = None  # type: ignore[assignment]

    @property
    def project(self) -> Path:
        """The folder that the recipe's paths are relative to."""
        return self._project

    def effective(self) -> dict[str, Any]:
        """Every value with its defaults, as a JSON tree that reads back as the same recipe; secrets stay markers."""
        return self.model_dump(mode="json", by_alias=True)

    def written(self, path: str) -> bool:
        """Whether a file or an override writes the value at a path, or something below it."""
        return self._keys(path) in self._places.at

    def written_here(self, path: str) -> bool:
        """Whether the recipe itself or an override does; a group's file is shared by recipes that differ."""
        place = self._places.at.get(self._keys(path))
        return place is not None and not place.shared

    def origin(self, path: str) -> str:
        """Where the value at a path came from: ``file:line``, ``override a.b=c``, or ``default``."""
        return self._origin(self._keys(path))

    def values_with_origins(self) -> Iterator[tuple[str, Any, str]]:
        """Each single value, list or empty mapping: its path, itself, and where it came from."""
        for keys, value in _leaves(self.effective()):
            yield dotted(keys), value, self._origin(keys)

    def _keys(self, path: str) -> Keys:
        return split_path(path, self._tree, self.effective())

    def place(self, path: str) -> str:
        """The nearest place that the user wrote at or above a path: what a message about it points to."""
        return self._places.nearest(self._keys(path)).where

    def _origin(self, keys: Keys) -> str:
        nearest = next((keys[:size] for size in range(len(keys), -1, -1) if keys[:size] in self._places.at), None)
        if nearest is None or not says(Recipe, self._tree, nearest, keys):
            return DEFAULT
        return self._places.at[nearest].where


def _leaves(value: Any, path: Keys = ()) -> Iterator[tuple[Keys, Any]]:
    if not isinstance(value, dict) or not value:
        yield path, value
        return
    for key, below in value.items():
        yield from _leaves(below, (*path, key))


def recipe_schema() -> dict[str, Any]:
    """The JSON Schema of the recipe language, shorthand included, generated from the models."""
    from mlconfig.recipe.schema import RecipeSchema, with_defaults_list

    return with_defaults_list(Recipe.model_json_schema(by_alias=True, schema_generator=RecipeSchema))

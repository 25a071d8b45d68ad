"""``load_recipe``: from a file and overrides to a Recipe. The only module that knows Hydra and OmegaConf.

Hydra chooses the files and reads the grammar of overrides; it sees nothing of a file but its ``defaults`` list. Values
never reach OmegaConf, so no resolver of it can run. ``hydra._internal`` is used here and nowhere else (hydra-core 1.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hydra import version
from hydra._internal.config_repository import ConfigRepository
from hydra._internal.defaults_list import create_defaults_list
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from hydra.plugins.config_source import ConfigResult, ConfigSource
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from mlconfig.errors import Problem, RecipeError
from mlconfig.recipe.compose import Chosen, Composer
from mlconfig.recipe.files import RECIPE, Files
from mlconfig.recipe.interpolate import interpolate
from mlconfig.recipe.overrides import Setting, plain_fault
from mlconfig.recipe.project import find_project, search_roots
from mlconfig.recipe.recipe import Recipe
from mlconfig.recipe.validate import validate
from mlconfig.recipe.yaml_tree import UnreadableError

_MAX_OVERRIDE = 1 << 16


def load_recipe(path: str | Path, overrides: Sequence[str] = (), *, project: Path | None = None) -> Recipe:
    """Read a recipe with its groups, apply overrides, and validate.

    Args:
        path: the recipe's file.
        overrides: as Hydra writes them: ``tuning.trials=5``, ``model=ridge``, ``~evaluation.gates.size``.
        project: the folder that paths are relative to; null finds it above the recipe.

    Raises:
        RecipeError: with all problems at once, each with the line or the override that it stands in.
    """
    file = Path(path)
    if not file.is_file():
        raise RecipeError((Problem(str(path), "", "there is no such recipe" + _beside(file)),))
    folder = project or find_project(file)
    settings, problems = parse_overrides(overrides)
    files = Files(file, search_roots(file, folder))
    composer = Composer(files, lambda groups: _choose(files, groups))
    try:
        tree, places = composer.compose(settings)
        tree, lost = interpolate(tree, places)
    except UnreadableError as error:
        raise RecipeError((*problems, *composer.problems, error.problem)) from None
    problems += composer.problems + lost
    recipe, invalid = validate(tree, places, folder)
    told = {problem.where for problem in problems}
    problems += [problem for problem in invalid if problem.where not in told]
    if recipe is None or problems:
        raise RecipeError(tuple(problems))
    return recipe


def _beside(file: Path) -> str:
    from difflib import get_close_matches

    there = [other.name for other in file.parent.glob("*.yaml")] if file.parent.is_dir() else []
    close = get_close_matches(file.name, there, n=1)
    return f"; did you mean `{file.parent / close[0]}`?" if close else ""


def parse_overrides(overrides: Sequence[str]) -> tuple[list[Setting], list[Problem]]:
    """Hydra's grammar on each override; those that fail it, or say what a recipe may not say, are problems."""
    settings: list[Setting] = []
    problems: list[Problem] = []
    for raw in overrides:
        text = raw.encode("utf-8", "backslashreplace").decode()
        parsed = _parse(raw, text)
        if isinstance(parsed, Problem):
            problems.append(parsed)
            continue
        setting = _setting(parsed, text)
        (problems if isinstance(setting, Problem) else settings).append(setting)  # type: ignore[arg-type]  # one or the other
    return settings, problems


def _parse(raw: str, text: str) -> Override | Problem:
    where = f"override {text[:200]}"
    if len(raw) > _MAX_OVERRIDE:
        return Problem(where, "", "an override longer than 64 KiB", "write it in the recipe")
    try:
        return OverridesParser.create().parse_overrides([raw])[0]
    except (HydraException, OmegaConfBaseException, RecursionError, ValueError):
        return Problem(where, "", "this is no override", _quoting(text))


def _quoting(text: str) -> str:
    """How to write in a shell what the grammar does not take bare."""
    key, equals, value = text.partition("=")
    if not equals:
        return "an override is key=value, or ~key"
    if any(quote in value for quote in "'\"\\\n") or len(text) > 200:
        return "quote the value twice, for the shell and for the override: 'key=\"value\"'"
    return f"where the value holds = # ( ) ~ or the like, quote it: '{key}=\"{value}\"'"


def _setting(override: Override, text: str) -> Setting | Problem:
    key = override.key_or_group
    setting = Setting(text, key, deletes=override.is_delete())
    if override.is_sweep_override():
        return setting.problem("several values for one key", "`plan -m` and `train -m` run each; a list is [a,b]")
    if override.package is not None:
        return setting.problem("`@package` is not available", "name the key itself")
    first = key.replace("/", ".").split(".")[0]
    if first in ("hydra", "defaults"):
        return setting.problem("a recipe says nothing about Hydra itself", "")
    if not all(key.replace("/", ".").split(".")):
        return setting.problem("a key is words with dots between them", "")
    if "_target_" in key:
        return setting.problem("`_target_`: a recipe is data and runs no code", "name a plugin")
    value = override.value()
    fault = plain_fault(value)
    return setting.problem(*fault) if fault is not None else Setting(text, key, value, override.is_delete())


def expand_sweep(overrides: Sequence[str]) -> list[list[str]]:
    """Each combination of a sweep (``-m``): ``a=1,2 b=x`` gives ``[a=1, b=x]`` and ``[a=2, b=x]``.

    Raises:
        RecipeError: an override that is none, or has values that cannot be counted.
    """
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

    parsed = [_parse(text, text) for text in overrides]
    problems = [problem for problem in parsed if isinstance(problem, Problem)]
    counted = [override for override in parsed if isinstance(override, Override)]
    for override in counted:
        if override.is_sweep_override() and (not override.is_discrete_sweep() or _is_glob(override)):
            what = "only values that can be counted are swept"
            problems.append(Problem(f"override {override.input_line}", override.key_or_group, what, "list them: a,b,c"))
    if problems:
        raise RecipeError(tuple(problems))
    (combinations,) = BasicSweeper.split_arguments(counted, None) or [[]]
    return [list(combination) for combination in combinations]


def _is_glob(override: Override) -> bool:
    from hydra.core.override_parser.types import Glob

    return isinstance(override._value, Glob)  # noqa: SLF001  # value() expands it, which needs Hydra's own loader


class RecipeSource(ConfigSource):
    """Shows Hydra the files of one root, and of each file its ``defaults`` list alone."""

    def __init__(self, files: Files, root: Path, *, first: bool) -> None:
        super().__init__(provider=str(root), path=f"{self.scheme()}://{root}")
        self.files, self.root, self.first = files, root, first

    @staticmethod
    def scheme() -> str:
        """Of no use outside: the source is handed to the repository directly."""
        return "mlconfig"

    def available(self) -> bool:
        """Whether the folder is there."""
        return self.root.is_dir()

    def is_group(self, config_path: str) -> bool:
        """Whether a folder of that name is there."""
        return (self.root / config_path.lstrip("/")).is_dir()

    def is_config(self, config_path: str) -> bool:
        """Whether a file of that name is there; the recipe itself stands before all roots."""
        return self.first if config_path == RECIPE else (self.root / f"{config_path.lstrip('/')}.yaml").is_file()

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        """The options of a group."""
        return [] if results_filter is ObjectType.GROUP else self.files.options(config_path)

    def load_config(self, config_path: str) -> ConfigResult:
        """The file's ``defaults`` list."""
        tree = self.files.read(config_path.lstrip("/"))
        config = OmegaConf.create({"defaults": self.files.lists[config_path.lstrip("/")]})
        header = {"package": "_global_" if tree.spans_sections else None}
        return ConfigResult(provider=self.provider, path=tree.file, config=config, header=header)


class _Repository(ConfigRepository):
    """Our sources and no others."""

    def __init__(self, sources: list[ConfigSource]) -> None:
        self.sources = sources

    def initialize_sources(self, config_search_path: ConfigSearchPath) -> None:
        """The sources were given; no search path is read."""


def _choose(files: Files, groups: Sequence[str]) -> Chosen:
    """The files that Hydra chooses, in the order of merging, and the groups that were chosen from."""
    version.setbase("1.3")
    sources: list[ConfigSource] = [
        RecipeSource(files, root, first=index == 0) for index, root in enumerate(files.roots)
    ]
    overrides = OverridesParser.create().parse_overrides(list(groups))
    try:
        found = create_defaults_list(_Repository(sources), RECIPE, overrides, prepend_hydra=False, skip_missing=False)
    except RecursionError:
        raise UnreadableError(_fault(files, "the files name each other in a circle")) from None
    except (HydraException, OmegaConfBaseException, ValueError, AssertionError) as error:
        raise UnreadableError(_fault(files, " ".join(str(error).split())[:300])) from None
    names = [(default.config_path, default.package or "") for default in found.defaults if default.config_path]
    return Chosen(tuple(names), {str(group): str(name) for group, name in found.overrides.known_choices.items()})


def _fault(files: Files, what: str) -> Problem:
    line = files.trees[RECIPE].file if RECIPE in files.trees else str(files.recipe)
    return Problem(f"{line}:1", "defaults", what)

"""Laws of every plugin: settings, tags, and that it can be carried to a worker."""

from __future__ import annotations

import inspect
import json
import pickle
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mlconfig.contracts import Plugin
from mlconfig.contracts.catalog import CONTRACTS
from mlconfig.testing.law import Law, demand
from mlconfig.vocabulary import Frozen

HEAVY = (
    "ray",
    "mlflow",
    "lightgbm",
    "sklearn",
    "onnxruntime",
    "pandas",
    "alibi_detect",
    "torch",
    "tensorflow",
    "xgboost",
)
"""What compiling a recipe must not load: the compiler imports a plugin's module for its tags and params."""


def laws_for(_: Plugin) -> list[Law]:
    """All of them."""
    return [
        params_are_frozen, params_forbid_extras, params_say_what_they_are, params_survive_json,
        constructor_stores_its_arguments, tags_are_of_the_kind, revision_is_a_whole_number, class_says_what_it_does,
        it_can_be_pickled, its_module_loads_nothing_heavy,
    ]  # fmt: skip


def params_are_frozen(plugin: Plugin) -> None:
    """A plugin's settings cannot change once they are made."""
    params = type(plugin).Params
    demand(
        issubclass(params, Frozen) and params.model_config.get("frozen"),
        f"`{params.__qualname__}` is {[base.__name__ for base in params.__bases__]} and can be changed",
        "derive Params from mlconfig.vocabulary.Frozen, and leave its model_config alone",
    )


def params_forbid_extras(plugin: Plugin) -> None:
    """A setting that does not exist is refused, so that a misspelt one is told and not passed over."""
    given = plugin.params.model_dump(mode="json", by_alias=True) | {"no_such_setting_": 1}
    try:
        type(plugin).Params.model_validate_json(json.dumps(given), strict=True)
    except ValidationError as error:
        refused = any(fault["type"] == "extra_forbidden" for fault in error.errors())
    else:
        refused = False
    demand(refused, "the unknown setting `no_such_setting_` was taken", "keep `extra='forbid'`, as Frozen has it")


def params_say_what_they_are(plugin: Plugin) -> None:
    """Each setting has a description: the reference page is made of them."""
    silent = [name for name, info in type(plugin).Params.model_fields.items() if not info.description]
    demand(not silent, f"no description: {', '.join(silent)}", "write Field(default, description=…) for each")


def params_survive_json(plugin: Plugin) -> None:
    """Settings written as JSON are read back the same, strictly: so they stand in a recipe and in a plan."""
    params = type(plugin).Params
    written = plugin.params.model_dump_json(by_alias=True)
    read = params.model_validate_json(written, strict=True)
    demand(
        read == plugin.params,
        f"{written} was read as {read!r}",
        "use types with one JSON spelling (vocabulary's Duration, Tuple, …), and defaults that validate",
    )


def constructor_stores_its_arguments(plugin: Plugin) -> None:
    """The constructor stores params and context untouched and does nothing else; work starts when a method is called."""
    made = type(plugin)(plugin.params, plugin.context)
    demand(
        made.params is plugin.params and made.context is plugin.context,
        "`params` or `context` is another object than the one given",
        "remove __init__; adjust what you need where it is used",
    )
    more = sorted(set(vars(made)) - {"params", "context"})
    demand(not more, f"the constructor also set {', '.join(more)}", "make it in the method that needs it")


def tags_are_of_the_kind(plugin: Plugin) -> None:
    """Tags are declared on the class, in the tags type of the kind, and never on the instance: they are read unmade."""
    contract = next(contract for contract in CONTRACTS.values() if isinstance(plugin, contract))
    wanted = type(contract.tags)
    demand(
        isinstance(type(plugin).tags, wanted) and "tags" not in vars(plugin),
        f"`tags` is {type(type(plugin).tags).__name__}"
        + (" and set on the instance" if "tags" in vars(plugin) else ""),
        f"write `tags: ClassVar[{wanted.__name__}] = {wanted.__name__}(…)` in the class",
    )


def revision_is_a_whole_number(plugin: Plugin) -> None:
    """``revision`` is a whole number from 1 on: it is part of digests, and is raised when results change."""
    revision: Any = type(plugin).revision
    good = isinstance(revision, int) and not isinstance(revision, bool) and revision >= 1
    demand(good, f"`revision` is {revision!r}", "write `revision: ClassVar[int] = 1`")


def class_says_what_it_does(plugin: Plugin) -> None:
    """The class has a docstring of its own: `mlconfig plugins` shows it."""
    demand((type(plugin).__doc__ or "").strip(), "there is no docstring", "say in one sentence what the plugin does")


def it_can_be_pickled(plugin: Plugin) -> None:
    """A plugin can be pickled and comes back the same: it is carried to workers."""
    back = pickle.loads(pickle.dumps(plugin))  # noqa: S301 — made here
    demand(
        type(back) is type(plugin) and back.params == plugin.params and back.context == plugin.context,
        f"it came back as {back!r} with {back.params!r}",
        "keep nothing on the instance but params and context; define the class at the top of its module",
    )


def its_module_loads_nothing_heavy(plugin: Plugin) -> None:
    """Importing the plugin's module loads no heavy library, because `mlconfig plan` imports it for its tags."""
    file = inspect.getsourcefile(type(plugin))
    loaded = _loaded_by(type(plugin).__module__, file or "")
    demand(not loaded, f"it loads {loaded}", "import them inside the methods that use them")


_PROBE = """
import importlib.util, runpy, sys
module, file, heavy = sys.argv[1], sys.argv[2], sys.argv[3].split()
try:
    known = importlib.util.find_spec(module) is not None
except (ImportError, ValueError):
    known = False
importlib.import_module(module) if known else runpy.run_path(file)
print(*[name for name in heavy if name in sys.modules])
"""


@cache
def _loaded_by(module: str, file: str) -> str:
    """The heavy libraries that a fresh process has loaded after importing a module (or running its file)."""
    if not Path(file).is_file():
        return ""
    command = [sys.executable, "-c", _PROBE, module, file, " ".join(HEAVY)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)  # noqa: S603 — our own words
    demand(run.returncode == 0, run.stderr.strip()[-400:], "make the module importable in a fresh process")
    return run.stdout.strip()

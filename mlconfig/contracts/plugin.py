"""What all plugins share: params that forbid extras, tags that declare abilities as data, and where they are created."""

from __future__ import annotations

from abc import ABC
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

from mlconfig.vocabulary import Frozen, Task

ALL_TASKS: frozenset[Task] = frozenset({"binary", "multiclass", "regression"})


@dataclass(frozen=True)
class Tags:
    """Abilities of a plugin, declared as data, so that what cannot work is refused when the recipe is compiled."""


@dataclass(frozen=True)
class Context:
    """Where a plugin is created: the project's folder (relative paths start there) and the recipe's random state."""

    project: Path = field(default_factory=Path)
    random_state: int = 0
    time_zone: str = "UTC"


class Plugin(ABC):
    """A named, exchangeable part. The constructor stores its arguments untouched; work starts when a method is called.

    ``revision`` is raised by a plugin's author when the same params lead to other results; it is part of the digests.
    ``requires``: modules, beyond its package's own dependencies, that it imports when it works; ``extra``: what pip installs
    them by, such as ``mlconfig[alibi]``.
    """

    class Params(Frozen):
        """The plugin's settings; a plugin with settings declares its own."""

    tags: ClassVar[Tags] = Tags()
    revision: ClassVar[int] = 1
    requires: ClassVar[tuple[str, ...]] = ()
    extra: ClassVar[str] = ""

    def __init__(self, params: Frozen | None = None, context: Context | None = None) -> None:
        self.params = params if params is not None else type(self).Params()
        self.context = context if context is not None else Context()

    @classmethod
    def missing(cls) -> tuple[str, ...]:
        """Which of ``requires`` are not installed here; looked up without importing them."""
        return tuple(name for name in cls.requires if find_spec(name) is None)

    @classmethod
    def install_hint(cls) -> str:
        """The command that brings them; empty where the author named none."""
        return f'pip install "{cls.extra}"' if cls.extra else ""

"""``source``: rows from somewhere."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from mlconfig.contracts.plugin import Plugin, Tags

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class SourceTags(Tags):
    """``deterministic``: the same params give the same rows for ever (no outside content)."""

    deterministic: bool = False


class Source(Plugin):
    """Reads a table. Raises ``DataError`` with the place when it cannot."""

    tags: ClassVar[SourceTags] = SourceTags()

    @abstractmethod
    def fingerprint(self) -> str:
        """A digest of the content, cheap to make; another content gives another digest. Loads no heavy library."""

    @abstractmethod
    def read(self) -> pa.Table:
        """All rows, in their order."""

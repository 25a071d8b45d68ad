"""What the log may hold of a request's row: nothing of a dropped column, and a digest in place of a hashed one's value."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from mlconfig.records.pseudonym import Pseudonyms
from mlconfig.records.signature import Signature


class Shield:
    """Makes the row that is logged out of the row that was asked; the model still sees what was asked.

    Args:
        signature: that rows follow; its columns say what is personal.
        pseudonyms: needed where a column is hashed.
    """

    def __init__(self, signature: Signature, pseudonyms: Pseudonyms | None) -> None:
        attributes = [(f"f{index}", column.pii) for index, column in enumerate(signature.columns)]
        self._dropped = dict.fromkeys([name for name, pii in attributes if pii == "drop"], msgspec.UNSET)
        self._hashed = [name for name, pii in attributes if pii == "hmac"]
        self._pseudonyms = pseudonyms

    @classmethod
    def of(cls, signature: Signature, storage: Path) -> Shield:
        """The shield of a version. Raises DataError where it needs the project's key, and that is missing."""
        return cls(signature, Pseudonyms.open(storage) if signature.hashes else None)

    @property
    def pseudonyms(self) -> Pseudonyms | None:
        """Those of the project, where they are needed."""
        return self._pseudonyms

    def row(self, row: Any) -> Any:
        """The row as it may be logged; the row itself where nothing is personal, and else a copy."""
        if not self._dropped and not self._hashed:
            return row
        changed: dict[str, Any] = dict(self._dropped)
        for name in self._hashed:
            value = getattr(row, name)
            if value is not None:
                assert self._pseudonyms is not None
                changed[name] = self._pseudonyms.of(value)
        return msgspec.structs.replace(row, **changed)

"""What replicas read the state by."""

from __future__ import annotations

from typing import Any

from mlconfig.lifecycle.database import Database


class Reader:
    """Reads and never writes, opens its database with the first question, can be pickled."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._database: Database | None = None

    def _open(self) -> Database:
        """Raises StateError: the database cannot be reached, or is of a later version; keep what you have."""
        if self._database is None:
            database = Database(self.uri, create=False)
            database.check()
            self._database = database
        return self._database

    def close(self) -> None:
        """Give the connection back."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def __getstate__(self) -> dict[str, Any]:
        return {"uri": self.uri, "_database": None}

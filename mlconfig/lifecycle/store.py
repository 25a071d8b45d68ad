"""The store: all durable state of the lifecycle behind one opened database."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from mlconfig.lifecycle.alerts import Alerts
from mlconfig.lifecycle.audit import Audit
from mlconfig.lifecycle.batches import Batches
from mlconfig.lifecycle.database import Database
from mlconfig.lifecycle.effects import Effects
from mlconfig.lifecycle.gates import Gates
from mlconfig.lifecycle.keys import Keys
from mlconfig.lifecycle.lease import Leases
from mlconfig.lifecycle.manifest import Manifest
from mlconfig.lifecycle.outbox import Outbox
from mlconfig.lifecycle.rollouts import Rollouts
from mlconfig.lifecycle.routes import Routes
from mlconfig.lifecycle.steps import Steps
from mlconfig.lifecycle.verdicts import Verdicts
from mlconfig.lifecycle.versions import Versions


class Store:
    """One file's worth of idea each: leases, rollouts, effects, gates, routes, steps, verdicts, alerts, and so on."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.leases = Leases(database)
        self.rollouts = Rollouts(database)
        self.effects = Effects(database)
        self.audit = Audit(database)
        self.gates = Gates(database)
        self.routes = Routes(database)
        self.steps = Steps(database)
        self.verdicts = Verdicts(database)
        self.alerts = Alerts(database)
        self.outbox = Outbox(database)
        self.manifest = Manifest(database)
        self.versions = Versions(database)
        self.keys = Keys(database)
        self.batches = Batches(database)

    @classmethod
    def open(cls, uri: str) -> Store:
        """Open the database of a URI as ``database.state_uri`` gives it; makes it when there is none.

        Raises:
            StateError: unreachable, or of a later schema version.
        """
        database = Database(uri)
        database.prepare()
        return cls(database)

    def close(self) -> None:
        """Give the connections back."""
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

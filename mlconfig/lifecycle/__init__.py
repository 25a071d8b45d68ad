"""The control plane, without Ray: durable state, the rollout machine, triggers and policies."""

from mlconfig.lifecycle.database import Database, state_uri
from mlconfig.lifecycle.lease import Lease
from mlconfig.lifecycle.machine import Action, Outcome, Worker, advance, next_action
from mlconfig.lifecycle.policy import Decision, decide
from mlconfig.lifecycle.rollouts import Changes, Rollout
from mlconfig.lifecycle.routes import RouteReader
from mlconfig.lifecycle.states import State
from mlconfig.lifecycle.store import Store

__all__ = [
    "Action", "Changes", "Database", "Decision", "Lease", "Outcome", "Rollout", "RouteReader", "State", "Store", "Worker",
    "advance", "decide", "next_action", "state_uri",
]  # fmt: skip

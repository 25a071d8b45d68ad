"""The local Ray head of a project: find, start, connect, destroy. Importing this loads no Ray."""

from mlconfig.engine.head.facts import Listener, listening
from mlconfig.engine.head.head import connect, destroy_head, disconnect, find_head, start_head
from mlconfig.engine.head.record import Head, Ports

__all__ = [
    "Head",
    "Listener",
    "Ports",
    "connect",
    "destroy_head",
    "disconnect",
    "find_head",
    "listening",
    "start_head",
]

"""gRPC's door into a replica: Ray Serve's own server, behind HAProxy, with the methods that the endpoint's protocols declare.

Serve finds `add_services` by its import path, in each replica and in the proxy behind HAProxy, where there are none. A call
becomes a call of the deployment's method of that name, so that Serve counts and bounds it as it does HTTP's.

On a head of ours Serve's gRPC servers are bound to 127.0.0.1: Serve binds them to all interfaces and has no setting for it (Ray
2.60), so two private names of it are replaced in its own processes. `middlewares` is called by Serve before it starts any
server (``RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH`` in the head's environment); a replica of ours, which has another callback,
calls `keep_on_loopback` itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import grpc

from mlconfig.sections.serving import MIB

if TYPE_CHECKING:
    from mlconfig.serving.calls import Calls

SERVICES = "mlconfig.engine.grpc_door:add_services"
_EVERYWHERE, _LOOPBACK = "[::]:", "127.0.0.1:"

_open: list[Calls] = []


class Message:
    """A message of gRPC's that is bytes already, in the place of one of protobuf's."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    def SerializeToString(self) -> bytes:  # noqa: N802 — protobuf's name for it
        """The bytes."""
        return self.body


def open_door(calls: Calls) -> None:
    """Have this process's gRPC server, once Serve starts it, take these calls."""
    _open[:] = [calls]


def method_of(calls: Calls, name: str) -> Callable[[bytes, Any], Awaitable[Message]]:
    """A deployment's method that answers one of the calls. An error is a status, and nothing is raised: Serve would log it."""

    async def call(message: bytes, grpc_context: Any) -> Message:
        reply = await calls.answer(name, message, grpc_context.invocation_metadata())
        if reply.code != "OK":
            grpc_context.set_code(grpc.StatusCode[reply.code])
            grpc_context.set_details(reply.details)
        if reply.trailing:
            grpc_context.set_trailing_metadata(list(reply.trailing))
        return Message(reply.body)

    call.__name__ = name
    return call


def add_services(servicer: Any, server: Any) -> None:
    """Name the methods of this process to a gRPC server of Serve's, which puts handlers of its own in place of these."""
    del servicer
    services: dict[str, dict[str, Any]] = {}
    for path in _open[0].paths.values() if _open else ():
        _, service, method = path.split("/")
        services.setdefault(service, {})[method] = grpc.unary_unary_rpc_method_handler(_unreached)
    for service, handlers in services.items():
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))


def _unreached(message: bytes, context: Any) -> bytes:
    """Stands for a method's name alone: Serve puts a handler of its own in its place, and a call here is a fault of ours."""
    raise NotImplementedError(f"Ray Serve did not take {len(message)} bytes of {context}")


def message_limit(body: int) -> dict[str, str]:
    """What a replica's environment must say for a limit of bodies in bytes. gRPC itself refuses longer messages, before they
    are in memory; Serve's default is 2 GiB. Answers, which it bounds too, may be longer than what was asked.
    """
    return {"RAY_SERVE_GRPC_MAX_MESSAGE_SIZE": str(min(2**31 - 1, 2 * body + 16 * MIB))}


def keep_on_loopback() -> None:
    """Have all gRPC servers that Serve starts in this process from now on listen on 127.0.0.1 alone."""
    from ray.serve._private import default_impl, replica

    for module, name in ((default_impl, "add_grpc_address"), (replica, "add_port_to_grpc_server")):
        given = getattr(module, name)
        if not hasattr(given, "on_loopback"):
            setattr(module, name, _on_loopback(given))


def _on_loopback(given: Callable[[Any, str], Any]) -> Callable[[Any, str], Any]:
    def bind(server: Any, address: str) -> Any:
        return given(server, address.replace(_EVERYWHERE, _LOOPBACK, 1))

    bind.on_loopback = True  # type: ignore[attr-defined]
    return bind


def middlewares() -> list[Any]:
    """Called by Serve for what it puts around HTTP: nothing here."""
    keep_on_loopback()
    return []

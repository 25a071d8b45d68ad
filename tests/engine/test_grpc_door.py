"""gRPC's door without a cluster: what it names to Ray Serve, what a call becomes, and where Serve listens."""

import asyncio
from types import SimpleNamespace
from typing import ClassVar

import grpc
import pytest

from mlconfig.engine import grpc_door
from mlconfig.engine.grpc_door import add_services, message_limit, method_of, open_door
from mlconfig.serving.calls import CallReply


class Given:
    """Answers with what it is given."""

    paths: ClassVar = {"Do": "/some.Service/Do", "Ask": "/some.Service/Ask", "Other": "/an.Other/Other"}

    def __init__(self, reply=None):
        self.reply, self.asked = reply, []

    async def answer(self, method, body, metadata):
        self.asked.append((method, body, metadata))
        return self.reply


class Context:
    code = details = trailing = None

    def invocation_metadata(self):
        return [("authorization", "Bearer k")]

    def set_code(self, code):
        self.code = code

    def set_details(self, details):
        self.details = details

    def set_trailing_metadata(self, trailing):
        self.trailing = trailing


def call(reply):
    given, context = Given(reply), Context()
    method = method_of(given, "Do")
    assert method.__name__ == "Do", "Serve asks for its name"
    answer = asyncio.run(method(b"in", grpc_context=context))
    assert given.asked == [("Do", b"in", [("authorization", "Bearer k")])]
    return answer.SerializeToString(), context


def test_a_call_becomes_an_answer_or_a_status():
    body, context = call(CallReply(b"out"))
    assert (body, context.code, context.trailing) == (b"out", None, None)
    body, context = call(CallReply(b"", "UNAVAILABLE", "wait", (("retry-after", "3"),)))
    assert (body, context.code, context.details) == (b"", grpc.StatusCode.UNAVAILABLE, "wait")
    assert context.trailing == [("retry-after", "3")]


def test_serve_is_told_the_methods_of_this_process(monkeypatch):
    monkeypatch.setattr(grpc_door, "_open", [])
    told = []
    server = SimpleNamespace(add_generic_rpc_handlers=told.append)
    add_services(None, server)
    assert told == [], "the proxy behind HAProxy has none"
    open_door(Given())
    add_services(None, server)
    assert sorted(path for (handler,) in told for path in handler._method_handlers) == [
        "/an.Other/Other", "/some.Service/Ask", "/some.Service/Do"
    ]  # fmt: skip
    with pytest.raises(NotImplementedError):
        grpc_door._unreached(b"", None)


def test_serve_binds_loopback_and_nothing_is_replaced_twice(monkeypatch):
    from ray.serve._private import default_impl, replica

    bound = []
    monkeypatch.setattr(default_impl, "add_grpc_address", lambda server, address: bound.append(address))
    monkeypatch.setattr(replica, "add_port_to_grpc_server", lambda server, address: bound.append(address) or 7)
    assert grpc_door.middlewares() == []
    once = default_impl.add_grpc_address
    grpc_door.keep_on_loopback()
    assert default_impl.add_grpc_address is once
    default_impl.add_grpc_address(None, "[::]:9000")
    assert replica.add_port_to_grpc_server(None, "[::]:0") == 7
    assert bound == ["127.0.0.1:9000", "127.0.0.1:0"]


def test_the_names_that_are_replaced_are_serves_own():
    """What breaks when Ray renames them: our servers would listen on all interfaces."""
    import inspect

    from ray.serve._private import grpc_util, replica

    assert 'add_grpc_address(server, f"[::]:' in inspect.getsource(grpc_util.start_grpc_server)
    assert 'add_port_to_grpc_server(self._server, "[::]:0")' in inspect.getsource(replica)


def test_longer_messages_than_any_body_are_refused_by_grpc_itself():
    assert message_limit(1 << 20) == {"RAY_SERVE_GRPC_MAX_MESSAGE_SIZE": str(18 << 20)}
    assert message_limit(1 << 30) == {"RAY_SERVE_GRPC_MAX_MESSAGE_SIZE": str(2**31 - 1)}

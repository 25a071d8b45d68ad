"""The fast lane without a cluster: what it takes, what it leaves to Ray Serve, and what it brings back."""

import asyncio
from types import SimpleNamespace

import pytest

from mlconfig.contracts import Operation
from mlconfig.engine import fast_lane
from mlconfig.engine.fast_lane import Lane, middlewares, register
from mlconfig.engine.head.ingress import NAMED_BY
from mlconfig.engine.lane_policy import by_ongoing
from mlconfig.serving.routes import Route


class Endpoint:
    """Predicts at /p and takes as long as it is told."""

    def __init__(self):
        self.go_on, self.refused = asyncio.Event(), []

    def find(self, scope):
        does = "predict" if scope["path"] == "/p" else "tell"
        return Route("mlconfig", Operation("x", scope["path"], does=does))

    async def http(self, route, scope, receive, send):
        await self.go_on.wait()
        await send("fast")

    async def refuse(self, route, scope, send, problem):
        self.refused.append(problem)
        await send(problem.status)


@pytest.fixture
def ask():
    """Sends requests by path through the middleware; gives back who answered."""

    async def serves(scope, receive, send):
        await send("ray")

    async def through(*paths, kind="http"):
        said = []

        async def send(message):
            said.append(message)

        (made,) = middlewares()
        lane = made.cls(serves)
        await asyncio.gather(*(lane({"type": kind, "path": path, "headers": []}, None, send) for path in paths))
        return said

    yield through
    fast_lane._lanes.clear()


@pytest.mark.parametrize(
    ("sent", "id_"),
    [
        ([(b"x-n", b"7f-1"), (b"a", b"b")], b"7f-1"),
        ([(b"x-request-id", b"mine"), (b"x-n", b"7f-1")], b"mine"),
        ([], None),
    ],
)
def test_serve_knows_a_request_by_the_name_that_the_log_has(monkeypatch, sent, id_):
    monkeypatch.setenv(NAMED_BY, "x-n")
    seen = []

    async def serves(scope, receive, send):
        seen.append(scope["headers"])

    (made,) = middlewares()
    asyncio.run(made.cls(serves)({"type": "http", "path": "/t", "headers": list(sent)}, None, None))
    (headers,) = seen
    assert [value for name, value in headers if name == b"x-request-id"] == ([] if id_ is None else [id_])
    assert headers[: len(sent)] == sent


def test_predictions_take_the_lane_and_all_else_goes_on(ask):
    async def run():
        endpoint = Endpoint()
        endpoint.go_on.set()
        register(Lane(endpoint, 10))
        return await ask("/p"), await ask("/v1/x"), await ask("/p", kind="lifespan")

    assert asyncio.run(run()) == (["fast"], ["ray"], ["ray"])


def test_a_process_without_a_lane_lets_all_pass(ask):
    assert asyncio.run(ask("/p")) == ["ray"]


def test_more_than_are_allowed_at_once_are_refused_and_the_next_ones_are_not(ask):
    async def run():
        endpoint = Endpoint()
        lane = Lane(endpoint, 2)
        register(lane)
        asked = asyncio.ensure_future(ask("/p", "/p", "/p"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert lane.ongoing == 2
        endpoint.go_on.set()
        assert sorted(map(str, await asked)) == ["503", "fast", "fast"]
        assert (lane.ongoing, endpoint.refused[0].retry_after) == (0, 1)
        return await ask("/p")

    assert asyncio.run(run()) == ["fast"]


def test_one_that_breaks_is_no_longer_counted(ask):
    async def run():
        endpoint = Endpoint()
        endpoint.http = None
        lane = Lane(endpoint, 2)
        register(lane)
        with pytest.raises(TypeError):
            await ask("/p")
        return lane.ongoing

    assert asyncio.run(run()) == 0


@pytest.mark.parametrize(
    ("told", "served", "wanted"),
    [({}, 0, 1), ({"a": 16.0}, 0, 2), ({"a": 9.0, "b": 8.0}, 0, 3),
     ({"a": 8.5}, 0, 1), ({"a": 4.0}, 12, 2), ({"a": 999.0}, 0, 4)],
)  # fmt: skip
def test_replicas_follow_what_they_are_at(told, served, wanted):
    context = SimpleNamespace(
        aggregated_metrics={"ongoing": told}, total_num_requests=served, config=SimpleNamespace(target_ongoing_requests=8),
        capacity_adjusted_min_replicas=1, capacity_adjusted_max_replicas=4,
    )  # fmt: skip
    assert by_ongoing(context) == (wanted, {})

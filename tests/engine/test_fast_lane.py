"""The fast lane without a cluster: what it takes, what it leaves to Ray Serve, and what it brings back."""

import asyncio
from functools import partial
from types import SimpleNamespace

import pytest

from mlconfig.contracts import Operation
from mlconfig.engine import lanes
from mlconfig.engine.fast_lane import FastLane, Lane
from mlconfig.engine.lane_policy import by_ongoing
from mlconfig.engine.lanes import middlewares, register
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
    """Sends requests by path through the middleware of a lane; gives back who answered."""

    async def serves(scope, receive, send):
        await send("ray")

    async def through(lane, *paths, kind="http"):
        said = []

        async def send(message):
            said.append(message)

        register(partial(FastLane, lane=lane))
        (made,) = middlewares()
        app = made.cls(serves)
        await asyncio.gather(*(app({"type": kind, "path": path, "headers": []}, None, send) for path in paths))
        return said

    yield through
    lanes._lanes.clear()


def test_predictions_take_the_lane_and_all_else_goes_on(ask):
    async def run():
        endpoint = Endpoint()
        endpoint.go_on.set()
        lane = Lane(endpoint, 10)
        return await ask(lane, "/p"), await ask(lane, "/v1/x"), await ask(lane, "/p", kind="lifespan")

    assert asyncio.run(run()) == (["fast"], ["ray"], ["ray"])


def test_a_process_without_a_lane_lets_all_pass():
    assert middlewares() == []


def test_more_than_are_allowed_at_once_are_refused_and_the_next_ones_are_not(ask):
    async def run():
        endpoint = Endpoint()
        lane = Lane(endpoint, 2)
        asked = asyncio.ensure_future(ask(lane, "/p", "/p", "/p"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert lane.ongoing == 2
        endpoint.go_on.set()
        assert sorted(map(str, await asked)) == ["503", "fast", "fast"]
        assert (lane.ongoing, endpoint.refused[0].retry_after) == (0, 1)
        return await ask(lane, "/p")

    assert asyncio.run(run()) == ["fast"]


def test_one_that_breaks_is_no_longer_counted(ask):
    async def run():
        endpoint = Endpoint()
        endpoint.http = None
        lane = Lane(endpoint, 2)
        with pytest.raises(TypeError):
            await ask(lane, "/p")
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

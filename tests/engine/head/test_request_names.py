"""The real HAProxy names requests, lets large ones through, and says 503 while it knows no way."""

import socket
import subprocess
import threading
import uuid

import httpx
import pytest

from mlconfig.engine.head.environment import client_variables
from mlconfig.engine.head.ingress import secret_header, write_launcher
from mlconfig.engine.head.ports import choose_ports

CONFIG = """global
    maxconn 100
defaults
    mode http
    timeout connect 5s
    timeout client 5s
    timeout server 5s
    option httplog
    option redispatch 1
    retry-on {retry_on}
    balance roundrobin
frontend http_frontend
    bind 127.0.0.1:{port}
    {route}
    default_backend default_backend
backend default_backend
    http-request return status 404 content-type text/plain lf-string "Path \'%[path]\' not found."
backend replicas
    server first 127.0.0.1:{first}
    server second 127.0.0.1:{second}
"""


class Backend:
    """Takes requests; answers them, or hangs up as one does that is killed. ``seen``: the values of a header."""

    def __init__(self, header, *, answers):
        self._header, self._answers, self.seen = header, answers, []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                head = b""
                while b"\r\n\r\n" not in head and (part := connection.recv(65536)):
                    head += part
                lines = head.split(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
                self.seen.append(
                    [value for name, value in (line.split(": ", 1) for line in lines) if name == self._header]
                )
                if self._answers:
                    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")

    def close(self):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


@pytest.fixture
def header():
    return secret_header()


@pytest.fixture
def backends(header):
    made = Backend(header, answers=False), Backend(header, answers=True)
    yield made
    for each in made:
        each.close()


@pytest.fixture
def route():
    """What the frontend knows, as Ray Serve writes it."""
    return "use_backend replicas if { path_beg /v1/x/ }"


@pytest.fixture
def door(tmp_path, header, backends, route):
    """A client of HAProxy before both backends."""
    port, config = choose_ports(set()).http, tmp_path / "haproxy.cfg"
    retry_on = client_variables(tmp_path)["RAY_SERVE_HAPROXY_RETRY_ON"]
    first, second = (each.port for each in backends)
    config.write_text(CONFIG.format(retry_on=retry_on, port=port, route=route, first=first, second=second))
    haproxy = subprocess.Popen([write_launcher(tmp_path, header), "-db", "-f", config])
    try:
        transport = httpx.HTTPTransport(retries=8)  # of connections only: until it listens
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", transport=transport, timeout=10) as client:
            yield client
    finally:
        haproxy.kill()
        haproxy.wait()


def test_a_request_that_is_sent_again_keeps_its_name_and_clients_choose_none(door, header, backends):
    for _ in range(6):
        assert door.post("/v1/x/predict", json={}, headers={header: "chosen"}).status_code == 200
    died, lived = ([name for names in each.seen for name in names] for each in backends)
    assert len(lived) == len(set(lived)) == 6
    assert died
    assert set(died) <= set(lived)
    assert {str(uuid.UUID(name)) for name in lived} == set(lived)


def test_a_path_that_nobody_knows_is_not_there(door):
    assert door.post("/v1/y/predict", json={}).status_code == 404


@pytest.mark.parametrize("route", [""])
def test_before_it_knows_any_path_it_asks_to_come_again(door):
    answer = door.post("/v1/x/predict", json={})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


@pytest.mark.parametrize("length", [5_000_000, 10**15])
def test_what_is_announced_as_large_is_the_replicas_to_refuse_before_it_comes(door, length):
    url, told = door.base_url, set()
    assert door.get("/").status_code == 404, "it listens"
    for _ in range(2):  # one of two backends hangs up
        with socket.create_connection((url.host, url.port), timeout=5.0) as connection:
            connection.sendall(b"POST /v1/x/predict HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % length)
            told.add(connection.recv(12))
    assert b"HTTP/1.1 200" in told, "a replica was asked at once"


def test_each_head_has_a_header_of_its_own():
    assert secret_header() != secret_header()

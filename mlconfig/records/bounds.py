"""How large a row's values may be, whoever sends them: the endpoint and batches refuse what lies beyond."""

from __future__ import annotations

MAX_TEXT = 1024
"""Characters of a category."""
MOMENT_MIN, MOMENT_MAX = -6.2e10, 1e20
"""Seconds since 1970 from the year 6 on; large ones are milliseconds, microseconds or nanoseconds."""
WHOLE_MAX = 9_200_000_000_000_000_000
"""Whole numbers fit 64 bits, also where they are written as floats."""
FLOAT32_MAX = 3.4028234663852886e38
"""A larger number would be infinite in the packaged model's inputs."""

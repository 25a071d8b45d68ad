"""Names of the columns that we add to a table beside the user's own."""

EVENT_TIME = "__event_time__"
"""Event time of a row: float64 seconds since 1970 (UTC), null where unknown."""

WEIGHTLESS_NULL = "__null__"
"""How a missing category is written where a string must stand."""

REQUEST_EVENT_TIME = "event_time"
"""The request's field for event time where the data has no single column for it."""

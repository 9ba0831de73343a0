"""How tests wait for what must happen."""

import time

# For what should take no time at all: a service with a sanitizer may have to share its cores
# with several others, and what gRPC does yields to all of them.
DEADLINE_S = 120


def wait_until(condition, what, deadline_s=DEADLINE_S, pause_s=0.01):
    """Polls until `condition` returns something true, and returns that."""
    end = time.monotonic() + deadline_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"after {deadline_s} s still not: {what}")
        time.sleep(pause_s)

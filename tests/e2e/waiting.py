"""How tests wait for what must happen."""

import time

# For what should take no time at all; long enough for a busy machine.
DEADLINE_S = 30


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

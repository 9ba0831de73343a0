"""Random moments of a reception, at which a test kills somebody."""

import os
import random
import time

import harness

# For what comes in the end, also where many services start again on a busy machine.
PATIENCE_S = 600


class Moments:
    """Places in a content of `size` bytes, and short pauses behind them: so each part of a
    reception is met, on a machine of any speed. $SEED repeats those of an earlier run."""

    def __init__(self, size):
        self._size = size
        self.seed = int(os.environ.get("SEED", random.randrange(1 << 32)))
        print(f"SEED={self.seed}")
        self.random = random.Random(self.seed)

    def next(self):
        # Before the start for the lowest, behind the end for the highest.
        place = self.random.randint(-self._size // 8, self._size * 5 // 4)
        return Moment(max(place, 0), self._size, self.random.uniform(0, 0.03))


class Moment:
    def __init__(self, place, size, pause_s):
        self._place = place
        self._size = size
        self._pause_s = pause_s

    def __str__(self):
        return f"byte {self._place} of {self._size}, and {self._pause_s * 1000:.1f} ms"

    def wait(self, directory, has_name):
        """Until so much has come into the directory, or the content `has_name` there."""

        def is_there():
            return has_name() or self._place == 0 or _received(directory) >= self._place

        harness.wait_until(is_there, f"{self} have come", PATIENCE_S)
        time.sleep(self._pause_s)  # Which moment it is, decides nothing.


def _received(directory):
    """The size of the partial file."""
    for path in directory.glob(".tcptool-part.*"):
        if path.suffix != ".map":
            try:
                return path.stat().st_size
            except FileNotFoundError:  # It has just got its name.
                pass
    return 0

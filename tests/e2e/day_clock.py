"""A clock of the day that a test sets for a program. The steady clock, its timers, and
the time stamps of files are left as they are."""

import glob
import os
import pathlib
import tempfile

import harness

# Debian's libfaketime; the directory is named after the machine.
(_FAKETIME,) = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")


class DayClock:
    """Put `prefix` before the program's command line; close() removes the clock's file."""

    def __init__(self):
        self._directory = tempfile.TemporaryDirectory()
        self._file = pathlib.Path(self._directory.name, "offset")
        self.set("+0")
        preloaded = f"{harness.program('timerfd_of_the_kernel')}:{_FAKETIME}"
        self.prefix = (
            "env",
            f"LD_PRELOAD={preloaded}",
            f"FAKETIME_TIMESTAMP_FILE={self._file}",
            "FAKETIME_NO_CACHE=1",
            "FAKETIME_DONT_FAKE_MONOTONIC=1",
            "NO_FAKE_STAT=1",
        )

    def set(self, offset):
        """Sets it to `offset` from the machine's, such as "+30d", at once: the program
        reads the file at each look at the clock."""
        new = self._file.with_suffix(".new")
        new.write_text(offset, encoding="utf-8")
        os.replace(new, self._file)

    def close(self):
        self._directory.cleanup()

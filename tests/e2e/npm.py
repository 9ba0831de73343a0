"""Packages of npm that tests want, in the user's cache."""

import hashlib
import os
import pathlib
import shutil
import subprocess


def node_modules(*packages):
    """The node_modules directory that has these, each as "NAME@VERSION"."""
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    key = hashlib.sha256("\n".join(packages).encode()).hexdigest()[:16]
    home = cache / "tcptool" / f"npm-{key}"
    if not home.is_dir():
        # Whole or not at all.
        part = home.with_suffix(f".{os.getpid()}")
        part.mkdir(parents=True)
        try:
            subprocess.run(
                ["npm", "install", "--loglevel=error", "--no-audit", "--no-fund",
                 "--prefix", str(part), *packages],
                check=True,
            )
            part.rename(home)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return home / "node_modules"

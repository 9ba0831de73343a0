#!/bin/sh
# Debian's Python: the grpcio that the tests use is a package for that one alone.
export PYTHONDONTWRITEBYTECODE=1
exec /usr/bin/python3 "$@"

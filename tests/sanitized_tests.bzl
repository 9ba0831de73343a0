"""Tests in C++ that `./dev test` runs under each sanitizer too."""

load("@rules_cc//cc:defs.bzl", "cc_test")

def sanitized_tests(names, size, deps):
    """A test of each name, made from the source of that name.

    Args:
      names: their names.
      size: how long one may take, as Bazel's tests have it.
      deps: what all of them use, googletest aside.
    """
    for name in names:
        cc_test(
            name = name,
            size = size,
            srcs = [name + ".cc"],
            tags = [
                "asan",
                "tsan",
            ],
            deps = deps + ["@gtest"],
        )

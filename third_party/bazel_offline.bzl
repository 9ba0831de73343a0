"""Local stand-ins for the repositories that Bazel 4.2 otherwise fetches from the network."""

_DEBIAN_RULES = {
    # Repository: where Debian's bazel-* package puts it.
    "bazel_skylib": "/usr/share/bazel/tools/skylib",
    "platforms": "/usr/share/bazel/platforms",
    "rules_java": "/usr/share/bazel/rules/java",
    "rules_proto": "/usr/share/bazel/rules/proto",
}

# Debian's rules_cc is too new for Debian's Bazel, which still has the C++ rules built in.
_RULES_CC_DEFS = """
cc_binary = native.cc_binary
cc_import = native.cc_import
cc_library = native.cc_library
cc_proto_library = native.cc_proto_library
cc_test = native.cc_test
cc_toolchain = native.cc_toolchain
cc_toolchain_suite = native.cc_toolchain_suite
objc_import = native.objc_import
objc_library = native.objc_library
"""

def _rules_cc_impl(ctx):
    ctx.file("BUILD.bazel", "")
    ctx.file("cc/BUILD.bazel", "")
    ctx.file("cc/defs.bzl", _RULES_CC_DEFS)

_rules_cc = repository_rule(implementation = _rules_cc_impl)

def _no_coverage_tools_impl(ctx):
    ctx.file("BUILD.bazel", """
package(default_visibility = ["//visibility:public"])
filegroup(name = "coverage_report_generator")
filegroup(name = "lcov_merger")
""")

# cc_test names these targets even when no coverage is asked for.
_no_coverage_tools = repository_rule(implementation = _no_coverage_tools_impl)

def debian_bazel_repositories():
    for name, path in _DEBIAN_RULES.items():
        native.local_repository(name = name, path = path)
    _rules_cc(name = "rules_cc")
    _no_coverage_tools(name = "remote_coverage_tools")

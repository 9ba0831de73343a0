"""A repository rule that makes one cc_library of the system's libraries by asking pkg-config."""

def _pkg_config(ctx, flag):
    result = ctx.execute(["pkg-config", flag] + ctx.attr.modules)
    if result.return_code != 0:
        fail("@{}: pkg-config {} {}: {}Run ./dev setup, which installs what the build needs.".format(
            ctx.name,
            flag,
            " ".join(ctx.attr.modules),
            result.stderr,
        ))
    return [word for word in result.stdout.strip().split(" ") if word]

def _unique(words):
    return {word: True for word in words}.keys()

def _pkg_config_repository_impl(ctx):
    cflags = _pkg_config(ctx, "--cflags")

    # All headers lie below /usr/include, which the compiler searches by itself; -I is not needed.
    defines = [flag[2:] for flag in cflags if flag.startswith("-D")]
    libs = _pkg_config(ctx, "--libs")
    ctx.file("BUILD.bazel", """
cc_library(
    name = "{name}",
    defines = {defines},
    linkopts = {linkopts},
    visibility = ["//visibility:public"],
)
""".format(name = ctx.name, defines = _unique(defines), linkopts = _unique(libs)))

pkg_config_repository = repository_rule(
    implementation = _pkg_config_repository_impl,
    attrs = {
        "modules": attr.string_list(
            mandatory = True,
            doc = "pkg-config module names.",
        ),
    },
    environ = ["PKG_CONFIG_PATH"],
    local = True,
    doc = "Offers the modules' libraries as the target @NAME//:NAME.",
)

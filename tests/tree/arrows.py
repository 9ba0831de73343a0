#!/usr/bin/env python3
"""Checks that folders include what their BUILD files say they use, and nothing else.

usage: arrows.py [--write] DIRECTORY

Compares three things in DIRECTORY, a checkout: the #include lines of the programs'
sources, the `deps` of the targets that compile them, and the map of folders in
docs/architecture.md. Bazel itself finds the headers of a dependency's dependencies,
and so does not notice an arrow that nobody has declared. Prints what does not fit, a
line each, and exits with 1 if anything does not. --write renews the map.
"""

import argparse
import ast
import fnmatch
import pathlib
import re
import sys

PROGRAMS = ("text", "messages", "dataplane", "server", "client")
COMPILED = {"cc_library", "cc_binary"}
MAP = pathlib.Path("docs/architecture.md")
MAP_HEADER = "| folder | idea | uses |\n|---|---|---|\n"
# The first directory, or the whole name, of a system's header: what declares its use.
SYSTEM = {
    "CLI": "@cli11",
    "absl": "@absl",
    "asio": "//third_party:asio",
    "asio.hpp": "//third_party:asio",
    "google": "@grpc",
    "grpc": "@grpc",
    "grpcpp": "@grpc",
    "openssl": "@crypto",
    "openssl/ssl.h": "@ssl",
    "prometheus": "@prometheus",
    "spdlog": "@spdlog",
    "sqlite3.h": "@sqlite3",
    "toml++": "@tomlplusplus",
    "utf8proc.h": "@utf8proc",
}
# How the name of a generated header begins: what generates it.
GENERATED = {
    "etcd/": "//third_party:etcd",
    "google/rpc/": "//third_party:google_rpc",
    "grpc/health/": "//third_party:grpc_standard_services",
    "grpc/reflection/": "//third_party:grpc_standard_services",
    "tcptool/fleet/v1/": "//proto",
    "tcptool/peer/v1/": "//proto",
    "tcptool/v1/": "//proto",
}
# What a program is linked with for its effect, and includes nothing of.
WITHOUT_HEADERS = {"//third_party:tsan_grpc", "//third_party:tsan_mutex"}


class Target:
    """A rule of a BUILD file that compiles C++: its files, and the labels it uses."""

    def __init__(self, folder, attributes):
        self.name = attributes.get("name", "?")
        files = [*attributes.get("srcs", []), *attributes.get("hdrs", [])]
        self.files = sorted(folder / file for file in files if file.endswith((".cc", ".h")))
        self.deps = set(attributes.get("deps", []))


class Folder:
    """A package: the idea that its BUILD file begins with, and its targets."""

    def __init__(self, root, path):
        self.path = path
        tree = ast.parse((root / path / "BUILD.bazel").read_text(encoding="utf-8"))
        self.idea = (ast.get_docstring(tree) or "").replace("\n", " ")
        names = sorted(file.name for file in (root / path).iterdir())
        self.targets = [
            Target(path, {word.arg: value(word.value, names) for word in call.keywords})
            for call in (node.value for node in tree.body if isinstance(node, ast.Expr))
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") in COMPILED
        ]

    def uses(self):
        """The folders of this project that it declares the use of."""
        labels = {label for target in self.targets for label in target.deps}
        folders = {folder_of(label) for label in labels if label.startswith("//")}
        return sorted(folders - {str(self.path), "", "third_party"})


def value(node, names):
    """A list or a string as BUILD files have them; of what else there is, []."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.List):
        return [value(element, names) for element in node.elts]
    if isinstance(node, ast.BinOp):
        return value(node.left, names) + value(node.right, names)
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "glob":
        excluded = [
            pattern
            for word in node.keywords
            if word.arg == "exclude"
            for pattern in value(word.value, names)
        ]

        def matches(name, patterns):
            return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)

        patterns = value(node.args[0], names)
        return [name for name in names if matches(name, patterns) and not matches(name, excluded)]
    return []


def folder_of(label):
    return label.removeprefix("//").split(":")[0]


def package_of(root, header):
    """The folder whose BUILD file is responsible for a header of this project."""
    for parent in pathlib.PurePath(header).parents:
        if (root / parent / "BUILD.bazel").exists():
            return "" if str(parent) == "." else str(parent)
    return None


def wanted(root, file):
    """What a source includes of others: pairs of a line, and a label or "//folder"."""
    includes = re.finditer(
        r'^#include (?:"([^"]+)"|<([^>]+)>)', (root / file).read_text(encoding="utf-8"), re.MULTILINE
    )
    for include in includes:
        name = include[1] or include[2]
        generator = next((GENERATED[start] for start in GENERATED if name.startswith(start)), None)
        label = generator or SYSTEM.get(name) or SYSTEM.get(name.split("/")[0])
        if label:
            yield include[0], label
        elif include[1] and (package := package_of(root, name)) is not None:
            yield include[0], "//" + package


def check_target(root, folder, target):
    declared = {label if label.startswith("@") else "//" + folder_of(label)
                for label in target.deps if not label.startswith(":")}
    declared |= target.deps | {f"//{folder.path}"}
    used = set()
    for file in target.files:
        for line, label in wanted(root, file):
            used.add(label)
            if label not in declared:
                yield (f"{file}: {line}: //{folder.path}:{target.name} does not declare"
                       f" {label}; use what it may use, or add that to its deps")
    for label in sorted(target.deps - WITHOUT_HEADERS):
        known = (*SYSTEM.values(), *GENERATED.values())
        whole = label if label in known else "//" + folder_of(label)
        if not label.startswith(":") and not used & {label, whole}:
            yield f"{folder.path}/BUILD.bazel: {target.name} uses nothing of {label}: take it out"


def short(folder, other):
    """As it is called from a folder: a neighbour by its own name."""
    other = pathlib.PurePath(other)
    return f"`{other.name if other.parent == folder.path.parent else other}`"


def uses(folder):
    return ", ".join(short(folder, other) for other in folder.uses()) or "-"


def from_the_ground(folders):
    """Each folder after those that it uses, and otherwise by name."""
    paths = {str(folder.path) for folder in folders}
    placed = set()
    while folders:
        ready = [folder for folder in folders if not (set(folder.uses()) & paths) - placed]
        if not ready:
            sys.exit("arrows.py: " + " and ".join(str(folder.path) for folder in folders) + " use each other")
        yield from ready
        placed |= {str(folder.path) for folder in ready}
        folders = [folder for folder in folders if folder not in ready]


def folder_map(folders):
    programs = [
        [folder for folder in folders if folder.path.parts[0] == program] for program in PROGRAMS
    ]
    rows = [
        f"| `{folder.path}` | {folder.idea} | {uses(folder)} |\n"
        for program in programs
        for folder in from_the_ground(program)
        if folder.targets
    ]
    return MAP_HEADER + "".join(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help=f"renew the map in {MAP}")
    parser.add_argument("directory", type=pathlib.Path)
    args = parser.parse_args()
    root = args.directory

    folders = [
        Folder(root, file.parent.relative_to(root))
        for program in PROGRAMS
        for file in sorted((root / program).rglob("BUILD.bazel"))
    ]
    problems = [
        problem
        for folder in folders
        for target in folder.targets
        for problem in check_target(root, folder, target)
    ]
    problems += [
        f"{folder.path}/BUILD.bazel: does not begin with a line that says the folder's idea"
        for folder in folders
        if not folder.idea
    ]
    document = (root / MAP).read_text(encoding="utf-8")
    pattern = re.escape(MAP_HEADER) + r"(?:\|.*\n)*"
    if not re.search(pattern, document):
        problems.append(f"{MAP}: has no map of the folders, a table that begins with"
                        f" {MAP_HEADER.splitlines()[0]}")
    renewed = re.sub(pattern, lambda _: folder_map(folders), document)
    if args.write:
        (root / MAP).write_text(renewed, encoding="utf-8")
    elif renewed != document:
        problems.append(f"{MAP}: the map of the folders is not what their BUILD files say;"
                        " renew it with tests/tree/arrows.py --write .")
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

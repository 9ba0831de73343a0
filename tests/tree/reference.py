#!/usr/bin/env python3
"""Keeps docs/reference.md, the reference of the API, what the protos and their comments say.

usage: reference.py [--write] DIRECTORY

Compares the reference in DIRECTORY, a checkout, with what protoc makes of
proto/tcptool/v1, and exits with 1 if they differ; --write renews it. Needs protoc, and
Debian's python3-protobuf.
"""

import argparse
import pathlib
import re
import sys

from google.protobuf import descriptor_pb2

import api_protos

REFERENCE = pathlib.Path("docs/reference.md")
HEADER = """# Reference of the API

Made of the protos in [proto/tcptool/v1](../proto/tcptool/v1) by `./dev fmt`: change
these instead. [api.md](api.md) is the introduction.
"""
Field = descriptor_pb2.FieldDescriptorProto


def cell(text):
    """A comment in a table: one line."""
    paragraphs = [" ".join(part.split("\n")) for part in re.split(r"\n\n|\n(?=- )", text)]
    return "<br>".join(paragraphs).replace("|", "\\|")


def link(type_name):
    """A message or an enumeration by its full name."""
    if not type_name.startswith(".tcptool.v1."):
        return f"`{type_name[1:]}`"
    name = type_name.rpartition(".")[2]
    return f"[{name}](#{name.lower()})"


def field_type(field, entries):
    """Its type as the proto has it."""
    if field.type_name in entries:
        key, value = entries[field.type_name].field
        return f"map of {field_type(key, entries)} to {field_type(value, entries)}"
    if field.type_name:
        name = link(field.type_name)
    else:
        name = f"`{Field.Type.Name(field.type).removeprefix('TYPE_').lower()}`"
    return f"repeated {name}" if field.label == Field.LABEL_REPEATED else name


def field_rows(source, path, message, entries):
    for number, field in enumerate(message.field):
        # What may be left out is the rule.
        notes = [one for one in source.behaviours(field) if one != "optional"]
        if field.HasField("oneof_index") and not field.proto3_optional:
            notes.append(f"one of `{message.oneof_decl[field.oneof_index].name}`")
        text = source.comment(*path, 2, number)
        if notes:
            text = api_protos.BEHAVIOUR.sub("", text)
        kind = ", ".join([field_type(field, entries), *notes])
        yield f"| `{field.name}` | {field.number} | {kind} | {cell(text)} |"


def message_lines(source, number, message):
    path = (4, number)
    entries = {
        f".{source.file.package}.{message.name}.{nested.name}": nested
        for nested in message.nested_type
        if nested.options.map_entry
    }
    yield from ("", f"### {message.name}")
    yield from paragraph(source.comment(*path))
    if pattern := source.pattern(message):
        yield from ("", f"A resource: `{pattern}`.")
    for index, oneof in enumerate(message.oneof_decl):
        if text := source.comment(*path, 8, index):
            yield from ("", f"`{oneof.name}`: {text}")
    if message.field:
        yield from ("", "| field | number | type | meaning |", "|---|---|---|---|")
        yield from field_rows(source, path, message, entries)


def enum_lines(source, number, enum):
    yield from ("", f"### {enum.name}")
    yield from paragraph(source.comment(5, number))
    yield from ("", "| value | number | meaning |", "|---|---|---|")
    for index, value in enumerate(enum.value):
        path = (5, number, 2, index)
        for text in source.paragraphs_before(*path):
            yield f"| | | **{cell(text)}** |"
        yield f"| `{value.name}` | {value.number} | {cell(source.comment(*path))} |"


def service_lines(source, number, service):
    yield from ("", f"### {service.name}")
    yield from paragraph(source.comment(6, number))
    for index, method in enumerate(service.method):
        asked = ("stream of " if method.client_streaming else "") + link(method.input_type)
        answer = ("stream of " if method.server_streaming else "") + link(method.output_type)
        options = method.options
        reads = options.idempotency_level == options.NO_SIDE_EFFECTS
        yield from ("", f"#### {method.name}", "")
        yield f"{asked} → {answer}" + (", without side effects." if reads else ".")
        yield from paragraph(source.comment(6, number, 2, index))


def paragraph(text):
    return ("", *text.split("\n")) if text else ()


def reference(sources):
    lines = [HEADER.rstrip("\n"), ""]
    for source in sources:
        for service in source.file.service:
            methods = ", ".join(f"[{one.name}](#{one.name.lower()})" for one in service.method)
            lines.append(f"- [{service.name}](#{service.name.lower()}): {methods}")
    for source in sources:
        lines += ["", f"## {source.file.name.rpartition('/')[2]}"]
        # Before `syntax`.
        lines += paragraph(source.comment(12))
        for kind, things in (
            (service_lines, source.file.service),
            (message_lines, source.file.message_type),
            (enum_lines, source.file.enum_type),
        ):
            for number, thing in enumerate(things):
                lines += kind(source, number, thing)
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help=f"renew {REFERENCE}")
    parser.add_argument("directory", type=pathlib.Path)
    args = parser.parse_args()
    path = args.directory / REFERENCE
    renewed = reference(api_protos.load(args.directory))
    if args.write:
        path.write_text(renewed, encoding="utf-8")
    elif not path.exists() or path.read_text(encoding="utf-8") != renewed:
        print(f"{REFERENCE}: is not what the protos say; run ./dev fmt")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

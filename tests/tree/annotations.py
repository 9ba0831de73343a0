#!/usr/bin/env python3
"""Checks that the annotations of the API's fields are there, and are what their comments say.

usage: annotations.py DIRECTORY

Each field of a request or a resource in DIRECTORY, a checkout, has google.api.field_behavior,
but for members of a oneof and what is required at times; its comment begins with the same
words. The names that requests have say of which resources, by google.api.resource_reference.
A resource says what one and many of it are called, a uid that it is a UUID, and a file what
Java calls it.
Prints what is missing, a line each, and exits with 1 if anything is.
"""

import pathlib
import sys

import api_protos

# What answers alone have, and are not set by a caller in any case.
ANSWERS = ("Response", "Change")
# Annotations that a comment says too, for generated code has comments alone.
SAID = {"required", "output only", "immutable"}
# Required in some messages of a stream.
AT_TIMES = "Required in "


def wrong_with(source, message, field, comment):
    behaviours = set(source.behaviours(field))
    in_oneof = field.HasField("oneof_index") and not field.proto3_optional
    answer = message.name.endswith(ANSWERS)
    if not (behaviours or answer or in_oneof or comment.startswith(AT_TIMES)):
        yield "say by google.api.field_behavior what a caller may do with it"
    # A resource's own name is the service's to set.
    said = {"output only"} if "identifier" in behaviours else behaviours & SAID
    begin = api_protos.BEHAVIOUR.match(comment)
    words = {word.strip() for word in begin[0].lower().split(".")[:-1]} if begin else set()
    if words != said and (comment or said - {"output only"}):
        yield "its comment and its google.api.field_behavior say different things"
    names = message.name.endswith("Request") and field.name in ("name", "names", "parent")
    if names and not source.refers(field):
        yield "say by google.api.resource_reference of which resource it has the name"
    if field.name == "uid" and not source.is_uuid(field):
        yield "say by google.api.field_info that it is a UUID"


def wrong_with_all(source):
    if not source.file.options.java_outer_classname.endswith("Proto"):
        yield "say by java_outer_classname what it is called in Java: NameProto"
    for message in source.file.message_type:
        resource = source.resource_of(message)
        if resource.type and not (resource.singular and resource.plural):
            yield f"{message.name}: give the resource's singular and plural"


def main(directory):
    sources = api_protos.load(directory)
    problems = [
        f"{source.file.name}: {problem}" for source in sources for problem in wrong_with_all(source)
    ]
    problems += [
        f"{source.file.name}: {message.name}.{field.name}: {problem}"
        for source in sources
        for index, message in enumerate(source.file.message_type)
        for number, field in enumerate(message.field)
        for problem in wrong_with(source, message, field, source.comment(4, index, 2, number))
    ]
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))

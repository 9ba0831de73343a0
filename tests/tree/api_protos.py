"""The protos of the API as protoc reads them, with their comments and annotations."""

import importlib
import pathlib
import re
import subprocess
import sys
import tempfile

from google.protobuf import descriptor_pb2

GOOGLE_API = (
    "google/api/field_behavior.proto",
    "google/api/field_info.proto",
    "google/api/resource.proto",
)
# What a comment begins with where the annotation says it too.
BEHAVIOUR = re.compile(r"^(?:(?:Output only|Required|Immutable)\. ?)+")


class Source:
    """A file, the comments in it, and the annotations."""

    def __init__(self, file, field_behavior, field_info, resource):
        self.file = file
        self.field_behavior = field_behavior
        self.field_info = field_info
        self.resource = resource
        self._comments = {tuple(one.path): one for one in file.source_code_info.location}

    def comment(self, *path):
        """The lines before a thing, without what they are indented by."""
        location = self._comments.get(path)
        return unindented(location.leading_comments) if location else ""

    def paragraphs_before(self, *path):
        """Comments that stand by themselves before it: headings of what follows."""
        location = self._comments.get(path)
        return [unindented(text) for text in location.leading_detached_comments] if location else []

    def behaviours(self, field):
        """What its annotation says, as "output only"."""
        return [
            self.field_behavior.FieldBehavior.Name(value).lower().replace("_", " ")
            for value in field.options.Extensions[self.field_behavior.field_behavior]
        ]

    def refers(self, field):
        """Whether its annotation says of which resource it has the name."""
        return field.options.HasExtension(self.resource.resource_reference)

    def is_uuid(self, field):
        """Whether its annotation says that it is one."""
        info = field.options.Extensions[self.field_info.field_info]
        return info.format == self.field_info.FieldInfo.UUID4

    def resource_of(self, message):
        """Its annotation as a resource; without a type: it is none."""
        return message.options.Extensions[self.resource.resource]

    def pattern(self, message):
        """What the resource's names look like; empty: it is none."""
        return ", ".join(self.resource_of(message).pattern)


def unindented(comment):
    return "\n".join(line.removeprefix(" ") for line in comment.strip("\n").split("\n")).strip()


def load(root):
    """All files of tcptool.v1, those with services first."""
    protos = sorted((root / "proto/tcptool/v1").glob("*.proto"))
    with tempfile.TemporaryDirectory(prefix="reference.") as out:
        image = pathlib.Path(out) / "image"
        subprocess.run(
            ["protoc", f"--proto_path={root / 'proto'}", f"--proto_path={root / 'third_party'}",
             f"--descriptor_set_out={image}", "--include_source_info", f"--python_out={out}",
             *map(str, protos), *GOOGLE_API],
            check=True,
        )
        sys.path.insert(0, out)
        # Before the image is read, as it has their extensions.
        field_behavior = importlib.import_module("google.api.field_behavior_pb2")
        field_info = importlib.import_module("google.api.field_info_pb2")
        resource = importlib.import_module("google.api.resource_pb2")
        files = descriptor_pb2.FileDescriptorSet.FromString(image.read_bytes()).file
    sources = [
        Source(file, field_behavior, field_info, resource)
        for file in files
        if file.name not in GOOGLE_API
    ]
    return sorted(sources, key=lambda source: (not source.file.service, source.file.name))

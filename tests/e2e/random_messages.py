"""Random messages, made from descriptors, so that a new field is tried as soon as it is there.

They come from a seed, which tests print: with TCPTOOL_TEST_SEED they make the same messages
again.
"""

import os
import random

from google.protobuf import text_format
from google.protobuf.descriptor import FieldDescriptor

from api_calls import message_of

STRINGS = (
    "",
    "content",
    "files",
    "there",
    "new",
    "sessions/there",
    "sessions/there/recipients/1",
    "sessions/absent",
    "sessions/",
    "127.0.0.1",
    "127.0.0.0/8",
    "::1",
    "0.0.0.0/0",
    "../content",
    "/etc/passwd",
    "a\0b",
    "ü" * 70,
    "x" * 64,
    "x" * 300,
    "\n%s%n\x1b[2J",
    "y" * 20_000,
)
INTEGERS = (0, 1, 2, 5, 100, 1000, 10_001, 9876, 65_535, 65_536)
WIDTHS = {
    FieldDescriptor.CPPTYPE_INT32: 31,
    FieldDescriptor.CPPTYPE_INT64: 63,
}
# What UpdateSession changes, and what it does not.
MASKS = (
    "*",
    "spec.labels",
    "spec.retention",
    "spec.expire_after",
    "spec.limits.recipient_bytes_per_second",
    "spec.limits.session_bytes_per_second",
    "spec.allow",
    "spec.expected",
    "spec.limits",
    "spec",
)
# How often a field is set that has values which may be right, and how often to one of them.
LIKELY = 0.8
RIGHT = 0.7
# How often the others are, of a request that is right otherwise, and of one that is not.
SOME = 0.1
MANY = 0.6


def first_seed():
    """TCPTOOL_TEST_SEED, or 1."""
    seed = int(os.environ.get("TCPTOOL_TEST_SEED", "1"))
    print(f"TCPTOOL_TEST_SEED={seed}", flush=True)
    return seed


class Generator:
    def __init__(self, seed, right=None):
        """`right`: values that may be right in fields, by the fields' names."""
        self.random = random.Random(seed)
        self.right = {"paths": MASKS, **(right or {})}

    def request(self, method, right=""):
        """Of a method, which is known by its descriptor: `right`, in Protobuf's text, with some
        random fields, or one that is random altogether."""
        request = message_of(method.input_type)
        if self.random.random() < RIGHT:
            text_format.Parse(right, request)
            self.fill(request, SOME)
        else:
            self.fill(request, MANY)
        if method.name == "WaitSession":
            # Nobody ends it.
            request.timeout.seconds = min(request.timeout.seconds, 0)
            request.timeout.SetInParent()
        return request

    def value(self, field):
        right = self.right.get(field.name)
        if right and self.random.random() < RIGHT:
            return self.random.choice(right)
        kind = field.cpp_type
        if kind in WIDTHS:
            largest = 2 ** WIDTHS[kind]
            return self.random.choice(
                (*INTEGERS, -1, largest - 1, -largest, self.random.randrange(-largest, largest))
            )
        if kind == FieldDescriptor.CPPTYPE_BOOL:
            return self.random.random() < 0.5
        if kind == FieldDescriptor.CPPTYPE_ENUM:
            return self.random.choice((0, 1, 2, 9, 10, 11, 99, -1))
        if kind == FieldDescriptor.CPPTYPE_STRING:
            text = self.random.choice(STRINGS)
            return text.encode() if field.type == FieldDescriptor.TYPE_BYTES else text
        raise AssertionError(f"{field.full_name} has a type that this does not know")

    def fill(self, message, likelihood):
        """Sets each of its fields with that likelihood, and those of the messages in it."""
        for field in message.DESCRIPTOR.fields:
            entry = field.message_type
            is_repeated = field.label == FieldDescriptor.LABEL_REPEATED
            is_there = entry and not is_repeated and message.HasField(field.name)
            likely = LIKELY if field.name in self.right else likelihood
            if self.random.random() > likely and not is_there:
                continue
            count = self.random.choice((1, 1, 2, 20))
            value = getattr(message, field.name)
            if entry and entry.GetOptions().map_entry:
                for _ in range(count):
                    value[self.value(entry.fields[0])] = self.value(entry.fields[1])
            elif is_repeated:
                for _ in range(count):
                    if entry:
                        self.fill(value.add(), likelihood)
                    else:
                        value.append(self.value(field))
            elif entry:
                value.SetInParent()
                self.fill(value, likelihood)
            else:
                setattr(message, field.name, self.value(field))

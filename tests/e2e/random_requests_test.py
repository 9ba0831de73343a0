"""Whatever a client sends, it gets a clean answer, and the service goes on.

The messages are built from the API's descriptors, so that a new field is tried as
soon as it is there. The generator's seed is fixed: a failure comes again.
"""

import random
import re

import grpc
from google.protobuf import symbol_database, text_format
from google.protobuf.descriptor import FieldDescriptor

import harness
from harness import ServiceTest, stubs

REQUESTS_EACH = 1000
# Of methods that look at less.
FEWER_REQUESTS_EACH = 300
SEED = 1

CODES = grpc.StatusCode
CLEAN = {
    CODES.OK,
    CODES.INVALID_ARGUMENT,
    CODES.NOT_FOUND,
    CODES.ALREADY_EXISTS,
    CODES.FAILED_PRECONDITION,
    CODES.OUT_OF_RANGE,
    CODES.PERMISSION_DENIED,
    CODES.ABORTED,
    # No port is free, or no room for one more session.
    CODES.RESOURCE_EXHAUSTED,
}

STRINGS = (
    "",
    "content",
    "files",
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


class Generator:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def value(self, field):
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
        for field in message.DESCRIPTOR.fields:
            if self.random.random() > likelihood:
                continue
            count = self.random.choice((1, 1, 2, 20))
            value = getattr(message, field.name)
            entry = field.message_type
            if entry and entry.GetOptions().map_entry:
                for _ in range(count):
                    value[self.value(entry.fields[0])] = self.value(entry.fields[1])
            elif field.label == FieldDescriptor.LABEL_REPEATED:
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


def names_a_field(descriptor, path):
    """Whether "a.b[3].c" is a path in messages of the descriptor."""
    for part in path.split("."):
        field = descriptor.fields_by_name.get(re.sub(r"\[\d+\]$", "", part))
        if field is None:
            return False
        descriptor = field.message_type
    return True


class RandomRequestsTest(ServiceTest):
    def setUp(self):
        super().setUp()
        self.service.write_file("content", b"content")
        self.generator = Generator(SEED)

    def answer(self, stub, method, request):
        """The code and the message of a call; OK if a stream has begun well."""
        call = getattr(stub, method)
        try:
            if method == "UploadContent":
                call(iter([request]), timeout=harness.DEADLINE_S)
            elif method.startswith("Watch"):
                stream = call(request, timeout=harness.DEADLINE_S)
                next(stream)
                stream.cancel()
            else:
                call(request, timeout=harness.DEADLINE_S)
        except grpc.RpcError as error:
            return error.code(), error.details()
        return CODES.OK, ""

    def request(self, method):
        """Random, or a right one with some random fields."""
        # It may be of another file than its service.
        request = symbol_database.Default().GetPrototype(method.input_type)()
        valid = self.generator.random.random() < 0.6
        if valid and method.name == "CreateSession":
            source = request.session.spec.file
            source.root, source.path = "files", "content"
        if valid and method.name == "CreateReception":
            spec = request.reception.spec
            spec.sender.address = "127.0.0.1:9"
            # Which nothing is received into.
            spec.destination.root, spec.destination.path = "files", "content"
        self.generator.fill(request, 0.1 if valid else 0.6)
        fields = request.DESCRIPTOR.fields_by_name
        if valid and "name" in fields:
            receptions = method.containing_service.name == "ReceptionService"
            request.name = "receptions/there" if receptions else "sessions/there"
            if method.name.endswith("Recipient"):
                request.name += "/recipients/1"
        if valid and "root" in fields:
            request.root = "files"
        if method.name == "WaitSession" and request.timeout.seconds >= 0:
            # Nobody ends it.
            request.timeout.SetInParent()
            request.timeout.seconds = 0
        return request

    def make_the_session(self):
        """The one that the requests are about, anew if they have removed it."""
        request = stubs.session_service.CreateSessionRequest(session_id="there")
        request.session.spec.file.root = "files"
        request.session.spec.file.path = "content"
        self.answer(self.service.sessions, "CreateSession", request)

    def end_all(self):
        for session in self.service.sessions.ListSessions(
            stubs.session_service.ListSessionsRequest(page_size=1000)
        ).sessions:
            self.service.sessions.DeleteSession(
                stubs.session_service.DeleteSessionRequest(name=session.name, force=True)
            )

    def assert_clean(self, service, stub, requests_each):
        """Of each method of a service, after so many requests."""
        for method in service.methods:
            seen = set()
            with self.subTest(method.name):
                for round_ in range(requests_each):
                    if round_ % 50 == 0:
                        self.end_all()
                        self.make_the_session()
                    request = self.request(method)
                    code, words = self.answer(stub, method.name, request)
                    shown = text_format.MessageToString(request, as_one_line=True)[:2000]
                    self.assertIn(code, CLEAN, f"{words} {shown}")
                    seen.add(code)
                    if code == CODES.INVALID_ARGUMENT:
                        path = words.split(": ")[0]
                        self.assertTrue(
                            names_a_field(request.DESCRIPTOR, path), f"{words} {shown}"
                        )
                # Not all of them were turned away at the door.
                self.assertGreater(len(seen), 1, seen)
        self.assertIsNone(self.service.process.poll())

    def test_methods_of_sessions(self):
        service = stubs.session_service.DESCRIPTOR.services_by_name["SessionService"]
        self.assert_clean(service, self.service.sessions, REQUESTS_EACH)

    def test_methods_of_receptions(self):
        service = stubs.reception_service.DESCRIPTOR.services_by_name["ReceptionService"]
        self.assert_clean(service, self.service.receptions, FEWER_REQUESTS_EACH)

    def test_methods_of_files(self):
        service = stubs.file_service.DESCRIPTOR.services_by_name["FileService"]
        self.assert_clean(service, self.service.file_service, FEWER_REQUESTS_EACH)

    def test_bytes_that_are_no_message(self):
        service = stubs.session_service.DESCRIPTOR.services_by_name["SessionService"]
        # A tag that is cut, and two fields that are.
        malformed = (b"\xff", b"\x0a\x7f", b"\x12\xff\xff\xff\xff\x0f")
        for method in service.methods:
            call = self.service.channel.stream_stream(f"/{service.full_name}/{method.name}")
            for request in malformed:
                with self.subTest(method.name, bytes=request):
                    with self.assertRaises(grpc.RpcError) as caught:
                        list(call(iter([request]), timeout=harness.DEADLINE_S))
                    self.assertEqual(caught.exception.code(), CODES.INVALID_ARGUMENT)
                    self.assertTrue(caught.exception.details())
        self.assertIsNone(self.service.process.poll())

    def test_method_that_is_none_is_unimplemented(self):
        call = self.service.channel.unary_unary("/tcptool.v1.SessionService/FlySession")
        with self.assertRaises(grpc.RpcError) as caught:
            call(b"", timeout=harness.DEADLINE_S)
        self.assertEqual(caught.exception.code(), CODES.UNIMPLEMENTED)

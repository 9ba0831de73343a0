"""Calls of methods that are known by their descriptors, by gRPC and by JSON over HTTP; and what
the API promises of each answer, whatever the request was."""

import base64
import contextlib
import http.client
import json
import re
import struct

import grpc
from google.protobuf import json_format, symbol_database

import error_details
import harness
from harness import stubs
from http_calls import envelope

CODES = grpc.StatusCode
# Each code that a call may have failed with, and what its reasons' numbers begin with, in tens
# (errors.proto).
DOCUMENTED = {
    CODES.INVALID_ARGUMENT: (0,),
    CODES.NOT_FOUND: (1,),
    CODES.ALREADY_EXISTS: (2,),
    CODES.FAILED_PRECONDITION: (3, 4, 14),
    CODES.ABORTED: (5,),
    CODES.OUT_OF_RANGE: (6,),
    CODES.RESOURCE_EXHAUSTED: (7, 8),
    CODES.UNAVAILABLE: (9,),
    CODES.PERMISSION_DENIED: (11,),
}
# What comes with each reason of a code, but for those that stand for all others of it.
DETAILS = {
    CODES.INVALID_ARGUMENT: "BadRequest",
    CODES.NOT_FOUND: "ResourceInfo",
    CODES.ALREADY_EXISTS: "ResourceInfo",
    CODES.FAILED_PRECONDITION: "PreconditionFailure",
    CODES.RESOURCE_EXHAUSTED: "QuotaFailure",
}
OTHERS = ("INVALID_REQUEST", "PRECONDITION_FAILED", "LIMIT_REACHED")
MOST_VIOLATIONS = 32
CODE_OF_NAME = {"canceled": CODES.CANCELLED, **{one.name.lower(): one for one in CODES}}


class Outcome:
    """What became of a call: its code, and its answer, or the error's words and its details by
    the names of their types."""

    def __init__(self, code, answer=None, words="", details=None):
        self.code = code
        self.answer = answer
        self.words = words
        self.details = details or {}


def message_of(descriptor):
    """A new message."""
    return symbol_database.Default().GetPrototype(descriptor)()


def _path(method):
    return f"/{method.containing_service.full_name}/{method.name}"


def by_grpc(service, method, requests, timeout_s=harness.DEADLINE_S):
    """The outcome of a call. One that answers with a stream is abandoned at its first message."""
    answer = message_of(method.output_type)
    streams = service.channel.stream_stream
    call = (streams if method.client_streaming else service.channel.unary_stream)(
        _path(method),
        request_serializer=lambda request: request.SerializeToString(),
        response_deserializer=type(answer).FromString,
    )
    answers = call(
        iter(requests) if method.client_streaming else requests[0], timeout=timeout_s
    )
    try:
        if method.server_streaming:
            answer = next(answers)
            answers.cancel()
        else:
            (answer,) = answers
    except grpc.RpcError as error:
        has_details = error_details.status_of(error) is not None
        return Outcome(
            error.code(),
            words=error.details(),
            details=error_details.details_of(error) if has_details else None,
        )
    return Outcome(CODES.OK, answer)


def by_http(service, method, requests, timeout_s=harness.DEADLINE_S):
    """The same in JSON; or in Protobuf's form, if the request has something that JSON has no
    form for."""
    (request,) = requests
    form = "json"
    try:
        body = json_format.MessageToJson(request).encode()
    except (json_format.Error, ValueError, OverflowError):
        form, body = "proto", request.SerializeToString()
    is_stream = method.client_streaming or method.server_streaming
    connection = http.client.HTTPConnection(service.http_address, timeout=timeout_s)
    with contextlib.closing(connection):
        connection.request(
            "POST",
            _path(method),
            envelope(body) if is_stream else body,
            {"Content-Type": f"application/{'connect+' * is_stream}{form}"},
        )
        response = connection.getresponse()
        if is_stream:
            flags, size = struct.unpack(">BI", response.read(5))
            body = response.read(size)
            error = json.loads(body).get("error") if flags else None
            if flags and error is None:
                return Outcome(CODES.OK)
        else:
            body = response.read()
            error = None if response.status == 200 else json.loads(body)
    if error is not None:
        return _failure(error)
    answer = message_of(method.output_type)
    if form == "json":
        json_format.Parse(body, answer)
    else:
        answer.ParseFromString(body)
    return Outcome(CODES.OK, answer)


def _failure(error):
    """The outcome that an error in JSON tells."""
    details = {}
    for one in error.get("details", ()):
        name = one["type"].rpartition(".")[2]
        # Without the padding, which b64decode() wants some of, and takes any more.
        value = base64.b64decode(one["value"] + "==")
        details[name] = getattr(error_details.details_pb2, name).FromString(value)
    return Outcome(CODE_OF_NAME[error["code"]], words=error.get("message", ""), details=details)


def names_a_field(descriptor, path):
    """Whether "a.b[3].c" is a path in messages of the descriptor."""
    for part in path.split("."):
        field = descriptor.fields_by_name.get(re.sub(r"\[\d+\]$", "", part))
        if field is None:
            return False
        descriptor = field.message_type
    return True


def assert_clean(test, outcome, request, about):
    """That it is what docs/api.md says of any call of the API, of which this was a request.
    `about`: what is said of it otherwise."""
    if outcome.code is CODES.OK:
        return
    about = f"{outcome.code} {outcome.words} {about}"
    test.assertIn(outcome.code, DOCUMENTED, about)
    test.assertTrue(outcome.words, about)
    info = outcome.details["ErrorInfo"]
    test.assertEqual(info.domain, "tcptool", about)
    number = stubs.errors.ErrorReason.Value(f"ERROR_REASON_{info.reason}")
    test.assertIn(number // 10, DOCUMENTED[outcome.code], about)
    promised = DETAILS.get(outcome.code)
    if promised and info.reason not in OTHERS:
        test.assertIn(promised, outcome.details, about)
    if "BadRequest" in outcome.details:
        violations = outcome.details["BadRequest"].field_violations
        test.assertLessEqual(1, len(violations), about)
        test.assertLessEqual(len(violations), MOST_VIOLATIONS, about)
        test.assertTrue(outcome.words.startswith(f"{violations[0].field}: "), about)
        for one in violations:
            test.assertTrue(names_a_field(request.DESCRIPTOR, one.field), f"{one} {about}")
            test.assertTrue(one.description, about)

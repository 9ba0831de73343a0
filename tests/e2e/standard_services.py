"""gRPC's standard services: health checks, and reflection.

Debian has no Python package for either, so the parts of their protos that are needed
here are written out, and compiled as the API's own are.
"""

import importlib
import os
import pathlib
import tempfile

from google.protobuf import descriptor_database, descriptor_pb2, descriptor_pool

import harness

HEALTH_PROTO = """
syntax = "proto3";
package grpc.health.v1;

message HealthCheckRequest { string service = 1; }
message HealthCheckResponse {
  enum ServingStatus { UNKNOWN = 0; SERVING = 1; NOT_SERVING = 2; SERVICE_UNKNOWN = 3; }
  ServingStatus status = 1;
}
service Health {
  rpc Check(HealthCheckRequest) returns (HealthCheckResponse);
  rpc Watch(HealthCheckRequest) returns (stream HealthCheckResponse);
}
"""

REFLECTION_PROTO = """
syntax = "proto3";
package grpc.reflection.v1alpha;

message ServerReflectionRequest {
  oneof message_request {
    string file_containing_symbol = 4;
    string list_services = 7;
  }
}
message ServerReflectionResponse {
  oneof message_response {
    FileDescriptorResponse file_descriptor_response = 4;
    ListServiceResponse list_services_response = 6;
  }
}
message FileDescriptorResponse { repeated bytes file_descriptor_proto = 1; }
message ListServiceResponse { repeated ServiceResponse service = 1; }
message ServiceResponse { string name = 1; }
service ServerReflection {
  rpc ServerReflectionInfo(stream ServerReflectionRequest)
      returns (stream ServerReflectionResponse);
}
"""


def _compile(name, text):
    """The messages' and the services' modules of a proto."""
    root = pathlib.Path(tempfile.mkdtemp(prefix="protos.", dir=os.environ.get("TEST_TMPDIR")))
    (root / f"{name}.proto").write_text(text, encoding="utf-8")
    harness.generate_python(root, [root / f"{name}.proto"])
    return [importlib.import_module(f"{name}_pb2{end}") for end in ("", "_grpc")]


health, health_grpc = _compile("health", HEALTH_PROTO)
reflection, reflection_grpc = _compile("reflection", REFLECTION_PROTO)


def reflect(channel, **request):
    """What reflection answers to one question."""
    stub = reflection_grpc.ServerReflectionStub(channel)
    requests = iter([reflection.ServerReflectionRequest(**request)])
    return next(stub.ServerReflectionInfo(requests, timeout=harness.DEADLINE_S))


def services_of(channel):
    """The descriptors of all services that reflection lists, as a client has them that knows
    nothing of the API."""
    listed = reflect(channel, list_services="*").list_services_response.service
    files = descriptor_database.DescriptorDatabase()
    for service in listed:
        found = reflect(channel, file_containing_symbol=service.name)
        for file in found.file_descriptor_response.file_descriptor_proto:
            files.Add(descriptor_pb2.FileDescriptorProto.FromString(file))
    pool = descriptor_pool.DescriptorPool(files)
    return [pool.FindServiceByName(service.name) for service in listed]

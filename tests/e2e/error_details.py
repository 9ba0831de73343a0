"""What a failed call's trailers say of its error, decoded as any client does."""

import atexit
import importlib
import os
import shutil
import subprocess
import tempfile

import google
import grpc

NAMES = ("error_details", "status")


def _modules():
    """The modules of google.rpc, which Debian has no package of."""
    out = tempfile.mkdtemp(prefix="google.", dir=os.environ.get("TEST_TMPDIR"))
    atexit.register(shutil.rmtree, out, ignore_errors=True)
    subprocess.run(
        [
            "protoc",
            "--proto_path=third_party",
            f"--python_out={out}",
            *(f"google/rpc/{name}.proto" for name in NAMES),
        ],
        check=True,
    )
    # Beside google.protobuf.
    google.__path__ = [*google.__path__, os.path.join(out, "google")]
    return [importlib.import_module(f"google.rpc.{name}_pb2") for name in NAMES]


details_pb2, _status_pb2 = _modules()


def status_of(error):
    """The google.rpc.Status of a grpc.RpcError; none: it has no details."""
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            return _status_pb2.Status.FromString(value)
    return None


def details_of(error):
    """All details, by the names of their types."""
    details = {}
    for one in status_of(error).details:
        name = one.type_url.rpartition(".")[2]
        details[name] = getattr(details_pb2, name)()
        assert one.Unpack(details[name]), one
    return details


def failure_of(call):
    """The error of a call that must fail, which says the same in its details."""
    try:
        call()
    except grpc.RpcError as error:
        status = status_of(error)
        assert status is not None, error
        assert status.code == error.code().value[0], (status, error)
        assert status.message == error.details(), (status, error)
        return error
    raise AssertionError("the call has not failed")

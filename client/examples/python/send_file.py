#!/usr/bin/env python3
"""Sends a file to one recipient, and waits until that has it.

usage: send_file.py HOST:PORT CA_FILE TOKEN_FILE ROOT/PATH

HOST:PORT is the control port of a tcptoold with TLS. Prints where the recipient connects,
then how it went; exits with 0 if the recipient has the file.

Needs grpcio, and the stubs that protoc makes of proto/tcptool/v1 (docs/api.md).
"""

import pathlib
import sys

import grpc
from tcptool.v1 import (
    session_pb2,
    session_requests_pb2,
    session_service_pb2,
    session_service_pb2_grpc,
)

CALL_TIMEOUT_S = 30
# Longer than the service waits at most.
WAIT_TIMEOUT_S = 330


def credentials(ca_file, token_file):
    token = pathlib.Path(token_file).read_text(encoding="ascii").strip()
    return grpc.composite_channel_credentials(
        grpc.ssl_channel_credentials(pathlib.Path(ca_file).read_bytes()),
        grpc.access_token_call_credentials(token),
    )


def main():
    server, ca_file, token_file, file = sys.argv[1:]
    root, _, path = file.partition("/")
    source = session_pb2.FileSource(root=root, path=path)
    spec = session_pb2.SessionSpec(file=source, max_recipients=1)
    create = session_service_pb2.CreateSessionRequest(session=session_pb2.Session(spec=spec))
    with grpc.secure_channel(server, credentials(ca_file, token_file)) as channel:
        service = session_service_pb2_grpc.SessionServiceStub(channel)
        session = service.CreateSession(create, timeout=CALL_TIMEOUT_S)
        print(session.data_endpoint, flush=True)
        wait = session_requests_pb2.WaitSessionRequest(name=session.name)
        while not session.HasField("end_time"):
            session = service.WaitSession(wait, timeout=WAIT_TIMEOUT_S)
    print(session_pb2.SessionState.Name(session.state), session.error)
    return 0 if session.state == session_pb2.SESSION_STATE_SUCCEEDED else 1


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    try:
        sys.exit(main())
    except grpc.RpcError as error:
        sys.exit(f"{error.code().name}: {error.details()}")

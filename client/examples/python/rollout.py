#!/usr/bin/env python3
"""Brings one file onto a fleet of machines, and acts on those that do not get it.

usage: rollout.py --server HOST:PORT --file ROOT/PATH --fleet FLEET.json
                  [--port N] [--max-wait SECONDS] [--rounds N]

FLEET.json names the machines: {"rack1-node1": "192.0.2.11", ...}. Each runs, again
and again until it has the file, `tcptool -r SENDER:PORT --wait 10m --sync FILE`.

The first round is a session that expects all machines. It starts when all of them are
ready, or with those who are once --max-wait has passed. Each further round is a retry of
the one before, which expects those who were not DELIVERED at its end. Prints an object a
line, in JSON; exits with 0 when the whole fleet has the file.

Needs grpcio, and the stubs that protoc makes of proto/tcptool/v1 (docs/api.md).
"""

import argparse
import json
import sys
import time
import uuid

import grpc
from google.protobuf import duration_pb2
from tcptool.v1 import (
    recipient_pb2,
    session_pb2,
    session_requests_pb2,
    session_service_pb2,
    session_service_pb2_grpc,
)

CALL_TIMEOUT_S = 30
WATCH_PAUSE_S = 1

FINAL = (
    session_pb2.SESSION_STATE_SUCCEEDED,
    session_pb2.SESSION_STATE_PARTIALLY_SUCCEEDED,
    session_pb2.SESSION_STATE_FAILED,
    session_pb2.SESSION_STATE_CANCELLED,
    session_pb2.SESSION_STATE_EXPIRED,
    session_pb2.SESSION_STATE_INTERRUPTED,
)

# What is safe to try again while the service is away: to make a session is, as it
# has a request id.
SERVICE_CONFIG = json.dumps(
    {
        "methodConfig": [
            {
                "name": [
                    {"service": "tcptool.v1.SessionService", "method": "CreateSession"},
                    {"service": "tcptool.v1.SessionService", "method": "RetrySession"},
                    {"service": "tcptool.v1.SessionService", "method": "GetSession"},
                ],
                "retryPolicy": {
                    "maxAttempts": 5,
                    "initialBackoff": "0.1s",
                    "maxBackoff": "2s",
                    "backoffMultiplier": 2,
                    "retryableStatusCodes": ["UNAVAILABLE"],
                },
            }
        ]
    }
)


def say(**what):
    print(json.dumps(what), flush=True)


def create(service, args, fleet, rollout):
    """A session that expects all machines."""
    root, _, path = args.file.partition("/")
    spec = session_pb2.SessionSpec(
        file=session_pb2.FileSource(root=root, path=path),
        listener=session_pb2.Listener(port=args.port),
        expected=[
            session_pb2.ExpectedRecipient(address=address, label=machine)
            for machine, address in sorted(fleet.items())
        ],
        # Nobody else gets the file.
        allow=sorted(set(fleet.values())),
        start=session_pb2.StartPolicy(
            ignore_start_byte=True, max_wait=duration_pb2.Duration(seconds=args.max_wait)
        ),
        labels={"rollout": rollout},
    )
    # After max_wait and a moment nobody has come: the round is over.
    spec.expire_after.seconds = args.max_wait + 1
    return service.CreateSession(
        session_service_pb2.CreateSessionRequest(
            session=session_pb2.Session(spec=spec), request_id=rollout
        ),
        timeout=CALL_TIMEOUT_S,
    )


def retry(service, name, request_id):
    """A session for those whom another has not reached; None if that was deleted."""
    try:
        return service.RetrySession(
            session_requests_pb2.RetrySessionRequest(name=name, request_id=request_id),
            timeout=CALL_TIMEOUT_S,
        )
    except grpc.RpcError as error:
        # A file that is missing is NOT_FOUND too; so is its root.
        if error.code() == grpc.StatusCode.NOT_FOUND and not exists(service, name):
            return None
        raise


def exists(service, name):
    """Whether there is a session of this name."""
    try:
        service.GetSession(
            session_service_pb2.GetSessionRequest(name=name), timeout=CALL_TIMEOUT_S
        )
    except grpc.RpcError as error:
        if error.code() == grpc.StatusCode.NOT_FOUND:
            return False
        raise
    return True


def watch(service, name):
    """The changes of a session until it is final or deleted.

    Survives the service's restart.
    """
    request = session_service_pb2.WatchSessionsRequest(names=[name], include_recipients=True)
    ended = False
    while True:
        try:
            for message in service.WatchSessions(request):
                for change in message.changes:
                    if change.deleted_name == name:
                        return
                    ended |= change.HasField("session") and change.session.state in FINAL
                    yield change
                if message.bookmark:
                    # All up to here was said; a later watch goes on from here.
                    if ended:
                        return
                    request.resume_revision = message.revision
        except grpc.RpcError as error:
            if error.code() == grpc.StatusCode.OUT_OF_RANGE:
                request.resume_revision = 0  # Too long ago: from a new snapshot.
            elif error.code() == grpc.StatusCode.NOT_FOUND:
                return  # Deleted while nobody watched.
            elif error.code() == grpc.StatusCode.UNAVAILABLE:
                time.sleep(WATCH_PAUSE_S)
            else:
                raise


def follow(service, name, missing):
    """Takes those who get the file from `missing`, until the session is over."""
    told = {}
    for change in watch(service, name):
        if not change.HasField("recipient"):
            continue
        recipient = change.recipient
        state = recipient_pb2.RecipientState.Name(recipient.state)
        if recipient.label and told.get(recipient.label) != state:
            told[recipient.label] = state
            say(event="machine", machine=recipient.label, state=state, detail=recipient.detail)
        if recipient.state == recipient_pb2.RECIPIENT_STATE_DELIVERED:
            missing.discard(recipient.label)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", default="127.0.0.1:9875", metavar="HOST:PORT")
    parser.add_argument("--file", required=True, metavar="ROOT/PATH")
    parser.add_argument("--fleet", required=True, metavar="FLEET.json")
    parser.add_argument("--port", type=int, default=0, metavar="N")
    parser.add_argument("--max-wait", type=int, default=60, metavar="SECONDS")
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    args = parser.parse_args()

    with open(args.fleet, encoding="utf-8") as fleet:
        machines = json.load(fleet)
    missing = set(machines)
    rollout = uuid.uuid4().hex[:12]
    with grpc.insecure_channel(
        args.server,
        options=[
            ("grpc.service_config", SERVICE_CONFIG),
            # A watch of a host that is gone would wait for ever.
            ("grpc.keepalive_time_ms", 10_000),
            ("grpc.keepalive_timeout_ms", 10_000),
        ],
    ) as channel:
        service = session_service_pb2_grpc.SessionServiceStub(channel)
        session = create(service, args, machines, rollout)
        for number in range(1, args.rounds + 1):
            say(event="round", number=number, session=session.name, address=session.data_endpoint)
            follow(service, session.name, missing)
            if not missing or number == args.rounds:
                break
            session = retry(service, session.name, f"{rollout}-{number}")
            if session is None:
                break
    say(event="end", missing=sorted(missing))
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())

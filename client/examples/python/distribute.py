#!/usr/bin/env python3
"""Has nodes of a fleet get a file of one of them, and acts on those that do not.

usage: distribute.py --server HOST:PORT[,...] --file NODE:ROOT/PATH --as ROOT/PATH
                     [--to NODE,...] [--expire-after SECONDS] [--retries N]
                     [--on-failure COMMAND] [--tls-ca FILE]
                     [--tls-cert FILE --tls-key FILE] [--token-file FILE]

Any node of the fleet answers for all: of several servers, the next is asked when one is
away. Without --to, all nodes get the file. When the distribution has ended, COMMAND is run
for each node that does not have the file, with the node's name, the state of its delivery
and what was wrong as arguments; then it is tried again for these. Prints an object a line,
in JSON; exits with 0 when all nodes have the file, with 1 when not, and with 2 when it is
called wrongly, as with a COMMAND that cannot be run. With --tls-ca it speaks TLS, and shows
the certificate or the token, where they are given.

Needs grpcio, and the stubs that protoc makes of proto/tcptool/v1 (docs/api.md).
"""

import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import time
import uuid

import grpc
from google.protobuf import duration_pb2
from tcptool.v1 import (
    distribution_pb2,
    distribution_service_pb2,
    distribution_service_pb2_grpc,
)

CALL_TIMEOUT_S = 30
PAUSE_S = 1
# How often each server is asked before it is given up.
ATTEMPTS = 10

# Each call here is safe to try again: to create is by the request id.
TRY_AGAIN = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)

GOES_ON = (
    distribution_pb2.DISTRIBUTION_STATE_PLANNING,
    distribution_pb2.DISTRIBUTION_STATE_RUNNING,
)


def say(**what):
    print(json.dumps(what), flush=True)


def complain(text):
    print(f"distribute.py: {text}", file=sys.stderr, flush=True)


def state_name(distribution):
    return distribution_pb2.DistributionState.Name(distribution.state)


class Fleet:
    """The API of whichever server answers."""

    def __init__(self, servers, credentials):
        """`credentials`: a function that makes those of a channel; None: in clear text."""
        self.servers = servers
        self.credentials = credentials
        self.channel = None
        self.turn()

    def turn(self):
        """To the first server, or the next."""
        if self.channel is not None:
            self.channel.close()
            self.servers = self.servers[1:] + self.servers[:1]
        say(event="server", server=self.servers[0])
        # A watch of a host that is gone would wait for ever.
        options = [("grpc.keepalive_time_ms", 10_000), ("grpc.keepalive_timeout_ms", 10_000)]
        self.channel = (
            grpc.secure_channel(self.servers[0], self.credentials(), options)
            if self.credentials
            else grpc.insecure_channel(self.servers[0], options)
        )
        self.api = distribution_service_pb2_grpc.DistributionServiceStub(self.channel)

    def call(self, method, request):
        for attempt in range(ATTEMPTS * len(self.servers), 0, -1):
            try:
                return getattr(self.api, method)(request, timeout=CALL_TIMEOUT_S)
            except grpc.RpcError as error:
                if error.code() not in TRY_AGAIN or attempt == 1:
                    raise
            time.sleep(PAUSE_S)
            self.turn()


def create(fleet, args):
    node, _, file = args.file.partition(":")
    names = distribution_pb2
    spec = names.DistributionSpec(
        file=names.FleetFileSource(
            node=node, root=file.partition("/")[0], path=file.partition("/")[2]
        ),
        targets=names.DistributionTargets(
            all=not args.to, nodes=args.to.split(",") if args.to else []
        ),
        destination=names.DistributionDestination(
            root=args.destination.partition("/")[0], path=args.destination.partition("/")[2]
        ),
        # Nodes that are not there are waited for so long.
        expire_after=duration_pb2.Duration(seconds=args.expire_after),
    )
    return fleet.call(
        "CreateDistribution",
        distribution_service_pb2.CreateDistributionRequest(
            distribution=names.Distribution(spec=spec), request_id=str(uuid.uuid4())
        ),
    )


def watch(fleet, name):
    """The distribution as it changes, or None once it is deleted.

    Goes on with another server when one is away.
    """
    request = distribution_service_pb2.WatchDistributionsRequest(names=[name])
    unknown = 0
    while True:
        try:
            for message in fleet.api.WatchDistributions(request):
                for change in message.changes:
                    if change.deleted_name:
                        yield None
                        return
                    yield change.distribution
        except grpc.RpcError as error:
            if error.code() == grpc.StatusCode.NOT_FOUND:
                # What one node was asked for, another may know a moment later.
                unknown += 1
                if unknown == ATTEMPTS:
                    yield None
                    return
            elif error.code() not in TRY_AGAIN:
                raise
            else:
                fleet.turn()
        time.sleep(PAUSE_S)


def follow(fleet, name, ended_before):
    """Until it has ended, once more than `ended_before`; None if it was deleted."""
    told = None
    for distribution in watch(fleet, name):
        if distribution is None:
            return None
        if distribution.state not in GOES_ON and distribution.end_time == ended_before:
            continue  # This node has not heard yet that it goes on.
        counts = distribution.counts
        now = {"state": state_name(distribution), "delivered": counts.delivered}
        if now != told:
            say(event="progress", detail=distribution.detail, **now)
            told = now
        if distribution.state not in GOES_ON:
            return distribution


def deliveries(fleet, name):
    request = distribution_service_pb2.ListDeliveriesRequest(parent=name)
    while True:
        answer = fleet.call("ListDeliveries", request)
        yield from answer.deliveries
        if not answer.next_page_token:
            return
        request.page_token = answer.next_page_token


def act_on(delivery, command):
    state = distribution_pb2.DeliveryState.Name(delivery.state)
    say(event="node", node=delivery.node, state=state, detail=delivery.detail)
    if not command:
        return
    try:
        # What it prints is not one of the lines of this program.
        status = subprocess.run(
            [command, delivery.node, state, delivery.detail], stdout=sys.stderr, check=False
        ).returncode
    except OSError as error:  # It was there at the start.
        complain(f"cannot run {command} for {delivery.node}: {error.strerror}")
    else:
        if status != 0:
            complain(f"{command} for {delivery.node} ended with {status}")


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", default="127.0.0.1:9875", metavar="HOST:PORT,...")
    parser.add_argument("--file", required=True, metavar="NODE:ROOT/PATH")
    parser.add_argument("--as", required=True, metavar="ROOT/PATH", dest="destination")
    parser.add_argument("--to", default="", metavar="NODE,...")
    parser.add_argument("--expire-after", type=int, default=3600, metavar="SECONDS")
    parser.add_argument("--retries", type=int, default=2, metavar="N")
    parser.add_argument("--on-failure", default="", metavar="COMMAND")
    for option in ("--tls-ca", "--tls-cert", "--tls-key", "--token-file"):
        parser.add_argument(option, type=pathlib.Path, metavar="FILE")
    args = parser.parse_args()
    if not args.tls_ca and (args.tls_cert or args.tls_key or args.token_file):
        parser.error(
            "--tls-cert, --tls-key and --token-file want --tls-ca: what they show is for TLS alone"
        )
    if bool(args.tls_cert) != bool(args.tls_key):
        parser.error("--tls-cert and --tls-key go together")
    # Not when it is needed, after hours.
    if args.on_failure and shutil.which(args.on_failure) is None:
        parser.error(f"--on-failure: {args.on_failure}: there is no such program to run")
    return args


def credentials_of(args):
    """Of a channel. Each time anew, as the files may have been replaced."""

    def read(path):
        return path.read_bytes() if path else None

    tls = grpc.ssl_channel_credentials(read(args.tls_ca), read(args.tls_key), read(args.tls_cert))
    if not args.token_file:
        return tls
    token = args.token_file.read_text(encoding="ascii").strip()
    return grpc.composite_channel_credentials(tls, grpc.access_token_call_credentials(token))


def run(args):
    fleet = Fleet(args.server.split(","), (lambda: credentials_of(args)) if args.tls_ca else None)
    distribution = create(fleet, args)
    name = distribution.name
    say(event="distribution", name=name)
    missing = []
    for retries_left in range(args.retries, -1, -1):
        ended = follow(fleet, name, distribution.end_time)
        if ended is None:
            say(event="end", state="DELETED", missing=[])
            return 1
        distribution = ended
        missing = [
            delivery
            for delivery in deliveries(fleet, name)
            if delivery.state != distribution_pb2.DELIVERY_STATE_DELIVERED
        ]
        for delivery in missing:
            act_on(delivery, args.on_failure)
        is_over = distribution.state in (
            distribution_pb2.DISTRIBUTION_STATE_SUCCEEDED,
            distribution_pb2.DISTRIBUTION_STATE_CANCELLED,  # Somebody has meant that.
        )
        if is_over or retries_left == 0:
            break
        fleet.call(
            "RetryDistribution", distribution_service_pb2.RetryDistributionRequest(name=name)
        )
    say(
        event="end",
        state=state_name(distribution),
        missing=sorted(delivery.node for delivery in missing),
    )
    return 0 if distribution.state == distribution_pb2.DISTRIBUTION_STATE_SUCCEEDED else 1


def main():
    args = parse()
    try:
        return run(args)
    except grpc.RpcError as error:
        complain(f"{error.code().name}: {error.details()}")
        return 1
    except OSError as error:
        complain(error)  # A certificate, say, that is not there.
        return 1


if __name__ == "__main__":
    sys.exit(main())

"""Calls of the API over HTTP: by curl, and the messages of streams."""

import json
import socket
import struct
import subprocess

import harness

SERVICE = "/tcptool.v1.SessionService"
GET_NODE = "/tcptool.v1.NodeService/GetNode"
WATCH = f"{SERVICE}/WatchSessions"


def envelope(message, flags=0):
    return struct.pack(">BI", flags, len(message)) + message


def messages(stream):
    """The messages of a stream, with their flags."""
    while stream:
        flags, size = struct.unpack(">BI", stream[:5])
        yield flags, json.loads(stream[5 : 5 + size])
        stream = stream[5 + size :]


class Answer:
    """What curl has printed."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    def json(self):
        return json.loads(self.body)

    def details(self):
        """What the error's details are of each type, in JSON."""
        return {one["type"]: one.get("debug") for one in self.json().get("details", ())}


def curl(service, path, body=b"{}", content_type="application/json", options=(), scheme="http"):
    """The answer to a POST, by curl."""
    done = subprocess.run(
        [
            "curl", "--silent", "--show-error", "--max-time", str(harness.DEADLINE_S),
            "--include", "--data-binary", "@-", "--header", f"Content-Type: {content_type}",
            *options, f"{scheme}://{service.http_address}{path}",
        ],
        input=body,
        capture_output=True,
        check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise ConnectionError(done.stderr.decode())
    head, _, content = done.stdout.partition(b"\r\n\r\n")
    while b" 100 " in head.splitlines()[0]:
        head, _, content = content.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = {}
    for line in lines:
        name, _, value = line.partition(": ")
        headers[name.lower()] = value
    return Answer(int(status.split()[1]), headers, content)


def open_stream(service, headers="", path=WATCH):
    """The socket of a watch, and the first bytes of the answer. `headers`: with line ends."""
    peer = socket.create_connection(
        ("127.0.0.1", harness.port_of_address(service.http_address)),
        timeout=harness.DEADLINE_S,
    )
    body = envelope(b"{}")
    peer.sendall(
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}"
        f"Content-Type: application/connect+json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        + body
    )
    return peer, peer.recv(1 << 16)


def read_until(peer, answer, is_enough):
    """More of an answer, of which `answer` has come."""
    while not is_enough(answer):
        part = peer.recv(1 << 16)
        if not part:
            raise AssertionError(f"the connection ended behind {answer}")
        answer += part
    return answer


def read_stream(peer, answer):
    """The same to the end of a stream."""
    return read_until(peer, answer, lambda one: one.endswith(b"\r\n0\r\n\r\n"))

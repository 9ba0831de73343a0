#!/usr/bin/python3
"""The part of Kubernetes' API that tells of nodes, as far as components/rack needs it.

Usage: kubernetes_api.py CERTIFICATE KEY TOKEN NODES, where NODES is a JSON object of the
metadata of each node by its name. Prints "up" when it listens, on all addresses.
"""

import http.server
import json
import ssl
import sys

CERTIFICATE, KEY, TOKEN, NODES = sys.argv[1:]


class Api(http.server.BaseHTTPRequestHandler):
    busy = True  # With the first request.

    def do_GET(self):
        path, _, query = self.path.partition("?")
        name = path.removeprefix("/api/v1/nodes/")
        metadata = json.loads(NODES).get(name)
        if Api.busy:
            Api.busy = False
            self.send_error(503)
        elif self.headers["Authorization"] != f"Bearer {TOKEN}":
            self.send_error(401)
        elif metadata is None:
            self.send_error(404)
        else:
            answer = {"metadata": metadata}
            # As Kubernetes writes it.
            text = json.dumps(answer, indent=2 if query == "pretty=true" else None)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(text.encode())


server = http.server.HTTPServer(("", 443), Api)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(CERTIFICATE, KEY)
server.socket = context.wrap_socket(server.socket, server_side=True)
print("up", flush=True)
server.serve_forever()

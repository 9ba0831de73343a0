"""Programs that take a session's content: ours, and those that we did not write."""

import pathlib
import subprocess
import tempfile

import harness

START = b"\x01"
WAIT = b"\x00"


class Kind:
    """How a program is run as a recipient.

    `input_ends`: its input is at its end after the start byte, as in
    `printf '\\1' | nc HOST PORT`; otherwise it stays open, as a terminal does.
    """

    def __init__(self, name, arguments, input_ends=False, sends_byte_itself=False):
        self.name = name
        self.arguments = arguments
        self.input_ends = input_ends
        self.sends_byte_itself = sends_byte_itself


# In `arguments`, PORT stands for the session's port.
KINDS = (
    Kind("nc.openbsd -N", ["nc.openbsd", "-N", "127.0.0.1", "PORT"], input_ends=True),
    Kind("nc.openbsd", ["nc.openbsd", "127.0.0.1", "PORT"], input_ends=True),
    Kind("nc.traditional", ["nc.traditional", "127.0.0.1", "PORT"], input_ends=True),
    Kind("nc.traditional, open input", ["nc.traditional", "127.0.0.1", "PORT"]),
    # Without -t it leaves half a second after its input's end; without -d it
    # says nothing of a reset, and ends with 0.
    Kind("socat", ["socat", "-d", "-t600", "-", "TCP:127.0.0.1:PORT"], input_ends=True),
    Kind("socat, open input", ["socat", "-d", "-", "TCP:127.0.0.1:PORT"]),
    Kind("ncat", ["ncat", "127.0.0.1", "PORT"], input_ends=True),
    Kind("tcptool -r", ["TCPTOOL", "-r", "127.0.0.1:PORT"], sends_byte_itself=True),
)

# The same in TLS; AUTHORITY stands for the file with the certificate of who has signed the
# session's, which is for "localhost".
TLS_KINDS = (
    Kind(
        "ncat --ssl",
        ["ncat", "--ssl-verify", "--ssl-trustfile", "AUTHORITY", "localhost", "PORT"],
        input_ends=True,
    ),
    Kind(
        "socat openssl",
        ["socat", "-d", "-t600", "-", "OPENSSL:localhost:PORT,pf=ip4,cafile=AUTHORITY"],
        input_ends=True,
    ),
    # It ends with its sender, whatever its own input does.
    Kind(
        "openssl s_client",
        ["openssl", "s_client", "-quiet", "-verify_return_error", "-verify_hostname", "localhost",
         "-CAfile", "AUTHORITY", "-connect", "127.0.0.1:PORT"],
        input_ends=True,
    ),
    Kind(
        "tcptool -r --tls",
        ["TCPTOOL", "-r", "127.0.0.1:PORT", "--tls", "--tls-ca", "AUTHORITY",
         "--tls-name", "localhost"],
        sends_byte_itself=True,
    ),
)  # fmt: skip

# They have the whole content, and do not close the connection while their own input
# is open. So nothing says that they are done with it.
LINGERING_KINDS = (
    Kind("nc.openbsd, open input", ["nc.openbsd", "127.0.0.1", "PORT"]),
    Kind("ncat, open input", ["ncat", "127.0.0.1", "PORT"]),
)


class Recipient:
    """A running recipient, which writes to a file of its own."""

    def __init__(self, kind, port, byte, keep_output=True, authority="", into=None):
        """`into`: a path to write to, in place of that file."""
        self.kind = kind
        self._directory = tempfile.TemporaryDirectory(prefix="recipient.")
        home = pathlib.Path(self._directory.name)
        self.output = into or home / "output"
        self._errors = home / "errors"
        arguments = [
            text.replace("PORT", str(port)).replace("AUTHORITY", str(authority))
            for text in kind.arguments
        ]
        if kind.sends_byte_itself:
            arguments[0] = harness.program("tcptool")
            if byte == START:
                arguments.append("-t")
        with open(self.output, "wb") as output, open(self._errors, "wb") as errors:
            self.process = subprocess.Popen(
                arguments,
                stdin=subprocess.PIPE,
                stdout=output if keep_output else subprocess.PIPE,
                stderr=errors,
            )
        if not kind.sends_byte_itself:
            self.process.stdin.write(byte)
            self.process.stdin.flush()
        if kind.input_ends:
            self.process.stdin.close()

    def wait(self):
        """The exit status, and what the program said on its error output."""
        status = self.process.wait(timeout=harness.DEADLINE_S)
        return status, self._errors.read_text(errors="replace")

    def close(self):
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                pipe.close()
        self._directory.cleanup()

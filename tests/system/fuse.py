"""A file system with one file, whose server is the test: what NFS and others do with a
server that is slow to be asked, or gone, without another machine (linux/fuse.h, 7.31)."""

import ctypes
import os
import struct
import threading

FILE = "content"
BLOCK = 4096

_LOOKUP, _FORGET, _GETATTR, _OPEN, _READ, _STATFS, _RELEASE = 1, 2, 3, 14, 15, 17, 18
_FLUSH, _INIT, _OPENDIR, _RELEASEDIR, _INTERRUPT, _DESTROY = 25, 26, 27, 29, 36, 38
_BATCH_FORGET = 42
_ENOENT, _EIO, _ENOSYS = 2, 5, 38

_ROOT, _NODE = 1, 2
_HEADER = struct.Struct("<IIQQ16x")  # fuse_in_header: length, opcode, unique, node
_MNT_DETACH = 2

_libc = ctypes.CDLL(None, use_errno=True)


class Fuse:
    """Mounted at `path`. Attributes are good for `valid_s` seconds: so long the kernel asks
    nobody unless it is told to."""

    def __init__(self, path, size, valid_s):
        self._path = os.fsencode(path)
        self._size = size
        self._valid_s = valid_s
        self._byte, self._time = b"O", 1_700_000_000
        self._lock = threading.Lock()
        self._held = None  # Answers that are held back, while the server is gone.
        self._descriptor = os.open("/dev/fuse", os.O_RDWR)
        options = f"fd={self._descriptor},rootmode=40000,user_id=0,group_id=0,allow_other"
        if _libc.mount(b"test", self._path, b"fuse", 1, options.encode()) != 0:
            raise OSError(ctypes.get_errno(), "mounting FUSE")
        threading.Thread(target=self._serve, daemon=True).start()

    def change(self, byte):
        """The server has other content now, and says so to who asks."""
        self._byte, self._time = byte, self._time + 1000

    def hang(self):
        with self._lock:
            self._held = []

    def come_back(self):
        """What was asked meanwhile fails."""
        with self._lock:
            for unique in self._held or ():
                self._answer(unique, error=_EIO)
            self._held = None

    def close(self):
        self.come_back()
        _libc.umount2(self._path, _MNT_DETACH)

    def _serve(self):
        while True:
            try:
                request = os.read(self._descriptor, 1 << 21)
            except OSError:  # Unmounted.
                return
            _, opcode, unique, node = _HEADER.unpack_from(request)
            if opcode in (_FORGET, _BATCH_FORGET, _INTERRUPT):
                continue  # They have no answer.
            with self._lock:
                if self._held is not None:
                    self._held.append(unique)
                else:
                    self._answer(unique, *self._reply(opcode, node, request[_HEADER.size :]))

    def _answer(self, unique, data=b"", error=0):
        try:
            os.write(self._descriptor, struct.pack("<IiQ", 16 + len(data), -error, unique) + data)
        except OSError:  # Whoever asked is gone.
            pass

    def _reply(self, opcode, node, body):
        if opcode == _INIT:
            # Version, read-ahead, background, congestion, largest write, time's granularity.
            return (struct.pack("<IIIIHHIIHHI28x", 7, 31, 1 << 20, 0, 12, 9, 1 << 20, 1, 32, 0, 0),)
        if opcode == _LOOKUP:
            if body.rstrip(b"\0") != FILE.encode():
                return b"", _ENOENT
            valid = struct.pack("<QQQQII", _NODE, 0, self._valid_s, self._valid_s, 0, 0)
            return (valid + self._attributes(_NODE),)
        if opcode == _GETATTR:
            return (struct.pack("<QII", self._valid_s, 0, 0) + self._attributes(node),)
        if opcode in (_OPEN, _OPENDIR):
            return (struct.pack("<QII", 1, 0, 0),)
        if opcode == _READ:
            offset, size = struct.unpack_from("<8xQI", body)
            return (self._byte * max(0, min(size, self._size - offset)),)
        if opcode in (_RELEASE, _RELEASEDIR, _FLUSH, _DESTROY):
            return (b"",)
        if opcode == _STATFS:
            return (bytes(80),)
        return b"", _ENOSYS

    def _attributes(self, node):
        is_directory = node == _ROOT
        mode = 0o40755 if is_directory else 0o100644
        size = 0 if is_directory else self._size
        times = (self._time,) * 3
        return struct.pack(
            "<QQQQQQ10I", node, size, 0, *times, 0, 0, 0, mode, 1, 0, 0, 0, BLOCK, 0
        )

"""The listening sockets of another process."""

import ctypes
import errno
import os
import socket
import stat

PIDFD_GETFD = 438  # pidfd_getfd(2), for which Python has no function.


def listener_of(pid, port):
    """Another process's listening socket, as a descriptor of this one."""
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd = os.pidfd_open(pid)
    try:
        for name in os.listdir(f"/proc/{pid}/fd"):
            descriptor = libc.syscall(PIDFD_GETFD, pidfd, int(name), 0)
            if descriptor < 0:
                if (error := ctypes.get_errno()) == errno.EBADF:  # Closed since.
                    continue
                raise OSError(error, f"pidfd_getfd: {os.strerror(error)}")
            if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                os.close(descriptor)
                continue
            one = socket.socket(fileno=descriptor)
            if (
                one.family in (socket.AF_INET, socket.AF_INET6)
                and one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
                and one.getsockname()[1] == port
            ):
                return one
            one.close()
    finally:
        os.close(pidfd)
    raise AssertionError(f"nobody listens on port {port}")

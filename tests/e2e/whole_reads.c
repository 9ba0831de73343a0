// Preloaded: a large read from a socket answers when it is full, or nothing
// more comes, as it would if the sender were always ahead. How often content is
// read then depends on nothing but the size of the reads.
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static ssize_t Receive(int socket, void* buffer, size_t size, int flags) {
  return syscall(SYS_recvfrom, socket, buffer, size, flags, NULL, NULL);
}

ssize_t recv(int socket, void* buffer, size_t size, int flags) {
  if (size < 65536) return Receive(socket, buffer, size, flags);
  const int mode = fcntl(socket, F_GETFL);
  fcntl(socket, F_SETFL, mode & ~O_NONBLOCK);
  const ssize_t got =
      Receive(socket, buffer, size, (flags & ~MSG_DONTWAIT) | MSG_WAITALL);
  fcntl(socket, F_SETFL, mode);
  return got;
}

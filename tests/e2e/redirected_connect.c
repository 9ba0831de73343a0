// Preloaded: connections to loopback addresses and one of the ports
// $REDIRECTED_PORTS, which have a comma before and behind each, go to 127.0.0.3:
// where a test stands in the way of this process alone.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static int IsRedirected(const struct sockaddr_in* address) {
  char port[16];
  snprintf(port, sizeof(port), ",%d,", ntohs(address->sin_port));
  return ntohl(address->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET &&
         strstr(getenv("REDIRECTED_PORTS"), port) != NULL;
}

int connect(int socket, const struct sockaddr* address, socklen_t size) {
  int (*next)(int, const struct sockaddr*, socklen_t);
  *(void**)&next = dlsym(RTLD_NEXT, "connect");
  if (address->sa_family != AF_INET) return next(socket, address, size);
  struct sockaddr_in to = *(const struct sockaddr_in*)address;
  if (IsRedirected(&to)) to.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 2);
  return next(socket, (const struct sockaddr*)&to, sizeof(to));
}

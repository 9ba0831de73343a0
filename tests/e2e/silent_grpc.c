// Preloaded: while the file $SILENT_GRPC is there, gRPC's threads learn of no
// event of a socket, as if none of them got a processor. Those of the rest of
// the process do.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

static int IsGrpcs(void* code) {
  Dl_info info;
  return dladdr(code, &info) != 0 && strstr(info.dli_fname, "/libgrpc") != NULL;
}

int epoll_wait(int epoll, struct epoll_event* events, int most, int timeout) {
  int (*next)(int, struct epoll_event*, int, int);
  *(void**)&next = dlsym(RTLD_NEXT, "epoll_wait");
  const int count = next(epoll, events, most, timeout);
  if (IsGrpcs(__builtin_return_address(0))) {
    while (access(getenv("SILENT_GRPC"), F_OK) == 0) usleep(10000);
  }
  return count;
}

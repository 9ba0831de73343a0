// Preloaded: while the file $HELD_LISTING is there, reading a directory does not
// come back, as on a network file system whose server answers all else.
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

static void WaitWhileHeld(void) {
  while (access(getenv("HELD_LISTING"), F_OK) == 0) usleep(10000);
}

struct dirent* readdir(DIR* directory) {
  struct dirent* (*next)(DIR*);
  *(void**)&next = dlsym(RTLD_NEXT, "readdir");
  WaitWhileHeld();
  return next(directory);
}

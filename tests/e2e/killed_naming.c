// Preloaded: kills the process, as kill -9 does, in the moment in which a
// content gets its name: at the point that the file $KILLED_NAMING names, if it
// is there. "before": the name is not there yet. "after": it is. "synced": it is
// on the disk.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static _Thread_local int has_renamed;

static void KillAt(const char* point) {
  char wanted[16] = "";
  FILE* const file = fopen(getenv("KILLED_NAMING"), "r");
  if (file == NULL) return;
  const int is_read = fgets(wanted, sizeof wanted, file) != NULL;
  fclose(file);
  if (is_read && strcmp(wanted, point) == 0) raise(SIGKILL);
}

int renameat2(int from_directory, const char* from, int to_directory,
              const char* to, unsigned flags) {
  int (*next)(int, const char*, int, const char*, unsigned);
  *(void**)&next = dlsym(RTLD_NEXT, "renameat2");
  KillAt("before");
  const int result = next(from_directory, from, to_directory, to, flags);
  KillAt("after");
  has_renamed = result == 0;
  return result;
}

int fsync(int file) {
  int (*next)(int);
  *(void**)&next = dlsym(RTLD_NEXT, "fsync");
  const int result = next(file);
  if (has_renamed) KillAt("synced");
  has_renamed = 0;
  return result;
}

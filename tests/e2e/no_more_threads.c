// Preloaded: while the file $NO_MORE_THREADS is there, the process gets no thread
// beyond the number that the file has, as at a limit of tasks (which does not
// bind root, or takes a cgroup).
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static int Threads(void) {
  int count = -2;  // "." and "..".
  DIR* tasks = opendir("/proc/self/task");
  while (readdir(tasks) != NULL) ++count;
  closedir(tasks);
  return count;
}

static int IsAtLimit(void) {
  int limit = 0;
  FILE* file = fopen(getenv("NO_MORE_THREADS"), "r");
  if (file == NULL) return 0;
  if (fscanf(file, "%d", &limit) != 1) limit = 0;
  fclose(file);
  return Threads() >= limit;
}

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes,
                   void* (*main)(void*), void* argument) {
  int (*next)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  *(void**)&next = dlsym(RTLD_NEXT, "pthread_create");
  return IsAtLimit() ? EAGAIN : next(thread, attributes, main, argument);
}

/* For tests: a disk that has stalled. While the file named by HELD_SYNC exists, fdatasync waits, as
   it does on a device that does not answer. Preloaded into a whole daemon. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

int fdatasync(int file) {
  static int (*real)(int);
  const char *held = getenv("HELD_SYNC");
  while (held != NULL && access(held, F_OK) == 0) usleep(1000);
  if (real == NULL) real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
  return real(file);
}

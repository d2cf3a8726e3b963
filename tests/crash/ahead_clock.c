/* For tests: a clock that is wrong. The wall's time is ahead by CLOCK_AHEAD_S seconds. Preloaded into
   a whole daemon. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

int clock_gettime(clockid_t id, struct timespec *now) {
  static int (*real)(clockid_t, struct timespec *);
  if (real == NULL) {
    real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
  }
  const int failed = real(id, now);
  const char *ahead = getenv("CLOCK_AHEAD_S");
  const int is_wall = id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE;
  if (failed == 0 && is_wall && ahead != NULL) now->tv_sec += atoll(ahead);
  return failed;
}

/* Checks for tests in C: say what failed and go on; the exit code tells. */
#ifndef GPUWARD_TESTS_NVML_CLIENT_CHECK_H
#define GPUWARD_TESTS_NVML_CLIENT_CHECK_H

#include <stdio.h>
#include <string.h>

static int failed_checks;

#define CHECK(condition)                                             \
  do {                                                               \
    if (!(condition)) {                                              \
      ++failed_checks;                                               \
      printf("%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
    }                                                                \
  } while (0)
#define CHECK_NUMBER(actual, wanted)                                       \
  do {                                                                     \
    const long long actual_ = (long long)(actual);                         \
    const long long wanted_ = (long long)(wanted);                         \
    if (actual_ != wanted_) {                                              \
      ++failed_checks;                                                     \
      printf("%s:%d: %s is %lld, not %lld\n", __FILE__, __LINE__, #actual, \
             actual_, wanted_);                                            \
    }                                                                      \
  } while (0)
#define CHECK_TEXT(actual, wanted)                                             \
  do {                                                                         \
    if (strcmp(actual, wanted) != 0) {                                         \
      ++failed_checks;                                                         \
      printf("%s:%d: %s is \"%s\", not \"%s\"\n", __FILE__, __LINE__, #actual, \
             actual, wanted);                                                  \
    }                                                                          \
  } while (0)

#endif

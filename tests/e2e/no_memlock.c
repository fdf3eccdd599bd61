/* For LD_PRELOAD: crun raises RLIMIT_MEMLOCK before it loads a device filter,
 * and gives up where it may not (no CAP_SYS_RESOURCE), though kernels since
 * 5.11 do not count BPF programs against it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/resource.h>

int setrlimit(__rlimit_resource_t resource, const struct rlimit* limit) {
  if (resource == RLIMIT_MEMLOCK) return 0;
  int (*real)(__rlimit_resource_t, const struct rlimit*) =
      (__typeof__(real))dlsym(RTLD_NEXT, "setrlimit");
  return real(resource, limit);
}

#include "lapack_library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

#include "CEmberLinearAlgebra.h"

lapack_library ember_lapack;

#define ADVICE "install it, on Debian with: apt install libopenblas0-pthread"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool loaded = false;
static char error[256];

static void load(void) {
#if defined(__APPLE__)
  static const char *const names[] = {"/System/Library/Frameworks/Accelerate.framework/Accelerate", "libopenblas.dylib"};
#else
  static const char *const names[] = {"libopenblas.so.0", "liblapack.so.3", "libopenblas.so", "liblapack.so"};
#endif
  void *library = NULL;
  for (size_t i = 0; i < sizeof names / sizeof names[0] && !library; i++) library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    snprintf(error, sizeof error, "LAPACK (%s) was not found; " ADVICE, names[0]);
    return;
  }
#define FIND(name, arguments, ...)                                                             \
  {                                                                                            \
    static const char *const symbols[4] = {__VA_ARGS__};                                       \
    for (int i = 0; i < 4; i++)                                                                \
      if (symbols[i] && !(*(void **)&ember_lapack.name[i] = dlsym(library, symbols[i]))) {     \
        snprintf(error, sizeof error, "the LAPACK library lacks %s; " ADVICE, symbols[i]);     \
        return;                                                                                \
      }                                                                                        \
  }
  LAPACK_ROUTINES(FIND)
#undef FIND
  // One thread a call: parallel work is ours to share out.
  void (*set_threads)(int);
  if ((*(void **)&set_threads = dlsym(library, "openblas_set_num_threads"))) set_threads(1);
  loaded = true;
}

bool ember_lapack_available(void) {
  pthread_once(&once, load);
  return loaded;
}

const char *ember_lapack_error(void) {
  pthread_once(&once, load);
  return error;
}

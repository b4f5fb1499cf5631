// Which instruction set the kernels use: the machine's best, the EMBER_ISA variable, or a thread's own choice.
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "ember_kernels_types.h"

// -1: not known yet. Finding out twice at the same time does no harm: every thread finds the same.
static _Atomic int best_isa = -1;
static _Atomic int default_isa = -1;
static _Thread_local int thread_isa = -1;

// Exactly the features that bodies/isa.h builds with.
static int detect_best(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c") &&
              __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
  if (!avx2) return EMBER_ISA_BASELINE;
  bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                __builtin_cpu_supports("avx512cd");
  return avx512 ? EMBER_ISA_AVX512 : EMBER_ISA_AVX2;
#else
  return EMBER_ISA_BASELINE;
#endif
}

int ember_isa_best(void) {
  int best = atomic_load_explicit(&best_isa, memory_order_relaxed);
  if (best < 0) {
    best = detect_best();
    atomic_store_explicit(&best_isa, best, memory_order_relaxed);
  }
  return best;
}

// A name that is unknown, or that this machine does not have, is ignored.
static int find_default(void) {
  static const char *const names[EMBER_ISA_COUNT] = {"scalar", "baseline", "avx2", "avx512"};
  int isa = ember_isa_best();
  const char *wanted = getenv("EMBER_ISA");
  for (int i = 0; wanted && i <= ember_isa_best(); i++)
    if (strcmp(wanted, names[i]) == 0) isa = i;
  atomic_store_explicit(&default_isa, isa, memory_order_relaxed);
  return isa;
}

int ember_isa_current(void) {
  if (thread_isa >= 0) return thread_isa;
  int isa = atomic_load_explicit(&default_isa, memory_order_relaxed);
  return isa >= 0 ? isa : find_default();
}

bool ember_isa_set(int isa) {
  if (isa < -1 || isa > ember_isa_best()) return false;
  thread_isa = isa;
  return true;
}

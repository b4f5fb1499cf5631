// Runs CUDA C++ kernels on the CPU: one fiber a thread of a block, barriers and shuffles are switches between fibers. x86-64 and arm64
// (System V). What it cannot show: real races, asynchrony, speed, and inline PTX (kernels give a plain branch under EMBER_HOST).
#pragma once
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <new>
#include <utility>

#define EMBER_HOST 1
#define __global__
#define __device__
#define __host__
#define __constant__ static
#define __forceinline__ inline
#define __noinline__
#define __launch_bounds__(...)
#define __shared__ static
#define __align__(n) __attribute__((aligned(n)))
#define __restrict__ __restrict

struct dim3 { unsigned x = 1, y = 1, z = 1; };
static dim3 threadIdx, blockIdx, blockDim, gridDim;  // set on every switch into a fiber
enum { warpSize = 32 };

namespace shim {
extern "C" void ember_shim_switch(void **save, void *to);
#if defined(__x86_64__)
asm(".weak ember_shim_switch\nember_shim_switch:\n push %rbp\n push %rbx\n push %r12\n push %r13\n push %r14\n push %r15\n"
    " mov %rsp,(%rdi)\n mov %rsi,%rsp\n pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbx\n pop %rbp\n ret\n");
static const int saved_words = 6;
#else
#error "the host shim has no context switch for this processor"
#endif

enum State { running, at_block_barrier, at_warp_barrier, finished };
struct Fiber { char *stack = nullptr; void *sp = nullptr; int state = finished; dim3 index; };
static const size_t stack_bytes = 128 * 1024;
static Fiber fibers[1024];
static void *scheduler;
static int current;
static void (*body)(void *);
static void *argument;
alignas(1024) static char dynamic_shared[232448];
static uint64_t mailbox[1024];
static unsigned votes[32];

static void yield(int state) {
  fibers[current].state = state;
  ember_shim_switch(&fibers[current].sp, scheduler);
}
static void entry() {
  body(argument);
  yield(finished);
  abort();
}
static void resume(int i) {
  current = i;
  threadIdx = fibers[i].index;
  ember_shim_switch(&scheduler, fibers[i].sp);
}

static void run_block(int count) {
  for (int i = 0; i < count; i++) {
    Fiber &fiber = fibers[i];
    if (!fiber.stack) fiber.stack = (char *)aligned_alloc(64, stack_bytes);
    void **top = (void **)(fiber.stack + stack_bytes - 64);
    *--top = nullptr;
    *--top = (void *)entry;
    top -= saved_words;
    memset(top, 0, saved_words * sizeof(void *));
    fiber.sp = top;
    fiber.state = running;
    fiber.index = dim3{i % blockDim.x, i / blockDim.x % blockDim.y, i / blockDim.x / blockDim.y};
  }
  for (;;) {
    for (int first = 0; first < count; first += 32) {
      const int end = first + 32 < count ? first + 32 : count;
      for (;;) {
        bool any = false, barrier = false;
        for (int i = first; i < end; i++)
          if (fibers[i].state == running) any = true, resume(i);
        for (int i = first; i < end; i++) barrier |= fibers[i].state == at_warp_barrier;
        if (barrier) {
          for (int i = first; i < end; i++)
            if (fibers[i].state == at_warp_barrier) fibers[i].state = running;
        } else if (!any) {
          break;
        }
      }
    }
    int done = 0, waiting = 0;
    for (int i = 0; i < count; i++) done += fibers[i].state == finished, waiting += fibers[i].state == at_block_barrier;
    if (done == count) return;
    if (done && waiting) {
      fprintf(stderr, "host shim: __syncthreads reached by %d of %d threads\n", waiting, count);
      abort();
    }
    for (int i = 0; i < count; i++) fibers[i].state = running;
  }
}

template <class F> void launch(dim3 grid, dim3 block, F f) {
  gridDim = grid;
  blockDim = block;
  body = [](void *p) { (*(F *)p)(); };
  argument = &f;
  for (blockIdx.z = 0; blockIdx.z < grid.z; ++blockIdx.z)
    for (blockIdx.y = 0; blockIdx.y < grid.y; ++blockIdx.y)
      for (blockIdx.x = 0; blockIdx.x < grid.x; ++blockIdx.x) run_block((int)(block.x * block.y * block.z));
}

// A launch as the driver does it: arguments lie in one buffer, each at its alignment.
template <class... A, size_t... I>
void invoke_with(void (*f)(A...), const unsigned *d, const char *buffer, std::index_sequence<I...>) {
  size_t offset = 0, offsets[sizeof...(A) + 1];
  int n = 0;
  ((offset = (offset + alignof(A) - 1) / alignof(A) * alignof(A), offsets[n++] = offset, offset += sizeof(A)), ...);
  launch({d[0], d[1], d[2]}, {d[3], d[4], d[5]}, [&] { f(*(const A *)(buffer + offsets[I])...); });
}
template <class... A> void invoke(void (*f)(A...), const unsigned *dimensions, const void *arguments) {
  invoke_with(f, dimensions, (const char *)arguments, std::index_sequence_for<A...>{});
}

template <class T> T exchange(T value, int source) {
  static_assert(sizeof(T) <= 8, "shuffles move at most 8 bytes");
  const int base = current & ~31;
  memcpy(&mailbox[current], &value, sizeof value);
  yield(at_warp_barrier);
  T result;
  memcpy(&result, &mailbox[base + (source & 31)], sizeof result);
  yield(at_warp_barrier);
  return result;
}
}  // namespace shim

#define DYNAMIC_SHARED(T, name) T *name = (T *)shim::dynamic_shared

inline void __syncthreads() { shim::yield(shim::at_block_barrier); }
inline void __syncwarp(unsigned = ~0u) { shim::yield(shim::at_warp_barrier); }
inline void __threadfence() {}
inline void __threadfence_block() {}
inline void __threadfence_system() {}
template <class T> T __shfl_xor_sync(unsigned, T v, int mask) { return shim::exchange(v, (shim::current & 31) ^ mask); }
template <class T> T __shfl_down_sync(unsigned, T v, int d) {
  const int lane = shim::current & 31;
  return shim::exchange(v, lane + d < 32 ? lane + d : lane);
}
template <class T> T __shfl_up_sync(unsigned, T v, int d) {
  const int lane = shim::current & 31;
  return shim::exchange(v, lane - d >= 0 ? lane - d : lane);
}
template <class T> T __shfl_sync(unsigned, T v, int source) { return shim::exchange(v, source); }
inline unsigned __ballot_sync(unsigned, int predicate) {
  const int base = shim::current & ~31;
  shim::mailbox[shim::current] = predicate != 0;
  shim::yield(shim::at_warp_barrier);
  unsigned result = 0;
  for (int i = 0; i < 32 && base + i < (int)(blockDim.x * blockDim.y * blockDim.z); i++)
    result |= (unsigned)shim::mailbox[base + i] << i;
  shim::yield(shim::at_warp_barrier);
  return result;
}
inline int __any_sync(unsigned m, int p) { return __ballot_sync(m, p) != 0; }
inline int __all_sync(unsigned m, int p) { return __ballot_sync(m, !p) == 0; }

template <class T, class U> T atomicAdd(T *p, U v) { T old = *p; *p = (T)(old + v); return old; }
template <class T, class U> T atomicMax(T *p, U v) { T old = *p; if ((T)v > old) *p = (T)v; return old; }
template <class T, class U> T atomicMin(T *p, U v) { T old = *p; if ((T)v < old) *p = (T)v; return old; }
template <class T, class U> T atomicExch(T *p, U v) { T old = *p; *p = (T)v; return old; }
template <class T, class U, class V> T atomicCAS(T *p, U expected, V v) { T old = *p; if (old == (T)expected) *p = (T)v; return old; }
template <class T, class U> T atomicOr(T *p, U v) { T old = *p; *p = old | (T)v; return old; }

inline float __uint_as_float(unsigned u) { float f; memcpy(&f, &u, 4); return f; }
inline unsigned __float_as_uint(float f) { unsigned u; memcpy(&u, &f, 4); return u; }
inline float __int_as_float(int u) { float f; memcpy(&f, &u, 4); return f; }
inline int __float_as_int(float f) { int u; memcpy(&u, &f, 4); return u; }
inline double __longlong_as_double(long long u) { double f; memcpy(&f, &u, 8); return f; }
inline long long __double_as_longlong(double f) { long long u; memcpy(&u, &f, 8); return u; }
inline unsigned __umulhi(unsigned a, unsigned b) { return (unsigned)((uint64_t)a * b >> 32); }
inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
  return (unsigned long long)((unsigned __int128)a * b >> 64);
}
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
inline int __clz(int x) { return x ? __builtin_clz((unsigned)x) : 32; }
inline int __clzll(long long x) { return x ? __builtin_clzll((unsigned long long)x) : 64; }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline float rsqrtf(float x) { return 1 / sqrtf(x); }
inline double rsqrt(double x) { return 1 / sqrt(x); }
inline float __expf(float x) { return expf(x); }
inline float __logf(float x) { return logf(x); }
inline float __fdividef(float a, float b) { return a / b; }
inline float __frcp_rn(float x) { return 1 / x; }
inline float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
inline void sincospif(float x, float *s, float *c) { *s = sinf(x * 3.14159265358979f); *c = cosf(x * 3.14159265358979f); }
inline void sincospi(double x, double *s, double *c) { *s = sin(x * 3.14159265358979323846); *c = cos(x * 3.14159265358979323846); }
template <class T> T __ldg(const T *p) { return *p; }
inline long long clock64() { return 0; }
template <class T> inline T max(T a, T b) { return a > b ? a : b; }
template <class T> inline T min(T a, T b) { return a < b ? a : b; }

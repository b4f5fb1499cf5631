// One pool of threads for all kernels. A parallel loop's chunks are claimed one by one by whoever is free, and the caller
// claims too, so a thread that the system does not schedule delays nobody: it has simply claimed nothing.
#if defined(__linux__)
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#endif

#include "ember_allocator.h"
#include "ember_kernels_types.h"

#define MAXIMUM_THREADS 512
#define STACK_BYTES (1 << 20)
// A batch of chunks is counted in 31 bits; longer loops run as several batches.
#define MAXIMUM_BATCH (INT64_C(1) << 30)
#define CLOSED UINT64_C(0x7fffffff)

// The one job that the pool works on. Its fields are atomic because a late worker may read them while the next job is being
// written; `ticket` decides whether what it read counts.
static struct {
  // generation << 32 | next chunk. Claiming a chunk is a compare-exchange of the whole, so it fails if the job has changed.
  _Alignas(64) _Atomic uint64_t ticket;
  _Atomic(void (*)(void *, int64_t)) body;
  _Atomic(void *) context;
  _Atomic int64_t first, count;
  _Atomic int isa;
  // Chunks finished, and whether the caller sleeps until all are.
  _Alignas(64) _Atomic uint32_t done;
  _Atomic uint32_t caller_sleeps;
  // Set when a chunk on another thread ran out of memory, which the caller is to learn.
  _Atomic bool memory_failed;
  // Counts jobs; workers wait for it to change.
  _Alignas(64) _Atomic uint32_t generation;
  _Atomic uint32_t sleepers;
  // Held by the thread whose job this is.
  _Alignas(64) _Atomic bool held;
} job;

// The number of threads wanted (0: not known yet), and the number that the workers have been brought to.
static _Atomic int wanted_threads = 0;
static _Atomic int present_threads = 1;
static _Atomic int spin_microseconds = -1;

// Guards `alive`, and starting and ending of threads.
static pthread_mutex_t thread_lock = PTHREAD_MUTEX_INITIALIZER;
static bool alive[MAXIMUM_THREADS];

// Whether this thread is already inside a parallel loop.
static _Thread_local bool inside = false;

// MARK: Waiting

static inline void pause_briefly(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

#if defined(__linux__)
static void sleep_while(_Atomic uint32_t *word, uint32_t value) {
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL, NULL, 0);
}
static void wake(_Atomic uint32_t *word, int count) { syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0); }
#else
static pthread_mutex_t sleep_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t sleep_condition = PTHREAD_COND_INITIALIZER;
static void sleep_while(_Atomic uint32_t *word, uint32_t value) {
  pthread_mutex_lock(&sleep_lock);
  // One wait is enough: callers look at their word again.
  if (atomic_load(word) == value) pthread_cond_wait(&sleep_condition, &sleep_lock);
  pthread_mutex_unlock(&sleep_lock);
}
static void wake(_Atomic uint32_t *word, int count) {
  (void)word, (void)count;
  pthread_mutex_lock(&sleep_lock);
  pthread_cond_broadcast(&sleep_condition);
  pthread_mutex_unlock(&sleep_lock);
}
#endif

static int64_t microseconds_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

// How long a worker spins before it sleeps: EMBER_SPIN_MICROSECONDS, else 200. Operations follow each other within
// microseconds, and waking a sleeping thread takes tens of them.
static int spin_limit(void) {
  int limit = atomic_load_explicit(&spin_microseconds, memory_order_relaxed);
  if (limit >= 0) return limit;
  const char *text = getenv("EMBER_SPIN_MICROSECONDS");
  limit = text && *text ? atoi(text) : 200;
  if (limit < 0) limit = 0;
  atomic_store_explicit(&spin_microseconds, limit, memory_order_relaxed);
  return limit;
}

// Spins until *word differs from `value`, for a limited time; true if it does.
static bool spin_until_changed(_Atomic uint32_t *word, uint32_t value, int limit) {
  int64_t end = 0;
  for (;;) {
    for (int i = 0; i < 64; i++) {
      if (atomic_load_explicit(word, memory_order_acquire) != value) return true;
      pause_briefly();
    }
    int64_t now = microseconds_now();
    if (end == 0) end = now + limit;
    if (now >= end) return atomic_load_explicit(word, memory_order_acquire) != value;
  }
}

// MARK: Work

// Claims and runs chunks of the present job until none is left.
static void work(bool for_another_thread) {
  uint64_t ticket = atomic_load_explicit(&job.ticket, memory_order_acquire);
  for (;;) {
    // Acquire: having read a value of a later job means having seen that job close the ticket, so that the exchange below
    // fails.
    int64_t count = atomic_load_explicit(&job.count, memory_order_acquire);
    int64_t first = atomic_load_explicit(&job.first, memory_order_acquire);
    void (*body)(void *, int64_t) = atomic_load_explicit(&job.body, memory_order_acquire);
    void *context = atomic_load_explicit(&job.context, memory_order_acquire);
    int isa = atomic_load_explicit(&job.isa, memory_order_acquire);
    int64_t chunk = (int64_t)(ticket & 0xffffffff);
    if (chunk >= count) return;
    if (!atomic_compare_exchange_weak_explicit(&job.ticket, &ticket, ticket + 1, memory_order_acq_rel, memory_order_acquire))
      continue;
    // Bodies normally take their kernels from the caller's context; for those that ask here, the caller's choice holds too.
    if (for_another_thread) ember_isa_set(isa);
    body(context, first + chunk);
    if (for_another_thread && ember_take_scratch_failure()) atomic_store(&job.memory_failed, true);
    uint32_t finished = atomic_fetch_add(&job.done, 1) + 1;
    if ((int64_t)finished == count && atomic_load(&job.caller_sleeps)) wake(&job.done, 1);
    ticket = atomic_load_explicit(&job.ticket, memory_order_acquire);
  }
}

// True, with `alive` cleared, if the worker of this index is no longer wanted.
static bool retire(int index) {
  if (index < atomic_load_explicit(&wanted_threads, memory_order_relaxed)) return false;
  pthread_mutex_lock(&thread_lock);
  bool leaving = index >= atomic_load_explicit(&wanted_threads, memory_order_relaxed);
  if (leaving) alive[index] = false;
  pthread_mutex_unlock(&thread_lock);
  return leaving;
}

static void *worker(void *argument) {
  int index = (int)(intptr_t)argument;
  inside = true;
  uint32_t seen = 0;
  while (!retire(index)) {
    uint32_t generation = atomic_load_explicit(&job.generation, memory_order_acquire);
    if (generation == seen && !spin_until_changed(&job.generation, seen, spin_limit())) {
      // Announce the sleep before the last look: a caller first changes the generation, then looks for sleepers.
      atomic_fetch_add(&job.sleepers, 1);
      if (atomic_load(&job.generation) == seen) sleep_while(&job.generation, seen);
      atomic_fetch_sub(&job.sleepers, 1);
      continue;
    }
    seen = atomic_load_explicit(&job.generation, memory_order_acquire);
    work(true);
  }
  return NULL;
}

// MARK: Threads

// A child process has none of the threads, and may have been forked while a lock was held.
static void forget_threads(void) {
  pthread_mutex_t fresh = PTHREAD_MUTEX_INITIALIZER;
  thread_lock = fresh;
#if !defined(__linux__)
  pthread_cond_t fresh_condition = PTHREAD_COND_INITIALIZER;
  sleep_lock = fresh;
  sleep_condition = fresh_condition;
#endif
  for (int i = 0; i < MAXIMUM_THREADS; i++) alive[i] = false;
  atomic_store(&present_threads, 1);
  atomic_store(&job.sleepers, 0);
  atomic_store(&job.caller_sleeps, 0);
  atomic_store(&job.ticket, CLOSED);
  atomic_store(&job.memory_failed, false);
  atomic_store(&job.held, false);
}

static void watch_forks(void) { pthread_atfork(NULL, NULL, forget_threads); }

// Brings the workers up to the wanted number. Too many end by themselves.
static void start_threads(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, watch_forks);
  pthread_mutex_lock(&thread_lock);
  int wanted = atomic_load(&wanted_threads), present = 1;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, STACK_BYTES);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  for (int i = 1; i < wanted; i++, present++) {
    if (alive[i]) continue;
    pthread_t thread;
    // Without the thread its share is simply done by the others.
    if (pthread_create(&thread, &attributes, worker, (void *)(intptr_t)i) != 0) continue;
    alive[i] = true;
  }
  pthread_attr_destroy(&attributes);
  atomic_store(&present_threads, present);
  pthread_mutex_unlock(&thread_lock);
}

static int default_threads(void) {
  const char *text = getenv("EMBER_NUM_THREADS");
  int count = text && *text ? atoi(text) : 0;
#if defined(__linux__)
  cpu_set_t set;
  if (count <= 0 && sched_getaffinity(0, sizeof set, &set) == 0) count = CPU_COUNT(&set);
#endif
  if (count <= 0) count = (int)sysconf(_SC_NPROCESSORS_ONLN);
  return count < 1 ? 1 : count > MAXIMUM_THREADS ? MAXIMUM_THREADS : count;
}

int ember_thread_count(void) {
  int count = atomic_load_explicit(&wanted_threads, memory_order_relaxed);
  if (count > 0) return count;
  int expected = 0, found = default_threads();
  return atomic_compare_exchange_strong(&wanted_threads, &expected, found) ? found : expected;
}

void ember_set_thread_count(int count) {
  atomic_store(&wanted_threads, count < 1 ? 1 : count > MAXIMUM_THREADS ? MAXIMUM_THREADS : count);
  // The next loop starts what is missing: a thread that was wanted before may have ended since.
  atomic_store(&present_threads, 0);
  // Sleeping workers that are no longer wanted must notice.
  atomic_fetch_add(&job.generation, 1);
  wake(&job.generation, INT32_MAX);
}

// MARK: Parallel loops

static void run_batch(int64_t first, int64_t count, void (*body)(void *, int64_t), void *context, int isa) {
  uint32_t generation = atomic_load_explicit(&job.generation, memory_order_relaxed) + 1;
  atomic_store(&job.ticket, (uint64_t)generation << 32 | CLOSED);
  atomic_store_explicit(&job.count, count, memory_order_release);
  atomic_store_explicit(&job.first, first, memory_order_release);
  atomic_store_explicit(&job.body, body, memory_order_release);
  atomic_store_explicit(&job.context, context, memory_order_release);
  atomic_store_explicit(&job.isa, isa, memory_order_release);
  atomic_store_explicit(&job.caller_sleeps, 0, memory_order_relaxed);
  atomic_store_explicit(&job.done, 0, memory_order_relaxed);
  atomic_store(&job.ticket, (uint64_t)generation << 32);
  // An addition, because a change of the number of threads counts too.
  atomic_fetch_add(&job.generation, 1);
  if (atomic_load(&job.sleepers) > 0) wake(&job.generation, count - 1 < INT32_MAX ? (int)(count - 1) : INT32_MAX);

  work(false);

  // What is left is running on other threads. They are normally about to finish; if not, the core may be theirs.
  for (;;) {
    uint32_t done = atomic_load_explicit(&job.done, memory_order_acquire);
    if ((int64_t)done == count) break;
    if (spin_until_changed(&job.done, done, 50)) continue;
    atomic_store(&job.caller_sleeps, 1);
    done = atomic_load(&job.done);
    if ((int64_t)done == count) break;
    sleep_while(&job.done, done);
  }
}

int ember_parallel_width(void) { return inside ? 1 : ember_thread_count(); }

void ember_parallel(int64_t chunks, void (*body)(void *context, int64_t chunk), void *context) {
  int threads = ember_thread_count();
  bool expected = false;
  if (chunks <= 1 || threads <= 1 || inside ||
      !atomic_compare_exchange_strong_explicit(&job.held, &expected, true, memory_order_acquire, memory_order_relaxed)) {
    for (int64_t chunk = 0; chunk < chunks; chunk++) body(context, chunk);
    return;
  }
  if (atomic_load_explicit(&present_threads, memory_order_relaxed) != threads) start_threads();
  inside = true;
  int isa = ember_isa_current();
  for (int64_t first = 0; first < chunks; first += MAXIMUM_BATCH)
    run_batch(first, chunks - first < MAXIMUM_BATCH ? chunks - first : MAXIMUM_BATCH, body, context, isa);
  inside = false;
  if (atomic_load_explicit(&job.memory_failed, memory_order_relaxed)) {
    atomic_store_explicit(&job.memory_failed, false, memory_order_relaxed);
    ember_note_scratch_failure();
  }
  atomic_store_explicit(&job.held, false, memory_order_release);
}

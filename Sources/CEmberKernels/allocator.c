// The caching allocator for tensor buffers.
//
// A block belongs to a size class; its caller remembers the size, so blocks carry no header. A thread keeps a few small blocks
// of each class for itself, reached without locks or atomic read-modify-writes. Behind that, and for all large blocks, lies
// one cache under a mutex, and behind that the system. Cached blocks are linked through their own first bytes.
#if defined(__linux__)
#define _GNU_SOURCE
#endif
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ember_allocator.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define EMBER_ADDRESS_SANITIZER 1
#endif
#endif
// Cached blocks are poisoned, so that a use after free is caught although the memory has not left the process; so is the rest of a
// block behind what was asked for, so that a kernel that reads or writes past the end of a tensor is caught too.
#if EMBER_ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>
#define POISON(block, bytes) ASAN_POISON_MEMORY_REGION(block, bytes)
#define UNPOISON(block, bytes) ASAN_UNPOISON_MEMORY_REGION(block, bytes)
#else
#define POISON(block, bytes) ((void)(block), (void)(bytes))
#define UNPOISON(block, bytes) ((void)(block), (void)(bytes))
#endif

#define SMALL_BYTES ((size_t)64 << 10)
// Blocks from here on are mapped by themselves, aligned for huge pages.
#define MAPPED_BYTES ((size_t)4 << 20)
#define HUGE_PAGE ((size_t)2 << 20)
// Small classes are 64 … 64 KiB (see class_of); the last class is a quarter step below 2^48.
#define SMALL_CLASSES 36
#define CLASS_COUNT 164
#define MAXIMUM_BYTES ((size_t)1 << 47)
// What a thread may keep: of one class, and of all.
#define THREAD_CLASS_BYTES (256 << 10)
#define THREAD_CLASS_BLOCKS 64
#define THREAD_BYTES (4 << 20)
// A thread's change of the live bytes is made known to the others when it exceeds this.
#define UNTOLD_BYTES (128 << 10)

typedef struct {
  void *next;
} free_block;

// MARK: Size classes

// Steps of 64 bytes up to 512, then four steps per power of two: 640, 768, 896, 1024, 1280, …
static inline int class_of(size_t bytes) {
  if (bytes <= 256) return bytes == 0 ? 0 : (int)((bytes - 1) >> 6);
  int log = 63 - __builtin_clzll(bytes - 1);
  return 4 * (log - 8) + 4 + (int)(((bytes - 1) >> (log - 2)) & 3);
}

static inline size_t class_bytes(int class) {
  if (class < 4) return (size_t)(class + 1) << 6;
  int log = class / 4 + 7;
  return ((size_t)1 << log) + ((size_t)(class % 4 + 1) << (log - 2));
}

// Where a cached block's link is. It must not be poisoned, or the leak checker would not follow it; at the end it leaves the
// bytes that a use after free most likely touches poisoned.
static inline free_block *link_of(void *block, int class) {
#if EMBER_ADDRESS_SANITIZER
  return (free_block *)((char *)block + class_bytes(class) - sizeof(free_block));
#else
  (void)class;
  return block;
#endif
}
static inline void push(void **list, void *block, int class) {
  link_of(block, class)->next = *list;
  *list = block;
  POISON(block, class_bytes(class) - sizeof(free_block));
}
static inline void *pop(void **list, int class) {
  void *block = *list;
  *list = link_of(block, class)->next;
  UNPOISON(block, class_bytes(class));
  return block;
}

// MARK: State

// A counter that one thread writes and others read.
static inline void add_own(_Atomic int64_t *counter, int64_t change) {
  atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + change, memory_order_relaxed);
}
static inline int64_t load(_Atomic int64_t *counter) { return atomic_load_explicit(counter, memory_order_relaxed); }

typedef struct thread_cache {
  void *lists[SMALL_CLASSES];
  int counts[SMALL_CLASSES];
  bool ready, ended;
  uint32_t release_count;
  _Atomic int64_t bytes;
  _Atomic int64_t untold_live;
  _Atomic int64_t allocations, hits;
  struct thread_cache *previous, *next;
} thread_cache;

static _Thread_local thread_cache own;

// Guards the lists below and the chain of threads.
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static void *shared_lists[CLASS_COUNT];
static int64_t shared_bytes = 0;
static thread_cache *threads = NULL;
// What threads that have ended had counted.
static int64_t ended_allocations = 0, ended_hits = 0;

static _Atomic int64_t live_bytes = 0, peak_bytes = 0, system_bytes = 0, system_allocations = 0, cap = 0;
// Counts releases; a thread whose own count is behind gives its cache up.
static _Atomic uint32_t release_count = 0;
static pthread_key_t thread_key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int64_t cache_limit = 0;

static void tell_live(int64_t change) {
  int64_t live = atomic_fetch_add_explicit(&live_bytes, change, memory_order_relaxed) + change;
  int64_t peak = load(&peak_bytes);
  while (live > peak && !atomic_compare_exchange_weak_explicit(&peak_bytes, &peak, live, memory_order_relaxed,
                                                               memory_order_relaxed)) {
  }
}

static inline void count_live(int64_t change) {
  int64_t untold = load(&own.untold_live) + change;
  if (untold > UNTOLD_BYTES || untold < -UNTOLD_BYTES) {
    tell_live(untold);
    untold = 0;
  }
  atomic_store_explicit(&own.untold_live, untold, memory_order_relaxed);
}

// MARK: The system

static void *system_take(size_t bytes) {
  int64_t limit = load(&cap);
  if (atomic_fetch_add(&system_bytes, (int64_t)bytes) + (int64_t)bytes > limit && limit > 0) {
    atomic_fetch_sub(&system_bytes, (int64_t)bytes);
    return NULL;
  }
  void *block = NULL;
  if (bytes < MAPPED_BYTES) {
    if (posix_memalign(&block, 64, bytes) != 0) block = NULL;
  } else {
    // Map more than needed and cut off both ends, so that the block starts on a huge page.
    char *start = mmap(NULL, bytes + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start != MAP_FAILED) {
      size_t before = (HUGE_PAGE - (uintptr_t)start % HUGE_PAGE) % HUGE_PAGE;
      if (before > 0) munmap(start, before);
      munmap(start + before + bytes, HUGE_PAGE - before);
      block = start + before;
#if defined(MADV_HUGEPAGE)
      madvise(block, bytes, MADV_HUGEPAGE);
#endif
    }
  }
  if (block)
    atomic_fetch_add(&system_allocations, 1);
  else
    atomic_fetch_sub(&system_bytes, (int64_t)bytes);
  return block;
}

static void system_give_back(void *block, size_t bytes) {
  UNPOISON(block, bytes);
  if (bytes < MAPPED_BYTES)
    free(block);
  else
    munmap(block, bytes);
  atomic_fetch_sub(&system_bytes, (int64_t)bytes);
}

// MARK: The shared cache (call with the lock held)

// Gives the largest blocks back until at most `limit` bytes are left.
static void trim_shared(int64_t limit) {
  for (int class = CLASS_COUNT - 1; class >= 0 && shared_bytes > limit; class--)
    while (shared_lists[class] && shared_bytes > limit) {
      system_give_back(pop(&shared_lists[class], class), class_bytes(class));
      shared_bytes -= (int64_t)class_bytes(class);
    }
}

static void put_shared(void *block, int class) {
  push(&shared_lists[class], block, class);
  shared_bytes += (int64_t)class_bytes(class);
}

static void *take_shared(int class) {
  if (!shared_lists[class]) return NULL;
  shared_bytes -= (int64_t)class_bytes(class);
  return pop(&shared_lists[class], class);
}

// MARK: Threads

// Moves blocks of a class to the shared cache until `keep` are left.
static void spill(int class, int keep) {
  while (own.counts[class] > keep) {
    put_shared(pop(&own.lists[class], class), class);
    own.counts[class]--;
    add_own(&own.bytes, -(int64_t)class_bytes(class));
  }
}

// Gives the thread's blocks back to the system.
static void drop_all(void) {
  for (int class = 0; class < SMALL_CLASSES; class++)
    while (own.lists[class]) {
      system_give_back(pop(&own.lists[class], class), class_bytes(class));
      own.counts[class]--;
      add_own(&own.bytes, -(int64_t)class_bytes(class));
    }
}

static void spill_all(void) {
  for (int class = 0; class < SMALL_CLASSES; class++) spill(class, 0);
}

static void end_thread(void *argument) {
  (void)argument;
  tell_live(load(&own.untold_live));
  atomic_store_explicit(&own.untold_live, 0, memory_order_relaxed);
  pthread_mutex_lock(&lock);
  spill_all();
  ended_allocations += load(&own.allocations);
  ended_hits += load(&own.hits);
  if (own.previous) own.previous->next = own.next;
  if (own.next) own.next->previous = own.previous;
  if (threads == &own) threads = own.next;
  trim_shared(cache_limit);
  pthread_mutex_unlock(&lock);
  own.ready = false;
  // Destructors of other thread variables may still free blocks; those go straight to the shared cache.
  own.ended = true;
}

// A child process has one thread. What others had cached is lost to it; the lock must not stay held.
static void before_fork(void) { pthread_mutex_lock(&lock); }
static void after_fork(void) { pthread_mutex_unlock(&lock); }
static void forget_threads(void) {
  threads = own.ready ? &own : NULL;
  own.previous = own.next = NULL;
  pthread_mutex_unlock(&lock);
}

static void start(void) {
  int64_t half_memory = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE) / 2;
  cache_limit = half_memory > (1 << 30) ? half_memory : 1 << 30;
  pthread_key_create(&thread_key, end_thread);
  pthread_atfork(before_fork, after_fork, forget_threads);
}

// Whether this thread may cache blocks.
static bool start_thread(void) {
  if (own.ended) return false;
  pthread_once(&once, start);
  pthread_setspecific(thread_key, &own);
  pthread_mutex_lock(&lock);
  own.next = threads;
  if (threads) threads->previous = &own;
  threads = &own;
  pthread_mutex_unlock(&lock);
  own.ready = true;
  return true;
}

// MARK: Allocating

// Everything but a hit in the thread's own cache.
static __attribute__((noinline)) void *allocate_slowly(int class) {
  bool small = class < SMALL_CLASSES;
  size_t size = class_bytes(class);
  bool caching = own.ready || start_thread();
  pthread_mutex_lock(&lock);
  void *block = take_shared(class);
  // Fetch some more of a small class while the lock is held.
  if (block && small && caching)
    for (int i = 0; i < 8 && shared_lists[class] && (i + 1) * size <= THREAD_CLASS_BYTES / 2; i++) {
      push(&own.lists[class], take_shared(class), class);
      own.counts[class]++;
      add_own(&own.bytes, (int64_t)size);
    }
  pthread_mutex_unlock(&lock);
  bool hit = block != NULL;
  if (!block) block = system_take(size);
  if (!block) {
    ember_allocator_release();
    block = system_take(size);
  }
  if (!block) return NULL;
  if (caching) {
    add_own(&own.allocations, 1);
    if (hit) add_own(&own.hits, 1);
  } else {
    pthread_mutex_lock(&lock);
    ended_allocations++;
    ended_hits += hit;
    pthread_mutex_unlock(&lock);
  }
  if (small && caching)
    count_live((int64_t)size);
  else
    // Together with what is untold, so that the peak is right to the byte for large blocks.
    tell_live((int64_t)size + atomic_exchange_explicit(&own.untold_live, 0, memory_order_relaxed));
  return block;
}

static inline void *allocate_block(int class) {
  if (class >= SMALL_CLASSES || !own.lists[class]) return allocate_slowly(class);
  size_t size = class_bytes(class);
  own.counts[class]--;
  add_own(&own.bytes, -(int64_t)size);
  add_own(&own.allocations, 1);
  add_own(&own.hits, 1);
  count_live((int64_t)size);
  return pop(&own.lists[class], class);
}

void *ember_allocate(size_t bytes) {
  if (bytes > MAXIMUM_BYTES) return NULL;
  int class = class_of(bytes);
  char *block = allocate_block(class);
  if (block) POISON(block + bytes, class_bytes(class) - bytes);
  return block;
}

// Whether a kernel running on this thread got no memory since somebody asked.
static _Thread_local bool scratch_failed = false;

void *ember_scratch(size_t bytes) {
  void *block = ember_allocate(bytes);
  if (!block) scratch_failed = true;
  return block;
}

bool ember_take_scratch_failure(void) {
  const bool failed = scratch_failed;
  if (__builtin_expect(failed, 0)) scratch_failed = false;
  return failed;
}

void ember_note_scratch_failure(void) { scratch_failed = true; }

static __attribute__((noinline)) void deallocate_slowly(void *block, int class) {
  bool small = class < SMALL_CLASSES;
  size_t size = class_bytes(class);
  bool caching = own.ready || start_thread();
  if (small && caching) {
    uint32_t releases = atomic_load_explicit(&release_count, memory_order_relaxed);
    if (own.release_count != releases) {
      own.release_count = releases;
      pthread_mutex_lock(&lock);
      drop_all();
      pthread_mutex_unlock(&lock);
    } else if (own.counts[class] > 0) {
      pthread_mutex_lock(&lock);
      if (load(&own.bytes) + (int64_t)size > THREAD_BYTES)
        spill_all();
      else
        spill(class, own.counts[class] / 2);
      trim_shared(cache_limit);
      pthread_mutex_unlock(&lock);
    }
    push(&own.lists[class], block, class);
    own.counts[class]++;
    add_own(&own.bytes, (int64_t)size);
    count_live(-(int64_t)size);
    return;
  }
  tell_live(-(int64_t)size + atomic_exchange_explicit(&own.untold_live, 0, memory_order_relaxed));
  pthread_mutex_lock(&lock);
  put_shared(block, class);
  trim_shared(cache_limit);
  pthread_mutex_unlock(&lock);
}

void ember_deallocate(void *block, size_t bytes) {
  if (!block) return;
  int class = class_of(bytes);
  size_t size = class_bytes(class);
  UNPOISON(block, size);
  // A bound on count and bytes of the class, the thread's total, and no release since.
  if (class >= SMALL_CLASSES || !own.ready || own.counts[class] >= THREAD_CLASS_BLOCKS ||
      (size_t)own.counts[class] * size >= THREAD_CLASS_BYTES || load(&own.bytes) > THREAD_BYTES - (int64_t)size ||
      own.release_count != atomic_load_explicit(&release_count, memory_order_relaxed))
    return deallocate_slowly(block, class);
  push(&own.lists[class], block, class);
  own.counts[class]++;
  add_own(&own.bytes, (int64_t)size);
  count_live(-(int64_t)size);
}

// MARK: Control

void ember_allocator_release(void) {
  pthread_once(&once, start);
  own.release_count = atomic_fetch_add(&release_count, 1) + 1;
  pthread_mutex_lock(&lock);
  spill_all();
  trim_shared(0);
  pthread_mutex_unlock(&lock);
}

void ember_allocator_set_cap(size_t bytes) {
  atomic_store(&cap, bytes > MAXIMUM_BYTES ? (int64_t)MAXIMUM_BYTES : (int64_t)bytes);
}

// The live bytes with what threads have not told. Call with the lock held.
static int64_t exact_live(void) {
  int64_t live = load(&live_bytes);
  for (thread_cache *thread = threads; thread; thread = thread->next) live += load(&thread->untold_live);
  return live;
}

bool ember_allocator_statistics(ember_allocator_stats *statistics) {
  if (!statistics) return false;
  pthread_mutex_lock(&lock);
  statistics->live_bytes = exact_live();
  statistics->cached_bytes = shared_bytes;
  statistics->allocations = ended_allocations;
  statistics->cache_hits = ended_hits;
  for (thread_cache *thread = threads; thread; thread = thread->next) {
    statistics->cached_bytes += load(&thread->bytes);
    statistics->allocations += load(&thread->allocations);
    statistics->cache_hits += load(&thread->hits);
  }
  int64_t peak = load(&peak_bytes);
  statistics->peak_live_bytes = peak > statistics->live_bytes ? peak : statistics->live_bytes;
  statistics->system_allocations = load(&system_allocations);
  pthread_mutex_unlock(&lock);
  return true;
}

void ember_allocator_reset_peak(void) {
  pthread_mutex_lock(&lock);
  atomic_store(&peak_bytes, exact_live());
  pthread_mutex_unlock(&lock);
}

// A caching allocator for tensor buffers: fresh pages cost far more than the arithmetic that fills them.
#ifndef EMBER_ALLOCATOR_H
#define EMBER_ALLOCATOR_H

#include "ember_kernels_types.h"

#ifdef __cplusplus
extern "C" {
#endif

/// What the allocator has done. Sizes count whole blocks: what was asked for, rounded up to a size class.
typedef struct {
  /// Bytes in blocks that are in use.
  int64_t live_bytes;
  /// The largest live_bytes since the start or `ember_allocator_reset_peak`. Small blocks are added up
  /// per thread, so it may miss up to 256 KiB a thread.
  int64_t peak_live_bytes;
  /// Bytes kept for reuse.
  int64_t cached_bytes;
  int64_t allocations;
  /// Allocations served from a cache.
  int64_t cache_hits;
  /// Allocations that went to the system.
  int64_t system_allocations;
} ember_allocator_stats;

/// A block of at least `bytes`, aligned to 64 bytes, its contents arbitrary; `bytes` may be 0.
/// NULL when the system's memory or the cap is exhausted even with the caches given back.
void *ember_allocate(size_t bytes);
/// Gives a block back; `bytes` as it was asked for. Any thread may do this. NULL is allowed.
void ember_deallocate(void *block, size_t bytes);
/// The same for what a kernel needs while it runs. A kernel that gets NULL returns early, whatever its result then holds: the failure
/// is noted for the thread that called the kernel, also where a worker of a parallel loop met it.
void *ember_scratch(size_t bytes);
/// Whether a kernel that this thread called since the last question ran out of memory, so that its result is worthless.
bool ember_take_scratch_failure(void);
/// Notes such a failure; for the allocator and the thread pool.
void ember_note_scratch_failure(void);
/// Gives all cached memory back to the system. Other threads give up their own small blocks when they next free one.
void ember_allocator_release(void);
/// Limits the bytes taken from the system, live and cached together (0: no limit).
void ember_allocator_set_cap(size_t bytes);
/// False if `statistics` is NULL.
bool ember_allocator_statistics(ember_allocator_stats *statistics);
/// Makes the present live_bytes the peak.
void ember_allocator_reset_peak(void);

#ifdef __cplusplus
}
#endif
#endif

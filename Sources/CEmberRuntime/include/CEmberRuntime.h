// The calling thread's state: one word of flags that every operation tests once, and what hangs on it.
// It lives in C because Swift has no thread-local variable cheaper than a pthread key.
#ifndef CEMBER_RUNTIME_H
#define CEMBER_RUNTIME_H

#include <stdint.h>

typedef struct {
  /// Zero on the fast path; see `ThreadFlags` in Swift.
  uint32_t flags;
  /// Innermost error scope (an unmanaged Swift object), or null.
  void *_Nullable error_scope;
  /// Innermost observer of operations: profiler, transforms (an unmanaged Swift object), or null.
  void *_Nullable observer;
  /// Where in the user's program the thread is, noted in anomaly mode only (an unmanaged Swift object), or null.
  void *_Nullable place;
  /// Innermost `vmap` (an unmanaged Swift object), or null.
  void *_Nullable vmap;
  /// What records a graph at the moment (an unmanaged Swift object), or null.
  void *_Nullable tracer;
} ember_thread_state;

extern _Thread_local ember_thread_state ember_thread_state_storage;

/// Address of the calling thread's state. Must not be kept across an `await`.
static inline ember_thread_state *_Nonnull ember_thread(void) { return &ember_thread_state_storage; }

/// Hands on what was printed and not yet written.
void ember_flush_output(void);

#endif

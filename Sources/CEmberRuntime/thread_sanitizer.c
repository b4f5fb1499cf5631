// Only for tests under the thread sanitizer; empty otherwise.
//
// On Linux, Swift's `Mutex` takes and gives back an uncontended lock by atomic instructions compiled into the caller, but waits
// in libswiftSynchronization, which toolchains ship without instrumentation (Swift 6.3). The sanitizer then misses that the waiting
// thread comes after the one that held the lock, and reports what the mutex protects as a race. Two threads that append to
// an array in a `Mutex` are enough to see it. The two slow paths are wrapped here to tell it; nothing is suppressed, so races
// beside a lock are still found.
#if defined(__linux__) && defined(__has_feature)
#if __has_feature(thread_sanitizer)

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>

#define LOCK_SLOW "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define UNLOCK_SLOW "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

void __tsan_acquire(void *address);
void __tsan_release(void *address);

typedef __attribute__((swiftcall)) void lock_function(uint32_t thread, __attribute__((swift_context)) void *handle);
typedef __attribute__((swiftcall)) void unlock_function(__attribute__((swift_context)) void *handle);

lock_function ember_lock_slow __asm__(LOCK_SLOW);
unlock_function ember_unlock_slow __asm__(UNLOCK_SLOW);

__attribute__((swiftcall)) void ember_lock_slow(uint32_t thread, __attribute__((swift_context)) void *handle) {
  ((lock_function *)dlsym(RTLD_NEXT, LOCK_SLOW))(thread, handle);
  __tsan_acquire(handle);
}

__attribute__((swiftcall)) void ember_unlock_slow(__attribute__((swift_context)) void *handle) {
  __tsan_release(handle);
  ((unlock_function *)dlsym(RTLD_NEXT, UNLOCK_SLOW))(handle);
}

#endif
#endif

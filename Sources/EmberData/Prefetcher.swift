import EmberTensor
import EmberRuntime
import Glibc

/// Threads that fetch batches ahead of the consumer: at most `bound` of them, handed out in order.
///
/// A failure is handed out in its turn, as everything else is, and ends the stream. Releasing the prefetcher stops the threads.
final class Prefetcher<Batch: Sendable> {
  private let shared: Shared
  private var threads: [pthread_t] = []

  init(jobs: [[Int]], workers: Int, bound: Int, fetch: @escaping @Sendable ([Int]) throws -> Batch) throws {
    shared = Shared(jobs: jobs, bound: max(bound, 1), fetch: fetch)
    for _ in 0..<min(workers, jobs.count) {
      let body = Unmanaged.passRetained(ThreadBody { [shared] in shared.work() })
      var thread = pthread_t()
      let status = pthread_create(&thread, nil, { pointer in
        Unmanaged<ThreadBody>.fromOpaque(pointer!).takeRetainedValue().run()
        return nil
      }, body.toOpaque())
      if status == 0 { threads.append(thread) } else { body.release() }
    }
    if threads.isEmpty, !jobs.isEmpty { throw EmberError(.memory, in: "DataLoader", "no worker thread could be started") }
  }

  deinit {
    shared.cancel()
    for thread in threads { pthread_join(thread, nil) }
  }

  /// The next batch in order; waits for it.
  func next() throws -> Batch? { try shared.take()?.get() }

  private final class Shared: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private let jobs: [[Int]]
    private let bound: Int
    private let fetch: @Sendable ([Int]) throws -> Batch
    // All below are guarded by the mutex.
    private var started = 0
    private var taken = 0
    private var finished: [Int: Result<Batch, any Error>] = [:]
    private var isCancelled = false

    init(jobs: [[Int]], bound: Int, fetch: @escaping @Sendable ([Int]) throws -> Batch) {
      self.jobs = jobs
      self.bound = bound
      self.fetch = fetch
      pthread_mutex_init(mutex, nil)
      pthread_cond_init(changed, nil)
    }

    deinit {
      pthread_cond_destroy(changed)
      pthread_mutex_destroy(mutex)
      changed.deallocate()
      mutex.deallocate()
    }

    func work() {
      pthread_mutex_lock(mutex)
      defer { pthread_mutex_unlock(mutex) }
      while true {
        while !isCancelled, started < jobs.count, started >= taken + bound { pthread_cond_wait(changed, mutex) }
        if isCancelled || started >= jobs.count { return }
        let number = started
        started += 1
        pthread_mutex_unlock(mutex)
        let result = Result { try catchingErrors { try fetch(jobs[number]) } }
        pthread_mutex_lock(mutex)
        finished[number] = result
        pthread_cond_broadcast(changed)
      }
    }

    func take() -> Result<Batch, any Error>? {
      pthread_mutex_lock(mutex)
      defer { pthread_mutex_unlock(mutex) }
      if isCancelled || taken >= jobs.count { return nil }
      while true {
        if let result = finished.removeValue(forKey: taken) {
          taken += 1
          if case .failure = result { isCancelled = true }
          pthread_cond_broadcast(changed)
          return result
        }
        pthread_cond_wait(changed, mutex)
      }
    }

    func cancel() {
      pthread_mutex_lock(mutex)
      isCancelled = true
      pthread_cond_broadcast(changed)
      pthread_mutex_unlock(mutex)
    }
  }
}

/// What a thread runs.
private final class ThreadBody: Sendable {
  private let body: @Sendable () -> Void
  init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  func run() { body() }
}

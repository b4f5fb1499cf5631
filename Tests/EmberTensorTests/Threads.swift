import Dispatch

/// Runs `body` for 0 ..< count on as many threads at once.
func concurrently(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
  DispatchQueue.concurrentPerform(iterations: count, execute: body)
}

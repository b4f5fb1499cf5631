import CEmberKernels
import EmberRuntime

/// The error of a kernel that ran on the calling thread and got no memory to work in, so that its result is worthless; nil if none did
/// since the last question. Kernels cannot raise: they note it and return, and whatever ran them asks.
@inline(__always) package func takeScratchFailure(in operation: @autoclosure () -> String) -> EmberError? {
  if !ember_take_scratch_failure() { return nil }
  return EmberError(.memory, in: operation(), "the memory that the kernel needs to work in is not to be had")
}

/// Throws that error.
@inline(__always) package func checkScratch(in operation: @autoclosure () -> String) throws(EmberError) {
  if let failure = takeScratchFailure(in: operation()) { throw failure }
}

import EmberFormats
import EmberRuntime
import EmberTensor
import EmberTraining
import Glibc
import TestSupport
import Testing

/// Handlers belong to a process: each test has one of its own.
@Suite struct SignalTests {
  private static func handler(_ number: Int32) -> UInt {
    var action = sigaction()
    sigaction(number, nil, &action)
    return unsafeBitCast(action.__sigaction_handler.sa_handler, to: UInt.self)
  }

  /// Whatever the shell that runs the tests ignores or blocks.
  private static func resetSignals() {
    var none = sigset_t()
    sigemptyset(&none)
    pthread_sigmask(SIG_SETMASK, &none, nil)
    for number in [SIGINT, SIGTERM] { signal(number, SIG_DFL) }
  }

  @Test func aRunEndsAfterItsStepAndGoesOn() async {
    await #expect(processExitsWith: .success) {
      SignalTests.resetSignals()
      let folder = TemporaryFolder()
      let whole = try SmallRun(), run = try SmallRun(checkpoint: folder.file("last.safetensors"))
      let before = SignalTests.handler(SIGINT)
      try whole.trainer.run()
      run.trainer.handlesSignals = true
      for stop in [2, 6, 9] {
        run.trainer.onStep = { step, _ in if step == stop { _ = Glibc.raise(stop == 6 ? SIGTERM : SIGINT) } }
        try #require(run.trainer.run() == .interrupted)
        #expect(run.trainer.losses.count == stop)
        #expect(try Checkpoint(path: folder.file("last.safetensors")).step == stop)
        #expect(SignalTests.handler(SIGINT) == before && !SignalHandler.isRequested)
      }
      try #require(run.trainer.run() == .finished)
      #expect(run.trainer.losses == whole.trainer.losses)
    }
  }

  @Test func handlersAreGivenBack() async {
    await #expect(processExitsWith: .success) {
      SignalTests.resetSignals()
      signal(SIGINT, SIG_IGN)
      signal(SIGTERM) { _ in }
      let before = [SIGINT, SIGTERM].map(SignalTests.handler)
      SignalHandler.install()
      SignalHandler.install()
      _ = Glibc.raise(SIGINT)
      #expect(!SignalHandler.isRequested)
      _ = Glibc.raise(SIGTERM)
      #expect(SignalHandler.isRequested)
      SignalHandler.remove()
      #expect([SIGINT, SIGTERM].map(SignalTests.handler) != before)
      SignalHandler.remove()
      #expect([SIGINT, SIGTERM].map(SignalTests.handler) == before)
      // A signal of before is forgotten.
      SignalHandler.install()
      #expect(!SignalHandler.isRequested)
    }
  }

  @Test func aRunThatLeavesSignalsAloneDies() async {
    await #expect(processExitsWith: .signal(SIGTERM)) {
      SignalTests.resetSignals()
      let run = try SmallRun()
      run.trainer.onStep = { _, _ in _ = Glibc.raise(SIGTERM) }
      try run.trainer.run()
    }
  }
}

import EmberCUDA
import Foundation
import Testing

/// Where a device is promised, as `scripts/fake-cuda` does, the tests that need one must not be left out unnoticed.
@Test(.enabled(if: ProcessInfo.processInfo.environment["EMBER_EXPECTS_CUDA"] != nil)) func thePromisedDeviceIsThere() {
  #expect(CUDA.isAvailable, "\(CUDA.diagnosis)")
}

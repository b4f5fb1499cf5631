import ArgumentParser
import EmberCPU
import EmberCUDA
import EmberRuntime
import EmberTensor

/// `ember doctor`
struct Doctor: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Says what Ember finds on this machine: kernels for the processor, NVIDIA's libraries and GPUs, and what is missing.")

  func run() throws {
    print("CPU: \(CPU.instructionSet) kernels, \(CPU.threadCount) thread\(CPU.threadCount == 1 ? "" : "s")")
    print("CUDA:")
    for line in CUDA.diagnosis { print("  \(line)") }
    for index in 0..<CUDA.deviceCount {
      do {
        try catchingErrors { _ = Tensor.zeros([1], on: .cuda(index)) }
        guard let device = CUDA.properties(.cuda(index)) else { continue }
        let capability = "\(device.computeCapability.major).\(device.computeCapability.minor)"
        print(
          "  cuda:\(index): \(device.name), compute capability \(capability), \(device.multiprocessors) multiprocessors, "
            + "\(device.memoryBytes >> 20) MiB")
      } catch { print("  cuda:\(index): \(error)") }
    }
  }
}

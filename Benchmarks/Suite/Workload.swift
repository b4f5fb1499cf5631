import Ember

/// One thing that is timed in Ember and in PyTorch: `Benchmarks/PyTorch/workloads.py` has it under the same name.
struct Workload: Sendable {
  let name: String
  /// The row of the table; several workloads with one title become one row, their geometric mean.
  let title: String
  /// Highest time ÷ PyTorch's that is aimed at.
  let target: Double
  /// Highest peak memory ÷ PyTorch's that is aimed at.
  var memoryTarget: Double?
  /// How far numbers of the two may lie apart, relative to their size.
  var tolerance = 1e-4
  /// Which of PyTorch's ways to run it is compared.
  var peer = Peer.eager
  /// Makes what is timed.
  let prepare: @Sendable () throws -> Prepared

  enum Peer: String, Sendable {
    case eager = "eager"
    case compiled = "torch.compile"
    case fused = "fused=True"
    case process = "whole process"
    case onnxruntime = "onnxruntime"
  }
}

/// A workload that is ready to run.
struct Prepared {
  /// Numbers that both must agree on: losses of the first steps, sums of results.
  var numbers: [Double]
  /// What is timed.
  var body: () throws -> Void

  init(_ numbers: [Double] = [], _ body: @escaping () throws -> Void) {
    self.numbers = numbers
    self.body = body
  }
}

/// Something that cannot be measured, in a sentence.
struct BenchmarkError: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

extension Workload {
  static let all = small + networks + transformers + graphs + models + recurrent + kernels + indexing + data
}

/// Three numbers that stand for a tensor: mean, mean of the absolute values, and a sum in which places count.
func digest(_ tensor: Tensor) -> [Double] {
  let flat = tensor.detach().to(.float64).flatten(0, -1)
  let places = Tensor.arange(flat.elementCount, on: flat.device).to(.float64).remainder(Tensor(97.0, dtype: .float64)) / 97.0
  return [flat.mean().item(), flat.abs().mean().item(), (flat * places).mean().item()]
}

/// Runs three steps, whose losses are the numbers to agree on, and times further ones.
func training(_ step: @escaping () throws -> Tensor) throws -> Prepared {
  let losses = try (0..<3).map { _ in try step().itemOrThrow() }
  return Prepared(losses) { _ = try step() }
}

import CShrink
import Ember

/// Soft thresholding, sign(x) · max(|x| - threshold, 0): the proximal operator of the absolute value (Beck and Teboulle, 2009).
struct Shrink: UnaryOperation {
  static let name = "shrink"
  /// Kernels by kind of device; another package may register one for its own.
  static let kernels = KernelTable<@Sendable (Double, Operand, Operand) -> Void>(name, cpu: { threshold, x, y in
    let count = Int64(x.shape.elementCount)
    if x.dtype == .float64 {
      shrink_f64(x.pointer, y.pointer, count, threshold)
    } else {
      shrink_f32(x.pointer, y.pointer, count, threshold)
    }
  })
  /// What the derivative reads.
  let saved: SavedTensors = .output
  let threshold: Double

  /// Checks, allocates, runs the kernel. On `meta` there is none, and the result has shape and dtype only.
  func forward(_ x: Tensor) throws(EmberError) -> Tensor {
    guard x.dtype == .float32 || x.dtype == .float64 else {
      throw EmberError(.dtype, in: Self.name, "\(x.dtype)\(x.shape): it must be float32 or float64; convert with .to(.float32)")
    }
    var y = Tensor.empty(Array(x.shape), dtype: x.dtype, on: x.device)
    guard let kernel = try Self.kernels.kernel(on: x.device) else { return y }
    x.withOperand { source in
      y.withMutableOperand { target in kernel(threshold, source, target) }
    }
    return y
  }

  /// In tensor operations, so that it can itself be differentiated.
  func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> Tensor? {
    gradient * (context.output() .!= 0).to(gradient.dtype)
  }
}

extension Tensor {
  /// sign(self) · max(|self| - threshold, 0).
  public func shrink(_ threshold: Double = 0.5) -> Tensor { apply(Shrink(threshold: threshold), self) }
}

extension OperatorRegistry {
  /// Adds this package's operators by name.
  public mutating func addShrink() {
    add("shrink::shrink(Tensor self, float threshold=0.5) -> Tensor") { (x: Tensor, threshold: Double) in x.shrink(threshold) }
  }
}

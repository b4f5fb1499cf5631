import EmberFunctional
import EmberRuntime
import EmberTensor

/// Divides a parameter by its largest singular value; Miyato et al., arXiv:1802.05957. A vector is divided by its length.
///
/// The singular vectors are estimated by power iteration, 15 steps at the beginning and `powerIterations` each time the parameter is
/// read in training; in evaluation they stay. They are the buffers `parametrizations.weight.0._u` and `_v`; state dicts of PyTorch's older
/// form (`weight_orig`, `weight_u`, `weight_v`) load too.
///
/// - Parameters:
///   - eps: the least length that vectors are divided by.
///   - dim: the dimension of the outputs, which the rows of the matrix follow; nil: 1 for transposed convolutions, otherwise 0.
/// - Returns: the module.
@discardableResult
public func spectralNorm<Target: Module>(
  _ module: Target, _ name: String = "weight", powerIterations: Int = 1, eps: Double = 1e-12, dim: Int? = nil
) -> Target {
  module.parametrize(name, in: "spectralNorm") { weight in
    let dim = dim ?? (module is TransposedConvolutionLayer ? 1 : 0)
    guard (-weight.rank..<weight.rank).contains(dim) else {
      raise(EmberError(.shape, in: "spectralNorm", "dim \(dim) of \"\(name)\" \(weight.summary), which has \(weight.rank) dimensions"))
      return nil
    }
    if powerIterations < 1 {
      raise(EmberError(.value, in: "spectralNorm", "\(powerIterations) power iterations; there must be at least one"))
      return nil
    }
    return SpectralNorm(weight, powerIterations, dim < 0 ? dim + weight.rank : dim, eps)
  }
  return module
}

private final class SpectralNorm: Module, RenamedParametrization {
  static let formerNames: KeyValuePairs = ["_orig": "original", "_u": "0._u", "_v": "0._v"]
  private let powerIterations: Int
  private let dim: Int
  private let eps: Double
  /// The left and the right singular vector of the largest singular value; a vector has none.
  private let singularVectors: (left: Buffer, right: Buffer)?

  init(_ weight: Tensor, _ powerIterations: Int, _ dim: Int, _ eps: Double) {
    self.powerIterations = powerIterations
    self.dim = dim
    self.eps = eps
    if weight.rank == 1 {
      singularVectors = nil
    } else {
      let rows = weight.shape[dim], columns = weight.elementCount / max(rows, 1)
      func drawn(_ count: Int) -> Tensor {
        Tensor.randn([count], dtype: weight.dtype, on: weight.device).normalize(dim: 0, eps: eps)
      }
      singularVectors = (Buffer(wrappedValue: drawn(rows), "_u"), Buffer(wrappedValue: drawn(columns), "_v"))
    }
    super.init()
    if weight.rank > 1 { iterate(matrix(weight), 15) }
  }

  override func reflectedMembers() -> [(name: String, value: Any)] {
    singularVectors.map { [(name: "_u", value: $0.left as Any), (name: "_v", value: $0.right as Any)] } ?? []
  }

  private func matrix(_ weight: Tensor) -> Tensor { weight.movedim(dim, 0).flatten(1) }

  private func iterate(_ matrix: Tensor, _ count: Int) {
    guard let (left, right) = singularVectors else { return }
    noGrad {
      for _ in 0..<count {
        left.wrappedValue = matrix.mv(right.wrappedValue).normalize(dim: 0, eps: eps)
        right.wrappedValue = matrix.mH.mv(left.wrappedValue).normalize(dim: 0, eps: eps)
      }
    }
  }

  func forward(_ originals: [Tensor]) -> Tensor {
    let weight = originals[0]
    guard let (left, right) = singularVectors else { return weight.normalize(dim: 0, eps: eps) }
    let matrix = matrix(weight)
    if isTraining { iterate(matrix, powerIterations) }
    return weight / left.wrappedValue.vdot(matrix.mv(right.wrappedValue))
  }

  func rightInverse(_ value: Tensor) -> [Tensor]? { [value] }
}

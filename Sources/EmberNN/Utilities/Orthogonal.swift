import EmberFunctional
import EmberLinearAlgebra
import EmberRuntime
import EmberTensor

/// How a matrix of free numbers becomes one with orthonormal columns.
public enum OrthogonalMap: Sendable {
  /// exp(A) of a skew-symmetric A.
  case matrixExponential
  /// (I + A/2) · (I − A/2)⁻¹ of a skew-symmetric A.
  case cayley
  /// A product of Householder reflectors; not for complex numbers.
  case householder
}

/// Keeps the columns of a parameter orthonormal, or its rows if there are fewer of them; with more than two dimensions, of each matrix
/// [..., m, n].
///
/// The parameter begins as it was if it is orthogonal already, and as the Q of its QR decomposition otherwise.
///
/// - Parameters:
///   - map: nil: the matrix exponential for square and complex matrices, otherwise reflectors.
///   - usesTrivialization: the map is taken relative to a fixed orthogonal matrix, the buffer `parametrizations.weight.0.base`, which is
///     the parameter's value at the beginning and whatever is assigned to it; Lezcano-Casado, arXiv:1909.09501. Without it, values can
///     be assigned with reflectors only; with the other maps the parameter begins as the map of what it was.
/// - Returns: the module.
@discardableResult
public func orthogonal<Target: Module>(
  _ module: Target, _ name: String = "weight", map: OrthogonalMap? = nil, usesTrivialization: Bool = true
) -> Target {
  module.parametrize(name, in: "orthogonal") { weight in
    if weight.rank < 2 {
      raise(EmberError(.shape, in: "orthogonal", "\"\(name)\" is \(weight.summary); it must be a matrix or a batch of matrices"))
      return nil
    }
    let map = map ?? (weight.shape[-2] == weight.shape[-1] || weight.dtype.isComplex ? .matrixExponential : .householder)
    if map == .householder && weight.dtype.isComplex {
      raise(EmberError(.dtype, in: "orthogonal", "reflectors for \(weight.summary): they serve real matrices only"))
      return nil
    }
    return Orthogonal(weight, map, usesTrivialization)
  }
  return module
}

private final class Orthogonal: Module, Parametrization {
  private let map: OrthogonalMap
  private let shape: Shape
  /// What the map's result is multiplied with, square.
  private let base: Buffer?

  init(_ weight: Tensor, _ map: OrthogonalMap, _ usesTrivialization: Bool) {
    self.map = map
    shape = weight.shape
    let length = max(shape[-2], shape[-1]), batch = Array(shape.dropLast(2))
    base = usesTrivialization
      ? Buffer(wrappedValue: Tensor.eye(length, dtype: weight.dtype, on: weight.device).expand(batch + [length, length]).clone()) : nil
  }

  func forward(_ originals: [Tensor]) -> Tensor {
    let isWide = shape[-2] < shape[-1]
    var q = mapped(isWide ? originals[0].mT : originals[0])
    if let base { q = base.wrappedValue.matmul(q) }
    return isWide ? q.mT : q
  }

  /// An orthogonal matrix of a tall one.
  private func mapped(_ free: Tensor) -> Tensor {
    let rows = free.shape[-2], columns = free.shape[-1]
    if map == .householder {
      // The reflectors lie below the diagonal; on it are signs, which are not trained.
      let reflectors = free.tril(-1), factors = 2 / (1 + (reflectors * reflectors).sum(-2))
      let signs = free.detach().diagonal(dim1: -2, dim2: -1).to(.int32).to(free.dtype)
      return Linalg.householderProduct(reflectors, factors) * signs.unsqueeze(-2)
    }
    let lower = free.tril().pad([0, rows - columns])
    let skew = lower - lower.mH
    if map == .matrixExponential { return Linalg.matrixExp(skew).narrow(-1, start: 0, length: columns) }
    let identity = Tensor.eye(rows, dtype: free.dtype, on: free.device)
    return Linalg.solve(identity - skew * 0.5, identity + skew * 0.5).narrow(-1, start: 0, length: columns)
  }

  func rightInverse(_ value: Tensor) -> [Tensor]? {
    let isWide = shape[-2] < shape[-1]
    let tall = isWide ? value.mT : value
    let rows = tall.shape[-2], columns = tall.shape[-1]
    guard let base else {
      if map != .householder { return nil }
      let (reflectors, factors) = tall.geqrf()
      let diagonal = reflectors.diagonal(dim1: -2, dim2: -1)
      // R has a positive diagonal: the signs go to Q. LAPACK's factor is exactly 0 where it takes no reflector, which leaves the sign.
      let signs = `where`(factors .== 0, -diagonal.sign(), diagonal.sign())
      let free = reflectors - diagonal.diagEmbed().pad([0, 0, 0, rows - columns]) + signs.diagEmbed().pad([0, 0, 0, rows - columns])
      return [isWide ? free.mT : free]
    }
    if rows == columns {
      base.wrappedValue = isOrthogonal(tall) ? tall.clone() : orthogonalized(tall)
    } else {
      let rest = Tensor.randn(Array(tall.shape.dropLast(1)) + [rows - columns], dtype: tall.dtype, on: tall.device)
      base.wrappedValue = orthogonalized(cat([tall, rest], dim: -1))
    }
    // The map of minus the identity is the identity: reflectors take their signs from the diagonal, the other maps nothing of it.
    return [-Tensor.eye(shape[-2], shape[-1], dtype: value.dtype, on: value.device).expand(Array(shape)).clone()]
  }

  private func isOrthogonal(_ matrix: Tensor) -> Bool {
    let rows = matrix.shape[-2]
    let identity = Tensor.eye(rows, dtype: matrix.dtype, on: matrix.device)
    let precision = matrix.dtype.realType == .float64 ? Double.ulpOfOne : Double(Float.ulpOfOne)
    return matrix.mH.matmul(matrix).allClose(identity.expand(Array(matrix.shape)), absolute: 10 * Double(rows) * precision)
  }

  /// The Q of A = Q·R with a positive diagonal of R.
  private func orthogonalized(_ matrix: Tensor) -> Tensor {
    let (reflectors, factors) = matrix.geqrf()
    return Linalg.householderProduct(reflectors, factors) * reflectors.diagonal(dim1: -2, dim2: -1).sgn().unsqueeze(-2)
  }
}

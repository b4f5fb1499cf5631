import EmberRuntime
import EmberTensor

/// Makes a parameter g · v / ‖v‖, so that its length and its direction are learnt apart; Salimans and Kingma, arXiv:1602.07868.
///
/// g is `parametrizations.weight.original0`, v `original1`; state dicts of PyTorch's older form (`weight_g`, `weight_v`) load too.
/// `removeParametrizations` makes it an ordinary parameter again.
///
/// - Parameter dim: each index along it has a length of its own; nil or, as in PyTorch, -1: there is one for the whole tensor.
/// - Returns: the module.
@discardableResult
public func weightNorm<Target: Module>(_ module: Target, _ name: String = "weight", dim: Int? = 0) -> Target {
  module.parametrize(name, in: "weightNorm") { weight in
    let dim = dim == -1 ? nil : dim
    if let dim, !(-weight.rank..<weight.rank).contains(dim) {
      raise(EmberError(.shape, in: "weightNorm", "dim \(dim) of \"\(name)\" \(weight.summary), which has \(weight.rank) dimensions"))
      return nil
    }
    return WeightNorm(dim: dim.map { $0 < 0 ? $0 + weight.rank : $0 })
  }
  return module
}

private final class WeightNorm: Module, RenamedParametrization {
  static let formerNames: KeyValuePairs = ["_g": "original0", "_v": "original1"]
  private let dim: Int?

  init(dim: Int?) { self.dim = dim }

  func forward(_ originals: [Tensor]) -> Tensor { originals[1] * (originals[0] / lengths(of: originals[1])) }

  func rightInverse(_ value: Tensor) -> [Tensor]? { [lengths(of: value), value] }

  private func lengths(of direction: Tensor) -> Tensor {
    guard let dim else { return direction.norm() }
    // No dimensions would mean all of them.
    if direction.rank == 1 { return direction.abs() }
    return direction.norm(2, (0..<direction.rank).filter { $0 != dim }, keepDim: true)
  }
}

import EmberFunctional
import EmberRuntime
import EmberTensor

/// How much a pruning takes of what earlier ones left: a part (`0.3`) or a number of elements or channels (`12`).
public enum PruningAmount: Sendable, ExpressibleByFloatLiteral, ExpressibleByIntegerLiteral {
  case part(Double)
  case count(Int)

  public init(floatLiteral value: Double) { self = .part(value) }
  public init(integerLiteral value: Int) { self = .count(value) }

  /// Of so many; nil where it is more than all or less than none.
  fileprivate func count(of all: Int) -> Int? {
    switch self {
    case .part(let part): part >= 0 && part <= 1 ? Int((part * Double(all)).rounded(.toNearestOrEven)) : nil
    case .count(let count): count >= 0 && count <= all ? count : nil
    }
  }
}

/// Sets elements of parameters to zero and keeps them there, as `torch.nn.utils.prune`.
///
/// ```swift
/// Prune.l1Unstructured(layer, amount: 0.3)                    // the 30 % nearest to zero
/// Prune.lnStructured(convolution, amount: 8, n: 2, dim: 0)    // the 8 outputs whose filters are the shortest
/// Prune.globalUnstructured([(first, "weight"), (second, "weight")], amount: 0.5)
/// Prune.remove(layer)                                         // zeros for good, an ordinary parameter
/// ```
///
/// A pruned parameter is its original times a mask: `parametrizations.weight.original` and the buffer `parametrizations.weight.0.mask`; state
/// dicts of PyTorch (`weight_orig`, `weight_mask`) load too. The original is trained on: elements behind the mask get no gradient. A further
/// pruning takes of what is left. Make optimizers after the first one, as for every parametrised parameter.
public enum Prune {
  /// Prunes the elements of the least absolute value.
  ///
  /// - Parameter importanceScores: numbers of the parameter's shape to go by instead of the parameter's own.
  @discardableResult
  public static func l1Unstructured<Target: Module>(
    _ module: Target, _ name: String = "weight", amount: PruningAmount, importanceScores: Tensor? = nil
  ) -> Target {
    apply(module, name, "Prune.l1Unstructured") { unstructured(importanceScores ?? $0, $1, amount, "Prune.l1Unstructured") { least($0, $1) } }
  }

  /// Prunes elements at random.
  @discardableResult
  public static func randomUnstructured<Target: Module>(
    _ module: Target, _ name: String = "weight", amount: PruningAmount, generator: Generator? = nil
  ) -> Target {
    apply(module, name, "Prune.randomUnstructured") { unstructured($0, $1, amount, "Prune.randomUnstructured") { chosen($0, $1, generator) } }
  }

  /// Prunes the slices along `dim` whose n-norm is the least: whole neurons or channels.
  ///
  /// - Parameters:
  ///   - n: the exponent of the norm.
  ///   - importanceScores: numbers of the parameter's shape to go by instead of the parameter's own.
  @discardableResult
  public static func lnStructured<Target: Module>(
    _ module: Target, _ name: String = "weight", amount: PruningAmount, n: Double, dim: Int, importanceScores: Tensor? = nil
  ) -> Target {
    apply(module, name, "Prune.lnStructured") { value, mask in
      structured(importanceScores ?? value, mask, amount, dim, "Prune.lnStructured") { channels, dim, count in
        let lengths = channels.norm(n, (0..<channels.rank).filter { $0 != dim })
        // Those that are kept are the largest; what is equal goes by that.
        let kept = lengths.topk(lengths.elementCount - count).indices
        return Tensor.ones([lengths.elementCount], on: lengths.device).indexFill(dim: 0, index: kept, value: 0).nonzero().squeeze(1)
      }
    }
  }

  /// Prunes slices along `dim` at random.
  @discardableResult
  public static func randomStructured<Target: Module>(
    _ module: Target, _ name: String = "weight", amount: PruningAmount, dim: Int, generator: Generator? = nil
  ) -> Target {
    apply(module, name, "Prune.randomStructured") { value, mask in
      structured(value, mask, amount, dim, "Prune.randomStructured") { channels, dim, count in
        let draws = Tensor.rand([channels.shape[dim]], on: channels.device, generator: generator)
        return draws.topk(count, largest: false).indices
      }
    }
  }

  /// Prunes where `mask`, of the parameter's shape, is zero.
  @discardableResult
  public static func customFromMask<Target: Module>(_ module: Target, _ name: String = "weight", mask: Tensor) -> Target {
    apply(module, name, "Prune.customFromMask") { value, old in
      guard mask.shape == value.shape else {
        raise(EmberError(.shape, in: "Prune.customFromMask", "a mask \(mask.summary) for \"\(name)\" \(value.summary); they must have one shape"))
        return nil
      }
      return old * mask.to(old.dtype).to(old.device)
    }
  }

  /// What `globalUnstructured` goes by.
  public enum Method: Sendable { case l1, random }

  /// Prunes elements of several parameters as if they were one.
  public static func globalUnstructured(
    _ parameters: [(module: Module, name: String)], _ method: Method = .l1, amount: PruningAmount, generator: Generator? = nil
  ) {
    let operation = "Prune.globalUnstructured"
    // First what there is, without changing anything.
    var values: [Tensor] = [], masks: [Tensor] = []
    for (module, name) in parameters {
      guard let (value, mask) = state(of: module, name, operation) else { return }
      values.append(value)
      masks.append(mask)
    }
    guard let first = values.first else { return raise(EmberError(.value, in: operation, "called without a parameter")) }
    noGrad {
      let scores = cat(values.map { $0.flatten().to(first.device) }), old = cat(masks.map { $0.flatten().to(first.device) })
      let mask = unstructured(scores, old, amount, operation) { method == .l1 ? least($0, $1) : chosen($0, $1, generator) }
      guard let mask, !ErrorScopes.hasFailed else { return }
      for ((module, name), (value, part)) in zip(parameters, zip(values, mask.split(values.map(\.elementCount)))) {
        customFromMask(module, name, mask: part.reshape(Array(value.shape)))
      }
    }
  }

  /// Makes the zeros a part of an ordinary parameter.
  @discardableResult
  public static func remove<Target: Module>(_ module: Target, _ name: String = "weight") -> Target {
    if pruning(of: module, name) == nil, !ErrorScopes.hasFailed {
      raise(EmberError(.value, in: "Prune.remove", "\"\(name)\" of \(Swift.type(of: module)) is not pruned"))
      return module
    }
    return module.removeParametrizations(name)
  }

  /// Whether a parameter is pruned, or without a name whether any of the module's or of those within it is.
  public static func isPruned(_ module: Module, _ name: String? = nil) -> Bool {
    if let name { return pruning(of: module, name) != nil }
    return module.modules().contains { $0 is Pruning }
  }

  // MARK: Rules

  /// The mask after taking elements away from those that are left.
  ///
  /// - Parameter choose: positions among the scores of those that are left, and how many.
  private static func unstructured(
    _ scores: Tensor, _ mask: Tensor, _ amount: PruningAmount, _ operation: String, _ choose: (Tensor, Int) -> Tensor
  ) -> Tensor? {
    guard scores.shape == mask.shape else {
      raise(EmberError(.shape, in: operation, "importance scores \(scores.summary) for a parameter of shape \(mask.shape); they must have one shape"))
      return nil
    }
    let left = mask.flatten().nonzero().squeeze(1)
    guard let count = amount.count(of: left.elementCount) else { return refuse(amount, left.elementCount, "elements", operation) }
    if count == 0 { return mask }
    let pruned = left.indexSelect(0, choose(scores.flatten().indexSelect(0, left), count))
    return mask.flatten().indexFill(dim: 0, index: pruned, value: 0).reshape(Array(mask.shape))
  }

  /// The same for slices along a dimension; a slice is left if any of its elements is.
  private static func structured(
    _ scores: Tensor, _ mask: Tensor, _ amount: PruningAmount, _ dim: Int, _ operation: String, _ choose: (Tensor, Int, Int) -> Tensor
  ) -> Tensor? {
    guard mask.rank > 1, (-mask.rank..<mask.rank).contains(dim) else {
      raise(EmberError(.shape, in: operation, "dim \(dim) of a parameter of shape \(mask.shape), which must have two dimensions or more"))
      return nil
    }
    guard scores.shape == mask.shape else {
      raise(EmberError(.shape, in: operation, "importance scores \(scores.summary) for a parameter of shape \(mask.shape); they must have one shape"))
      return nil
    }
    let dim = dim < 0 ? dim + mask.rank : dim
    let left = mask.sum((0..<mask.rank).filter { $0 != dim }).nonzero().squeeze(1)
    guard let count = amount.count(of: left.elementCount) else { return refuse(amount, left.elementCount, "slices", operation) }
    if count == 0 { return mask }
    return mask.indexFill(dim: dim, index: left.indexSelect(0, choose(scores.indexSelect(dim, left), dim, count)), value: 0)
  }

  private static func least(_ scores: Tensor, _ count: Int) -> Tensor { scores.abs().topk(count, largest: false).indices }

  private static func chosen(_ scores: Tensor, _ count: Int, _ generator: Generator?) -> Tensor {
    Tensor.rand([scores.elementCount], dtype: scores.dtype, on: scores.device, generator: generator).topk(count).indices
  }

  private static func refuse(_ amount: PruningAmount, _ left: Int, _ kind: String, _ operation: String) -> Tensor? {
    let text = switch amount {
    case .part(let part): "a part of \(part); it must be between 0 and 1"
    case .count(let count): "\(count) of \(left) \(kind) that are left"
    }
    raise(EmberError(.value, in: operation, text))
    return nil
  }

  // MARK: Masks

  private static func pruning(of module: Module, _ name: String) -> Pruning? {
    module.parametrization(of: name)?.steps.lazy.compactMap { $0 as? Pruning }.first
  }

  /// The present value and mask.
  private static func state(of module: Module, _ name: String, _ operation: String) -> (value: Tensor, mask: Tensor)? {
    if let list = module.parametrization(of: name), let pruning = pruning(of: module, name) { return noGrad { (list.value, pruning.mask) } }
    let cells = module.members().parameters
    guard let value = cells.first(where: { $0.name == name })?.cell.value.detach() else {
      raise(EmberError(.value, in: operation, "\(Swift.type(of: module)) has no parameter \"\(name)\"; it has: \(cells.map(\.name).joined(separator: ", "))"))
      return nil
    }
    return (value, Tensor.ones(like: value))
  }

  /// - Parameter mask: the new mask from the value and the present mask; nil after an error.
  private static func apply<Target: Module>(
    _ module: Target, _ name: String, _ operation: String, _ mask: (Tensor, Tensor) -> Tensor?
  ) -> Target {
    if ErrorScopes.hasFailed { return module }
    if let pruning = pruning(of: module, name), let list = module.parametrization(of: name) {
      noGrad { if let new = mask(list.value, pruning.mask) { pruning.mask = new } }
    } else {
      module.parametrize(name, in: operation) { value in mask(value, Tensor.ones(like: value)).map(Pruning.init) }
    }
    return module
  }
}

/// A tensor times a mask of zeros and ones.
private final class Pruning: Module, RenamedParametrization {
  static let formerNames: KeyValuePairs = ["_orig": "original", "_mask": "0.mask"]
  @Buffer var mask: Tensor

  init(_ mask: Tensor) { self.mask = mask }

  func forward(_ originals: [Tensor]) -> Tensor { originals[0] * mask }

  func rightInverse(_ value: Tensor) -> [Tensor]? { [value] }
}

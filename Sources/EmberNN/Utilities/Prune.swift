import EmberRuntime
import EmberTensor

/// How much a pruning takes of what earlier ones left.
public enum PruningAmount: Sendable, ExpressibleByFloatLiteral, ExpressibleByIntegerLiteral {
  /// A part, from 0 to 1: `amount: 0.3`.
  case part(Double)
  /// A number of elements or of slices: `amount: 12`.
  case count(Int)

  /// `.part`.
  public init(floatLiteral value: Double) { self = .part(value) }
  /// `.count`.
  public init(integerLiteral value: Int) { self = .count(value) }

  /// Of so many; nil, after an error, where it is more than all or less than none.
  fileprivate func count(of all: Int, _ kind: String, _ operation: String) -> Int? {
    switch self {
    case .part(let part):
      if part >= 0, part <= 1 { return Int((part * Double(all)).rounded(.toNearestOrEven)) }
      raise(EmberError(.value, in: operation, "a part of \(part); it must be between 0 and 1"))
    case .count(let count):
      if count >= 0, count <= all { return count }
      raise(EmberError(.value, in: operation, "\(count) of \(all) \(kind) that are left"))
    }
    return nil
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
/// dicts of PyTorch (`weight_orig`, `weight_mask`) load too. The original is trained: elements behind the mask get no gradient. A further
/// pruning takes of what is left. After the first one, and after `remove`, an optimizer has to be made anew, as for every parametrised
/// parameter. A rule of one's own computes a mask for `customFromMask`.
public enum Prune {
  /// Prunes the elements of the least absolute value.
  ///
  /// - Parameter importanceScores: numbers of the parameter's shape to go by instead of the parameter's own.
  /// - Returns: the module.
  @discardableResult
  public static func l1Unstructured<Target: Module>(
    _ module: Target, _ name: String = "weight", amount: PruningAmount, importanceScores: Tensor? = nil
  ) -> Target {
    let operation = "Prune.l1Unstructured"
    prune(module, name, operation) { value, mask in unstructured(importanceScores ?? value, mask, amount, operation, least) }
    return module
  }

  /// Prunes elements at random.
  ///
  /// - Returns: the module.
  @discardableResult
  public static func randomUnstructured<Target: Module>(
    _ module: Target, _ name: String = "weight", amount: PruningAmount, generator: Generator? = nil
  ) -> Target {
    let operation = "Prune.randomUnstructured"
    prune(module, name, operation) { value, mask in unstructured(value, mask, amount, operation) { chosen($0, $1, generator) } }
    return module
  }

  /// Prunes the slices along `dim` whose n-norm is the least: whole neurons or channels.
  ///
  /// - Parameters:
  ///   - n: the exponent of the norm.
  ///   - importanceScores: numbers of the parameter's shape to go by instead of the parameter's own.
  /// - Returns: the module.
  @discardableResult
  public static func lnStructured<Target: Module>(
    _ module: Target, _ name: String = "weight", amount: PruningAmount, n: Double, dim: Int, importanceScores: Tensor? = nil
  ) -> Target {
    let operation = "Prune.lnStructured"
    prune(module, name, operation) { value, mask in
      structured(importanceScores ?? value, mask, amount, dim, operation) { slices, dim, count in
        let lengths = slices.norm(n, (0..<slices.rank).filter { $0 != dim })
        // Those that are kept are the largest; what is equal goes by that.
        let kept = lengths.topk(lengths.elementCount - count).indices
        return Tensor.ones(like: lengths).indexFill(dim: 0, index: kept, value: 0).nonzero().squeeze(1)
      }
    }
    return module
  }

  /// Prunes slices along `dim` at random.
  ///
  /// - Returns: the module.
  @discardableResult
  public static func randomStructured<Target: Module>(
    _ module: Target, _ name: String = "weight", amount: PruningAmount, dim: Int, generator: Generator? = nil
  ) -> Target {
    let operation = "Prune.randomStructured"
    prune(module, name, operation) { value, mask in
      structured(value, mask, amount, dim, operation) { slices, dim, count in
        // On the CPU, as PyTorch draws them.
        Tensor.rand([slices.shape[dim]], generator: generator).topk(count, largest: false).indices.to(slices.device)
      }
    }
    return module
  }

  /// Prunes where `mask`, of the parameter's shape, is zero.
  ///
  /// - Returns: the module.
  @discardableResult
  public static func customFromMask<Target: Module>(_ module: Target, _ name: String = "weight", mask: Tensor) -> Target {
    let operation = "Prune.customFromMask"
    prune(module, name, operation) { value, old in
      guard mask.shape == value.shape else {
        raise(EmberError(.shape, in: operation, "a mask \(mask.summary) for \"\(name)\" \(value.summary); they must have one shape"))
        return nil
      }
      return old * (mask .!= 0).to(old.dtype).to(old.device)
    }
    return module
  }

  /// What `globalUnstructured` goes by.
  public enum Criterion: Sendable {
    /// The absolute values.
    case l1
    /// Nothing.
    case random
  }

  /// Prunes elements of several parameters as if they were one. A parameter that is named twice, or that two modules share, counts once.
  ///
  /// - Parameter importanceScores: for each of the parameters, numbers of its shape to go by instead of its own.
  public static func globalUnstructured(
    _ parameters: [(module: Module, name: String)], _ criterion: Criterion = .l1, amount: PruningAmount, importanceScores: [Tensor]? = nil,
    generator: Generator? = nil
  ) {
    let operation = "Prune.globalUnstructured"
    if let scores = importanceScores, scores.count != parameters.count {
      raise(EmberError(.value, in: operation, "\(scores.count) importance scores for \(parameters.count) parameters"))
      return
    }
    var targets: [(module: Module, name: String, present: Snapshot, scores: Tensor)] = [], seen: Set<ObjectIdentifier> = []
    for (i, (module, name)) in parameters.enumerated() {
      guard let present = present(module, name, operation) else { return }
      let scores = importanceScores?[i] ?? present.value
      guard haveOneShape(scores, present.mask, operation) else { return }
      if seen.insert(ObjectIdentifier(present.cell)).inserted { targets.append((module, name, present, scores)) }
    }
    guard let device = targets.first?.present.mask.device else { return raise(EmberError(.value, in: operation, "called without a parameter")) }
    noGrad {
      func joined(_ tensors: [Tensor]) -> Tensor { cat(tensors.map { $0.flatten().to(device) }) }
      let (scores, old) = (joined(targets.map(\.scores)), joined(targets.map(\.present.mask)))
      let mask = unstructured(scores, old, amount, operation, criterion == .l1 ? least : { chosen($0, $1, generator) })
      guard let parts = mask?.split(targets.map(\.present.mask.elementCount)), !ErrorScopes.hasFailed else { return }
      for (target, part) in zip(targets, parts) {
        let own = target.present.mask
        set(part.reshape(Array(own.shape)).to(own.dtype).to(own.device), target.module, target.name, target.present, operation)
      }
    }
  }

  /// Makes the zeros a part of the parameter, and the parameter what it was before it was pruned.
  ///
  /// - Returns: the module.
  @discardableResult
  public static func remove<Target: Module>(_ module: Target, _ name: String = "weight") -> Target {
    if ErrorScopes.hasFailed { return module }
    func refuse(_ message: String) { raise(EmberError(.value, in: "Prune.remove", "\"\(name)\" of \(Swift.type(of: module)) \(message)")) }
    guard let list = module.parametrization(of: name), let pruning = pruning(in: list) else {
      refuse("is not pruned")
      return module
    }
    if list.steps.count == 1 { return module.removeParametrizations(name) }
    guard list.steps[0] === pruning, let cell = module.parametrizableCell(name, in: "Prune.remove") else {
      refuse("was parametrised before it was pruned; removeParametrizations makes all of it permanent")
      return module
    }
    list.originals[0].update { $0 = $0 * pruning.mask }
    list.removeStep(pruning, of: cell)
    return module
  }

  /// Whether a parameter is pruned, or without a name whether any of the module's or of those within it is.
  public static func isPruned(_ module: Module, _ name: String? = nil) -> Bool {
    if let name { return module.parametrization(of: name).flatMap(pruning(in:)) != nil }
    return module.modules().contains { $0 is Pruning }
  }

  // MARK: Rules

  /// The mask after taking elements away from those that are left; nil after an error.
  ///
  /// - Parameter choose: positions among the scores of those that are left, and how many.
  private static func unstructured(
    _ scores: Tensor, _ mask: Tensor, _ amount: PruningAmount, _ operation: String, _ choose: (Tensor, Int) -> Tensor
  ) -> Tensor? {
    guard haveOneShape(scores, mask, operation) else { return nil }
    if mask.device == .meta { return amount.count(of: mask.elementCount, "elements", operation).map { _ in mask } }
    let left = mask.flatten().nonzero().squeeze(1)
    guard let count = amount.count(of: left.elementCount, "elements", operation) else { return nil }
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
    guard haveOneShape(scores, mask, operation) else { return nil }
    let dim = dim < 0 ? dim + mask.rank : dim
    if mask.device == .meta { return amount.count(of: mask.shape[dim], "slices", operation).map { _ in mask } }
    let left = mask.sum((0..<mask.rank).filter { $0 != dim }).nonzero().squeeze(1)
    guard let count = amount.count(of: left.elementCount, "slices", operation) else { return nil }
    if count == 0 { return mask }
    return mask.indexFill(dim: dim, index: left.indexSelect(0, choose(scores.indexSelect(dim, left), dim, count)), value: 0)
  }

  private static func haveOneShape(_ scores: Tensor, _ mask: Tensor, _ operation: String) -> Bool {
    if scores.shape == mask.shape { return true }
    raise(EmberError(.shape, in: operation, "importance scores \(scores.summary) for a parameter of shape \(mask.shape); they must have one shape"))
    return false
  }

  private static func least(_ scores: Tensor, _ count: Int) -> Tensor { scores.abs().topk(count, largest: false).indices }

  private static func chosen(_ scores: Tensor, _ count: Int, _ generator: Generator?) -> Tensor {
    Tensor.rand([scores.elementCount], dtype: scores.dtype.realType, on: scores.device, generator: generator).topk(count).indices
  }

  // MARK: Masks

  /// A parameter as it is now, and the mask that it has, or would have if nothing were pruned yet.
  private struct Snapshot {
    let cell: StateCell
    let value: Tensor
    let mask: Tensor
    let pruning: Pruning?
  }

  /// Nil after an error. Reads only.
  private static func present(_ module: Module, _ name: String, _ operation: String) -> Snapshot? {
    guard let cell = module.parametrizableCell(name, in: operation) else { return nil }
    let value = noGrad { cell.value.detach() }, pruning = module.parametrization(of: name).flatMap(pruning(in:))
    return Snapshot(cell: cell, value: value, mask: pruning?.mask ?? Tensor.ones(like: value, dtype: value.dtype.realType), pruning: pruning)
  }

  private static func pruning(in list: ParametrizationList) -> Pruning? { list.steps.lazy.compactMap { $0 as? Pruning }.first }

  /// - Parameter rule: the new mask from the value and the present mask; nil after an error.
  private static func prune(_ module: Module, _ name: String, _ operation: String, _ rule: (Tensor, Tensor) -> Tensor?) {
    guard let present = present(module, name, operation) else { return }
    noGrad {
      guard let mask = rule(present.value, present.mask), !ErrorScopes.hasFailed else { return }
      set(mask, module, name, present, operation)
    }
  }

  private static func set(_ mask: Tensor, _ module: Module, _ name: String, _ present: Snapshot, _ operation: String) {
    if let pruning = present.pruning {
      pruning.mask = mask
    } else {
      module.parametrize(name, in: operation) { _ in Pruning(mask) }
    }
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

import EmberRuntime
import EmberTensor

/// A function that a parameter is the value of: `registerParametrization` puts one in a parameter's place.
///
/// ```swift
/// final class Symmetric: Module, Parametrization {
///   func forward(_ originals: [Tensor]) -> Tensor { originals[0].triu() + originals[0].triu(1).mT }
///   func rightInverse(_ value: Tensor) -> [Tensor]? { [value.triu()] }
/// }
/// let layer = Linear(4, 4).registerParametrization("weight", Symmetric())
/// ```
public protocol Parametrization: Layer where Input == [Tensor], Output == Tensor {
  /// Tensors that `forward` makes the value, or one near to it, of. Nil, as without an implementation, where there are none: then the value
  /// cannot be assigned, and the original begins as what the parameter was.
  func rightInverse(_ value: Tensor) -> [Tensor]?
}

extension Parametrization {
  public func rightInverse(_ value: Tensor) -> [Tensor]? { nil }
}

/// A function of one tensor.
private final class FunctionParametrization: Module, Parametrization {
  private let function: (Tensor) -> Tensor

  init(_ function: @escaping (Tensor) -> Tensor) { self.function = function }

  func forward(_ originals: [Tensor]) -> Tensor { function(originals[0]) }
}

/// What a parameter is computed from, and how: functions that follow each other. In a state dict `original`, or `original0`,
/// `original1`, … if there are several, and the functions' own state under their numbers.
public final class ParametrizationList: Module {
  /// The trained parameters.
  public let originals: [StateCell]
  /// The first one takes all originals, each later one the result of the one before.
  public fileprivate(set) var steps: [any Parametrization]
  /// That of the parameter, which stays.
  private let shape: Shape

  fileprivate init(_ originals: [StateCell], _ first: any Parametrization, shape: Shape) {
    self.originals = originals
    self.shape = shape
    steps = [first]
    super.init()
  }

  /// Inside an error scope: remembers the functions in case that the scope fails.
  fileprivate func journalSteps() {
    let steps = steps
    ErrorScopes.journal(for: self) { self.steps = steps }
  }

  /// Takes a function away from what computes a cell; the originals stay.
  func removeStep(_ step: any Parametrization, of cell: StateCell) {
    journalSteps()
    steps.removeAll { $0 === step }
    cell.derive(by: derivation)
  }

  var value: Tensor { steps.dropFirst().reduce(steps[0](originals.map(\.value))) { $1([$0]) } }

  /// Gives the originals such values that the parameter becomes, or comes near to, the given one.
  fileprivate func assign(_ value: Tensor) {
    guard value.shape == shape else {
      raise(EmberError(.shape, in: "parametrization", "\(value.summary) for a parametrised value, which has the shape \(shape)"))
      return
    }
    noGrad {
      var values = [value.detach()]
      for step in steps.reversed() {
        guard values.count == 1, let inverse = step.rightInverse(values[0]) else {
          raise(
            EmberError(
              .value, in: "parametrization",
              "\(Swift.type(of: step)) has no right inverse, so that the value cannot be assigned; assign the originals"))
          return
        }
        values = inverse
      }
      for (cell, value) in zip(originals, values) { cell.value = value }
    }
  }

  public override func reflectedMembers() -> [(name: String, value: Any)] {
    originals.enumerated().map { (name: originals.count == 1 ? "original" : "original\($0.offset)", value: $0.element as Any) }
      + steps.enumerated().map { (name: "\($0.offset)", value: $0.element as Any) }
  }
}

/// A module's parametrised parameters by name.
final class Parametrizations: Module {
  fileprivate var entries: [(name: String, cell: StateCell, list: ParametrizationList)] = []

  override func reflectedMembers() -> [(name: String, value: Any)] { entries.map { (name: $0.name, value: $0.list as Any) } }
}

extension Module {
  /// From now on the parameter (or buffer) of this name is computed, each time it is read, by `parametrization` from tensors that take its
  /// place in state dicts and optimizers: `parametrizations.weight.original`. Gradients flow to them.
  ///
  /// A second parametrization of the same name is applied to the first one's result. Make optimizers afterwards, as the parameters are
  /// others. Assigning the parameter changes the originals by `rightInverse`. The computed value must have the shape and the dtype that the
  /// parameter has; an error leaves the module as it was.
  @discardableResult
  public final func registerParametrization(_ name: String, _ parametrization: any Parametrization) -> Self {
    parametrize(name, in: "registerParametrization") { _ in parametrization }
    return self
  }

  /// The same for a function of one tensor, which has no right inverse.
  @discardableResult
  public final func registerParametrization(_ name: String, _ function: @escaping (Tensor) -> Tensor) -> Self {
    registerParametrization(name, FunctionParametrization(function))
  }

  /// Makes the parameter an ordinary one again.
  ///
  /// - Parameter leaveParametrized: with the value that it has now; otherwise with that of the original, of which there must be one only.
  @discardableResult
  public final func removeParametrizations(_ name: String = "weight", leaveParametrized: Bool = true) -> Self {
    if ErrorScopes.hasFailed { return self }
    if Tracer.current != nil {
      raise(EmberError(.value, in: "removeParametrizations", "a parameter cannot become an ordinary one inside what is captured"))
      return self
    }
    guard let parametrizations, let index = parametrizations.entries.firstIndex(where: { $0.name == name }) else {
      let names = parametrizations?.entries.map(\.name).joined(separator: ", ") ?? "none"
      raise(
        EmberError(
          .value, in: "removeParametrizations", "\"\(name)\" is not parametrised in \(Swift.type(of: self)); what is: \(names)"))
      return self
    }
    let (_, cell, list) = parametrizations.entries[index]
    if !leaveParametrized && list.originals.count > 1 {
      raise(
        EmberError(
          .value, in: "removeParametrizations",
          "\"\(name)\" is computed from \(list.originals.count) tensors, none of which is the parameter; leave its value"))
      return self
    }
    let value = noGrad { leaveParametrized ? list.value : list.originals[0].value.detach() }
    if value.isPoisoned { return self }
    cell.settle(at: value, requiresGrad: cell.requiresGrad)
    journalParametrizations(parametrizations)
    parametrizations.entries.remove(at: index)
    if parametrizations.entries.isEmpty { self.parametrizations = nil }
    return self
  }

  /// What a parameter is computed from; nil if it is an ordinary one. One that other modules share may have been parametrised through them.
  public final func parametrization(of name: String = "weight") -> ParametrizationList? {
    ownCells().first { $0.name == name }?.cell.derivation?.owner as? ParametrizationList
  }

  /// Whether a parameter is computed, or without a name whether any of this module's own is.
  public final func isParametrized(_ name: String? = nil) -> Bool {
    name.map { parametrization(of: $0) != nil } ?? (parametrizations != nil)
  }

  /// This module's parameters and buffers, the parametrised ones too.
  private final func ownCells() -> [NamedCell] {
    let members = reflected()
    return members.parameters + members.buffers
  }

  /// Inside an error scope: remembers which parameters are parametrised, in case that the scope fails.
  private final func journalParametrizations(_ all: Parametrizations) {
    let (old, entries) = (parametrizations, all.entries)
    ErrorScopes.journal(for: all) { [self] in
      parametrizations = old
      all.entries = entries
    }
  }

  /// The cell of a parameter or buffer that can be parametrised now; nil after an error.
  final func parametrizableCell(_ name: String, in operation: String) -> StateCell? {
    func refuse(_ message: String) -> StateCell? {
      raise(EmberError(.value, in: operation, message))
      return nil
    }
    if ErrorScopes.hasFailed { return nil }
    if Tracer.current != nil { return refuse("a parameter cannot be parametrised inside what is captured") }
    let cells = ownCells()
    guard let cell = cells.first(where: { $0.name == name })?.cell else {
      let names = cells.map(\.name).joined(separator: ", ")
      return refuse("\(Swift.type(of: self)) has no parameter or buffer \"\(name)\"; it has: \(names.isEmpty ? "none" : names)")
    }
    if uninitializedCells.contains(where: { $0 === cell }) {
      return refuse("\"\(name)\" of \(Swift.type(of: self)) has no values before its first call")
    }
    return cell
  }

  /// - Parameter make: from the present value the parametrization, or nil after an error.
  final func parametrize(_ name: String, in operation: String, _ make: (Tensor) -> (any Parametrization)?) {
    guard let cell = parametrizableCell(name, in: operation) else { return }
    let known = cell.derivation?.owner as? ParametrizationList
    noGrad {
      let old = cell.value.detach()
      guard let parametrization = make(old) else { return }
      parametrization.train(isTraining)
      let originals = parametrization.rightInverse(old) ?? [old]
      if known != nil, originals.count != 1 {
        raise(
          EmberError(
            .value, in: operation,
            "\"\(name)\" is parametrised already, and \(Swift.type(of: parametrization)) computes from \(originals.count) tensors; it has to come first"))
        return
      }
      let result = parametrization(known == nil ? originals : [old])
      if ErrorScopes.hasFailed { return }
      guard result.shape == old.shape, result.dtype == old.dtype else {
        raise(
          EmberError(
            .shape, in: operation,
            "\(Swift.type(of: parametrization)) makes \(result.summary) of \"\(name)\", which is \(old.summary) and must stay so"))
        return
      }
      if let list = known {
        list.journalSteps()
        list.steps.append(parametrization)
        // Graphs that were captured with the functions there were do not serve any more.
        cell.derive(by: list.derivation)
        return
      }
      let list = ParametrizationList(
        originals.map { StateCell($0, isParameter: cell.isParameter, requiresGrad: cell.requiresGrad) }, parametrization,
        shape: old.shape)
      list.train(isTraining)
      let all = parametrizations ?? Parametrizations()
      all.train(isTraining)
      journalParametrizations(all)
      all.entries.append((name, cell, list))
      parametrizations = all
      cell.derive(by: list.derivation)
    }
  }
}

extension ParametrizationList {
  fileprivate var derivation: Derivation {
    // A module belongs to one thread at a time, and its parametrised cells with it.
    nonisolated(unsafe) let list = self
    return Derivation(of: self, sources: originals, compute: { list.value }, assign: { list.assign($0) })
  }
}

// MARK: - State dicts of older versions

/// A parametrization whose state PyTorch once saved under other names, without `parametrizations`.
protocol RenamedParametrization: Parametrization {
  /// What followed the parameter's name, and where that is now.
  static var formerNames: KeyValuePairs<String, String> { get }
}

extension Module {
  /// A state dict in which parametrised parameters have their present names, `parametrizations.weight.original0` for `weight_g`.
  final func withPresentNames(_ state: [(name: String, tensor: Tensor)]) -> [(name: String, tensor: Tensor)] {
    var present: [String: String] = [:]
    walk(onceEach: false) { prefix, module, _ in
      let path = prefix.isEmpty ? "" : prefix + "."
      for entry in module.parametrizations?.entries ?? [] {
        guard let first = entry.list.steps.lazy.compactMap({ $0 as? any RenamedParametrization }).first else { continue }
        for (suffix, name) in Swift.type(of: first).formerNames {
          present["\(path)\(entry.name)\(suffix)"] = "\(path)parametrizations.\(entry.name).\(name)"
        }
      }
    }
    return present.isEmpty ? state : state.map { (present[$0.name] ?? $0.name, $0.tensor) }
  }
}

import EmberRuntime
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A place that owns a changing value: a parameter or a buffer of a module. Safe to touch from several threads.
///
/// The value of a parameter is a leaf; assigning gives it a fresh one. An optimizer's update keeps leaf and memory. A parametrised cell
/// holds no value of its own: each reading computes it (`Derivation`).
public final class StateCell: Sendable {
  private let state: Mutex<Content>
  /// Parameters take gradients, buffers do not.
  public let isParameter: Bool

  public init(_ value: Tensor, isParameter: Bool, requiresGrad: Bool = true) {
    self.isParameter = isParameter
    state = Mutex(Content(value: isParameter && requiresGrad ? value.detach().requiringGrad() : value.detach()))
  }

  private struct Content {
    /// Where there is a derivation, only something of the same shape, without memory.
    var value: Tensor
    var derivation: Derivation?
    /// Grows with every change of this cell.
    var version: UInt64 = 0
    /// An optimizer writes into the value's memory; everybody else waits.
    var isTaken = false
  }

  @inline(__always) private func withContent<Result: Sendable>(_ body: (inout Content) -> Result) -> Result {
    while true {
      let result: Result? = state.withLock { $0.isTaken ? nil : .some(body(&$0)) }
      if let result { return result }
      sched_yield()
    }
  }

  @inline(__always) private func withValue<Result: Sendable>(_ body: (inout Tensor) -> Result) -> Result { withContent { body(&$0.value) } }

  /// Grows with every change of any cell, after the change: who read cells when it stood as it stands now need not read them again.
  package static var changeCount: UInt64 { changes.load(ordering: .acquiring) }
  private static let changes = Atomic<UInt64>(0)

  @inline(__always) private func changeContent<Result: Sendable>(_ body: (inout Content) -> Result) -> Result {
    defer { Self.changes.wrappingAdd(1, ordering: .acquiringAndReleasing) }
    return withContent {
      $0.version += 1
      return body(&$0)
    }
  }

  @inline(__always) private func change<Result: Sendable>(_ body: (inout Tensor) -> Result) -> Result {
    changeContent { body(&$0.value) }
  }

  private func replaceValue(_ new: Tensor) { change { $0 = new } }

  /// The value, without its history, and how often it has changed: the same count stands for the same numbers, which need not be held for
  /// that, so that whoever changes them in place need not copy them.
  package var versioned: (value: Tensor, version: UInt64) { withContent { ($0.value.value, $0.version) } }

  /// The value. Poisoned values and writes in a failed error scope are discarded; a write is taken back if the scope fails later.
  public var value: Tensor {
    get { ownValue ?? derivedValue() }
    set {
      if ErrorScopes.hasFailed || newValue.isPoisoned { return }
      if let derivation { return derivation.assign(newValue) }
      if let tracer = Tracer.current { return tracer.set(self, newValue) }
      guard let plain = newValue.common else {
        raise(
          EmberError(
            .value, in: "vmap",
            "a parameter or buffer cannot take \(newValue.summary), which differs among the members of a batch; "
              + "evaluate the model with eval(), or return the new value from vmap"))
        return
      }
      journal()
      change { $0 = isParameter && $0.requiresGrad ? plain.detach().requiringGrad() : plain.detach() }
    }
  }

  /// The value, unless it is computed from others.
  @inline(__always) private var ownValue: Tensor? {
    if ThreadFlags.current.contains(.captures), let tracer = Tracer.current { return isDerived ? nil : tracer.value(of: self) }
    return withContent { $0.derivation == nil ? $0.value : nil }
  }

  private func derivedValue() -> Tensor {
    guard let derivation else { return value }
    // A graph reads what the value is computed from, and holds only as long as it is computed so.
    Tracer.current?.addGuard(for: self) { { self.derivation === derivation } }
    return derivation.compute()
  }

  /// The shape of the value, which is known without computing it.
  public var shape: Shape { (ownValue ?? withValue { $0 }).shape }

  /// Inside an error scope: remembers the present value, or how it is computed, in case that the scope fails.
  private func journal() {
    guard ErrorScopes.isActive else { return }
    let (old, derivation) = withContent { ($0.value, $0.derivation) }
    ErrorScopes.journal(for: self) { self.restore(old, derivation) }
  }

  private func restore(_ value: Tensor, _ derivation: Derivation?) {
    changeContent { content in
      content.value = value
      content.derivation = derivation
    }
  }

  /// Puts a value in place, with its history, and returns the one that was there: for running a module with other values for a while.
  package func exchange(_ new: Tensor) -> Tensor {
    if let tracer = Tracer.current { return tracer.exchange(self, new) }
    return change { current in
      let old = current
      current = new
      return old
    }
  }

  /// What backward passes added up. A value that is computed from others keeps none; they do.
  public var grad: Tensor? {
    get { ownValue?.grad }
    set {
      if let own = ownValue {
        own.grad = newValue
      } else if newValue != nil {
        raise(EmberError(.value, in: "grad", "a parametrised value keeps no gradient; what it is computed from does"))
      }
    }
  }

  /// Frozen parameters take no gradient. A dtype that has no gradients leaves the cell as it was.
  public var requiresGrad: Bool {
    get { ownValue?.requiresGrad ?? derivation?.sources.contains { $0.requiresGrad } ?? false }
    set {
      if let derivation {
        for source in derivation.sources { source.requiresGrad = newValue }
        return
      }
      let old = value
      if ErrorScopes.hasFailed || newValue == old.requiresGrad { return }
      if Tracer.current != nil { return Tracer.refuse("requiresGrad of a parameter cannot change inside what is captured") }
      let new = old.requiringGrad(newValue)
      if new.isPoisoned { return }
      journal()
      replaceValue(new)
    }
  }

  /// Changes the numbers: `body` gets the value to change, and may read this cell, which shows the old numbers until it is through.
  /// Gradient and leaf stay unless shape or dtype become others. Discarded if `body` leaves a poisoned tensor or the error scope has
  /// failed. Of updates at the same time on several threads, the last to finish counts.
  public func update(_ body: (inout Tensor) -> Void) {
    if ErrorScopes.hasFailed { return }
    let old = value
    var changed = old.value
    noGrad { body(&changed) }
    if changed.isPoisoned { return }
    guard changed.shape == old.shape, changed.dtype == old.dtype, !isDerived else {
      value = changed
      return
    }
    if ErrorScopes.hasFailed { return }
    journal()
    changed.node = old.node
    if let tracer = Tracer.current {
      _ = tracer.exchange(self, changed)
      return
    }
    replaceValue(changed)
  }

  /// Gives the value dense memory of its own, unless it has it already, and keeps everybody else from it until `endUpdate`: so that a
  /// list of parameters can change in one go, and that a step changes numbers only once nothing can fail any more. The thread itself
  /// must not touch the cell before that.
  ///
  /// - Returns: the value, whose memory may be written; nil after an error, and then there is nothing to end.
  package func beginUpdate() -> Tensor? {
    if Tracer.current != nil {
      Tracer.refuse("a value is written in place by a kernel")
      return nil
    }
    defer { Self.changes.wrappingAdd(1, ordering: .acquiringAndReleasing) }
    if isDerived {
      raise(EmberError(.value, in: "update", "a parametrised value is computed; what it is computed from can be written in place"))
      return nil
    }
    return withContent { content -> Tensor? in
      let node = content.value.node
      content.value.node = nil
      content.value.makeWritable()
      content.value.node = node
      if ErrorScopes.hasFailed { return nil }
      content.isTaken = true
      content.version += 1
      return content.value.value
    }
  }

  /// Inside an error scope: keeps a copy of the numbers in case that the scope fails, for updates in place that can fail.
  package func keepForRollback() {
    guard ErrorScopes.isActive, Tracer.current == nil else { return }
    let old = value
    var copy = noGrad { old.value.clone() }
    if copy.isPoisoned { return }
    copy.node = old.node
    ErrorScopes.journal(for: self) { self.restore(copy, nil) }
  }

  /// Writes numbers into the value's own memory.
  package func write(_ body: (Tensor) -> Void) {
    guard let value = beginUpdate() else { return }
    body(value)
    endUpdate()
  }

  package func endUpdate() { state.withLock { $0.isTaken = false } }

  // MARK: Values that are computed from others

  /// How the value is computed; nil: it is the cell's own.
  package var derivation: Derivation? { withContent { $0.derivation } }
  package var isDerived: Bool { withContent { $0.derivation != nil } }

  /// From now on the value, which keeps its shape, is computed at each reading; the old one's memory is given up.
  package func derive(by derivation: Derivation) {
    journal()
    restore(noGrad { Tensor.empty(Array(shape), dtype: withValue { $0.dtype }, on: .meta) }, derivation)
  }

  /// The value is the cell's own again.
  package func settle(at value: Tensor, requiresGrad: Bool) {
    journal()
    restore(isParameter && requiresGrad ? value.detach().requiringGrad() : value.detach(), nil)
  }
}

/// How the value of a cell follows from those of other cells.
package final class Derivation: Sendable {
  package let sources: [StateCell]
  /// The value, with its history.
  package let compute: @Sendable () -> Tensor
  /// Changes the sources so that the value becomes the given one; raises an error where that is not possible.
  package let assign: @Sendable (Tensor) -> Void
  /// Who computes it. A module belongs to one thread at a time, and its cells with it.
  nonisolated(unsafe) package let owner: AnyObject

  package init(
    of owner: AnyObject, sources: [StateCell], compute: @escaping @Sendable () -> Tensor, assign: @escaping @Sendable (Tensor) -> Void
  ) {
    self.owner = owner
    self.sources = sources
    self.compute = compute
    self.assign = assign
  }
}

/// A parameter of a module: `@Parameter var weight: Tensor`. `$weight` is its cell, with `grad`.
@propertyWrapper
public struct Parameter: Sendable {
  public let projectedValue: StateCell
  /// The name in a state dict, where it is not the property's own in snake case.
  public let name: String?

  public init(wrappedValue: Tensor, _ name: String? = nil) {
    projectedValue = StateCell(wrappedValue, isParameter: true)
    self.name = name
  }

  public var wrappedValue: Tensor {
    get { projectedValue.value }
    nonmutating set { projectedValue.value = newValue }
  }
}

/// A value that is part of a module's state but not trained: running statistics.
@propertyWrapper
public struct Buffer: Sendable {
  public let projectedValue: StateCell
  public let name: String?
  /// Whether it belongs to the state dict.
  public let isPersistent: Bool

  public init(wrappedValue: Tensor, _ name: String? = nil, persistent: Bool = true) {
    projectedValue = StateCell(wrappedValue, isParameter: false)
    self.name = name
    isPersistent = persistent
  }

  public var wrappedValue: Tensor {
    get { projectedValue.value }
    nonmutating set { projectedValue.value = newValue }
  }
}

import EmberRuntime
import Synchronization

/// A place that owns a changing value: a parameter or a buffer of a module. Safe to touch from several threads.
///
/// The value of a parameter is a leaf; assigning gives it a fresh one. An optimizer's update keeps leaf and memory.
public final class StateCell: Sendable {
  private let state: Mutex<Tensor>
  /// Parameters take gradients, buffers do not.
  public let isParameter: Bool

  public init(_ value: Tensor, isParameter: Bool, requiresGrad: Bool = true) {
    self.isParameter = isParameter
    state = Mutex(isParameter && requiresGrad ? value.detach().requiringGrad() : value.detach())
  }

  /// The value. Poisoned values and writes in a failed error scope are discarded; a write is taken back if the scope fails later.
  public var value: Tensor {
    get { state.withLock { $0 } }
    set {
      if ErrorScopes.hasFailed || newValue.isPoisoned { return }
      guard let plain = newValue.common else {
        raise(
          EmberError(
            .value, in: "vmap",
            "a parameter or buffer cannot take \(newValue.summary), which differs among the members of a batch; "
              + "evaluate the model with eval(), or return the new value from vmap"))
        return
      }
      journal()
      state.withLock { $0 = isParameter && $0.requiresGrad ? plain.detach().requiringGrad() : plain.detach() }
    }
  }

  /// Inside an error scope: remembers the present value in case that the scope fails.
  private func journal() {
    guard ErrorScopes.isActive else { return }
    let old = value
    ErrorScopes.journal(for: self) { self.state.withLock { $0 = old } }
  }

  /// Puts a value in place, with its history, and returns the one that was there: for running a module with other values for a while.
  package func exchange(_ new: Tensor) -> Tensor {
    state.withLock { current in
      let old = current
      current = new
      return old
    }
  }

  public var grad: Tensor? {
    get { value.grad }
    set { value.grad = newValue }
  }

  /// Frozen parameters take no gradient. A dtype that has no gradients leaves the cell as it was.
  public var requiresGrad: Bool {
    get { value.requiresGrad }
    set {
      let old = value
      if ErrorScopes.hasFailed || newValue == old.requiresGrad { return }
      let new = old.requiringGrad(newValue)
      if new.isPoisoned { return }
      journal()
      state.withLock { $0 = new }
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
    guard changed.shape == old.shape, changed.dtype == old.dtype else {
      value = changed
      return
    }
    if ErrorScopes.hasFailed { return }
    journal()
    changed.node = old.node
    state.withLock { $0 = changed }
  }

  /// As `update`, for rules of optimizers: `body` gets the cell's own memory to write to, if nobody else holds it. It runs under the
  /// cell's lock and must not touch the cell.
  ///
  /// - Parameter cannotFail: the caller made sure of that (see `makeWritable`), so that inside an error scope nothing needs to be
  ///   kept for taking the update back, and the memory stays the same.
  package func updateInPlace(cannotFail: Bool, _ body: (inout Tensor) -> Void) {
    if ErrorScopes.hasFailed { return }
    if !cannotFail { journal() }
    state.withLock { current in
      let node = current.node
      var taken = current.value
      // The cell must not hold the memory while it is written; on failure the value taken is put back.
      let keep = ErrorScopes.isActive && !cannotFail ? current.value : nil
      current = .poison
      noGrad { body(&taken) }
      if taken.isPoisoned || ErrorScopes.hasFailed, let keep { taken = keep }
      taken.node = node
      current = taken
    }
  }

  /// Gives the value dense memory of its own, unless it has it already, so that an update in place asks for none.
  package func makeWritable() {
    state.withLock { current in
      let node = current.node
      current.node = nil
      current.makeWritable()
      current.node = node
    }
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

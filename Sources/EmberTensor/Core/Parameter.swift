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
            .value, in: "vmap", "a parameter or buffer cannot take \(newValue.summary), which differs among the members of a batch; "
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

  /// Frozen parameters take no gradient.
  public var requiresGrad: Bool {
    get { value.requiresGrad }
    set { state.withLock { $0.requiresGrad = newValue } }
  }

  /// Changes the numbers in place: the memory is handed to `body`, which writes to it if nobody else holds it.
  /// Gradient and leaf stay. Discarded if `body` leaves a poisoned tensor or the error scope has failed.
  ///
  /// - Parameter cannotFail: the caller made sure of that (see `makeWritable`), so that inside an error scope nothing needs to be
  ///   kept for taking the update back, and the memory stays the same.
  public func update(cannotFail: Bool = false, _ body: (inout Tensor) -> Void) {
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

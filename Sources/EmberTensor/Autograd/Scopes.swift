import EmberRuntime

/// Runs `body` without recording: results require no gradients.
public func noGrad<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
  try ThreadFlags.with(.gradientsDisabled, set: true, body)
}

/// Runs `body` with recording, also inside `noGrad`.
public func enableGrad<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
  try ThreadFlags.with(.gradientsDisabled, set: false, body)
}

@available(
  *, unavailable,
  message: "gradient mode belongs to a thread and does not survive an await; call noGrad around the synchronous tensor operations"
)
public func noGrad<Result>(_ body: () async throws -> Result) async rethrows -> Result { fatalError() }

@available(
  *, unavailable,
  message: "gradient mode belongs to a thread and does not survive an await; call enableGrad around the synchronous tensor operations"
)
public func enableGrad<Result>(_ body: () async throws -> Result) async rethrows -> Result { fatalError() }

/// True where operations are recorded.
public var isGradEnabled: Bool { isRecordingEnabled }

// MARK: - Leaves, detaching, hooks

extension Tensor {
  /// Whether gradients are computed for this tensor. Setting it makes a leaf, or cuts the history off; a dtype that has no gradients
  /// leaves the tensor as it was.
  public var requiresGrad: Bool {
    get { node != nil }
    set {
      if ErrorScopes.hasFailed || newValue == (node != nil) { return }
      let changed = requiringGrad(newValue)
      if !changed.isPoisoned { self = changed }
    }
  }

  /// The same value as a leaf: `grad` receives its gradient in a backward pass.
  public func requiringGrad(_ requires: Bool = true) -> Tensor {
    if !requires { return detach() }
    if isPoisoned { return self }
    guard dtype.isDifferentiable else {
      raise(EmberError(.dtype, in: "requiresGrad", "only floating-point and complex tensors have gradients, not \(summary)"))
      return .poison
    }
    // Inside vmap every member has a leaf of its own, also of what comes from outside.
    let own = VmapScope.current.map { lifted(to: $0.level) } ?? self
    return Tensor(own.body, node: LeafNode(shape: body.shape, dtype: dtype))
  }

  /// The same value without history.
  public func detach() -> Tensor {
    guard let batch = body.batch, batch.physical.hasHistory else { return value }
    return Tensor(batched: batch.physical.detach(), level: batch.level, isShared: batch.isShared)
  }

  /// This leaf with other numbers, as a step of an optimizer gives them: its gradient and its hooks stay.
  package func updated(to numbers: Tensor) throws(EmberError) -> Tensor {
    guard node is LeafNode else { throw EmberError(.value, in: "updated", "\(summary) is no leaf that requires gradients") }
    guard numbers.shape == shape, numbers.dtype == dtype, numbers.device == device else {
      throw EmberError(.shape, in: "updated", "the new numbers are \(numbers.summary), the leaf is \(summary); they must agree")
    }
    return Tensor(numbers.body, node: node)
  }

  /// True for tensors that no recorded operation made.
  public var isLeaf: Bool { node == nil || node is LeafNode }

  /// The accumulated gradient: of a leaf, or of another tensor after `retainGrad()`.
  public var grad: Tensor? {
    get {
      if let leaf = node as? LeafNode { return leaf.gradient }
      guard let node else { return nil }
      let (gradient, isKept) = node.retainedGradient
      if gradient == nil, !isKept {
        warn(
          .gradient, in: "grad",
          "\(summary) was made by \(node.operationName), so that backward keeps no gradient of it; call retainGrad() before, or read a leaf's")
      }
      return gradient
    }
    nonmutating set {
      if ErrorScopes.hasFailed { return }
      if let leaf = node as? LeafNode { leaf.gradient = newValue } else { node?.setGradient(newValue) }
    }
  }

  /// Keeps this tensor's gradient in `grad` although it is not a leaf.
  public func retainGrad() { if !(node is LeafNode) { node?.retainGradient() } }

  /// Calls `hook` with the gradient of this tensor in every backward pass; a returned tensor takes its place.
  @discardableResult
  public func registerHook(_ hook: @escaping @Sendable (Tensor) -> Tensor?) -> HookHandle {
    guard let node else {
      raise(EmberError(.value, in: "registerHook", "\(summary) does not require gradients"))
      return HookHandle(node: nil, id: 0)
    }
    return HookHandle(node: node, id: node.addHook(hook))
  }

  /// The operation that made this tensor, for messages and drawings; nil for leaves.
  public var gradFunctionName: String? { node is LeafNode ? nil : node?.operationName }
}

/// Removes a hook.
public struct HookHandle: Sendable {
  let node: Node?
  let id: Int
  public func remove() { node?.removeHook(id) }
}

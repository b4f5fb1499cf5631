import EmberRuntime
import Synchronization

/// A step of a recorded computation: where the gradient of one tensor goes next.
///
/// Nodes hold edges to older nodes and the values their derivative needs, never the tensors they produced, so there are no cycles.
public class Node: @unchecked Sendable {
  /// Creation order. Edges lead to smaller numbers; leaves are 0 and come last in a backward pass.
  final let sequence: UInt64
  // Exclusivity is not checked on what every recorded operation touches: the guardian sees to it, and the checks were a tenth of a node's cost.
  @exclusivity(unchecked) final private(set) var edge0: Node?
  @exclusivity(unchecked) final private(set) var edge1: Node?
  /// Absent for nearly all nodes; an empty array would cost reference counting.
  @exclusivity(unchecked) final private(set) var moreEdges: [Node?]?
  /// Shape and dtype of the tensor that this is the history of, which a gradient must have; nil where an operation has several
  /// results, each of which has a node of its own.
  final let result: ResultForm?
  /// Held while the node's part of a backward pass runs and while edges and saved values are released, so that two passes on
  /// two threads may meet at a node.
  final let guardian = Mutex<Void>(())
  @exclusivity(unchecked) final private(set) var isReleased = false
  @exclusivity(unchecked) private final var extras: Extras?

  private final class Extras {
    var hooks: [(id: Int, action: @Sendable (Tensor) -> Tensor?)] = []
    var retained: Tensor?
    var retains = false
    var nextID = 0
    var origin: Place?
  }

  private static let counter = Atomic<UInt64>(0)

  struct ResultForm {
    let shape: Shape
    let dtype: DType

    @inline(__always) init(shape: Shape, dtype: DType) {
      self.shape = shape
      self.dtype = dtype
    }

    @inline(__always) init(_ body: borrowing TensorBody) { self.init(shape: body.shape, dtype: body.dtype) }
  }

  init(leaf result: ResultForm) {
    sequence = 0
    self.result = result
  }

  /// Leaves have no edges.
  final var isLeaf: Bool { sequence == 0 }

  // In place, because a call would count references to the edges once more.
  @inline(__always) init(_ edge0: consuming Node?, _ edge1: consuming Node? = nil, form: ResultForm) {
    result = form
    sequence = Self.counter.wrappingAdd(1, ordering: .relaxed).newValue
    self.edge0 = edge0
    self.edge1 = edge1
    noteOrigin()
  }

  init(edges: [Node?], result: TensorBody?) {
    self.result = result.map { ResultForm($0) }
    sequence = Self.counter.wrappingAdd(1, ordering: .relaxed).newValue
    edge0 = edges.isEmpty ? nil : edges[0]
    edge1 = edges.count > 1 ? edges[1] : nil
    if edges.count > 2 { moreEdges = Array(edges[2...]) }
    noteOrigin()
  }

  @inline(__always) private func noteOrigin() {
    if isDetectingAnomalies { rememberOrigin() }
  }

  deinit {
    // Edges to leaves, and none, go by themselves.
    if leadsOnlyToLeaves { return }
    Self.free(takeSoleEdges())
  }

  private final var leadsOnlyToLeaves: Bool {
    if let edge0, !edge0.isLeaf { return false }
    if let edge1, !edge1.isLeaf { return false }
    return moreEdges == nil
  }

  /// Frees nodes and whatever only they hold, without recursion: a chain of a million nodes is taken apart here.
  private static func free(_ nodes: consuming [Node]) {
    while var node = nodes.popLast() {
      if isKnownUniquelyReferenced(&node) { nodes += node.takeSoleEdges() }
    }
  }

  /// Lets go of all edges. Returns those that lead further and that perhaps nobody else holds.
  private final func takeSoleEdges() -> [Node] {
    var sole: [Node] = []
    if var edge = edge0 {
      edge0 = nil
      if isKnownUniquelyReferenced(&edge), !edge.isLeaf { sole.append(edge) }
    }
    if var edge = edge1 {
      edge1 = nil
      if isKnownUniquelyReferenced(&edge), !edge.isLeaf { sole.append(edge) }
    }
    guard let more = moreEdges else { return sole }
    moreEdges = nil
    for case let edge? in more where !edge.isLeaf { sole.append(edge) }
    return sole
  }

  /// The edge of input `i`.
  final func edge(_ i: Int) -> Node? {
    switch i {
    case 0: edge0
    case 1: edge1
    default: i - 2 < moreEdges?.count ?? 0 ? moreEdges![i - 2] : nil
    }
  }

  final var edgeCount: Int { 2 + (moreEdges?.count ?? 0) }

  /// The operation that made it, as the user calls it.
  var operationName: String { "operation" }
  /// How many results the operation had; more than one arrive through `OutputNode`s.
  var outputCount: Int { 1 }

  /// Computes the gradients of the inputs and hands them to the pass.
  func propagate(_ gradients: inout Gradients, in pass: inout BackwardPass) {}

  /// Frees saved values. Called with the guardian held.
  func releaseSaved() {}

  /// Lets go of edges and saved values after the node's part of a backward pass is done.
  final func release() {
    let sole = guardian.withLock { _ in
      isReleased = true
      releaseSaved()
      return takeSoleEdges()
    }
    // Outside of the lock.
    if !sole.isEmpty { Self.free(sole) }
  }

  // MARK: Hooks, kept gradients, anomaly mode

  final var hasExtras: Bool { extras != nil }

  final func addHook(_ action: @escaping @Sendable (Tensor) -> Tensor?) -> Int {
    guardian.withLock { _ in
      let all = extras ?? Extras()
      extras = all
      all.nextID += 1
      all.hooks.append((all.nextID, action))
      return all.nextID
    }
  }

  final func removeHook(_ id: Int) {
    guardian.withLock { _ in extras?.hooks.removeAll { $0.id == id } }
  }

  final func retainGradient() {
    guardian.withLock { _ in
      let all = extras ?? Extras()
      extras = all
      all.retains = true
    }
  }

  /// The gradient that was kept or assigned, and whether backward passes keep it.
  final var retainedGradient: (gradient: Tensor?, isKept: Bool) { guardian.withLock { _ in (extras?.retained, extras?.retains ?? false) } }

  final func setGradient(_ gradient: Tensor?) {
    guardian.withLock { _ in
      let all = extras ?? Extras()
      extras = all
      all.retained = gradient
    }
  }

  /// Runs the hooks on an arriving gradient and keeps it if asked to.
  final func applyExtras(to gradient: Tensor) -> Tensor {
    guard hasExtras else { return gradient }
    let hooks = guardian.withLock { _ in extras?.hooks ?? [] }
    var result = gradient
    for hook in hooks { result = hook.action(result) ?? result }
    guardian.withLock { _ in
      if let extras, extras.retains { extras.retained = extras.retained.map { $0 + result } ?? result }
    }
    return result
  }

  private func rememberOrigin() {
    let all = Extras()
    all.origin = Place.current
    extras = all
  }

  /// Where in the program it was made; known in anomaly mode only.
  final var origin: Place? { extras?.origin }
}

/// The gradients that arrived at a node: one per result of its operation.
struct Gradients {
  var first: Tensor?
  /// Absent for nearly all nodes; an empty array would cost reference counting.
  private var rest: [Tensor?]?
  /// Further contributions to the first one that have not been computed yet.
  private var pending: PendingRows?

  /// Takes a contribution leftᵀ · right, or the sum of left's rows, to be computed with others of its kind.
  mutating func add(_ left: Tensor, _ right: Tensor?) {
    if pending == nil { pending = PendingRows() }
    pending!.add(left, right)
    if pending!.isFull { settle() }
  }

  /// Computes what is pending.
  @inline(__always) mutating func settle() { if pending != nil { addPending() } }

  private mutating func addPending() {
    guard let rows = pending.take() else { return }
    Self.accumulate(rows.sum(), into: &first)
  }

  subscript(i: Int) -> Tensor? {
    if i == 0 { return first }
    guard let rest, i - 1 < rest.count else { return nil }
    return rest[i - 1]
  }

  @inline(__always) mutating func add(_ gradient: consuming Tensor, at index: Int) {
    if index > 0 { return addFurther(gradient, at: index) }
    if first == nil { first = gradient } else { Self.accumulate(gradient, into: &first) }
  }

  private mutating func addFurther(_ gradient: Tensor, at index: Int) {
    var all = rest.take() ?? []
    while all.count < index { all.append(nil) }
    Self.accumulate(gradient, into: &all[index - 1])
    rest = all
  }

  /// The sum takes the place of what came before, in its memory where nobody else holds it: a parameter that is used a hundred times
  /// costs one buffer.
  private static func accumulate(_ gradient: Tensor, into sum: inout Tensor?) {
    guard var before = sum.take() else {
      sum = gradient
      return
    }
    before += gradient
    sum = before
  }
}

/// Contributions to one gradient that are sums over rows: leftᵀ · right for a weight, the sum of left's rows for a bias.
///
/// A small matrix that a recursive or recurrent network applies many times to few rows receives as many outer products, each as large as the
/// matrix itself. Put together they are one product of matrices that is written once.
struct PendingRows {
  private var left: [Tensor] = []
  private var right: [Tensor] = []
  private var elements = 0
  private var limit = 0

  /// Whether rows are worth keeping: they hold less than a quarter of what their product would.
  static func pays(rows: Int, _ inFeatures: Int, _ outFeatures: Int) -> Bool {
    rows * (inFeatures + outFeatures) * 4 <= inFeatures * outFeatures
  }

  mutating func add(_ left: Tensor, _ right: Tensor?) {
    self.left.append(left)
    elements += left.elementCount
    let outFeatures = left.body.shape[unchecked: 1]
    if let right {
      self.right.append(right)
      elements += right.elementCount
      limit = outFeatures * right.body.shape[unchecked: 1]
    } else {
      limit = outFeatures * 64
    }
  }

  /// The rows take as much memory as the gradient.
  var isFull: Bool { elements >= limit }

  func sum() -> Tensor {
    let left = left.count == 1 ? left[0] : cat(left)
    if right.isEmpty { return left.sum(0) }
    return apply(MatMul(), left.mT, right.count == 1 ? right[0] : cat(right))
  }
}

/// Stands for one of several results: passes its gradient on to the operation's node under its index.
final class OutputNode: Node, @unchecked Sendable {
  let index: Int

  init(_ operation: Node, index: Int, result: TensorBody) {
    self.index = index
    super.init(operation, form: ResultForm(result))
  }

  override var operationName: String { edge0?.operationName ?? "operation" }

  /// The operation, if the gradient of this result may go there at once: nothing is done to it or kept of it here, and the graph is there.
  var forwards: Node? { guardian.withLock { _ in hasExtras || isReleased ? nil : edge0 } }

  override func propagate(_ gradients: inout Gradients, in pass: inout BackwardPass) {
    guard let operation = edge0, let gradient = gradients.first else { return }
    pass.send(gradient, to: operation, index: index)
  }
}

/// A tensor that the user asked gradients for: accumulates what arrives.
final class LeafNode: Node, @unchecked Sendable {
  private let accumulated = Mutex<Tensor?>(nil)
  /// Made inside `capture`: only such leaves may receive gradients that stand for values of a graph.
  private let isOfCapture = ThreadFlags.current.contains(.captures)

  init(shape: Shape, dtype: DType) { super.init(leaf: ResultForm(shape: shape, dtype: dtype)) }

  override var operationName: String { "leaf" }

  var gradient: Tensor? {
    get { accumulated.withLock { $0 } }
    set { accumulated.withLock { $0 = newValue } }
  }

  override func propagate(_ gradients: inout Gradients, in pass: inout BackwardPass) {
    guard let gradient = gradients.first else { return }
    if gradient.trace != nil, !isOfCapture { return Tracer.refuseForeignLeaf(self) }
    // The lock is held over the addition: two passes on two threads may end at the same leaf.
    accumulated.withLock { value in
      guard var before = value else {
        value = gradient
        return
      }
      // Taken out, so that the sum can reuse the old gradient's memory; put back if there is no sum.
      value = nil
      if before.node == nil, gradient.node == nil, before.isUniquelyHeld() {
        before += gradient
        value = before
      } else {
        let sum = before + gradient
        value = sum.isPoisoned ? before : sum
      }
    }
  }
}

import EmberRuntime

/// One walk over a recorded computation, from results to leaves, newest operation first. No recursion.
struct BackwardPass {
  /// Gradients are themselves recorded, for derivatives of derivatives.
  let isRecording: Bool
  let keepsGraph: Bool
  /// Nodes on a path to what is asked for; nil if everything is.
  private let needed: Set<ObjectIdentifier>?
  /// Instead of accumulating into leaves: where the gradients of these nodes are collected.
  private var collected: [ObjectIdentifier: Tensor?] = [:]

  /// Nodes with arrived gradients. `order` is a heap of positions in `slots` by sequence number.
  private var slots: [Slot] = []
  private var freeSlots: [Int] = []
  private var order: [Pending] = []
  private var places = NodePlaces()
  /// The node whose derivative runs now, which `run` holds.
  private unowned(unsafe) var current: Node?

  /// Moved in and out whole: counting references was three quarters of what a small operation's backward pass cost.
  private struct Slot {
    var node: Node?
    var gradients = Gradients()
  }

  private struct Pending {
    let sequence: UInt64
    let slot: Int
    let key: ObjectIdentifier
  }

  init(isRecording: Bool, keepsGraph: Bool, targets: [Node]? = nil, roots: [Node] = []) {
    self.isRecording = isRecording
    self.keepsGraph = keepsGraph
    if let targets {
      needed = Self.nodes(from: roots, leadingTo: targets)
      for target in targets { collected[ObjectIdentifier(target)] = .some(nil) }
    } else {
      needed = nil
    }
  }

  /// Adds a contribution to what a node will receive.
  mutating func send(_ gradient: consuming Tensor, to node: Node, index: Int = 0) {
    if let needed, !needed.contains(ObjectIdentifier(node)) { return }
    if !fits(gradient, node) {
      guard let fitted = fitted(copy gradient, to: node) else { return }
      gradient = fitted
    }
    if isDetectingAnomalies { AnomalyMode.check(gradient, from: current, to: node) }
    // A result of an operation with several hands its gradient on as it came, unless somebody wants to see it.
    if type(of: node) == OutputNode.self, collected.isEmpty {
      let result = unsafeDowncast(node, to: OutputNode.self)
      if let operation = result.forwards {
        slots[slot(for: operation)].gradients.add(gradient, at: result.index)
        return
      }
    }
    slots[slot(for: node)].gradients.add(gradient, at: index)
  }

  /// Adds leftᵀ · right, or the sum of left's rows, to what a node will receive; computed when the node's turn comes. Not for gradients
  /// that are themselves recorded.
  mutating func send(rows left: Tensor, _ right: Tensor?, to node: Node) {
    if let needed, !needed.contains(ObjectIdentifier(node)) { return }
    slots[slot(for: node)].gradients.add(left, right)
  }

  /// Where the gradients of a node are gathered.
  private mutating func slot(for node: Node) -> Int {
    let key = ObjectIdentifier(node)
    if let slot = places[key] { return slot }
    let slot: Int
    if let reused = freeSlots.popLast() {
      slot = reused
      slots[slot].node = node
    } else {
      slot = slots.count
      slots.append(Slot(node: node))
    }
    places.insert(key, slot)
    push(Pending(sequence: node.sequence, slot: slot, key: key))
    return slot
  }

  @inline(__always) private func fits(_ gradient: borrowing Tensor, _ node: Node) -> Bool {
    guard let form = node.result else { return true }
    return gradient.body.shape == form.shape && gradient.body.dtype == form.dtype
  }

  /// A gradient in the shape and dtype of the tensor it belongs to, whatever a derivative or a hook returned: what was broadcast is
  /// summed, another dtype converted. Anything else is an error, before a kernel relies on it.
  private func fitted(_ gradient: Tensor, to node: Node) -> Tensor? {
    guard let form = node.result else { return gradient }
    if fits(gradient, node) { return gradient }
    if gradient.isPoisoned { return nil }
    guard form.shape.broadcast(with: gradient.body.shape) == gradient.body.shape else {
      let source = current.map { " from \($0.operationName)" } ?? ""
      raise(
        EmberError(
          .shape, in: "backward",
          "the gradient\(source) for a result of \(node.operationName) is \(gradient.summary); the result is \(form.dtype)\(form.shape)"))
      return nil
    }
    var result = gradient
    if result.body.shape != form.shape { result = result.sum(to: form.shape) }
    if result.dtype.isComplex, !form.dtype.isComplex { result = result.real }
    return result.to(form.dtype)
  }

  mutating func run() {
    while var arrived = pop() {
      let node = arrived.node.take()!
      arrived.gradients.settle()
      if node.hasExtras, let first = arrived.gradients.first {
        guard let changed = fitted(node.applyExtras(to: first), to: node) else { return }
        arrived.gradients.first = changed
      }
      if isDetectingAnomalies { AnomalyMode.checkSum(arrived.gradients, of: node) }
      if ThreadFlags.current.contains(.failed) { return }
      if !collected.isEmpty, collected[ObjectIdentifier(node)] != nil {
        collected[ObjectIdentifier(node)] = arrived.gradients.first
        if node.isLeaf || !leadsOn(node) { continue }
      }
      current = node
      let ran = node.guardian.withLock { _ in
        if node.isReleased { return false }
        if isObserved {
          observed(node.operationName, .backward, [arrived.gradients.first], results: { [] }) {
            node.propagate(&arrived.gradients, in: &self)
          }
        } else {
          node.propagate(&arrived.gradients, in: &self)
        }
        return true
      }
      current = nil
      if !ran {
        raise(
          EmberError(
            .value, in: "backward",
            "the graph at \(node.operationName) was freed by an earlier backward pass; pass retainGraph: "
              + "true to that one to go through it again"
          ))
        return
      }
      if !keepsGraph, !node.isLeaf { node.release() }
    }
  }

  /// Whether gradients that are asked for lie beyond a node.
  private func leadsOn(_ node: Node) -> Bool {
    guard let needed else { return true }
    return (0..<node.edgeCount).contains { i in node.edge(i).map { needed.contains(ObjectIdentifier($0)) } ?? false }
  }

  func gradient(of node: Node) -> Tensor? { collected[ObjectIdentifier(node)] ?? nil }

  // MARK: Heap, largest sequence number first

  private mutating func push(_ entry: Pending) {
    order.append(entry)
    var child = order.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      if order[parent].sequence >= order[child].sequence { break }
      order.swapAt(parent, child)
      child = parent
    }
  }

  /// Takes the newest node out, with what arrived at it.
  private mutating func pop() -> Slot? {
    guard let top = order.first else { return nil }
    let last = order.removeLast()
    if !order.isEmpty {
      order[0] = last
      var parent = 0
      while true {
        var largest = parent
        for child in [2 * parent + 1, 2 * parent + 2] where child < order.count && order[child].sequence > order[largest].sequence {
          largest = child
        }
        if largest == parent { break }
        order.swapAt(parent, largest)
        parent = largest
      }
    }
    var taken = Slot()
    swap(&slots[top.slot], &taken)
    freeSlots.append(top.slot)
    places.remove(top.key)
    return taken
  }

  /// The nodes on paths from `roots` to `targets`. Newer nodes are decided after older ones, in order of creation.
  private static func nodes(from roots: [Node], leadingTo targets: [Node]) -> Set<ObjectIdentifier> {
    var seen = Set<ObjectIdentifier>(), all: [Node] = [], pending = roots
    while let node = pending.popLast() {
      guard seen.insert(ObjectIdentifier(node)).inserted else { continue }
      all.append(node)
      for i in 0..<node.edgeCount { if let edge = node.edge(i) { pending.append(edge) } }
    }
    var leading = Set(targets.map { ObjectIdentifier($0) })
    for node in all.sorted(by: { $0.sequence < $1.sequence }) {
      for i in 0..<node.edgeCount {
        if let edge = node.edge(i), leading.contains(ObjectIdentifier(edge)) {
          leading.insert(ObjectIdentifier(node))
          break
        }
      }
    }
    return leading
  }
}

/// Where the gradients of a node are gathered, by node. A table with open addresses: a dictionary's hash takes as long as the rest of
/// what a small operation costs a backward pass.
private struct NodePlaces {
  private var keys: [UInt]
  private var slots: [Int]
  private var count = 0
  private var shift: UInt

  init() {
    keys = Array(repeating: 0, count: 16)
    slots = Array(repeating: 0, count: 16)
    shift = UInt(UInt.bitWidth) - 4
  }

  private static func number(_ key: ObjectIdentifier) -> UInt { UInt(bitPattern: key) }

  /// Fibonacci hashing: the high bits of a product with 2⁶⁴ ÷ the golden ratio.
  private func home(_ number: UInt) -> Int { Int((number &* UInt(truncatingIfNeeded: 0x9E37_79B9_7F4A_7C15 as UInt64)) >> shift) }

  /// The position of a key, or of the gap where it belongs.
  private func find(_ number: UInt) -> Int {
    let mask = keys.count - 1
    var i = home(number)
    while keys[i] != 0, keys[i] != number { i = (i + 1) & mask }
    return i
  }

  subscript(key: ObjectIdentifier) -> Int? {
    let i = find(Self.number(key))
    return keys[i] == 0 ? nil : slots[i]
  }

  /// - Precondition: the key is not there.
  mutating func insert(_ key: ObjectIdentifier, _ slot: Int) {
    if 2 * count >= keys.count { grow() }
    let number = Self.number(key), i = find(number)
    keys[i] = number
    slots[i] = slot
    count += 1
  }

  /// Whatever had to go further because of this key moves up.
  mutating func remove(_ key: ObjectIdentifier) {
    let mask = keys.count - 1
    var gap = find(Self.number(key))
    guard keys[gap] != 0 else { return }
    count -= 1
    var i = gap
    while true {
      i = (i + 1) & mask
      if keys[i] == 0 { break }
      if (i - home(keys[i])) & mask >= (i - gap) & mask {
        keys[gap] = keys[i]
        slots[gap] = slots[i]
        gap = i
      }
    }
    keys[gap] = 0
  }

  private mutating func grow() {
    let before = (keys, slots)
    keys = Array(repeating: 0, count: 2 * before.0.count)
    slots = Array(repeating: 0, count: keys.count)
    shift -= 1
    for i in before.0.indices where before.0[i] != 0 {
      let place = find(before.0[i])
      keys[place] = before.0[i]
      slots[place] = before.1[i]
    }
  }
}

// MARK: - Public entries

extension Tensor {
  /// Computes the gradients of this tensor for every leaf it depends on and adds them to the leaves' `grad`.
  ///
  /// - Parameters:
  ///   - gradient: the gradient arriving at this tensor; 1 for a tensor of one element.
  ///   - retainGraph: keeps the recorded computation for another pass. The default frees it on the way.
  ///   - createGraph: records the gradients' own computation, so that they can be differentiated.
  public func backward(_ gradient: Tensor? = nil, retainGraph: Bool? = nil, createGraph: Bool = false) {
    EmberTensor.backward(of: [self], with: [gradient], retainGraph: retainGraph, createGraph: createGraph)
  }
}

/// As `Tensor.backward`, from several results at once.
public func backward(of results: [Tensor], with gradients: [Tensor?]? = nil, retainGraph: Bool? = nil, createGraph: Bool = false) {
  guard let start = startingGradients(results, gradients, in: "backward") else { return }
  var pass = BackwardPass(isRecording: createGraph, keepsGraph: retainGraph ?? createGraph)
  ThreadFlags.with(.gradientsDisabled, set: !createGraph) {
    for (node, gradient) in start { pass.send(gradient, to: node) }
    ThreadFlags.with(.autocasts, set: false) { pass.run() }
    if isDetectingAnomalies { AnomalyMode.checkResults(results) }
  }
}

/// The gradients of the sum of `results` (each weighted by its entry of `gradients`) with respect to `inputs`. No `grad` is touched.
///
/// An input that the results do not depend on yields zeros.
public func grad(
  of results: [Tensor], with inputs: [Tensor], gradients: [Tensor?]? = nil, retainGraph: Bool? = nil, createGraph: Bool = false
) -> [Tensor] {
  var targets: [Node] = []
  for (i, input) in inputs.enumerated() {
    guard let node = input.node else {
      raise(EmberError(.value, in: "grad", "input \(i), \(input.summary), does not require gradients; create it with requiresGrad: true"))
      return inputs.map { _ in .poison }
    }
    targets.append(node)
  }
  guard let start = startingGradients(results, gradients, in: "grad") else { return inputs.map { _ in .poison } }
  var pass = BackwardPass(isRecording: createGraph, keepsGraph: retainGraph ?? createGraph, targets: targets, roots: start.map(\.0))
  return ThreadFlags.with(.gradientsDisabled, set: !createGraph) {
    for (node, gradient) in start { pass.send(gradient, to: node) }
    ThreadFlags.with(.autocasts, set: false) { pass.run() }
    if isDetectingAnomalies { AnomalyMode.checkResults(results) }
    return zip(inputs, targets).map { input, node in pass.gradient(of: node) ?? Tensor.zeros(like: input) }
  }
}

/// As `grad(of:with:)` for one result and one input.
public func grad(of result: Tensor, with input: Tensor, retainGraph: Bool? = nil, createGraph: Bool = false) -> Tensor {
  grad(of: [result], with: [input], retainGraph: retainGraph, createGraph: createGraph)[0]
}

private func startingGradients(_ results: [Tensor], _ gradients: [Tensor?]?, in operation: String) -> [(Node, Tensor)]? {
  var start: [(Node, Tensor)] = []
  for (i, result) in results.enumerated() {
    if result.isPoisoned { return nil }
    guard let node = result.node else {
      raise(
        EmberError(
          .value, in: operation,
          "\(result.summary) has no recorded computation: nothing it was made from has requiresGrad, or it was made inside noGrad"))
      return nil
    }
    if let gradients, i < gradients.count, let gradient = gradients[i] {
      guard gradient.shape == result.shape else {
        raise(
          EmberError(.shape, in: operation, "the gradient is \(gradient.summary), the tensor \(result.summary); their shapes must be equal")
        )
        return nil
      }
      start.append((node, gradient.dtype == result.dtype ? gradient : gradient.to(result.dtype)))
    } else {
      guard result.elementCount == 1 else {
        raise(
          EmberError(
            .shape, in: operation,
            "\(result.summary) is not a single number; give the gradient arriving at it, or reduce it first (sum, mean)"))
        return nil
      }
      start.append((node, Tensor.ones(like: result)))
    }
  }
  return start
}

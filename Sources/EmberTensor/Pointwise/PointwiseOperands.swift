import EmberRuntime

/// The operands of a pointwise call. Up to three travel without an allocation, which covers nearly every call.
struct PointwiseOperands {
  var x: Tensor
  var y: Tensor?
  var z: Tensor?
  var rest: [Tensor] = []

  init(_ x: Tensor, _ y: Tensor? = nil, _ z: Tensor? = nil) {
    self.x = x
    self.y = y
    self.z = z
  }

  init(_ all: [Tensor]) {
    x = all[0]
    y = all.count > 1 ? all[1] : nil
    z = all.count > 2 ? all[2] : nil
    if all.count > 3 { rest = Array(all[3...]) }
  }

  @inline(__always) func forEach<Failure: Error>(_ body: (Tensor) throws(Failure) -> Void) throws(Failure) {
    try body(x)
    if let y { try body(y) }
    if let z { try body(z) }
    if !rest.isEmpty { for tensor in rest { try body(tensor) } }
  }

  subscript(i: Int) -> Tensor {
    switch i {
    case 0: x
    case 1: y!
    case 2: z!
    default: rest[i - 3]
    }
  }

  var count: Int { y == nil ? 1 : z == nil ? 2 : 3 + rest.count }

  var list: [Tensor] {
    var all: [Tensor] = []
    forEach { all.append($0) }
    return all
  }

  var needsGradient: Bool {
    x.node != nil || y?.node != nil || z?.node != nil || (!rest.isEmpty && rest.contains { $0.node != nil })
  }

  /// No operand is poisoned or batched.
  var arePlain: Bool {
    x.body.isPlain && (y?.body.isPlain ?? true) && (z?.body.isPlain ?? true) && (rest.isEmpty || rest.allSatisfy { $0.body.isPlain })
  }

  var isBatched: Bool {
    x.body.batch != nil || y?.body.batch != nil || z?.body.batch != nil || (!rest.isEmpty && rest.contains { $0.body.batch != nil })
  }
}

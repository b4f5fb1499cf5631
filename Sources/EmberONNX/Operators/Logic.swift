import EmberRuntime
import EmberTensor

/// Comparisons and what is computed with truth values.
extension OperatorTable {
  mutating func addLogic() {
    add("Equal") { call in
      if case .strings(let a) = try call.value(0), case .strings(let b) = try call.value(1) { return try equalTexts(a, b, call) }
      return try call.comparison { $0 .== $1 }
    }
    add("Less") { call in try call.comparison { $0 .< $1 } }
    add("LessOrEqual") { call in try call.comparison { $0 .<= $1 } }
    add("Greater") { call in try call.comparison { $0 .> $1 } }
    add("GreaterOrEqual") { call in try call.comparison { $0 .>= $1 } }
    add("And") { call in try call.logical { $0.logicalAnd($1) } }
    add("Or") { call in try call.logical { $0.logicalOr($1) } }
    add("Xor") { call in try call.logical { $0.logicalXor($1) } }
    add("Not") { call in try call.tensor(0).logicalNot() }
    add("Where", since: 9) { call in
      let condition = try call.tensor(0)
      if case .strings(let a) = try call.value(1) { return try chosenTexts(condition, a, try call.strings(2), call) }
      let a = try call.tensor(1), b = try call.tensor(2)
      guard a.dtype == b.dtype else { throw call.failure("values \(describe(a)) and \(describe(b)); their types must agree", .dtype) }
      return .tensor(`where`(condition, a.wide, b.wide).to(a.dtype))
    }
  }
}

extension OperatorCall {
  fileprivate func comparison(_ body: (Tensor, Tensor) -> Tensor) throws -> ONNXValue {
    let (a, b) = try operands()
    guard a.dtype == b.dtype else { throw failure("operands \(describe(a)) and \(describe(b)); their types must agree", .dtype) }
    return .tensor(body(a.ordered, b.ordered))
  }

  fileprivate func logical(_ body: (Tensor, Tensor) -> Tensor) throws -> Tensor {
    let (a, b) = try operands()
    guard a.dtype == .bool, b.dtype == .bool else { throw failure("operands \(describe(a)) and \(describe(b)); both must be bool", .dtype) }
    return body(a, b)
  }
}

/// Positions of a tensor's elements, to be moved about in place of texts.
func positions(_ shape: [Int]) -> Tensor { Tensor.arange(shape.reduce(1, *)).reshape(shape) }

extension ONNXStrings {
  /// The texts at the positions that a tensor names.
  func picked(_ positions: Tensor) throws -> ONNXStrings {
    ONNXStrings(shape: Array(positions.shape), try positions.elementsOrThrow(as: Int.self).map { elements[$0] })
  }

  func expanded(to shape: [Int]) throws -> ONNXStrings {
    shape == self.shape ? self : try picked(positions(self.shape).expand(shape))
  }
}

/// Texts that broadcast to one shape.
func broadcastTexts(_ a: ONNXStrings, _ b: ONNXStrings, _ call: OperatorCall) throws -> (ONNXStrings, ONNXStrings) {
  guard let shape = broadcastShapes([a.shape, b.shape]) else {
    throw call.failure("the shapes \(a.shape) and \(b.shape) do not broadcast", .shape)
  }
  return (try a.expanded(to: shape), try b.expanded(to: shape))
}

private func equalTexts(_ a: ONNXStrings, _ b: ONNXStrings, _ call: OperatorCall) throws -> ONNXValue {
  let (a, b) = try broadcastTexts(a, b, call)
  return .tensor(Tensor(zip(a.elements, b.elements).map { $0 == $1 }, shape: a.shape))
}

private func chosenTexts(_ condition: Tensor, _ a: ONNXStrings, _ b: ONNXStrings, _ call: OperatorCall) throws -> ONNXValue {
  guard let shape = broadcastShapes([Array(condition.shape), a.shape, b.shape]) else {
    throw call.failure("the shapes \(condition.shape), \(a.shape) and \(b.shape) do not broadcast", .shape)
  }
  let a = try a.expanded(to: shape), b = try b.expanded(to: shape)
  let isFirst = try condition.expand(shape).elementsOrThrow(as: Bool.self)
  return .strings(ONNXStrings(shape: shape, isFirst.indices.map { isFirst[$0] ? a.elements[$0] : b.elements[$0] }))
}

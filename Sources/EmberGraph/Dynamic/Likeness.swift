import EmberRuntime
import EmberTensor

// When two graphs of one function, captured at different sizes, are the same graph.

extension Graph {
  /// Where two graphs part.
  package enum Difference {
    /// At the call of this position.
    case call(Int)
    /// One computes more than the other, or with other state.
    case extent
  }

  /// The first difference in which calls there are and what they read; nil if there is none. Attributes and shapes may differ.
  package func firstDifference(from other: Graph) -> Difference? {
    for (position, (a, b)) in zip(nodes, other.nodes).enumerated() {
      if a.call.name != b.call.name || a.inputs != b.inputs || a.outputs != b.outputs { return .call(position) }
    }
    let isSame =
      nodes.count == other.nodes.count && forms.count == other.forms.count && inputs == other.inputs && outputs == other.outputs
      && constants.keys == other.constants.keys
      && reads.count == other.reads.count && writes.count == other.writes.count
      && zip(reads, other.reads).allSatisfy { $0.value == $1.value && $0.cell === $1.cell && $0.part == $1.part }
      && zip(writes, other.writes).allSatisfy { a, b in
        a.cell === b.cell && a.value == b.value && a.keepsLeaf == b.keepsLeaf && a.gradient == b.gradient
      }
    return isSame ? nil : .extent
  }

  /// Whether both compute the same: calls, attributes and constants.
  func computesTheSame(as other: Graph) -> Bool {
    firstDifference(from: other) == nil && zip(nodes, other.nodes).allSatisfy { $0.call.isIdentical(to: $1.call) }
      && constants.allSatisfy { value, tensor in other.constants[value].map(tensor.hasBytes) ?? false }
  }
}

extension Tensor {
  /// Whether both have the same bytes, as constants of graphs. Raises nothing: what cannot be read differs.
  package func hasBytes(of other: Tensor) -> Bool {
    if isIdentical(to: other) { return true }
    guard shape == other.shape, dtype == other.dtype, device == other.device else { return false }
    return (try? withBytes { x in try other.withBytes { y in x.count == y.count && x.elementsEqual(y) } }) ?? false
  }
}

extension GraphCall {
  /// Whether both do the same for the same inputs. False where that cannot be told, because one holds a function.
  func isIdentical(to other: any GraphCall) -> Bool {
    guard type(of: self) == type(of: other) else { return false }
    let first = numbers, second = other.numbers
    return first.count == second.count && zip(first, second).allSatisfy { $0.isIdentical(to: $1) } && areIdentical(subject, other.subject)
  }
}

/// Whether two values of one type consist of the same numbers, names, types and objects.
private func areIdentical(_ a: Any, _ b: Any) -> Bool {
  switch (a, b) {
  case (let a as Int, let b as Int): return a == b
  case (let a as Bool, let b as Bool): return a == b
  case (let a as Double, let b as Double): return a.bitPattern == b.bitPattern
  case (let a as Shape, let b as Shape): return a == b
  case (let a as Strides, let b as Strides): return a == b
  case (let a as Tracer.Form, let b as Tracer.Form): return a == b
  case (let a as PointwiseCall, let b as PointwiseCall):
    return a.function === b.function && a.parameters.count == b.parameters.count
      && (0..<a.parameters.count).allSatisfy { a.parameters[$0].isIdentical(to: b.parameters[$0]) }
  case (let a as FusedPointwiseCall, let b as FusedPointwiseCall): return a.program.isIdentical(to: b.program)
  case (let a as FusedReductionCall, let b as FusedReductionCall):
    return a.program.isIdentical(to: b.program) && areIdentical(a.reduction, b.reduction)
  // What it does follows from the cells that the graph reads and writes at its place.
  case (let a as HostCall, let b as HostCall): return a.name == b.name
  case (let a as any ControlFlowCall, let b as any ControlFlowCall):
    return a.counts == b.counts && zip(a.allGraphs, b.allGraphs).allSatisfy { $0.computesTheSame(as: $1) }
  case (let a as AnyHashable, let b as AnyHashable): return a == b
  default: break
  }
  let first = Mirror(reflecting: a), second = Mirror(reflecting: b)
  guard first.displayStyle == second.displayStyle, type(of: a) == type(of: b) else { return false }
  switch first.displayStyle {
  case .class: return a as AnyObject === b as AnyObject
  case .enum where first.children.isEmpty: return second.children.isEmpty && "\(a)" == "\(b)"
  case .struct, .tuple, .enum, .optional, .collection, .dictionary, .set:
    guard first.children.count == second.children.count else { return false }
    return zip(first.children, second.children).allSatisfy { $0.label == $1.label && areIdentical($0.value, $1.value) }
  // What cannot be compared, functions above all, counts as different: all rules rest on that.
  default: return false
  }
}

extension PointwiseProgram {
  fileprivate func isIdentical(to other: PointwiseProgram) -> Bool {
    self === other
      || steps == other.steps && constants.count == other.constants.count && computeType == other.computeType
        && registerCount == other.registerCount && parameterCount == other.parameterCount && inputs.count == other.inputs.count
        && outputs.count == other.outputs.count
        && zip(constants, other.constants).allSatisfy { $0.type == $1.type && $0.value.isIdentical(to: $1.value) }
        && zip(inputs, other.inputs).allSatisfy { $0.dtype == $1.dtype && $0.type == $1.type }
        && zip(outputs, other.outputs).allSatisfy { $0.dtype == $1.dtype && $0.type == $1.type && $0.slot == $1.slot }
  }
}

import EmberRuntime
import EmberTensor

extension Graph: CustomStringConvertible {
  /// One line a call: `%7: float32[8, 64] = relu(%6)`.
  public var description: String {
    var lines = ["graph(\(inputs.map(named).joined(separator: ", "))) {"]
    for read in reads { lines.append("  \(named(read.value)) = state(\(read.part == .value ? "value" : "gradient"))") }
    for (value, tensor) in constants.sorted(by: { $0.key < $1.key }) {
      lines.append("  \(named(value)) = constant" + (tensor.rank == 0 && tensor.device == .cpu ? "(\(tensor.item()))" : ""))
    }
    for (position, node) in nodes.enumerated() {
      let operands = node.inputs.map { $0.map { "%\($0)" } ?? "none" }.joined(separator: ", ")
      let attributes = symbols?.attributes[position] ?? Self.text(Self.attributes(of: node.call))
      lines.append("  \(node.outputs.map(named).joined(separator: ", ")) = \(node.call.name)\(attributes)(\(operands))")
    }
    for write in writes {
      if let value = write.value { lines.append("  state ← %\(value)") }
      switch write.gradient {
      case .unchanged: break
      case .cleared: lines.append("  gradient ← none")
      case .value(let value): lines.append("  gradient ← %\(value)")
      }
    }
    lines.append("  return \(outputs.map { "%\($0)" }.joined(separator: ", "))\n}")
    return lines.joined(separator: "\n")
  }

  /// How what depends on dynamic dimensions is written.
  struct Symbols: Sendable {
    /// The shapes that depend on them.
    let shapes: [Value: String]
    /// What the operations hold, by the positions of their calls.
    let attributes: [Int: String]
  }

  private func shape(of value: Value) -> String { symbols?.shapes[value] ?? "\(forms[value].shape)" }
  private func named(_ value: Value) -> String { "%\(value): \(forms[value].dtype)\(shape(of: value))" }

  /// What the operation holds.
  static func attributes(of call: any GraphCall) -> [(label: String, value: Any)] {
    fields(of: call.subject)
  }

  private static func fields(of subject: Any) -> [(label: String, value: Any)] {
    Mirror(reflecting: subject).children.flatMap { child -> [(label: String, value: Any)] in
      guard let label = child.label, label != "saved", !(child.value is any GraphCall), !(child.value is any Operation) else { return [] }
      switch child.value {
      case is Int, is Double, is Bool, is [Int], is Shape, is DType, is Device: return [(label, child.value)]
      case let activation as Activation: return activation == .none ? [] : [(label, activation)]
      // Shapes have their extents already.
      case is ConvolutionGeometry, is PoolingGeometry: return fields(of: child.value).filter { $0.label != "input" && $0.label != "output" }
      default: return []
      }
    }
  }

  private static func text(_ attributes: [(label: String, value: Any)]) -> String {
    attributes.isEmpty ? "" : "[\(attributes.map { "\($0.label): \($0.value)" }.joined(separator: ", "))]"
  }

  /// The graph in the language of Graphviz: `dot -Tsvg` draws it.
  public var dot: String {
    var lines = ["digraph {", "  node [shape=box, style=\"rounded,filled\", fillcolor=\"#f4f4f4\", fontname=\"Helvetica\", fontsize=10];"]
    lines.append("  edge [fontname=\"Helvetica\", fontsize=8, color=\"#888888\"];")
    var source: [Value: String] = [:]
    for (i, input) in inputs.enumerated() {
      lines.append("  input\(i) [label=\"input \(i)\", fillcolor=\"#cfe8ff\"];")
      source[input] = "input\(i)"
    }
    for (i, read) in reads.enumerated() {
      lines.append("  state\(i) [label=\"state \(shape(of: read.value))\", fillcolor=\"#ffe9c7\"];")
      source[read.value] = "state\(i)"
    }
    for (i, node) in nodes.enumerated() {
      lines.append("  call\(i) [label=\"\(node.call.name)\"];")
      for output in node.outputs { source[output] = "call\(i)" }
      for case let input? in node.inputs {
        if let from = source[input] { lines.append("  \(from) -> call\(i) [label=\"\(shape(of: input))\"];") }
      }
    }
    for (i, output) in outputs.enumerated() {
      lines.append("  output\(i) [label=\"output \(i)\", fillcolor=\"#d5f5d5\"];")
      if let from = source[output] { lines.append("  \(from) -> output\(i) [label=\"\(shape(of: output))\"];") }
    }
    return (lines + ["}"]).joined(separator: "\n")
  }
}

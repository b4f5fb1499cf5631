import EmberRuntime
import EmberTensor

/// A computation that was recorded by `capture`: calls in an order in which they can run, each value defined once.
///
/// Parameters and buffers that the function reads are inputs of their own (`reads`), what it leaves in them are outputs (`writes`).
/// A graph is a value: passes take one and return another. Many threads may run one at once.
public struct Graph: Sendable {
  /// A value's number.
  public typealias Value = Int
  package typealias Form = Tracer.Form

  package struct Node: Sendable {
    package var call: any GraphCall
    package var inputs: [Value?]
    package var outputs: [Value]
    /// The module that made the call, where that is known.
    package var owner: ObjectIdentifier?
  }

  /// Something of a parameter or buffer that the computation starts from.
  package struct StateRead: Sendable {
    package enum Part: Sendable { case value, gradient }
    package let cell: StateCell
    package let part: Part
    package let value: Value
  }

  /// What the computation leaves in a parameter or buffer.
  package struct StateWrite: Sendable {
    package enum Gradient: Sendable, Equatable { case unchanged, cleared, value(Value) }
    package let cell: StateCell
    package var value: Value?
    /// The value takes the old one's place, as `StateCell.update` leaves it; otherwise it is a new leaf.
    package let keepsLeaf: Bool
    package var gradient: Gradient
  }

  package var forms: [Form]
  package var nodes: [Node]
  package var inputs: [Value]
  package var outputs: [Value]
  package var constants: [Value: Tensor]
  package var reads: [StateRead]
  package var writes: [StateWrite]
  /// What must hold for the graph to be the function's: the modes of modules.
  package var guards: [@Sendable () -> Bool]
  /// In a graph for many sizes what depends on them, in words.
  var symbols: Symbols?

  /// Whether it gives the same for the same inputs, and does nothing else.
  var isPure: Bool { nodes.allSatisfy(\.call.isPure) }
  /// How many calls there are.
  public var callCount: Int { nodes.count }
  /// The names of the calls, in order.
  public var callNames: [String] { nodes.map(\.call.name) }
  /// Shapes and dtypes of the inputs and of the results.
  public var inputForms: [(shape: Shape, dtype: DType)] { inputs.map { (forms[$0].shape, forms[$0].dtype) } }
  public var outputForms: [(shape: Shape, dtype: DType)] { outputs.map { (forms[$0].shape, forms[$0].dtype) } }

  /// What a tracer recorded, with the values that leave the function.
  init(_ tracer: Tracer, outputs: [Tensor]) {
    inputs = tracer.inputs
    self.outputs = outputs.map { tracer.number(of: $0) }
    var writes: [StateWrite] = []
    for result in tracer.cellResults {
      let gradient: StateWrite.Gradient =
        result.keepsGradient ? .unchanged : result.gradient.map { .value(tracer.number(of: $0)) } ?? .cleared
      let value = result.value.map { tracer.number(of: $0) }
      if case .unchanged = gradient, value == nil { continue }
      writes.append(StateWrite(cell: result.cell, value: value, keepsLeaf: result.keepsLeaf, gradient: gradient))
    }
    self.writes = writes
    reads = tracer.cells.flatMap { use in
      [StateRead(cell: use.cell, part: .value, value: use.read)]
        + (use.gradientRead.map { [StateRead(cell: use.cell, part: .gradient, value: $0)] } ?? [])
    }
    forms = tracer.forms
    nodes = tracer.records.map { Node(call: $0.call, inputs: $0.inputs, outputs: $0.outputs, owner: $0.owner) }
    constants = Dictionary(uniqueKeysWithValues: tracer.constants.map { ($0.number, $0.value) })
    guards = tracer.guards
  }

  /// A new value of a form.
  mutating func makeValue(_ form: Form) -> Value {
    forms.append(form)
    return forms.count - 1
  }

  /// The values that must outlive the last call.
  var results: Set<Value> {
    var all = Set(outputs)
    for write in writes {
      if let value = write.value { all.insert(value) }
      if case .value(let value) = write.gradient { all.insert(value) }
    }
    return all
  }

  /// The values that there are, in the order in which they are made.
  var definedValues: [Value] { inputs + reads.map(\.value) + constants.keys + nodes.flatMap(\.outputs) }

  /// For each value the positions of the calls that read it, ascending.
  var uses: [Value: [Int]] {
    var all: [Value: [Int]] = [:]
    for (position, node) in nodes.enumerated() {
      for case let input? in node.inputs where all[input]?.last != position { all[input, default: []].append(position) }
    }
    return all
  }

  /// For each value that a call makes the position of that call.
  var producers: [Value: Int] {
    var all: [Value: Int] = [:]
    for (position, node) in nodes.enumerated() { for output in node.outputs { all[output] = position } }
    return all
  }

  /// Takes out the calls at these positions.
  mutating func removeNodes(at positions: Set<Int>) {
    nodes = nodes.enumerated().filter { !positions.contains($0.offset) }.map(\.element)
  }

  /// Reads of `old` become reads of `new`, everywhere.
  mutating func replace(_ replacements: [Value: Value]) {
    guard !replacements.isEmpty else { return }
    func final(_ value: Value) -> Value {
      var value = value
      while let next = replacements[value] { value = next }
      return value
    }
    for i in nodes.indices { nodes[i].inputs = nodes[i].inputs.map { $0.map(final) } }
    outputs = outputs.map(final)
    for i in writes.indices {
      writes[i].value = writes[i].value.map(final)
      if case .value(let value) = writes[i].gradient { writes[i].gradient = .value(final(value)) }
    }
  }
}

/// Records what a function does with its inputs. The function runs once, on tensors that have shapes and no elements.
///
/// What depends neither on the inputs nor on parameters and buffers is computed at once and becomes a constant; so does what the function
/// reads of Swift variables. The modes of modules (training, evaluation) are remembered.
///
/// - Parameter examples: tensors like those of the later runs; only shape, dtype, device and whether they require gradients count.
/// - Throws: where an element is read (to branch on it), memory is written by a kernel outside of any operation, or a shape is wrong.
public func capture(_ examples: [Tensor], _ body: ([Tensor]) throws -> [Tensor]) throws -> Graph {
  try catchingErrors {
    try Tracer.run { tracer in
      let inputs = examples.map { example in
        let input = tracer.input(like: example)
        return example.requiresGrad ? input.requiringGrad() : input
      }
      let outputs = try body(inputs)
      return Graph(tracer, outputs: outputs)
    }
  }
}

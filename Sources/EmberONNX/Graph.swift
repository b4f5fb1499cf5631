import EmberRuntime

/// An attribute of a node, decoded.
enum ONNXAttribute: Sendable {
  case int(Int)
  case float(Float)
  case string(String)
  case ints([Int])
  case floats([Float])
  case strings([String])
  case value(ONNXValue)
  case values([ONNXValue])
  case graph(ONNXGraph)
  case graphs([ONNXGraph])
  case type(ONNXValueType)
  case types([ONNXValueType])
  /// The attribute of this name of the call of the function that the node is part of.
  case reference(String)
}

/// What a graph or a type attribute says about a value.
indirect enum ONNXValueType: Sendable {
  case tensor(ONNXElementType?, [ONNXDimension]?)
  case sequence(ONNXValueType)
  case optional(ONNXValueType)
  case other
}

/// An extent as a file declares it.
enum ONNXDimension: Sendable, Hashable {
  case fixed(Int)
  case named(String)
  case unknown
}

/// A name and the place of its value in the frame of a graph's evaluation.
struct ONNXPlace: Sendable {
  let name: String
  let slot: Int
}

/// A value that a subgraph takes from the graph around it.
struct ONNXCapture: Sendable {
  let name: String
  let outer: Int
  let inner: Int
}

/// An operation of a graph: which operator, from where and to where.
struct ONNXNode: Sendable {
  let name: String
  let operation: String
  let domain: String
  /// The version of its operator set.
  let version: Int
  /// Places of inputs; nil where an optional one is left out.
  let inputs: [Int?]
  let outputs: [Int?]
  let attributes: [String: ONNXAttribute]
  let hasReferences: Bool
  let body: Body
  /// Places whose values nobody reads after this node.
  var released: [Int] = []

  enum Body: Sendable {
    case `operator`(OperatorEntry)
    case function(ONNXFunction)
  }

  /// What errors call it.
  var label: String { name.isEmpty ? operation : "\(operation) '\(name)'" }
}

/// A graph or the body of a function, ready to be evaluated: nodes in order, names replaced by places in a frame.
final class ONNXGraph: Sendable {
  let name: String
  let inputs: [ONNXPlace]
  let inputTypes: [ONNXValueType]
  let outputs: [ONNXPlace]
  let outputTypes: [ONNXValueType]
  let constants: [(place: ONNXPlace, value: ONNXValue)]
  let nodes: [ONNXNode]
  let captures: [ONNXCapture]
  let slotCount: Int
  /// Graphs and functions inside one another, this one included.
  let depth: Int

  init(
    name: String, inputs: [ONNXPlace], inputTypes: [ONNXValueType], outputs: [ONNXPlace], outputTypes: [ONNXValueType],
    constants: [(place: ONNXPlace, value: ONNXValue)], nodes: [ONNXNode], captures: [ONNXCapture], slotCount: Int, depth: Int
  ) {
    self.name = name
    self.inputs = inputs
    self.inputTypes = inputTypes
    self.outputs = outputs
    self.outputTypes = outputTypes
    self.constants = constants
    self.nodes = nodes
    self.captures = captures
    self.slotCount = slotCount
    self.depth = depth
  }
}

/// A function that a file brings along.
final class ONNXFunction: Sendable {
  let name: String
  let body: ONNXGraph
  /// Values of attributes that a call leaves out.
  let defaults: [String: ONNXAttribute]

  init(name: String, body: ONNXGraph, defaults: [String: ONNXAttribute]) {
    self.name = name
    self.body = body
    self.defaults = defaults
  }
}

public import EmberGraph
import EmberRuntime
public import EmberTensor
import Synchronization

/// A model from an ONNX file as graphs: captured once for each set of shapes and dtypes of its inputs, optimised, and run by the same
/// executor as every compiled function.
///
/// ```swift
/// let model = try ONNXModel("detector.onnx").compiled()
/// let outputs = try model.run(["image": .tensor(image)])
/// ```
///
/// What the model decides by the numbers in its inputs (the branch of an `If`, how often a `Loop` runs, a shape to reshape to) is part of
/// what a graph is captured for, where these inputs are integers or truth values: each combination of numbers has a graph of its own. Models
/// that no graph can stand for are evaluated as `ONNXModel` does it: those that decide by floating-point numbers, take or give values that
/// are no tensors, or draw random numbers from a seed.
///
/// Many tasks may run it at once: what it reads of the model is fixed when that is loaded, but for `nodeLimit`, and parameters are cells.
public final class CompiledONNXModel: @unchecked Sendable {
  public let model: ONNXModel
  private let options: CompileOptions
  /// For each input whether the model decides by its numbers.
  private let decides: [Bool]
  private let canBeGraph: Bool
  private let functions = Mutex<[Key: CompiledFunction]>([:])

  /// Which inputs are given, and the numbers of those that the model decides by.
  private struct Key: Hashable {
    var isGiven: [Bool] = []
    var numbers: [Numbers] = []
  }

  private struct Numbers: Hashable {
    let dtype: DType
    let shape: [Int]
    let elements: [Int]
  }

  /// More numbers than this are data, not decisions.
  private static let mostNumbers = 64
  private static let mostFunctions = 64

  init(_ model: ONNXModel, options: CompileOptions) {
    self.model = model
    self.options = options
    let deciding = Self.decidingPlaces(model.graph)
    decides = model.graph.inputs.map { deciding.contains($0.slot) }
    let givesTensors = model.graph.outputTypes.allSatisfy {
      if case .tensor(let type?, _) = $0 { type.dtype != nil && !type.isNarrow } else { false }
    }
    canBeGraph = givesTensors && !Self.hasSeed(model.graph)
  }

  // MARK: Running

  /// The outputs for inputs given by name, without gradients.
  public func run(_ inputs: [String: ONNXValue]) throws -> [String: ONNXValue] {
    try noGrad { try model.named(evaluate(model.ordered(inputs))) }
  }

  /// The outputs for tensors in the order of the model's inputs; gradients flow through. An error is raised as other operations raise theirs.
  public func callAsFunction(_ inputs: Tensor...) -> [Tensor] { model.tensors { try evaluate(inputs.map { .tensor($0) }) } }

  /// The graphs there are so far.
  public var graphs: [Graph] { functions.withLock { Array($0.values) }.flatMap(\.graphs) }

  /// The outputs for inputs in the model's order; nil where a default stands.
  public func evaluate(_ inputs: [ONNXValue?]) throws -> [ONNXValue] {
    var key = Key(), data: [Tensor] = []
    guard canBeGraph, try split(inputs, &key, &data) else { return try model.evaluate(inputs) }
    try model.check(inputs)
    let function = functions.withLock { $0[key] } ?? make(key, inputs)
    return try catchingErrors { function(data) }.map { .tensor($0) }
  }

  /// The inputs' numbers that the model decides by go to `key`, the other tensors to `data`. False if there is something else.
  private func split(_ inputs: [ONNXValue?], _ key: inout Key, _ data: inout [Tensor]) throws -> Bool {
    for (i, value) in inputs.enumerated() {
      key.isGiven.append(value != nil)
      guard let value else { continue }
      guard case .tensor(let tensor) = value, i < decides.count else { return false }
      if decides[i], tensor.dtype.category <= .integer {
        guard tensor.elementCount <= Self.mostNumbers, !tensor.isSymbolic else { return false }
        key.numbers.append(
          Numbers(dtype: tensor.dtype, shape: Array(tensor.shape), elements: try tensor.to(.int64).elementsOrThrow(as: Int.self)))
      } else {
        data.append(tensor)
      }
    }
    return true
  }

  private func make(_ key: Key, _ inputs: [ONNXValue?]) -> CompiledFunction {
    // The numbers stay as they are; the places of the data are filled at each call.
    let fixed = inputs.enumerated().map { i, value in
      if case .tensor(let tensor)? = value, decides[i], tensor.dtype.category <= .integer { value } else { nil as ONNXValue? }
    }
    var options = options
    options.fallsBackToEager = true
    let model = model
    let function = CompiledFunction(options: options) { data in
      model.tensors {
        var rest = data[...]
        return try model.evaluate(zip(key.isGiven, fixed).map { $0 ? $1 ?? rest.popFirst().map { .tensor($0) } : nil })
      }
    }
    functions.withLock { functions in
      if functions.count >= Self.mostFunctions { functions.removeAll() }
      functions[key] = function
    }
    return function
  }

  // MARK: What a model decides by

  /// The places of the graph whose numbers decide what is done: those that operators read as numbers, and what these are computed from. A
  /// shape is not computed from elements.
  private static func decidingPlaces(_ graph: ONNXGraph) -> Set<Int> {
    var places = ONNXModel.placesOfNumbers(graph)
    for node in graph.nodes.reversed() where node.outputs.contains(where: { $0.map(places.contains) ?? false }) {
      if node.domain.isEmpty, node.operation == "Shape" || node.operation == "Size" { continue }
      places.formUnion(node.inputs.compactMap { $0 })
      for inner in node.attributes.values.flatMap(\.graphs) { places.formUnion(inner.captures.map(\.outer)) }
    }
    return places
  }

  /// Whether some operator draws from a seed: the same numbers at each run, which the generator of a graph would not give.
  private static func hasSeed(_ graph: ONNXGraph) -> Bool {
    graph.nodes.contains { node in
      if node.attributes["seed"] != nil { return true }
      if case .function(let function) = node.body, hasSeed(function.body) { return true }
      return node.attributes.values.flatMap(\.graphs).contains(where: hasSeed)
    }
  }
}

extension ONNXModel {
  /// The model as graphs, which run faster. It shares its parameters with this one.
  public func compiled(options: CompileOptions = CompileOptions()) -> CompiledONNXModel { CompiledONNXModel(self, options: options) }
}

import EmberFormats
public import EmberNN
import EmberRuntime
public import EmberTensor
internal import FoundationEssentials
internal import SwiftProtobuf

/// A model from an ONNX file, evaluated operator by operator with Ember's own functions.
///
/// ```swift
/// let model = try ONNXModel("detector.onnx")
/// let outputs = try model.run(["image": .tensor(image)])
/// let scores = outputs["scores"]?.tensor
/// ```
///
/// Weights (initialisers of floating-point types) are parameters under their names in the file, so that a model can be trained further,
/// saved and moved; initialisers that are read as numbers, such as shapes, are constants.
///
/// Values are freed when no later node reads them. What a file may take is bounded by `nodeLimit` (loops) and `CPU.setMemoryCap`.
public final class ONNXModel: Module {
  /// An input or output of the model.
  public struct Port: Sendable {
    public let name: String
    /// The declared type of the elements; nil where the value is no tensor, or nothing is declared.
    public let elementType: ONNXElementType?
    /// The declared extents, nil for those that may vary; nil as a whole where nothing is declared.
    public let shape: [Int?]?
    /// An input with a default need not be given.
    public let isRequired: Bool
  }

  public let inputs: [Port]
  public let outputs: [Port]
  /// The version of each operator set that the file uses. The standard one is "".
  public let operatorSets: [String: Int]

  /// The most nodes that one run may evaluate, counting those of loops each time; nil for no bound. For models of unknown origin.
  public var nodeLimit: Int?

  let graph: ONNXGraph
  private let cells: [(name: String, slot: Int, cell: StateCell)]

  // MARK: Loading

  /// Loads a file, and what lies beside it.
  public convenience init(_ path: String) throws {
    let contents = try FileBytes.reading(path, in: "onnx", limit: 1 << 31)
    let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    do {
      try self.init(contents, externalFiles: ExternalFiles(folder: folder.isEmpty ? "/" : folder))
    } catch let error as EmberError {
      throw EmberError(error.kind, in: error.operation, "\(path): \(error.message)")
    }
  }

  /// A model from the bytes of a file. It cannot have data in files of their own.
  public convenience init(bytes: [UInt8]) throws { try self.init(bytes, externalFiles: nil) }

  private convenience init(_ contents: FileBytes, externalFiles: ExternalFiles) throws {
    let message = try contents.withBytes { try Self.message(Onnx_ModelProto.self, $0) }
    try self.init(message, externalFiles: externalFiles)
  }

  private convenience init(_ bytes: [UInt8], externalFiles: ExternalFiles?) throws {
    let message = try bytes.withUnsafeBytes { try Self.message(Onnx_ModelProto.self, $0) }
    try self.init(message, externalFiles: externalFiles)
  }

  /// The message in some bytes.
  static func message<Message: SwiftProtobuf.Message>(_ type: Message.Type, _ bytes: UnsafeRawBufferPointer) throws -> Message {
    do {
      guard let start = bytes.baseAddress else { return try Message(serializedBytes: Data()) }
      return try Message(serializedBytes: Data(bytesNoCopy: UnsafeMutableRawPointer(mutating: start), count: bytes.count, deallocator: .none))
    } catch {
      throw bad("not an ONNX file, or a damaged one (\(error))")
    }
  }

  init(_ message: Onnx_ModelProto, externalFiles: ExternalFiles?) throws {
    guard message.hasGraph else { throw bad("the file has no graph") }
    let versions = try operatorVersions(message.opsetImport)
    let graph = try catchingErrors {
      let builder = try GraphBuilder(
        decoder: TensorDecoder(externalFiles: externalFiles), operators: .standard, functions: message.functions)
      return try builder.mainGraph(message.graph, versions: versions)
    }
    let numbers = Self.placesOfNumbers(graph)
    let inputSlots = Set(graph.inputs.map(\.slot))
    var cells: [(name: String, slot: Int, cell: StateCell)] = []
    var constants: [(place: ONNXPlace, value: ONNXValue)] = []
    for constant in graph.constants {
      if case .tensor(let tensor) = constant.value, tensor.dtype.isFloatingPoint, !tensor.dtype.isStorageOnly,
        !numbers.contains(constant.place.slot), !inputSlots.contains(constant.place.slot)
      {
        cells.append((constant.place.name, constant.place.slot, StateCell(tensor, isParameter: true)))
      } else {
        constants.append(constant)
      }
    }
    let defaults = Set(constants.map(\.place.slot))
    self.graph = ONNXGraph(
      name: graph.name, inputs: graph.inputs, inputTypes: graph.inputTypes, outputs: graph.outputs, outputTypes: graph.outputTypes,
      constants: constants, nodes: graph.nodes, captures: [], slotCount: graph.slotCount, depth: graph.depth)
    self.cells = cells
    inputs = zip(graph.inputs, graph.inputTypes).map { Port($0.name, $1, isRequired: !defaults.contains($0.slot)) }
    outputs = zip(graph.outputs, graph.outputTypes).map { Port($0.name, $1, isRequired: true) }
    operatorSets = versions
    super.init()
    eval()
  }

  /// Places in the main graph that some operator reads as numbers.
  static func placesOfNumbers(_ graph: ONNXGraph) -> Set<Int> {
    var places = Set<Int>()
    for node in graph.nodes {
      if case .operator(let entry) = node.body {
        for i in entry.numbers where i < node.inputs.count { if let slot = node.inputs[i] { places.insert(slot) } }
      }
      for inner in node.attributes.values.flatMap(\.graphs) {
        let used = placesOfNumbers(inner)
        for capture in inner.captures where used.contains(capture.inner) { places.insert(capture.outer) }
      }
    }
    return places
  }

  public override func reflectedMembers() -> [(name: String, value: Any)] { cells.map { ($0.name, $0.cell) } }

  // MARK: Running

  /// The outputs for inputs given by name, without gradients. Errors name the node that failed.
  public func run(_ inputs: [String: ONNXValue]) throws -> [String: ONNXValue] {
    try noGrad { try named(evaluate(ordered(inputs))) }
  }

  /// Inputs given by name in the order of `inputs`.
  func ordered(_ inputs: [String: ONNXValue]) throws -> [ONNXValue?] {
    for name in inputs.keys where !self.inputs.contains(where: { $0.name == name }) {
      throw EmberError(
        .value, in: "onnx", "there is no input '\(name)'; the model has \(self.inputs.map { "'\($0.name)'" }.joined(separator: ", "))")
    }
    return self.inputs.map { inputs[$0.name] }
  }

  func named(_ results: [ONNXValue]) -> [String: ONNXValue] {
    Dictionary(zip(outputs.map(\.name), results), uniquingKeysWith: { first, _ in first })
  }

  /// The outputs for tensors in the order of `inputs`; gradients flow through. An error is raised as other operations raise theirs.
  public func callAsFunction(_ inputs: Tensor...) -> [Tensor] { tensors { try evaluate(inputs.map { .tensor($0) }) } }

  /// The outputs as tensors; errors are raised.
  func tensors(_ body: () throws -> [ONNXValue]) -> [Tensor] {
    do {
      return try body().map { output in
        guard case .tensor(let tensor) = output else {
          throw EmberError(.dtype, in: "onnx", "an output is \(output.summary), no tensor; use run")
        }
        return tensor
      }
    } catch {
      raise(error as? EmberError ?? EmberError(.value, in: "onnx", "\(error)"))
      return outputs.map { _ in .poison }
    }
  }

  /// The outputs for inputs in the order of `inputs`; nil where a default stands.
  public func evaluate(_ inputs: [ONNXValue?]) throws -> [ONNXValue] {
    try check(inputs)
    let evaluation = Evaluation(nodeLimit: nodeLimit)
    let frame = Evaluation.Frame(slotCount: graph.slotCount, attributes: [:])
    do {
      return try catchingErrors {
        for cell in cells { frame.values[cell.slot] = .tensor(cell.cell.value) }
        return try evaluation.evaluate(graph, inputs, in: frame)
      }
    } catch let error as EmberError {
      guard let last = evaluation.failurePath.last else { throw error }
      let place = evaluation.failurePath.joined(separator: " > ")
      // The operator's own errors need not name it again.
      let isOwn = error.operation == "onnx" || last.split(separator: " ").first == error.operation[...]
      throw EmberError(error.kind, in: "onnx", "\(place): " + (isOwn ? error.message : "\(error.operation): \(error.message)"))
    }
  }

  /// Every input that must be given is, and has the declared type.
  func check(_ inputs: [ONNXValue?]) throws {
    guard inputs.count <= self.inputs.count else {
      throw EmberError(.value, in: "onnx", "\(inputs.count) inputs for a model that has \(self.inputs.count)")
    }
    for (i, port) in self.inputs.enumerated() {
      guard i < inputs.count, let value = inputs[i] else {
        if port.isRequired { throw EmberError(.value, in: "onnx", "the input '\(port.name)' is missing") }
        continue
      }
      try port.check(value)
    }
  }
}

extension ONNXModel.Port {
  fileprivate init(_ name: String, _ type: ONNXValueType, isRequired: Bool) {
    self.name = name
    self.isRequired = isRequired
    guard case .tensor(let elementType, let shape) = type else {
      elementType = nil
      self.shape = nil
      return
    }
    self.elementType = elementType
    self.shape = shape?.map { if case .fixed(let extent) = $0, extent >= 0 { extent } else { nil } }
  }

  /// Values of another type than the declared one are refused; shapes are left to the operators.
  fileprivate func check(_ value: ONNXValue) throws {
    guard let elementType, let given = value.elementType, given != elementType else { return }
    throw EmberError(.dtype, in: "onnx", "the input '\(name)' is \(elementType), not \(value.summary)")
  }
}

extension ONNXModel {
  /// Every operator that models may use, by domain and name (the standard domain is ""): the first version of its operator set that it is
  /// known in, and those in which its meaning changed.
  public static var supportedOperators: [(domain: String, name: String, versions: [Int])] { OperatorTable.standard.listing }
}

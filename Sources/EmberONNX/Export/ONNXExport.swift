public import EmberGraph
public import EmberNN
import EmberRuntime
public import EmberTensor

/// How a model is written as ONNX.
public struct ONNXExportOptions: Sendable {
  /// The version of ONNX's operator set, 17 ... 22.
  public var opset: Int
  /// Names of the inputs and outputs, in order; `input`, `output` (numbered if there are several) where none is given.
  public var inputNames: [String]
  public var outputNames: [String]
  /// For each input the dimensions that stay open, by name: `[[0: "batch"]]`. Those of one name are one extent.
  public var dynamicAxes: [[Int: String]]
  /// What ONNX cannot say is refused; otherwise it becomes a node of the domain `ember`, which only Ember could run.
  public var isPortable: Bool
  /// Where all weights together take more bytes than this, they go into one file beside the model, `<name>.data`.
  public var externalDataLimit: Int
  public var graphName: String

  public init(
    opset: Int = 20, inputNames: [String] = [], outputNames: [String] = [], dynamicAxes: [[Int: String]] = [], isPortable: Bool = true,
    externalDataLimit: Int = 1 << 30, graphName: String = "ember"
  ) {
    self.opset = opset
    self.inputNames = inputNames
    self.outputNames = outputNames
    self.dynamicAxes = dynamicAxes
    self.isPortable = isPortable
    self.externalDataLimit = externalDataLimit
    self.graphName = graphName
  }

  fileprivate func check() throws {
    guard (17...22).contains(opset) else { throw EmberError(.value, in: "exportONNX", "operator set \(opset); 17 to 22 can be written") }
    let names = inputNames + outputNames
    guard Set(names).count == names.count, !names.contains("") else {
      throw EmberError(.value, in: "exportONNX", "the names \(names) of inputs and outputs must differ, and not be empty")
    }
  }
}

extension Module {
  /// Writes what `forward` computes with this module as an ONNX file.
  ///
  /// The function is captured in evaluation mode, at several sizes if dimensions stay open. Parameters and buffers become initialisers
  /// under their names in the state dict, and nodes are named after the modules that call them.
  ///
  /// - Parameters:
  ///   - inputs: examples; only shapes and dtypes count, and extents of open dimensions but for their being possible.
  ///   - forward: from the inputs to the outputs.
  /// - Throws: where an operation has no form in ONNX, or a number depends on an open dimension in a way that shapes do not tell;
  ///   the error names the operation and the module.
  public final func exportONNX(
    to path: String, inputs: [Tensor], options: ONNXExportOptions = ONNXExportOptions(), _ forward: ([Tensor]) throws -> [Tensor]
  ) throws {
    let modules = namedModules()
    let modes = modules.map { ($0.module, $0.module.isTraining) }
    eval()
    // Outermost first: what a module sets in those inside it is set right by them.
    defer { for (module, mode) in modes { module.train(mode) } }
    var stateNames: [ObjectIdentifier: String] = [:], moduleNames: [ObjectIdentifier: String] = [:]
    for (name, cell) in namedParameters() { stateNames[ObjectIdentifier(cell)] = name }
    for (name, cell) in namedBuffers() { stateNames[ObjectIdentifier(cell)] = name }
    for (name, module) in modules { moduleNames[ObjectIdentifier(module)] = name }
    var options = options
    if options.graphName == "ember" { options.graphName = String(describing: Swift.type(of: self)) }
    try export(inputs, options, to: path, stateNames: stateNames, moduleNames: moduleNames, forward)
  }
}

extension Layer where Input: TensorGroup, Output: TensorGroup {
  /// Writes this model as an ONNX file; see the method with a closure, which serves models of other inputs and outputs.
  ///
  /// ```swift
  /// try model.exportONNX(to: "digits.onnx", inputs: [Tensor.zeros([1, 1, 28, 28])], dynamicAxes: [[0: "batch"]])
  /// ```
  public func exportONNX(
    to path: String, inputs: [Tensor], dynamicAxes: [[Int: String]] = [], opset: Int = 20, inputNames: [String] = [],
    outputNames: [String] = [], isPortable: Bool = true
  ) throws {
    let options = ONNXExportOptions(
      opset: opset, inputNames: inputNames, outputNames: outputNames, dynamicAxes: dynamicAxes, isPortable: isPortable)
    try exportONNX(to: path, inputs: inputs, options: options) { [self] in self(Input(tensors: $0[...])).tensors }
  }
}

/// Writes a captured graph as an ONNX file, with the sizes it was captured at. It must not have gone through passes, which make operations
/// that ONNX lacks.
///
/// - Parameter module: where the names of parameters and nodes come from.
public func exportONNX(
  _ graph: Graph, to path: String, module: Module? = nil, options: ONNXExportOptions = ONNXExportOptions()
) throws {
  try options.check()
  guard options.dynamicAxes.allSatisfy(\.isEmpty) else {
    throw EmberError(.value, in: "exportONNX", "a captured graph has the sizes it was captured at; export the function to leave some open")
  }
  var stateNames: [ObjectIdentifier: String] = [:], moduleNames: [ObjectIdentifier: String] = [:]
  for (name, cell) in (module?.namedParameters() ?? []) { stateNames[ObjectIdentifier(cell)] = name }
  for (name, cell) in (module?.namedBuffers() ?? []) { stateNames[ObjectIdentifier(cell)] = name }
  for (name, module) in (module?.namedModules() ?? []) { moduleNames[ObjectIdentifier(module)] = name }
  let sizes = CaptureSizes(base: [], steps: [])
  try write([graph], sizes, [], stateNames, moduleNames, options, to: path)
}

private func export(
  _ inputs: [Tensor], _ options: ONNXExportOptions, to path: String, stateNames: [ObjectIdentifier: String],
  moduleNames: [ObjectIdentifier: String], _ body: ([Tensor]) throws -> [Tensor]
) throws {
  try options.check()
  let open = try OpenDimensions(
    options.dynamicAxes.map { $0.mapValues { Dim($0) } }, ranks: inputs.map(\.rank), in: "exportONNX")
  // An extent of 1 would look like one that broadcasts.
  let base = try open.sizes(of: inputs.map(\.shape), in: "exportONNX").map { max($0, 2) }
  let (graphs, sizes) = try CaptureSizes.sample(base) { sizes in
    try noGrad { try capture(open.examples(like: inputs.map { $0.detach() }, at: sizes), body) }
  }
  let dynamicExtents = open.all.enumerated().map { i, dimension in
    DynamicExtent(name: dimension.name, extent: Extent((0..<sizes.captureCount).map { sizes.sizes($0)[i] }))
  }
  try write(graphs, sizes, dynamicExtents, stateNames, moduleNames, options, to: path)
}

private func write(
  _ graphs: [Graph], _ sizes: CaptureSizes, _ dynamicExtents: [DynamicExtent], _ stateNames: [ObjectIdentifier: String],
  _ moduleNames: [ObjectIdentifier: String], _ options: ONNXExportOptions, to path: String
) throws {
  let graphs = try graphs.map { try $0.optimized([.deadCode]) }
  let file = ExportFile(options, sizes: sizes, dynamicExtents: dynamicExtents, stateNames: stateNames, moduleNames: moduleNames)
  let scope = ExportScope(file)
  let proto = try GraphExporter(graphs, in: scope).run()
  // Of the constants that forms asked for, some belong to nodes that nobody needs.
  let read = Set(proto.node.flatMap { $0.input + $0.capturedNames })
  try ModelWriter(options: options).write(
    proto, file.initializers.filter { read.contains($0.name) }, usesOwnDomain: file.usesOwnDomain, to: path)
}

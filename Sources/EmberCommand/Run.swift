import ArgumentParser
import EmberCPU
import EmberFormats
import EmberGraph
import EmberONNX
import EmberRuntime
import EmberTensor
import EmberTorchScript
import Foundation

/// `ember run model.onnx --input x.npy --output y.npy`
struct Run: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Runs an ONNX model, or a TorchScript archive, on arrays in NumPy's files.",
    discussion: """
      Inputs and outputs are given in the model's order, or by name as NAME=FILE. Outputs without a file are described. \
      Without any input the model's inputs and outputs are listed. A TorchScript archive's arguments may be shapes (of zeros), numbers \
      and lists too.
      """)

  @Argument(help: "The model.") var model: String
  @Option(help: ScriptInputs.help) var input: [String] = []
  @Option(help: "Where the next output goes, or NAME=FILE.") var output: [String] = []
  @Option(help: "Runs so many times more and prints the median of the times.") var `repeat`: Int?
  @Option(help: "The method of a TorchScript module.") var method = "forward"
  @Flag(help: "Evaluates node after node also where runs are repeated, instead of compiling the model first.") var eager = false
  @Flag(help: "Prints the graph that the model is compiled to.") var graph = false
  @Option(help: "The most memory to take, in MiB.") var memory = 1 << 14

  func run() throws {
    CPU.setMemoryCap(memory << 20)
    if try ScriptInputs.isArchive(self.model) { return try runScript(TorchScriptModule.load(self.model)) }
    let model: ONNXModel
    do { model = try ONNXModel(self.model) } catch let error as EmberError where !self.model.hasSuffix(".onnx") {
      throw EmberError(error.kind, in: error.operation, "\(error.message); nor is it an archive as torch.jit.save writes them")
    }
    let inputs = try assigned(input, to: model.inputs)
    let outputs = try assigned(output, to: model.outputs)
    if inputs.isEmpty, model.inputs.contains(where: \.isRequired) {
      for port in model.inputs { print("input \(described(port))") }
      for port in model.outputs { print("output \(described(port))") }
      return
    }
    let values = try inputs.mapValues { ONNXValue.tensor(try NPY.load($0)) }
    // A single run does not repay the compiling.
    let compiled = graph || self.repeat != nil && !eager ? model.compiled() : nil
    func once() throws -> [String: ONNXValue] { try compiled?.run(values) ?? model.run(values) }
    let results = try once()
    if graph { show(compiled?.graphs ?? []) }
    for port in model.outputs {
      guard let value = results[port.name] else { continue }
      guard let path = outputs[port.name] else {
        print("\(port.name): \(value.summary)")
        continue
      }
      guard case .tensor(let tensor) = value else {
        throw ValidationError("The output '\(port.name)' is \(value.summary), which has no place in a .npy file.")
      }
      try NPY.save(tensor, to: path)
    }
    try measure { _ = try once() }
  }

  private func show(_ graphs: [Graph]) {
    for graph in graphs { print(graph) }
    if graphs.isEmpty { print("No graph stands for this model; it is evaluated node after node.") }
  }

  private func measure(_ body: () throws -> Void) throws {
    guard let count = self.repeat, count > 0 else { return }
    let clock = ContinuousClock()
    let times = try (0..<count).map { _ in try clock.measure(body) }.sorted()
    print("median of \(count): \(times[count / 2] / .microseconds(1)) µs")
  }

  /// Calls a method of a TorchScript module in evaluation mode.
  private func runScript(_ module: TorchScriptModule) throws {
    module.eval()
    if input.isEmpty, let arguments = module.methods.first(where: { $0.name == method })?.arguments, !arguments.allSatisfy(\.hasDefault) {
      for argument in arguments { print("input \(argument.name): \(argument.type)\(argument.hasDefault ? " (optional)" : "")") }
      return
    }
    let inputs = try ScriptInputs(input, for: method, of: module), tensors = inputs.tensors.map(\.tensor)
    // A module that no graph can stand for is run line after line, as an ONNX model is node after node.
    var options = CompileOptions()
    options.fallsBackToEager = true
    let compiled = CompiledFunction(options: options) { tensors in
      do { return try inputs.call(method, of: module, with: tensors).tensors.map(\.tensor) } catch {
        raise(error as? EmberError ?? EmberError(.value, in: "run", "\(error)"))
        return [.poison]
      }
    }
    let compiles = graph || self.repeat != nil && !eager
    try noGrad {
      var result = try inputs.call(method, of: module, with: tensors)
      if compiles {
        // What is printed and saved is what is shown and measured.
        var own = try catchingErrors { compiled(tensors) }[...]
        result = result.replacingTensors(from: &own)
      }
      if graph { show(compiled.graphs) }
      let results = result.tensors
      var files: [String: String] = [:], next = 0
      for text in output {
        if let named = results.first(where: { !$0.name.isEmpty && text.hasPrefix($0.name + "=") }) {
          files[named.name] = String(text.dropFirst(named.name.count + 1))
        } else {
          try Self.checkName(in: text, among: results.map(\.name))
          guard next < results.count else { throw ValidationError("There is no output for '\(text)': \(method) returns \(result).") }
          files[results[next].name] = text
          next += 1
        }
      }
      if files.count < max(results.count, 1) { print(result) }
      for (name, tensor) in results { if let path = files[name] { try NPY.save(tensor, to: path) } }
      try measure {
        if compiles { _ = try catchingErrors { compiled(tensors) } } else { _ = try inputs.call(method, of: module, with: tensors) }
      }
    }
  }

  /// Files by the name of the input or output that they belong to.
  private func assigned(_ arguments: [String], to ports: [ONNXModel.Port]) throws -> [String: String] {
    var files: [String: String] = [:], next = 0
    for argument in arguments {
      if let port = ports.first(where: { argument.hasPrefix($0.name + "=") }) {
        files[port.name] = String(argument.dropFirst(port.name.count + 1))
      } else {
        try Self.checkName(in: argument, among: ports.map(\.name))
        guard next < ports.count else { throw ValidationError("There is no input or output for '\(argument)'.") }
        files[ports[next].name] = argument
        next += 1
      }
    }
    return files
  }

  /// `NAME=FILE` with a name that nothing has is a slip, and no file of that name; `./NAME=FILE` would be one.
  static func checkName(in argument: String, among names: [String]) throws {
    guard let sign = argument.firstIndex(of: "="), !argument[..<sign].contains("/") else { return }
    let known = names.filter { !$0.isEmpty }
    throw ValidationError("There is no input or output '\(argument[..<sign])' here\(known.isEmpty ? "" : "; there are \(known.joined(separator: ", "))").")
  }

  private func described(_ port: ONNXModel.Port) -> String {
    let shape = port.shape.map { "[" + $0.map { $0.map(String.init) ?? "?" }.joined(separator: ", ") + "]" } ?? ""
    return "\(port.name): \(port.elementType.map { "\($0)" } ?? "")\(shape)\(port.isRequired ? "" : " (optional)")"
  }
}

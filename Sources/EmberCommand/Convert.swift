import ArgumentParser
import EmberFormats
import EmberGraph
import EmberONNX
import EmberTensor
import EmberTorchScript

/// `ember convert`
struct Convert: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Writes the tensors of a file in another format, or a TorchScript archive as an ONNX model.",
    discussion: """
      Read is whatever `ember inspect` understands; the name of the result says what is written: .pt, .pth, .safetensors, .npz or .npy. \
      Packed tensors of GGUF files become float32. A checkpoint's tensors are named by the way that leads to them: \
      optimizer.state.0.exp_avg; what it holds besides is left out, and --below chooses a part.

      To .onnx a TorchScript archive is converted, for inputs of the shapes that are given, in evaluation mode: what its code decides by \
      shapes and constants is decided then, loops are unrolled, and where it decides by the numbers in a tensor the error names the line.

      ember convert model.pt model.onnx --input 1x3x224x224 --dynamic 0=batch
      ember convert tagger.pt tagger.onnx --input tokens=2x9:int64 --input mask=2x9:bool --dynamic 0=batch --dynamic 1=time
      """)

  @Argument(help: "The file to read.") var input: String
  @Argument(help: "The file to write.") var output: String
  @Option(help: "Only tensors whose names begin with this and a dot, and without that: model.state_dict") var below: String?
  @Option(name: .customLong("input"), help: ScriptInputs.help) var inputs: [String] = []
  @Option(help: "A dimension to leave open, of all inputs or of one: 0=batch, tokens:1=time.") var dynamic: [String] = []
  @Option(help: "The method to convert.") var method = "forward"
  @Option(help: "The version of ONNX's operator set: 17 to 22.") var opset = 20

  func run() throws {
    if output.hasSuffix(".onnx") { return try convertScript() }
    let file = try WeightFile.open(input)
    let chosen = try below.map { try file.below($0) } ?? file
    try chosen.convert(to: output)
    let left = chosen.rest.count
    print(
      "\(output): \(chosen.entries.count) tensor\(chosen.entries.count == 1 ? "" : "s")"
        + (left > 0 ? "; left out: \(left) value\(left == 1 ? "" : "s") that are no tensors" : ""))
  }

  private func convertScript() throws {
    guard try ScriptInputs.isArchive(input) else {
      throw ValidationError("\(input) is no TorchScript archive; only those become ONNX files here.")
    }
    let module = try TorchScriptModule.load(input)
    module.eval()
    let given = try ScriptInputs(inputs, for: method, of: module), examples = given.tensors
    guard !examples.isEmpty else { throw ValidationError("Give the inputs' shapes: --input 1x3x224x224.") }
    func forward(_ tensors: [Tensor]) throws -> [(name: String, tensor: Tensor)] {
      let result = try given.call(method, of: module, with: tensors), outputs = result.tensors
      guard !outputs.isEmpty else { throw ValidationError("\(method) returns \(result), which has no tensors.") }
      return outputs
    }
    // Nothing is computed here but shapes; the names of what it returns are wanted.
    var names: [String] = []
    _ = try noGrad {
      try capture(examples.map(\.tensor)) { tensors in
        let outputs = try forward(tensors)
        names = outputs.map { $0.name.isEmpty ? "output" : $0.name.first!.isNumber ? "output_\($0.name)" : $0.name }
        return outputs.map(\.tensor)
      }
    }
    let inputNames = examples.map(\.name)
    // An output that is called like an input gets another name.
    for i in names.indices where inputNames.contains(names[i]) || names[..<i].contains(names[i]) { names[i] = "output_\(i)_\(names[i])" }
    let options = ONNXExportOptions(
      opset: opset, inputNames: inputNames, outputNames: names, dynamicAxes: try dynamicAxes(examples),
      graphName: module.className.split(separator: ".").last.map(String.init) ?? "model")
    try module.exportONNX(to: output, inputs: examples.map(\.tensor), options: options) { try forward($0).map(\.tensor) }
    print("\(output): operator set \(opset), \(inputNames.joined(separator: ", ")) to \(names.joined(separator: ", "))")
  }

  /// The open dimensions of each input.
  private func dynamicAxes(_ examples: [(name: String, tensor: Tensor)]) throws -> [[Int: String]] {
    var axes: [[Int: String]] = Array(repeating: [:], count: examples.count)
    for text in dynamic {
      let sides = text.split(separator: "=", maxSplits: 1), place = (sides.first ?? "").split(separator: ":")
      guard sides.count == 2, 1...2 ~= place.count, let axis = Int(place.last!), axis >= 0 else {
        throw ValidationError("'\(text)' names no dimension; 0=batch or tokens:1=time would.")
      }
      let chosen = examples.indices.filter { place.count == 1 ? axis < examples[$0].tensor.rank : examples[$0].name == place[0] }
      guard !chosen.isEmpty, chosen.allSatisfy({ axis < examples[$0].tensor.rank }) else {
        let there = examples.map { "\($0.name) \($0.tensor.shape)" }.joined(separator: ", ")
        throw ValidationError("'\(text)' names no dimension; the inputs are \(there).")
      }
      for i in chosen { axes[i][axis] = String(sides[1]) }
    }
    return axes
  }
}

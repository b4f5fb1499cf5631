import ArgumentParser
import EmberHub
import EmberONNX
import EmberTensor
import EmberText

/// `ember export`
struct Export: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Writes a model that makes vectors of sentences as an ONNX file.",
    discussion: """
      Its inputs are what tokenizers give, int64 [batch, time]: input_ids, attention_mask and token_type_ids; batch and time are \
      open. Its output is sentence_embedding, [batch, width]. `ember tokenize` prints the token numbers of a text. Other models \
      are exported in a program, by exportONNX.
      """)

  @Argument(help: modelHelp) var model: String
  @Argument(help: "The file to write.") var output: String
  @Option(help: "The version of ONNX's operator set: 17 to 22.") var opset = 20

  func run() throws {
    let encoder: SentenceEncoder = try Hub.load(model)
    let example = Tensor.ones([2, 8], dtype: .int64), axes = [0: "batch", 1: "time"]
    let options = ONNXExportOptions(
      opset: opset, inputNames: ["input_ids", "attention_mask", "token_type_ids"], outputNames: ["sentence_embedding"],
      dynamicAxes: [axes, axes, axes])
    try encoder.model.exportONNX(to: output, inputs: [example, example, example], options: options) { inputs in
      [encoder.vectors(inputs[0], mask: inputs[1], types: inputs[2])]
    }
    print("\(output): operator set \(opset), \(encoder.model.parameters().count) parameters")
  }
}

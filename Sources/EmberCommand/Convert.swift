import ArgumentParser
import EmberFormats

/// `ember convert`
struct Convert: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Writes the tensors of a file in another format.",
    discussion: """
      Read is whatever `ember inspect` understands; the name of the result says what is written: .pt, .pth, .safetensors, .npz or .npy. \
      Packed tensors of GGUF files become float32. A checkpoint's tensors are named by the way that leads to them: \
      optimizer.state.0.exp_avg; what it holds besides is left out, and --below chooses a part.
      """)

  @Argument(help: "The file to read.") var input: String
  @Argument(help: "The file to write.") var output: String
  @Option(help: "Only tensors whose names begin with this and a dot, and without that: model.state_dict") var below: String?

  func run() throws {
    let file = try WeightFile.open(input)
    let chosen = try below.map { try file.below($0) } ?? file
    try chosen.convert(to: output)
    let left = chosen.rest.count
    print(
      "\(output): \(chosen.entries.count) tensor\(chosen.entries.count == 1 ? "" : "s")"
        + (left > 0 ? "; left out: \(left) value\(left == 1 ? "" : "s") that are no tensors" : ""))
  }
}

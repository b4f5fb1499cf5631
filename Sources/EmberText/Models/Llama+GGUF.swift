public import EmberFormats
import EmberFunctional
public import EmberNN
import EmberRuntime
public import EmberTensor

extension Llama {
  /// A model from a GGUF file, whose packed matrices stay as they are.
  public convenience init(_ file: GGUFFile, source: String) throws {
    let configuration = try Configuration(file, source: source)
    let parts = GGUFLlamaParts(file, source: source)
    let divisors = try file.entry("rope_freqs.weight").map { try $0.tensor().elementsOrThrow(as: Float.self) }
    self.init(configuration, from: parts, rotary: configuration.rotaryTable(divisors: divisors))
    if let problem = parts.problem { throw problem }
    eval()
  }
}

/// A product with a matrix that stays packed, and perhaps a bias: [..., in] to [..., out].
public final class PackedLinear: Module, Layer {
  public let matrix: QuantizedMatrix
  private let bias: Tensor?

  public init(_ matrix: QuantizedMatrix, bias: Tensor? = nil) {
    self.matrix = matrix
    self.bias = bias
    super.init()
  }

  public func forward(_ input: Tensor) -> Tensor {
    let y = matrix.linear(input)
    return bias.map { y + $0 } ?? y
  }

  public override var settings: String { "in_features=\(matrix.columns), out_features=\(matrix.rows), format=\(matrix.format.name)" }
}

/// Rows of a matrix that stays packed, by number: [...] to [..., features].
public final class PackedEmbedding: Module, Layer, TokenEmbedding {
  public let matrix: QuantizedMatrix

  public init(_ matrix: QuantizedMatrix) {
    self.matrix = matrix
    super.init()
  }

  public func forward(_ tokens: Tensor) -> Tensor { matrix.rows(tokens) }
  func logits(_ features: Tensor) -> Tensor { matrix.linear(features) }
  public override var settings: String { "\(matrix.rows), \(matrix.columns), format=\(matrix.format.name)" }
}

/// Layers over the tensors of a file. The first that is missing or has another shape is kept as the problem.
private final class GGUFLlamaParts: LlamaParts {
  private let file: GGUFFile
  private let source: String
  private(set) var problem: (any Error)?

  init(_ file: GGUFFile, source: String) {
    self.file = file
    self.source = source
  }

  /// What `body` makes of a tensor, or something of the right kind if that is not possible.
  private func with<Part>(_ name: String, _ shape: [Int], orElse other: () -> Part, _ body: (GGUFTensor) throws -> Part) -> Part {
    do {
      guard let entry = file.entry(name) else { throw EmberError(.file, in: "Llama", "\(source): it has no tensor \(name)") }
      guard entry.shape == shape else { throw EmberError(.file, in: "Llama", "\(source): \(name) has the shape \(entry.shape); \(shape) is expected") }
      return try body(entry)
    } catch {
      problem = problem ?? error
      return other()
    }
  }

  func linear(_ name: String, _ inFeatures: Int, _ outFeatures: Int, hasBias: Bool) -> any Layer<Tensor, Tensor> {
    let empty: () -> any Layer<Tensor, Tensor> = { Linear(inFeatures, outFeatures, bias: false, on: .meta) }
    return with("\(name).weight", [outFeatures, inFeatures], orElse: empty) { entry in
      let bias: Tensor? = hasBias ? with("\(name).bias", [outFeatures], orElse: { nil }) { try $0.tensor().to(.float32) } : nil
      if case .blocks = entry.encoding { return PackedLinear(try entry.matrix(), bias: bias) }
      let layer = Linear(inFeatures, outFeatures, bias: hasBias, on: .meta)
      try layer.loadStateDict([("weight", try entry.tensor())] + (bias.map { [("bias", $0)] } ?? []), assign: true)
      return layer
    }
  }

  func norm(_ name: String, _ features: Int, eps: Double) -> RMSNorm {
    let norm = RMSNorm([features], eps: eps, on: .meta)
    return with("\(name).weight", [features], orElse: { norm }) { entry in
      try norm.loadStateDict([("weight", try entry.tensor())], assign: true)
      return norm
    }
  }

  func embedding(_ name: String, _ entries: Int, _ features: Int) -> any Layer<Tensor, Tensor> {
    let empty: () -> any Layer<Tensor, Tensor> = { Embedding(entries, features, on: .meta) }
    return with("\(name).weight", [entries, features], orElse: empty) { entry in
      if case .blocks = entry.encoding { return PackedEmbedding(try entry.matrix()) }
      let table = Embedding(entries, features, on: .meta)
      try table.loadStateDict([("weight", try entry.tensor())], assign: true)
      return table
    }
  }
}

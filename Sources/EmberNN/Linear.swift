import EmberRuntime
import EmberTensor

/// x · weightᵀ + bias over the last dimension: [..., in] to [..., out]. Weight [out, in], bias [out].
open class Linear: Module, Layer {
  @Parameter public final var weight: Tensor
  private final let _bias: Parameter?
  public final let inFeatures: Int
  public final let outFeatures: Int

  public init(_ inFeatures: Int, _ outFeatures: Int, bias: Bool = true, dtype: DType = .float32, on device: Device = .cpu) {
    self.inFeatures = inFeatures
    self.outFeatures = outFeatures
    weight = Init.layerWeight([outFeatures, inFeatures], dtype: dtype, on: device)
    _bias = bias ? Parameter(wrappedValue: Init.layerBias(outFeatures, weight: [outFeatures, inFeatures], dtype: dtype, on: device)) : nil
    super.init()
  }

  public final var bias: Tensor? { _bias?.wrappedValue }
  /// The cell of the bias, if there is one.
  public final var biasCell: StateCell? { _bias?.projectedValue }

  open func forward(_ input: Tensor) -> Tensor { input.linear(weight, bias) }
  open override var settings: String { "in_features=\(inFeatures), out_features=\(outFeatures), bias=\(_bias != nil)" }
}

/// Rows of a table by number: integers [...] to [..., features]. Weight [entries, features], drawn from a normal distribution.
open class Embedding: Module, Layer {
  @Parameter public final var weight: Tensor
  public final let paddingIndex: Int?

  /// - Parameter paddingIndex: a row that starts as zeros and takes no gradient.
  public init(_ entries: Int, _ features: Int, paddingIndex: Int? = nil, dtype: DType = .float32, on device: Device = .cpu) {
    let position = paddingIndex.map { $0 < 0 ? $0 + entries : $0 }
    self.paddingIndex = position
    var table = Tensor.normal([entries, features], dtype: dtype, on: device)
    if let position {
      if position < 0 || position >= entries {
        raise(EmberError(.index, in: "Embedding", "paddingIndex \(position) is outside of 0 ..< \(entries)"))
      } else {
        table = table.maskedFill((Tensor.arange(entries, on: device) .== Scalar.integer(Int64(position))).unsqueeze(1), 0)
      }
    }
    weight = table
    super.init()
  }

  open func forward(_ input: Tensor) -> Tensor { input.embedding(weight, paddingIndex: paddingIndex) }
  open override var settings: String {
    let shape = weight.shape
    return "\(shape[0]), \(shape[1])" + (paddingIndex.map { ", padding_idx=\($0)" } ?? "")
  }
}

/// Its input.
open class Identity: Module, Layer {
  open func forward(_ input: Tensor) -> Tensor { input }
}

/// Dimensions `start` ... `end` as one; without arguments everything after the batch.
open class Flatten: Module, Layer {
  private let start: Int
  private let end: Int
  public init(start: Int = 1, end: Int = -1) {
    self.start = start
    self.end = end
    super.init()
  }
  open func forward(_ input: Tensor) -> Tensor { input.flatten(start, end) }
  open override var settings: String { "start_dim=\(start), end_dim=\(end)" }
}

/// One dimension as several.
open class Unflatten: Module, Layer {
  private let dimension: Int
  private let extents: [Int]
  public init(_ dimension: Int, _ extents: [Int]) {
    self.dimension = dimension
    self.extents = extents
    super.init()
  }
  open func forward(_ input: Tensor) -> Tensor { input.unflatten(dimension, extents) }
  open override var settings: String { "dim=\(dimension), unflattened_size=\(extents)" }
}

/// In training, each element set to 0 with probability `p`, the others divided by 1 - p.
open class Dropout: Module, Layer {
  public final let p: Double
  /// Where the random numbers come from; nil: the default generator.
  public final var generator: Generator?
  public init(_ p: Double = 0.5, generator: Generator? = nil) {
    self.p = p
    self.generator = generator
    super.init()
  }
  open func forward(_ input: Tensor) -> Tensor { input.dropout(p, training: isTraining, generator: generator) }
  open override var settings: String { "p=\(p)" }
}

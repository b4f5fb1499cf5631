import EmberFunctional
import EmberRuntime
import EmberTensor

/// Rows of a table by number: integers [...] to [..., features]. Weight [entries, features], drawn from a normal distribution.
open class Embedding: Module, Layer {
  @Parameter public final var weight: Tensor
  public final let paddingIndex: Int?
  private final let maxNorm: Double?
  private final let normType: Double
  private final let scalesGradientByFrequency: Bool

  /// - Parameters:
  ///   - paddingIndex: a row that starts as zeros and takes no gradient; a negative one counts from the end.
  ///   - maxNorm: rows that are looked up and whose `normType`-norm is larger are first shrunk to it, in the table.
  ///   - scalesGradientByFrequency: a row's gradient is divided by how often it occurs in the input.
  public init(
    _ entries: Int, _ features: Int, paddingIndex: Int? = nil, maxNorm: Double? = nil, normType: Double = 2,
    scalesGradientByFrequency: Bool = false,
    dtype: DType = .float32, on device: Device = .cpu
  ) {
    self.maxNorm = maxNorm
    self.normType = normType
    self.scalesGradientByFrequency = scalesGradientByFrequency
    let (table, position) = embeddingTable("Embedding", entries, features, paddingIndex, dtype, device)
    self.paddingIndex = position
    weight = table
    super.init()
  }

  private init(
    table: Tensor, paddingIndex: Int?, maxNorm: Double?, normType: Double, scalesGradientByFrequency: Bool
  ) {
    self.maxNorm = maxNorm
    self.normType = normType
    self.scalesGradientByFrequency = scalesGradientByFrequency
    self.paddingIndex = paddingPosition("Embedding", paddingIndex, table.size(0))
    weight = table
    super.init()
  }

  /// A table [entries, features] that is there already, frozen unless said otherwise. No number is drawn, and the padding's row stays as
  /// it is.
  public static func fromPretrained(
    _ table: Tensor, freeze: Bool = true, paddingIndex: Int? = nil, maxNorm: Double? = nil, normType: Double = 2,
    scalesGradientByFrequency: Bool = false
  ) -> Embedding {
    let layer = Embedding(
      table: pretrained(table, "Embedding"), paddingIndex: paddingIndex, maxNorm: maxNorm, normType: normType,
      scalesGradientByFrequency: scalesGradientByFrequency)
    if freeze { layer.$weight.requiresGrad = false }
    return layer
  }

  open func forward(_ input: Tensor) -> Tensor {
    if let maxNorm { shrinkRows(of: $weight, input, to: maxNorm, normType) }
    if !scalesGradientByFrequency { return input.embedding(weight, paddingIndex: paddingIndex) }
    return input.embedding(weight, paddingIndex: paddingIndex, maxNorm: nil, scalesGradientByFrequency: true)
  }

  open override var settings: String {
    let shape = $weight.shape
    return "\(shape[0]), \(shape[1])" + (paddingIndex.map { ", padding_idx=\($0)" } ?? "") + (maxNorm.map { ", max_norm=\($0)" } ?? "")
      + (normType == 2 ? "" : ", norm_type=\(normType)") + (scalesGradientByFrequency ? ", scale_grad_by_freq=True" : "")
  }
}

/// Sums, means or maxima of bags of rows, without the rows themselves in memory. Weight [entries, features].
///
/// Input [bags, length]: each row is a bag. Or [n] with offsets [bags]: where each bag begins.
open class EmbeddingBag: Module, Layer {
  @Parameter public final var weight: Tensor
  public final let paddingIndex: Int?
  private final let maxNorm: Double?
  private final let normType: Double
  private final let scalesGradientByFrequency: Bool
  private final let mode: BagMode
  private final let includeLastOffset: Bool

  /// - Parameter includeLastOffset: offsets have one more entry, the end of the last bag.
  public init(
    _ entries: Int, _ features: Int, maxNorm: Double? = nil, normType: Double = 2, scalesGradientByFrequency: Bool = false,
    mode: BagMode = .mean,
    includeLastOffset: Bool = false, paddingIndex: Int? = nil, dtype: DType = .float32, on device: Device = .cpu
  ) {
    self.maxNorm = maxNorm
    self.normType = normType
    self.scalesGradientByFrequency = scalesGradientByFrequency
    self.mode = mode
    self.includeLastOffset = includeLastOffset
    let (table, position) = embeddingTable("EmbeddingBag", entries, features, paddingIndex, dtype, device)
    self.paddingIndex = position
    weight = table
    super.init()
  }

  private init(
    table: Tensor, maxNorm: Double?, normType: Double, scalesGradientByFrequency: Bool, mode: BagMode, includeLastOffset: Bool,
    paddingIndex: Int?
  ) {
    self.maxNorm = maxNorm
    self.normType = normType
    self.scalesGradientByFrequency = scalesGradientByFrequency
    self.mode = mode
    self.includeLastOffset = includeLastOffset
    self.paddingIndex = paddingPosition("EmbeddingBag", paddingIndex, table.size(0))
    weight = table
    super.init()
  }

  /// A table [entries, features] that is there already, frozen unless said otherwise.
  public static func fromPretrained(
    _ table: Tensor, freeze: Bool = true, maxNorm: Double? = nil, normType: Double = 2, scalesGradientByFrequency: Bool = false,
    mode: BagMode = .mean, includeLastOffset: Bool = false, paddingIndex: Int? = nil
  ) -> EmbeddingBag {
    let layer = EmbeddingBag(
      table: pretrained(table, "EmbeddingBag"), maxNorm: maxNorm, normType: normType,
      scalesGradientByFrequency: scalesGradientByFrequency, mode: mode, includeLastOffset: includeLastOffset, paddingIndex: paddingIndex)
    if freeze { layer.$weight.requiresGrad = false }
    return layer
  }

  open func forward(_ input: Tensor) -> Tensor { bags(input, nil, nil) }

  /// With the bags' beginnings, and perhaps a weight for each element (sums only).
  public func callAsFunction(_ input: Tensor, _ offsets: Tensor?, perSampleWeights: Tensor? = nil) -> Tensor {
    withHooks(input) { bags($0, offsets, perSampleWeights) }
  }

  private func bags(_ input: Tensor, _ offsets: Tensor?, _ perSampleWeights: Tensor?) -> Tensor {
    if let maxNorm { shrinkRows(of: $weight, input, to: maxNorm, normType) }
    return input.embeddingBag(
      weight, offsets: offsets, scalesGradientByFrequency: scalesGradientByFrequency, mode: mode, perSampleWeights: perSampleWeights,
      includeLastOffset: includeLastOffset, paddingIndex: paddingIndex)
  }

  open override var settings: String {
    let shape = $weight.shape
    return "\(shape[0]), \(shape[1])" + (maxNorm.map { ", max_norm=\($0)" } ?? "") + (normType == 2 ? "" : ", norm_type=\(normType)")
      + (scalesGradientByFrequency ? ", scale_grad_by_freq=True" : "") + ", mode='\(mode.rawValue)'"
      + (paddingIndex.map { ", padding_idx=\($0)" } ?? "")
  }
}

/// A table's first values, with zeros in the padding's row, and where that is.
private func embeddingTable(
  _ name: String, _ entries: Int, _ features: Int, _ paddingIndex: Int?, _ dtype: DType, _ device: Device
) -> (table: Tensor, paddingIndex: Int?) {
  let position = paddingPosition(name, paddingIndex, entries)
  var table = Tensor.normal([entries, features], dtype: dtype, on: device)
  if let position, !ErrorScopes.hasFailed {
    table = table.maskedFill((Tensor.arange(entries, on: device) .== Scalar.integer(Int64(position))).unsqueeze(1), 0)
  }
  return (table, position)
}

/// The padding's row, counted from the start.
private func paddingPosition(_ name: String, _ paddingIndex: Int?, _ entries: Int) -> Int? {
  guard let paddingIndex else { return nil }
  if !(-entries..<entries).contains(paddingIndex) {
    raise(EmberError(.index, in: name, "paddingIndex \(paddingIndex) is outside of \(-entries) ..< \(entries)"))
  }
  return paddingIndex < 0 ? paddingIndex + entries : paddingIndex
}

/// A table that may be one: a matrix of floating-point numbers, without history.
private func pretrained(_ table: Tensor, _ name: String) -> Tensor {
  if ErrorScopes.hasFailed { return table }
  guard table.rank == 2, table.dtype.isFloatingPoint else {
    raise(EmberError(.shape, in: "\(name).fromPretrained", "a table \(table.dtype)\(table.shape); it must be [entries, features] of floating-point numbers"))
    return Tensor.zeros([1, 1])
  }
  return table.detach()
}

/// Shrinks those rows of a table that are looked up and longer than `maxNorm`, in the table and without a gradient.
private func shrinkRows(of table: StateCell, _ indices: Tensor, to maxNorm: Double, _ normType: Double) {
  if ErrorScopes.hasFailed || indices.elementCount == 0 { return }
  table.update { weight in
    let rows = indices.flatten(0, -1).to(.int64)
    weight = weight.indexCopy(dim: 0, index: rows, source: weight.indexSelect(0, rows).limitingRowNorms(maxNorm, p: normType))
  }
}

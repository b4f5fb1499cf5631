import EmberFunctional
import EmberRuntime
import EmberTensor

/// Normalisation of each channel over the batch; Ioffe and Szegedy, arXiv:1502.03167.
///
/// In training the batch's statistics are used and, with `momentum` m, running = (1 - m)·running + m·(mean, unbiased variance);
/// in evaluation the running ones. `momentum` nil averages over all batches. Without running statistics the batch's always count.
open class BatchNormLayer: Module {
  private final let _weight: Parameter?
  private final let _bias: Parameter?
  private final let _runningMean: Buffer?
  private final let _runningVar: Buffer?
  private final let _numBatchesTracked: Buffer?
  /// PyTorch counts batches since its version 0.4.1.
  override final var dispensableState: [String] { ["num_batches_tracked"] }
  public private(set) final var features: Int
  public final let eps: Double
  public internal(set) final var momentum: Double?

  /// - Parameters:
  ///   - momentum: the new batch's share in the running statistics; nil: the mean over all batches.
  ///   - affine: has a weight and, if `bias`, a bias for each feature.
  public init(
    _ features: Int, eps: Double = 1e-5, momentum: Double? = 0.1, affine: Bool = true, bias: Bool = true, trackRunningStats: Bool = true,
    dtype: DType = .float32, on device: Device = .cpu
  ) {
    self.features = features
    self.eps = eps
    self.momentum = momentum
    _weight = affine ? Parameter(wrappedValue: Tensor.ones([features], dtype: dtype, on: device)) : nil
    _bias = affine && bias ? Parameter(wrappedValue: Tensor.zeros([features], dtype: dtype, on: device)) : nil
    _runningMean = trackRunningStats ? Buffer(wrappedValue: Tensor.zeros([features], dtype: dtype, on: device)) : nil
    _runningVar = trackRunningStats ? Buffer(wrappedValue: Tensor.ones([features], dtype: dtype, on: device)) : nil
    _numBatchesTracked = trackRunningStats ? Buffer(wrappedValue: Tensor.zeros([], dtype: .int64, on: device)) : nil
    super.init()
  }

  /// Gives a layer that was made for 0 features the number that it is to have.
  final func materialize(_ count: Int) {
    guard features == 0, count > 0, !ErrorScopes.hasFailed else { return }
    features = count
    for cell in uninitializedCells {
      let old = cell.value
      // A running variance and a weight begin as ones.
      let isOne = cell === _weight?.projectedValue || cell === _runningVar?.projectedValue
      cell.value = Tensor.full([count], isOne ? 1 : 0, dtype: old.dtype, on: old.device)
    }
  }

  override final var uninitializedCells: [StateCell] {
    let cells = [_weight?.projectedValue, _bias?.projectedValue, _runningMean?.projectedValue, _runningVar?.projectedValue]
    return cells.compactMap { $0 }.filter { $0.shape == [0] }
  }

  override func didLoadState() {
    if features == 0, let count = (weight ?? runningMean)?.elementCount { features = count }
  }

  public final var weight: Tensor? { _weight?.wrappedValue }
  public final var bias: Tensor? { _bias?.wrappedValue }
  public final var weightCell: StateCell? { _weight?.projectedValue }
  public final var biasCell: StateCell? { _bias?.projectedValue }
  public final var runningMean: Tensor? { _runningMean?.wrappedValue }
  public final var runningVar: Tensor? { _runningVar?.wrappedValue }
  public final var numBatchesTracked: Tensor? { _numBatchesTracked?.wrappedValue }

  /// Forgets the running statistics.
  public final func resetRunningStats() {
    noGrad {
      if let mean = _runningMean { mean.wrappedValue = Tensor.zeros(like: mean.wrappedValue) }
      if let variance = _runningVar { variance.wrappedValue = Tensor.full(like: variance.wrappedValue, 1) }
      if let batches = _numBatchesTracked { batches.wrappedValue = Tensor.zeros(like: batches.wrappedValue) }
    }
  }

  final func normalize(_ x: Tensor, ranks: ClosedRange<Int>) -> Tensor {
    // Without parameters or statistics the number of features means nothing, as in PyTorch.
    let hasFeatures = _weight != nil || _runningMean != nil
    guard ErrorScopes.hasFailed || ranks.contains(x.rank) && (x.shape[1] == features || !hasFeatures) else {
      raise(
        EmberError(
          .shape, in: "batch_norm",
          "\(Swift.type(of: self)) with \(features) features for input \(x.dtype)\(x.shape); it must be [batch, \(features), ...] with "
            + ranks.map(String.init).joined(separator: " or ") + " dimensions"))
      return x.batchNorm(weight: weight, bias: bias, eps: eps).output
    }
    guard ErrorScopes.hasFailed || eps > 0 || (eps == 0 && !isTraining) else {
      raise(EmberError(.value, in: "batch_norm", "eps \(eps); it must be positive in training and not negative in evaluation"))
      return x.batchNorm(weight: weight, bias: bias, eps: 1).output
    }
    if !isTraining, let mean = runningMean, let variance = runningVar {
      return x.batchNorm(mean: mean, variance: variance, weight: weight, bias: bias, eps: eps)
    }
    let (output, mean, variance) = x.batchNorm(weight: weight, bias: bias, eps: eps)
    if isTraining { track(mean, variance, Double(x.elementCount / max(features, 1))) }
    return output
  }

  /// Takes a batch's statistics into the running ones.
  private final func track(_ mean: Tensor, _ variance: Tensor, _ count: Double) {
    guard let runningMean = _runningMean, let runningVar = _runningVar, let batches = _numBatchesTracked else { return }
    noGrad {
      let number = batches.wrappedValue + 1
      batches.wrappedValue = number
      // A batch of nothing has no statistics.
      if count == 0 { return }
      // Without a momentum each batch counts the same.
      let dtype = runningMean.wrappedValue.dtype
      let old = (runningMean.wrappedValue.to(mean.dtype), runningVar.wrappedValue.to(mean.dtype))
      guard let factor = momentum else {
        let share = 1 / number.to(mean.dtype).clamp(min: 1)
        runningMean.wrappedValue = (mean * share + old.0 * (1 - share)).to(dtype)
        runningVar.wrappedValue = (variance * (count / max(count - 1, 1)) * share + old.1 * (1 - share)).to(dtype)
        return
      }
      func mixed(_ new: Tensor, _ scale: Double, _ old: Tensor) -> Tensor {
        Self.mix(new, old, ScalarParameters(.real(scale), .real(factor), .real(1 - factor))).to(dtype)
      }
      runningMean.wrappedValue = mixed(mean, 1, old.0)
      runningVar.wrappedValue = mixed(variance, count / max(count - 1, 1), old.1)
    }
  }

  /// new · scale · share + old · rest: one pass, as there are two for every layer in every step.
  private static let mix = Pointwise("mix_statistics", roles: [.value, .value], parameters: 3) { x, p in
    x[0] * p[0] * p[1] + x[1] * p[2]
  }

  open override var settings: String {
    "\(features), eps=\(eps), momentum=\(momentum.map { "\($0)" } ?? "None")"
      + ", affine=\(pythonBool(_weight != nil)), bias=\(pythonBool(_bias != nil))"
      + ", track_running_stats=\(pythonBool(_runningMean != nil))"
  }
}

/// Batch normalisation of [batch, features] or [batch, features, length].
open class BatchNorm1d: BatchNormLayer, Layer {
  open func forward(_ input: Tensor) -> Tensor { normalize(input, ranks: 2...3) }
}

/// Batch normalisation of [batch, features, height, width].
open class BatchNorm2d: BatchNormLayer, Layer {
  open func forward(_ input: Tensor) -> Tensor { normalize(input, ranks: 4...4) }
}

/// Batch normalisation of [batch, features, depth, height, width].
open class BatchNorm3d: BatchNormLayer, Layer {
  open func forward(_ input: Tensor) -> Tensor { normalize(input, ranks: 5...5) }
}

/// Batch normalisation of [batch, features, ...] whose statistics are meant to be those of all processes that train together.
///
/// Training runs in one process here, so that they are the batch's own, as PyTorch's are without a process group.
open class SyncBatchNorm: BatchNormLayer, Layer {
  open func forward(_ input: Tensor) -> Tensor { normalize(input, ranks: 2...8) }
}

/// Normalisation over the last dimensions; Ba, Kiros and Hinton, arXiv:1607.06450. Weight and bias of the normalised shape.
open class LayerNorm: Module, Layer {
  private final let _weight: Parameter?
  private final let _bias: Parameter?
  public final let normalizedShape: [Int]
  public final let eps: Double

  public init(
    _ normalizedShape: [Int], eps: Double = 1e-5, elementwiseAffine: Bool = true, bias: Bool = true, dtype: DType = .float32,
    on device: Device = .cpu
  ) {
    self.normalizedShape = normalizedShape
    self.eps = eps
    _weight = elementwiseAffine ? Parameter(wrappedValue: Tensor.ones(normalizedShape, dtype: dtype, on: device)) : nil
    _bias = elementwiseAffine && bias ? Parameter(wrappedValue: Tensor.zeros(normalizedShape, dtype: dtype, on: device)) : nil
    super.init()
  }

  /// Over the last dimension only.
  public convenience init(
    _ features: Int, eps: Double = 1e-5, elementwiseAffine: Bool = true, bias: Bool = true, dtype: DType = .float32,
    on device: Device = .cpu
  ) { self.init([features], eps: eps, elementwiseAffine: elementwiseAffine, bias: bias, dtype: dtype, on: device) }

  public final var weight: Tensor? { _weight?.wrappedValue }
  public final var bias: Tensor? { _bias?.wrappedValue }
  public final var weightCell: StateCell? { _weight?.projectedValue }
  public final var biasCell: StateCell? { _bias?.projectedValue }

  open func forward(_ input: Tensor) -> Tensor { input.layerNorm(normalizedShape, weight: weight, bias: bias, eps: eps) }

  /// The same for a product alone to read: under `autocast` the result has the dtype that products take.
  public final func forProduct(_ input: Tensor) -> Tensor {
    input.layerNorm(normalizedShape, weight: weight, bias: bias, eps: eps, dtype: input.dtype == .float32 ? Autocast.productDType : nil)
  }

  open override var settings: String {
    "\(pythonTuple(normalizedShape)), eps=\(eps), elementwise_affine=\(pythonBool(_weight != nil)), bias=\(pythonBool(_bias != nil))"
  }
}

/// Normalisation over groups of channels of [batch, channels, ...]; Wu and He, arXiv:1803.08494.
open class GroupNorm: Module, Layer {
  private final let _weight: Parameter?
  private final let _bias: Parameter?
  public final let groups: Int
  public final let eps: Double
  private let channels: Int

  public init(
    _ groups: Int, _ channels: Int, eps: Double = 1e-5, affine: Bool = true, bias: Bool = true, dtype: DType = .float32,
    on device: Device = .cpu
  ) {
    if groups < 1 || channels % max(groups, 1) != 0 {
      raise(EmberError(.value, in: "GroupNorm", "\(channels) channels do not divide into \(groups) groups"))
    }
    self.groups = groups
    self.channels = channels
    self.eps = eps
    _weight = affine ? Parameter(wrappedValue: Tensor.ones([channels], dtype: dtype, on: device)) : nil
    _bias = affine && bias ? Parameter(wrappedValue: Tensor.zeros([channels], dtype: dtype, on: device)) : nil
    super.init()
  }

  public final var weight: Tensor? { _weight?.wrappedValue }
  public final var bias: Tensor? { _bias?.wrappedValue }
  public final var weightCell: StateCell? { _weight?.projectedValue }
  public final var biasCell: StateCell? { _bias?.projectedValue }

  open func forward(_ input: Tensor) -> Tensor { input.groupNorm(groups, weight: weight, bias: bias, eps: eps) }
  open override var settings: String {
    "\(groups), \(channels), eps=\(eps), affine=\(pythonBool(_weight != nil)), bias=\(pythonBool(_bias != nil))"
  }
}

/// Normalisation by the root of the mean square over the last dimensions; Zhang and Sennrich, arXiv:1910.07467. Weight of the normalised
/// shape.
open class RMSNorm: Module, Layer {
  private final let _weight: Parameter?
  public final let normalizedShape: [Int]
  /// Nil: the smallest difference from 1 of the input's dtype.
  public final let eps: Double?

  public init(
    _ normalizedShape: [Int], eps: Double? = nil, elementwiseAffine: Bool = true, dtype: DType = .float32, on device: Device = .cpu
  ) {
    self.normalizedShape = normalizedShape
    self.eps = eps
    _weight = elementwiseAffine ? Parameter(wrappedValue: Tensor.ones(normalizedShape, dtype: dtype, on: device)) : nil
    super.init()
  }

  /// Over the last dimension only.
  public convenience init(
    _ features: Int, eps: Double? = nil, elementwiseAffine: Bool = true, dtype: DType = .float32, on device: Device = .cpu
  ) {
    self.init([features], eps: eps, elementwiseAffine: elementwiseAffine, dtype: dtype, on: device)
  }

  public final var weight: Tensor? { _weight?.wrappedValue }
  public final var weightCell: StateCell? { _weight?.projectedValue }

  open func forward(_ input: Tensor) -> Tensor { input.rmsNorm(normalizedShape, weight: weight, eps: eps) }
  open override var settings: String {
    "\(pythonTuple(normalizedShape)), eps=\(eps.map { "\($0)" } ?? "None"), elementwise_affine=\(pythonBool(_weight != nil))"
  }
}

/// Each element divided by a power of the mean square of neighbouring channels; Krizhevsky et al., NIPS 2012.
open class LocalResponseNorm: Module, Layer {
  fileprivate let size: Int
  fileprivate let alpha, beta, k: Double

  /// - Parameter size: how many channels count as neighbours, with the element's own.
  public init(_ size: Int, alpha: Double = 1e-4, beta: Double = 0.75, k: Double = 1) {
    self.size = size
    self.alpha = alpha
    self.beta = beta
    self.k = k
    super.init()
  }

  open func forward(_ input: Tensor) -> Tensor { input.localResponseNorm(size, alpha: alpha, beta: beta, k: k) }
  open override var settings: String { "\(size), alpha=\(alpha), beta=\(beta), k=\(k)" }
}

/// Local response normalisation as Torch 7 had it: the squares of neighbouring channels are summed, and of `size` only the odd part counts.
///
/// input / (k + alpha / size · Σ input²)^beta with the sum over `size` channels around each one (one fewer where `size` is even). As in
/// PyTorch, whose networks' outputs depend on it, the first channel's square stays in every channel's sum. Gradients are this function's own;
/// those that PyTorch writes down for it are of another one. Use `LocalResponseNorm` in new networks. [batch, channels, height, width].
open class CrossMapLRN2d: LocalResponseNorm {
  open override func forward(_ input: Tensor) -> Tensor {
    guard input.rank == 4, size > 0 else {
      raise(
        EmberError(
          input.rank == 4 ? .value : .shape, in: "CrossMapLRN2d",
          "input \(input.summary) with size \(size): it must be [batch, channels, height, width] and the size positive"))
      return .poison
    }
    if input.elementCount == 0 { return input }
    let channels = input.shape[1], reach = (size - 1) / 2, width = 2 * reach + 1
    let squares = input * input
    let lines = squares.reshape([input.shape[0], 1, channels, -1]).pad([0, 0, reach, reach])
    var sums = (lines.avgPool2d([width, 1], stride: 1) * width).reshape(Array(input.shape))
    if channels > reach + 1 {
      let (near, far) = (sums.narrow(1, start: 0, length: reach + 1), sums.narrow(1, start: reach + 1, length: channels - reach - 1))
      sums = cat([near, far + squares.narrow(1, start: 0, length: 1)], dim: 1)
    }
    return input / (sums * (alpha / Double(size)) + k).pow(.real(beta))
  }

  open override var settings: String { "\(size), alpha=\(alpha), beta=\(beta), k=\(Int(exactly: k).map { "\($0)" } ?? "\(k)")" }
}

import EmberFunctional
import EmberRuntime
import EmberTensor

/// Normalisation of each channel of each sample by itself; Ulyanov et al., arXiv:1607.08022.
///
/// With running statistics these are used in evaluation; in training the means of the samples' statistics are taken into them.
open class InstanceNormLayer: Module {
  private final let _weight: Parameter?
  private final let _bias: Parameter?
  private final let _runningMean: Buffer?
  private final let _runningVar: Buffer?
  private final let _numBatchesTracked: Buffer?
  /// PyTorch counts batches since its version 0.4.1.
  override final var dispensableState: [String] { ["num_batches_tracked"] }
  public private(set) final var features: Int
  public final let eps: Double
  public final let momentum: Double

  public init(
    _ features: Int, eps: Double = 1e-5, momentum: Double = 0.1, affine: Bool = false, bias: Bool = true, trackRunningStats: Bool = false,
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

  public final var weight: Tensor? { _weight?.wrappedValue }
  public final var bias: Tensor? { _bias?.wrappedValue }
  public final var weightCell: StateCell? { _weight?.projectedValue }
  public final var biasCell: StateCell? { _bias?.projectedValue }
  public final var runningMean: Tensor? { _runningMean?.wrappedValue }
  public final var runningVar: Tensor? { _runningVar?.wrappedValue }

  /// - Parameter rank: dimensions of an input with a batch; one less is a sample without.
  final func normalize(_ input: Tensor, rank: Int) -> Tensor {
    let isAlone = input.rank == rank - 1
    let channels = input.rank == rank || isAlone ? input.shape[input.rank - rank + 1] : -1
    // Without parameters or statistics the number of features means nothing, as in PyTorch.
    guard ErrorScopes.hasFailed || channels >= 0 && (channels == features || (_weight == nil && _runningMean == nil)) else {
      raise(
        EmberError(
          .shape, in: "instance_norm",
          "\(Swift.type(of: self)) with \(features) features for input \(input.dtype)\(input.shape); "
            + "it must be [batch, \(features), ...] with "
            + "\(rank) dimensions, or one less without a batch"))
      return input
    }
    let x = isAlone ? input.unsqueeze(0) : input
    let y: Tensor
    if !isTraining, let mean = runningMean, let variance = runningVar {
      y = x.batchNorm(mean: mean, variance: variance, weight: weight, bias: bias, eps: eps)
    } else {
      y = x.instanceNorm(weight: weight, bias: bias, eps: eps)
      if isTraining { track(x) }
    }
    return isAlone ? y.squeeze(0) : y
  }

  private final func track(_ x: Tensor) {
    guard let runningMean = _runningMean, let runningVar = _runningVar else { return }
    noGrad {
      let samples = x.detach().flatten(2)
      let mean = samples.mean(2).mean(0), variance = samples.var([2]).mean(0)
      let dtype = runningMean.wrappedValue.dtype
      runningMean.wrappedValue = (mean * momentum + runningMean.wrappedValue.to(mean.dtype) * (1 - momentum)).to(dtype)
      runningVar.wrappedValue = (variance * momentum + runningVar.wrappedValue.to(variance.dtype) * (1 - momentum)).to(dtype)
    }
  }

  /// Gives a layer that was made for 0 features the number that it is to have.
  final func materialize(_ count: Int) {
    guard features == 0, count > 0, !ErrorScopes.hasFailed else { return }
    features = count
    for cell in uninitializedCells {
      let old = cell.value
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

  open override var settings: String {
    "\(features), eps=\(eps), momentum=\(momentum), affine=\(pythonBool(_weight != nil)), bias=\(pythonBool(_bias != nil))"
      + ", track_running_stats=\(pythonBool(_runningMean != nil))"
  }
}

/// Instance normalisation of [batch, features, length] or [features, length].
open class InstanceNorm1d: InstanceNormLayer, Layer {
  open func forward(_ input: Tensor) -> Tensor { normalize(input, rank: 3) }
}

/// Instance normalisation of [batch, features, height, width] or without the batch.
open class InstanceNorm2d: InstanceNormLayer, Layer {
  open func forward(_ input: Tensor) -> Tensor { normalize(input, rank: 4) }
}

/// Instance normalisation of [batch, features, depth, height, width] or without the batch.
open class InstanceNorm3d: InstanceNormLayer, Layer {
  open func forward(_ input: Tensor) -> Tensor { normalize(input, rank: 5) }
}

import EmberFunctional
import EmberRuntime
import EmberTensor

/// x · weightᵀ + bias over the last dimension: [..., in] to [..., out]. Weight [out, in], bias [out].
open class Linear: Module, Layer {
  @Parameter public final var weight: Tensor
  private final let _bias: Parameter?
  public private(set) final var inFeatures: Int
  public final let outFeatures: Int

  public init(_ inFeatures: Int, _ outFeatures: Int, bias: Bool = true, dtype: DType = .float32, on device: Device = .cpu) {
    self.inFeatures = inFeatures
    self.outFeatures = outFeatures
    weight = Init.layerWeight([outFeatures, inFeatures], dtype: dtype, on: device)
    _bias = bias ? Parameter(wrappedValue: Init.layerBias(outFeatures, weight: [outFeatures, inFeatures], dtype: dtype, on: device)) : nil
    super.init()
  }

  /// Draws weight and bias of a layer that was made for 0 input features.
  final func materialize(_ count: Int) {
    guard !uninitializedCells.isEmpty, !ErrorScopes.hasFailed else { return }
    let old = weight
    inFeatures = count
    weight = Init.layerWeight([outFeatures, count], dtype: old.dtype, on: old.device)
    _bias?.wrappedValue = Init.layerBias(outFeatures, weight: [outFeatures, count], dtype: old.dtype, on: old.device)
  }

  override final var uninitializedCells: [StateCell] { inFeatures == 0 && $weight.shape[1] == 0 ? [$weight] : [] }
  override func didLoadState() { inFeatures = $weight.shape[1] }

  public final var bias: Tensor? { _bias?.wrappedValue }
  /// The cell of the bias, if there is one.
  public final var biasCell: StateCell? { _bias?.projectedValue }

  open func forward(_ input: Tensor) -> Tensor { input.linear(weight, bias) }
  open override var settings: String { "in_features=\(inFeatures), out_features=\(outFeatures), bias=\(pythonBool(_bias != nil))" }
}

/// Its input.
open class Identity: Module, Layer {
  open func forward(_ input: Tensor) -> Tensor { input }
}

/// A product of two inputs with a tensor: for each output o, x₁ᵀ · W[o] · x₂ + bias. [..., in1] and [..., in2] to [..., out].
open class Bilinear: Module, Layer {
  @Parameter public final var weight: Tensor
  private final let _bias: Parameter?

  public init(
    _ in1Features: Int, _ in2Features: Int, _ outFeatures: Int, bias: Bool = true, dtype: DType = .float32, on device: Device = .cpu
  ) {
    if in1Features < 1 {
      raise(EmberError(.value, in: "Bilinear", "\(in1Features) features of the first input; there must be at least one"))
    }
    let bound = 1 / Double(Swift.max(in1Features, 1)).squareRoot()
    weight = Tensor.uniform([outFeatures, in1Features, in2Features], -bound, bound, dtype: dtype, on: device)
    _bias = bias ? Parameter(wrappedValue: Tensor.uniform([outFeatures], -bound, bound, dtype: dtype, on: device)) : nil
    super.init()
  }

  public final var bias: Tensor? { _bias?.wrappedValue }
  public final var biasCell: StateCell? { _bias?.projectedValue }

  open func forward(_ input: (Tensor, Tensor)) -> Tensor { input.0.bilinear(input.1, weight, bias) }
  open override var settings: String {
    let shape = $weight.shape
    return "in1_features=\(shape[1]), in2_features=\(shape[2]), out_features=\(shape[0]), bias=\(pythonBool(_bias != nil))"
  }
}

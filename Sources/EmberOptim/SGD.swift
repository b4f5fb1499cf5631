import CEmberKernels
import EmberRuntime
import EmberTensor

/// Stochastic gradient descent with momentum (Sutskever et al., 2013), as `torch.optim.SGD`.
public final class SGD: GroupOptimizer<SGD.Options> {
  public struct Options: OptimizerOptions {
    public var learningRate: Double
    public var momentum: Double
    public var dampening: Double
    public var weightDecay: Double
    public var nesterov: Bool
    public var maximize: Bool

    public init(
      learningRate: Double = 1e-3, momentum: Double = 0, dampening: Double = 0, weightDecay: Double = 0, nesterov: Bool = false,
      maximize: Bool = false
    ) {
      self.learningRate = learningRate
      self.momentum = momentum
      self.dampening = dampening
      self.weightDecay = weightDecay
      self.nesterov = nesterov
      self.maximize = maximize
    }

    public static var saved: [(name: String, path: WritableKeyPath<Options, Double>)] {
      [
        ("lr", \.learningRate), ("momentum", \.momentum), ("dampening", \.dampening), ("weight_decay", \.weightDecay),
        ("nesterov", \.nesterov.asNumber), ("maximize", \.maximize.asNumber),
      ]
    }
  }

  public init(groups: [ParameterGroup<Options>]) {
    for group in groups {
      let o = group.options
      checkOption("SGD", "learningRate", o.learningRate, o.learningRate >= 0)
      checkOption("SGD", "momentum", o.momentum, o.momentum >= 0)
      checkOption("SGD", "weightDecay", o.weightDecay, o.weightDecay >= 0)
      checkOption("SGD", "dampening with nesterov", o.dampening, !o.nesterov || (o.momentum > 0 && o.dampening == 0))
    }
    super.init(groups)
  }

  public convenience init(
    _ parameters: [StateCell], learningRate: Double = 1e-3, momentum: Double = 0, dampening: Double = 0, weightDecay: Double = 0,
    nesterov: Bool = false, maximize: Bool = false
  ) {
    self.init(groups: [
      ParameterGroup(
        parameters,
        Options(
          learningRate: learningRate, momentum: momentum, dampening: dampening, weightDecay: weightDecay, nesterov: nesterov, maximize: maximize))
    ])
  }

  override public func stateNames(_ options: Options) -> [String] { options.momentum == 0 ? [] : ["momentum_buffer"] }

  override public func prepare(_ state: inout ParameterState, for value: Tensor, options: Options) {
    if options.momentum != 0, state.tensors["momentum_buffer"] == nil { state.isFresh = true }
    super.prepare(&state, for: value, options: options)
  }

  override public func updatesInPlace(_ value: Tensor, gradient: Tensor) -> Bool { hasOptimizerKernel(value, gradient) }

  override public func update(_ value: inout Tensor, gradient: Tensor, state: inout ParameterState, options o: Options) {
    // The buffer begins as the first gradient.
    let isFirst = state.isFresh || state.tensors["momentum_buffer"] == nil
    state.isFresh = false
    state.step += 1
    guard updatesInPlace(value, gradient: gradient) else { return composed(&value, gradient, &state, o, isFirst: isFirst) }
    var options = ember_sgd_options(
      learning_rate: o.learningRate, momentum: o.momentum, dampening: o.dampening, weight_decay: o.weightDecay, nesterov: o.nesterov,
      maximize: o.maximize, first_step: isFirst)
    var buffer = o.momentum == 0 ? nil : state.tensors.removeValue(forKey: "momentum_buffer") ?? Tensor.zeros(like: value)
    // The rule is linear: complex numbers move as pairs of real ones.
    var count = Int64(value.elementCount * (value.dtype.isComplex ? 2 : 1))
    let dtype = Int32(value.dtype.realType.rawValue)
    gradient.withOperand { g in
      value.withMutableOperand { p in
        var parameters: UnsafeMutableRawPointer? = p.pointer
        var gradients = UnsafeRawPointer(g.pointer)
        if buffer != nil {
          buffer!.withMutableOperand { m in
            var buffers: UnsafeMutableRawPointer? = m.pointer
            ember_sgd_step(dtype, 1, &count, &parameters, &gradients, &buffers, &options)
          }
        } else {
          ember_sgd_step(dtype, 1, &count, &parameters, &gradients, nil, &options)
        }
      }
    }
    if let buffer { state.tensors["momentum_buffer"] = buffer }
  }

  /// The rule in tensor operations, for devices without a kernel.
  private func composed(_ value: inout Tensor, _ gradient: Tensor, _ state: inout ParameterState, _ o: Options, isFirst: Bool) {
    var g = o.maximize ? -gradient : gradient
    if o.weightDecay != 0 { g = g + value * o.weightDecay }
    if o.momentum != 0 {
      let old = isFirst ? nil : state.tensors["momentum_buffer"]
      let buffer = old.map { $0 * o.momentum + g * (1 - o.dampening) } ?? g
      state.tensors["momentum_buffer"] = buffer
      g = o.nesterov ? g + buffer * o.momentum : buffer
    }
    value -= g * Scalar.real(o.learningRate)
  }
}

import EmberTensor

// Names that somebody who comes from PyTorch types first: the compiler says what they are called here.

extension Optimizer {
  @available(*, unavailable, renamed: "zeroGrad()")
  public func zero_grad(set_to_none: Bool = true) { fatalError() }
  @available(*, unavailable, renamed: "stateDict()")
  public func state_dict() -> [(String, Tensor)] { fatalError() }
  @available(*, unavailable, renamed: "loadStateDict(_:)")
  public func load_state_dict(_ state: [(String, Tensor)]) throws { fatalError() }
  @available(*, unavailable, renamed: "learningRate")
  public var lr: Double {
    get { fatalError() }
    set { fatalError() }
  }
}

extension GroupOptimizer {
  @available(*, unavailable, renamed: "groups")
  public var param_groups: [ParameterGroup<Options>] { fatalError() }
  @available(*, unavailable, renamed: "addParameterGroup(_:)")
  public final func add_param_group(_ group: ParameterGroup<Options>) { fatalError() }
}

extension SGD {
  @available(*, unavailable, renamed: "init(_:learningRate:momentum:dampening:weightDecay:nesterov:maximize:)")
  public convenience init(
    _ parameters: [StateCell], lr: Double, momentum: Double = 0, dampening: Double = 0, weight_decay: Double = 0, nesterov: Bool = false,
    maximize: Bool = false
  ) { fatalError() }
}

extension Adam {
  @available(*, unavailable, renamed: "init(_:learningRate:betas:epsilon:weightDecay:amsgrad:maximize:)")
  public convenience init(
    _ parameters: [StateCell], lr: Double, betas: (Double, Double) = (0.9, 0.999), eps: Double = 1e-8, weight_decay: Double = 0,
    amsgrad: Bool = false, maximize: Bool = false
  ) { fatalError() }
}

extension AdamW {
  @available(*, unavailable, renamed: "init(_:learningRate:betas:epsilon:weightDecay:amsgrad:maximize:)")
  public convenience init(
    _ parameters: [StateCell], lr: Double, betas: (Double, Double) = (0.9, 0.999), eps: Double = 1e-8, weight_decay: Double = 1e-2,
    amsgrad: Bool = false, maximize: Bool = false
  ) { fatalError() }
}

extension Adamax {
  @available(*, unavailable, renamed: "init(_:learningRate:betas:epsilon:weightDecay:)")
  public convenience init(
    _ parameters: [StateCell], lr: Double, betas: (Double, Double) = (0.9, 0.999), eps: Double = 1e-8, weight_decay: Double = 0
  ) { fatalError() }
}

extension NAdam {
  @available(*, unavailable, renamed: "init(_:learningRate:betas:epsilon:weightDecay:)")
  public convenience init(
    _ parameters: [StateCell], lr: Double, betas: (Double, Double) = (0.9, 0.999), eps: Double = 1e-8, weight_decay: Double = 0
  ) { fatalError() }
}

extension RAdam {
  @available(*, unavailable, renamed: "init(_:learningRate:betas:epsilon:weightDecay:)")
  public convenience init(
    _ parameters: [StateCell], lr: Double, betas: (Double, Double) = (0.9, 0.999), eps: Double = 1e-8, weight_decay: Double = 0
  ) { fatalError() }
}

extension Adagrad {
  @available(*, unavailable, renamed: "init(_:learningRate:learningRateDecay:weightDecay:)")
  public convenience init(_ parameters: [StateCell], lr: Double, lr_decay: Double = 0, weight_decay: Double = 0) { fatalError() }
}

extension Adadelta {
  @available(*, unavailable, renamed: "init(_:learningRate:rho:epsilon:weightDecay:)")
  public convenience init(_ parameters: [StateCell], lr: Double, rho: Double = 0.9, eps: Double = 1e-6, weight_decay: Double = 0) {
    fatalError()
  }
}

extension RMSprop {
  @available(*, unavailable, renamed: "init(_:learningRate:alpha:epsilon:weightDecay:momentum:centered:)")
  public convenience init(
    _ parameters: [StateCell], lr: Double, alpha: Double = 0.99, eps: Double = 1e-8, weight_decay: Double = 0, momentum: Double = 0,
    centered: Bool = false
  ) { fatalError() }
}

extension Rprop {
  @available(*, unavailable, renamed: "init(_:learningRate:etas:)")
  public convenience init(_ parameters: [StateCell], lr: Double, etas: (Double, Double) = (0.5, 1.2)) { fatalError() }
}

extension ASGD {
  @available(*, unavailable, renamed: "init(_:learningRate:weightDecay:)")
  public convenience init(_ parameters: [StateCell], lr: Double, weight_decay: Double = 0) { fatalError() }
}

extension Adafactor {
  @available(*, unavailable, renamed: "init(_:learningRate:weightDecay:)")
  public convenience init(_ parameters: [StateCell], lr: Double, weight_decay: Double = 0) { fatalError() }
}

extension SparseAdam {
  @available(*, unavailable, renamed: "init(_:learningRate:betas:epsilon:)")
  public convenience init(_ parameters: [StateCell], lr: Double, betas: (Double, Double) = (0.9, 0.999), eps: Double = 1e-8) {
    fatalError()
  }
}

extension Muon {
  @available(*, unavailable, renamed: "init(_:learningRate:weightDecay:momentum:)")
  public convenience init(_ parameters: [StateCell], lr: Double, weight_decay: Double = 0.1, momentum: Double = 0.95) { fatalError() }
}

extension LBFGS {
  @available(*, unavailable, renamed: "init(_:learningRate:maximumIterations:lineSearch:)", message: "lineSearch is .strongWolfe or nil")
  public convenience init(_ parameters: [StateCell], lr: Double, max_iter: Int = 20, line_search_fn: String? = nil) { fatalError() }
}

extension StepLR {
  @available(*, unavailable, renamed: "init(_:stepSize:gamma:)")
  public convenience init(_ optimizer: any Optimizer, step_size: Int, gamma: Double = 0.1) { fatalError() }
}

extension LambdaLR {
  @available(*, unavailable, renamed: "init(_:_:)")
  public convenience init(_ optimizer: any Optimizer, lr_lambda: @escaping (Int) -> Double) { fatalError() }
}

extension LinearLR {
  @available(*, unavailable, renamed: "init(_:startFactor:endFactor:steps:)")
  public convenience init(_ optimizer: any Optimizer, start_factor: Double = 1.0 / 3, end_factor: Double = 1, total_iters: Int) {
    fatalError()
  }
}

extension ConstantLR {
  @available(*, unavailable, renamed: "init(_:factor:steps:)")
  public convenience init(_ optimizer: any Optimizer, factor: Double = 1.0 / 3, total_iters: Int) { fatalError() }
}

extension PolynomialLR {
  @available(*, unavailable, renamed: "init(_:steps:power:)")
  public convenience init(_ optimizer: any Optimizer, total_iters: Int, power: Double = 1) { fatalError() }
}

extension CosineAnnealingLR {
  @available(*, unavailable, renamed: "init(_:period:minimum:)")
  public convenience init(_ optimizer: any Optimizer, T_max: Int, eta_min: Double = 0) { fatalError() }
}

extension CosineAnnealingWarmRestarts {
  @available(*, unavailable, renamed: "init(_:period:multiplier:minimum:)")
  public convenience init(_ optimizer: any Optimizer, T_0: Int, T_mult: Int = 1, eta_min: Double = 0) { fatalError() }
}

extension OneCycleLR {
  @available(*, unavailable, message: "write OneCycleLR(optimizer, maximum: 0.1, totalSteps: 1000)")
  public convenience init(_ optimizer: any Optimizer, max_lr: Double, total_steps: Int) { fatalError() }
  @available(*, unavailable, message: "write OneCycleLR(optimizer, maximum: 0.1, totalSteps: epochs * stepsPerEpoch)")
  public convenience init(_ optimizer: any Optimizer, max_lr: Double, epochs: Int, steps_per_epoch: Int) { fatalError() }
}

extension CyclicLR {
  @available(*, unavailable, message: "write CyclicLR(optimizer, base: 0.01, maximum: 0.1, stepsUp: 2000)")
  public convenience init(_ optimizer: any Optimizer, base_lr: Double, max_lr: Double, step_size_up: Int = 2000) { fatalError() }
}

extension Scheduler {
  @available(*, unavailable, renamed: "getter:state()")
  public func state_dict() -> [Double] { fatalError() }
  @available(*, unavailable, renamed: "loadState(_:)")
  public func load_state_dict(_ state: [Double]) throws { fatalError() }
}

extension RateSchedule {
  @available(*, unavailable, message: "ask the optimizer for its learningRates")
  public func get_last_lr() -> [Double] { fatalError() }
}

/// `optim.Adam(model.parameters(), lr=0.1)` is `Adam(model.parameters(), learningRate: 0.1)`.
@dynamicMemberLookup
public enum optim {
  @available(*, unavailable, message: "optimizers have no prefix: write Adam(model.parameters(), learningRate: 0.1)")
  public static subscript(dynamicMember name: String) -> NameFromPyTorch { fatalError() }
}

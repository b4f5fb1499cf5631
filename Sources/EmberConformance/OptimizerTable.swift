import EmberOptim
import EmberRuntime
import EmberTensor

/// Parameters with the options that PyTorch's names give them.
struct NamedGroup {
  let cells: [StateCell]
  var options: OptionReader
}

/// Makes the optimizer of a class of `torch.optim`; nil for one that is not there.
func makeOptimizer(_ name: String, _ groups: [NamedGroup]) throws -> (any Optimizer)? {
  /// The optimizer of groups whose options begin as `initial`.
  func make<Options: OptimizerOptions>(
    _ make: ([ParameterGroup<Options>]) -> any Optimizer, _ initial: Options, _ set: (inout OptionReader, inout Options) throws -> Void
  ) throws -> any Optimizer {
    let groups = try groups.map { group in
      var reader = group.options, options = initial
      try set(&reader, &options)
      try reader.finish()
      return ParameterGroup(group.cells, options)
    }
    return try catchingErrors { make(groups) }
  }
  switch name {
  case "SGD":
    return try make(SGD.init(groups:), .init()) {
      try $0.read(
        into: &$1,
        numbers: ["lr": \.learningRate, "momentum": \.momentum, "dampening": \.dampening, "weight_decay": \.weightDecay],
        flags: ["nesterov": \.nesterov, "maximize": \.maximize])
    }
  case "Adam":
    return try make(Adam.init(groups:), .init()) {
      try $0.read(
        into: &$1, numbers: ["lr": \.learningRate, "eps": \.epsilon, "weight_decay": \.weightDecay],
        flags: ["amsgrad": \.amsgrad, "maximize": \.maximize, "decoupled_weight_decay": \.decoupled], pairs: ["betas": \.betas])
    }
  case "AdamW":
    return try make(AdamW.init(groups:), .init()) {
      try $0.read(
        into: &$1, numbers: ["lr": \.learningRate, "eps": \.epsilon, "weight_decay": \.weightDecay],
        flags: ["amsgrad": \.amsgrad, "maximize": \.maximize], pairs: ["betas": \.betas])
    }
  case "Adamax":
    return try make(Adamax.init(groups:), .init()) {
      try $0.read(
        into: &$1, numbers: ["lr": \.learningRate, "eps": \.epsilon, "weight_decay": \.weightDecay], flags: ["maximize": \.maximize],
        pairs: ["betas": \.betas])
    }
  case "NAdam":
    return try make(NAdam.init(groups:), .init()) {
      try $0.read(
        into: &$1,
        numbers: ["lr": \.learningRate, "eps": \.epsilon, "weight_decay": \.weightDecay, "momentum_decay": \.momentumDecay],
        flags: ["decoupled_weight_decay": \.decoupled, "maximize": \.maximize], pairs: ["betas": \.betas])
    }
  case "RAdam":
    return try make(RAdam.init(groups:), .init()) {
      try $0.read(
        into: &$1, numbers: ["lr": \.learningRate, "eps": \.epsilon, "weight_decay": \.weightDecay],
        flags: ["decoupled_weight_decay": \.decoupled, "maximize": \.maximize], pairs: ["betas": \.betas])
    }
  case "Adagrad":
    return try make(Adagrad.init(groups:), .init()) {
      try $0.read(
        into: &$1,
        numbers: [
          "lr": \.learningRate, "lr_decay": \.learningRateDecay, "weight_decay": \.weightDecay,
          "initial_accumulator_value": \.initialAccumulatorValue, "eps": \.epsilon,
        ], flags: ["maximize": \.maximize])
    }
  case "Adadelta":
    return try make(Adadelta.init(groups:), .init()) {
      try $0.read(
        into: &$1, numbers: ["lr": \.learningRate, "rho": \.rho, "eps": \.epsilon, "weight_decay": \.weightDecay],
        flags: ["maximize": \.maximize])
    }
  case "RMSprop":
    return try make(RMSprop.init(groups:), .init()) {
      try $0.read(
        into: &$1,
        numbers: [
          "lr": \.learningRate, "alpha": \.alpha, "eps": \.epsilon, "weight_decay": \.weightDecay, "momentum": \.momentum,
        ], flags: ["centered": \.centered, "maximize": \.maximize])
    }
  case "Rprop":
    return try make(Rprop.init(groups:), .init()) {
      try $0.read(
        into: &$1, numbers: ["lr": \.learningRate], flags: ["maximize": \.maximize],
        pairs: ["etas": \.etas, "step_sizes": \.stepSizes])
    }
  case "ASGD":
    return try make(ASGD.init(groups:), .init()) {
      try $0.read(
        into: &$1,
        numbers: ["lr": \.learningRate, "lambd": \.lambd, "alpha": \.alpha, "t0": \.t0, "weight_decay": \.weightDecay],
        flags: ["maximize": \.maximize])
    }
  case "SparseAdam":
    return try make(SparseAdam.init(groups:), .init()) {
      try $0.read(
        into: &$1, numbers: ["lr": \.learningRate, "eps": \.epsilon], flags: ["maximize": \.maximize], pairs: ["betas": \.betas])
    }
  case "Adafactor":
    return try make(Adafactor.init(groups:), .init()) { reader, options in
      try reader.read(
        into: &options,
        numbers: [
          "lr": \.learningRate, "beta2_decay": \.beta2Decay, "d": \.clippingThreshold, "weight_decay": \.weightDecay,
        ], flags: ["maximize": \.maximize])
      guard let epsilons = try reader.numbers("eps", count: 2) else { return }
      guard let second = epsilons[1] else { throw EmberError(.value, in: "Adafactor", "eps[1] must be a number") }
      options.epsilons = (epsilons[0], second)
    }
  case "Muon":
    return try make(Muon.init(groups:), .init()) { reader, options in
      try reader.read(
        into: &options,
        numbers: ["lr": \.learningRate, "weight_decay": \.weightDecay, "momentum": \.momentum, "eps": \.epsilon],
        flags: ["nesterov": \.nesterov], counts: ["ns_steps": \.iterations])
      if let values = try reader.numbers("ns_coefficients", count: 3)?.compactMap({ $0 }), values.count == 3 {
        options.coefficients = (values[0], values[1], values[2])
      }
      switch try reader.text("adjust_lr_fn") {
      case nil, "original"?: options.adjustment = .original
      case "match_rms_adamw"?: options.adjustment = .matchRMSAdamW
      case "spectral_unclamped"?: options.adjustment = .spectralUnclamped
      case let other?: throw EmberError(.value, in: "Muon", "adjust_lr_fn = \(other)")
      }
    }
  case "LBFGS":
    guard groups.count == 1 else { throw EmberError(.value, in: "LBFGS", "\(groups.count) groups; it takes one list of parameters") }
    return try make({ LBFGS($0[0].parameters, $0[0].options) }, LBFGS.Options()) { reader, options in
      let iterations = try reader.count("max_iter") ?? options.maximumIterations
      options = .init(maximumIterations: iterations, maximumEvaluations: try reader.count("max_eval"))
      try reader.read(
        into: &options,
        numbers: ["lr": \.learningRate, "tolerance_grad": \.gradientTolerance, "tolerance_change": \.changeTolerance],
        flags: ["maximize": \.maximize], counts: ["history_size": \.historySize])
      switch try reader.text("line_search_fn") {
      case nil: break
      case "strong_wolfe"?: options.lineSearch = .strongWolfe
      case let other?: throw EmberError(.value, in: "LBFGS", "line_search_fn = \(other)")
      }
    }
  default: return nil
  }
}

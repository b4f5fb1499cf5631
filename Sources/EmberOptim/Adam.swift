import CEmberKernels
import EmberRuntime
import EmberTensor

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Adam (Kingma and Ba, 2015, arXiv:1412.6980), as in `torch.optim`.
open class Adam: GroupOptimizer<Adam.Options> {
  /// What is chosen for a group of parameters.
  public struct Options: OptimizerOptions {
    /// The length of a step.
    public var learningRate: Double
    /// How much of the averages of the gradient and of its square a step keeps, each from 0 to below 1.
    public var betas: (Double, Double)
    /// Added to the denominator.
    public var epsilon: Double
    /// This times the parameter is added to the gradient, or with `decoupled` times the rate taken from the parameter.
    public var weightDecay: Double
    /// Divides by the largest average of squares so far instead of the present one; Reddi et al., 2018, arXiv:1904.09237.
    public var amsgrad: Bool
    /// Climbs instead of descending.
    public var maximize: Bool
    /// Weight decay shrinks the parameter instead of joining the gradient, as in `AdamW`.
    public var decoupled: Bool

    public init(
      learningRate: Double = 1e-3, betas: (Double, Double) = (0.9, 0.999), epsilon: Double = 1e-8, weightDecay: Double = 0,
      amsgrad: Bool = false, maximize: Bool = false, decoupled: Bool = false
    ) {
      self.learningRate = learningRate
      self.betas = betas
      self.epsilon = epsilon
      self.weightDecay = weightDecay
      self.amsgrad = amsgrad
      self.maximize = maximize
      self.decoupled = decoupled
    }

    public static var saved: [(name: String, path: WritableKeyPath<Options, Double>)] {
      [
        ("lr", \.learningRate), ("beta1", \.betas.0), ("beta2", \.betas.1), ("eps", \.epsilon), ("weight_decay", \.weightDecay),
        ("amsgrad", \.amsgrad.asNumber), ("maximize", \.maximize.asNumber), ("decoupled_weight_decay", \.decoupled.asNumber),
      ]
    }
    public static var momentum: WritableKeyPath<Options, Double>? { \.betas.0 }

    public func validate() throws(EmberError) {
      let checks = OptionChecks("Adam")
      try checks.notNegative("learningRate", learningRate)
      try checks.betas(betas)
      try checks.notNegative("epsilon", epsilon)
      try checks.notNegative("weightDecay", weightDecay)
    }
  }

  public convenience init(
    _ parameters: [StateCell], learningRate: Double = 1e-3, betas: (Double, Double) = (0.9, 0.999), epsilon: Double = 1e-8,
    weightDecay: Double = 0, amsgrad: Bool = false, maximize: Bool = false, decoupled: Bool = false
  ) {
    self.init(groups: [
      ParameterGroup(
        parameters,
        Options(
          learningRate: learningRate, betas: betas, epsilon: epsilon, weightDecay: weightDecay, amsgrad: amsgrad, maximize: maximize,
          decoupled: decoupled))
    ])
  }

  override open func layout(for value: Tensor, _ options: Options) -> [StateTensor] { AdamRule(options).layout }

  override open func apply(_ updates: inout [ParameterUpdate], _ options: Options) {
    AdamRule(options).apply(&updates, usesKernel: usesKernel)
  }

  override open func apply(_ update: inout ParameterUpdate, _ options: Options) { AdamRule(options).apply(&update) }

  func usesKernel(_ value: Tensor) -> Bool { value.hasKernel(of: OptimizerSteps.adam) }

  /// 1 - βᵗ for both betas: what the averages, which began at 0, are divided by.
  static func corrections(_ betas: (Double, Double), _ step: Int) -> (Double, Double) {
    (1 - pow(betas.0, Double(step)), 1 - pow(betas.1, Double(step)))
  }
}

/// Adam whose weight decay shrinks the parameters instead of joining the gradients; Loshchilov and Hutter, 2019, arXiv:1711.05101.
public final class AdamW: GroupOptimizer<AdamW.Options> {
  /// What is chosen for a group of parameters.
  public struct Options: OptimizerOptions {
    /// The length of a step.
    public var learningRate: Double
    /// How much of the averages of the gradient and of its square a step keeps, each from 0 to below 1.
    public var betas: (Double, Double)
    /// Added to the denominator.
    public var epsilon: Double
    /// This times the learning rate is what the parameter shrinks by in a step, apart from the gradient.
    public var weightDecay: Double
    /// Divides by the largest average of squares so far instead of the present one; Reddi et al., 2018, arXiv:1904.09237.
    public var amsgrad: Bool
    /// Climbs instead of descending.
    public var maximize: Bool

    public init(
      learningRate: Double = 1e-3, betas: (Double, Double) = (0.9, 0.999), epsilon: Double = 1e-8, weightDecay: Double = 1e-2,
      amsgrad: Bool = false, maximize: Bool = false
    ) {
      self.learningRate = learningRate
      self.betas = betas
      self.epsilon = epsilon
      self.weightDecay = weightDecay
      self.amsgrad = amsgrad
      self.maximize = maximize
    }

    public static var saved: [(name: String, path: WritableKeyPath<Options, Double>)] {
      [
        ("lr", \.learningRate), ("beta1", \.betas.0), ("beta2", \.betas.1), ("eps", \.epsilon), ("weight_decay", \.weightDecay),
        ("amsgrad", \.amsgrad.asNumber), ("maximize", \.maximize.asNumber), ("decoupled_weight_decay", \.isDecoupled),
      ]
    }
    public static var momentum: WritableKeyPath<Options, Double>? { \.betas.0 }

    /// Always: the state of an `Adam` makes no other optimizer of this one.
    private var isDecoupled: Double {
      get { 1 }
      set {}
    }

    var rule: AdamRule {
      AdamRule(
        Adam.Options(
          learningRate: learningRate, betas: betas, epsilon: epsilon, weightDecay: weightDecay, amsgrad: amsgrad, maximize: maximize,
          decoupled: true))
    }

    public func validate() throws(EmberError) { try rule.options.validate() }
  }

  public convenience init(
    _ parameters: [StateCell], learningRate: Double = 1e-3, betas: (Double, Double) = (0.9, 0.999), epsilon: Double = 1e-8,
    weightDecay: Double = 1e-2, amsgrad: Bool = false, maximize: Bool = false
  ) {
    self.init(groups: [
      ParameterGroup(
        parameters,
        Options(
          learningRate: learningRate, betas: betas, epsilon: epsilon, weightDecay: weightDecay, amsgrad: amsgrad, maximize: maximize))
    ])
  }

  override public func layout(for value: Tensor, _ options: Options) -> [StateTensor] { options.rule.layout }

  override public func apply(_ updates: inout [ParameterUpdate], _ options: Options) {
    options.rule.apply(&updates) { $0.hasKernel(of: OptimizerSteps.adam) }
  }

  override public func apply(_ update: inout ParameterUpdate, _ options: Options) { options.rule.apply(&update) }
}

/// How Adam and AdamW move parameters.
struct AdamRule {
  let options: Adam.Options

  init(_ options: Adam.Options) { self.options = options }

  var layout: [StateTensor] {
    [StateTensor("exp_avg"), StateTensor("exp_avg_sq")] + (options.amsgrad ? [StateTensor("max_exp_avg_sq")] : [])
  }

  func apply(_ updates: inout [ParameterUpdate], usesKernel: (Tensor) -> Bool) {
    let o = options
    for run in updates.runs({ $0.state.step == $1.state.step && usesKernel($0.value) == usesKernel($1.value) }) {
      guard usesKernel(updates[run.lowerBound].value) else {
        for i in run { apply(&updates[i]) }
        continue
      }
      let (correction1, correction2) = Adam.corrections(o.betas, updates[run.lowerBound].state.step)
      let options = ember_adam_options(
        learning_rate: o.learningRate, beta1: o.betas.0, beta2: o.betas.1, epsilon: o.epsilon, weight_decay: o.weightDecay,
        bias_correction1: correction1, bias_correction2: correction2, decoupled: o.decoupled, amsgrad: o.amsgrad, maximize: o.maximize)
      updates[run].step(OptimizerSteps.adam, states: ["exp_avg", "exp_avg_sq"] + (o.amsgrad ? ["max_exp_avg_sq"] : []), options)
    }
  }

  /// On devices without that kernel.
  func apply(_ update: inout ParameterUpdate) {
    let o = options
    let (correction1, correction2) = Adam.corrections(o.betas, update.state.step)
    let numbers = [
      o.decoupled ? 1 - o.learningRate * o.weightDecay : 1, o.decoupled ? 0 : o.weightDecay, o.maximize ? -1 : 1, 1 - o.betas.0, o.betas.1,
      1 - o.betas.1, o.learningRate / correction1, 1 / correction2.squareRoot(), o.epsilon,
    ]
    let targets = [update.value, update.state["exp_avg"], update.state["exp_avg_sq"]]
    if o.amsgrad {
      Self.amsgradRule(targets + [update.state["max_exp_avg_sq"]], reading: [update.gradient], numbers)
    } else {
      Self.rule(targets, reading: [update.gradient], numbers)
    }
  }

  private static let rule = PointwiseUpdate("adam", targets: 3, parameters: 9) { x, inputs, numbers in
    let moments = AdamMoments(x[0], x[1], x[2], gradient: inputs[0], numbers)
    return [moments.moved(by: numbers, second: moments.square), moments.average, moments.square]
  }

  private static let amsgradRule = PointwiseUpdate("adam", targets: 4, parameters: 9) { x, inputs, numbers in
    let moments = AdamMoments(x[0], x[1], x[2], gradient: inputs[0], numbers)
    let largest = maximum(x[3], moments.square)
    return [moments.moved(by: numbers, second: largest), moments.average, moments.square, largest]
  }
}

/// The running averages of a gradient and of its square, which Adam and its relatives share.
///
/// Of `numbers`, 0: factor of the parameter; 1: weight decay that joins the gradient; 2: sign of the gradient; 3: 1 - β₁; 4: β₂;
/// 5: 1 - β₂.
struct AdamMoments {
  let parameter: Expression
  let gradient: Expression
  let average: Expression
  let square: Expression

  init(_ parameter: Expression, _ average: Expression, _ square: Expression, gradient: Expression, _ numbers: [Expression]) {
    self.parameter = parameter * numbers[0]
    self.gradient = numbers[2] * gradient + numbers[1] * parameter
    self.average = average + (self.gradient - average) * numbers[3]
    self.square = square * numbers[4] + self.gradient * self.gradient * numbers[5]
  }

  /// Adam's own move; 6: step size, 7: the square's correction, 8: ε.
  func moved(by numbers: [Expression], second: Expression) -> Expression {
    parameter - numbers[6] * (average / (sqrt(second) * numbers[7] + numbers[8]))
  }
}

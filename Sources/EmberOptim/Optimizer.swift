import EmberRuntime
import EmberTensor

/// What the user chooses for a group of parameters, in a form that can be saved.
public protocol OptimizerOptions: Sendable {
  var learningRate: Double { get set }
  /// All options by PyTorch's names, as numbers.
  static var saved: [(name: String, path: WritableKeyPath<Self, Double>)] { get }
  /// What schedules that cycle the momentum change, if there is any: momentum, or Adam's first beta.
  static var momentum: WritableKeyPath<Self, Double>? { get }
  /// Throws where an option is out of its range.
  func validate() throws(EmberError)
  /// Throws for a parameter that the rule is not made for.
  func validate(_ value: Tensor) throws(EmberError)
}

extension OptimizerOptions {
  public static var momentum: WritableKeyPath<Self, Double>? { nil }
  public func validate(_ value: Tensor) throws(EmberError) {}
}

extension Bool {
  /// An option of yes and no among options that are saved as numbers.
  var asNumber: Double {
    get { self ? 1 : 0 }
    set { self = newValue != 0 }
  }
}

extension Int {
  /// A count among options that are saved as numbers.
  var asNumber: Double {
    get { Double(self) }
    set { self = Int(exactly: newValue) ?? -1 }
  }
}

/// Parameters that share their options.
public struct ParameterGroup<Options: OptimizerOptions>: Sendable {
  public internal(set) var parameters: [StateCell]
  public var options: Options
  /// The learning rate that schedules multiply, once one was made: PyTorch's `initial_lr`.
  public internal(set) var initialLearningRate: Double?

  public init(_ parameters: [StateCell], _ options: Options) {
    self.parameters = parameters
    self.options = options
  }
}

/// Changes parameters by their gradients.
///
/// A step is all or nothing: inside a failed error scope nothing is changed. Parameters keep their memory over steps.
public protocol Optimizer: AnyObject, CustomStringConvertible {
  func step()
  /// Computes the loss by `closure`, which zeroes the gradients, evaluates the model and calls `backward`; then takes a step.
  /// LBFGS calls it several times.
  ///
  /// - Returns: the loss before the step.
  @discardableResult
  func step(_ closure: () -> Tensor) -> Tensor
  /// The parameters of all groups, in order.
  var parameters: [StateCell] { get }
  /// How many of them each group has.
  var parameterCounts: [Int] { get }
  func zeroGrad()
  /// Everything needed to continue: moments and step counts by position of the parameter (`state.3.exp_avg`), options by position of
  /// the group (`group.0.lr`).
  func stateDict() -> [(String, Tensor)]
  /// Takes over a saved state, options included, converted to each parameter's dtype and device; throws, changing nothing, where names
  /// or shapes do not fit.
  func loadStateDict(_ state: [(String, Tensor)]) throws
  /// Learning rates of the groups.
  var learningRates: [Double] { get set }
  /// Momenta of the groups, or the first of two betas; nil for rules that have neither.
  var momenta: [Double]? { get set }
  /// The rates that schedules multiply: what the learning rates were when this was first called, however often they changed since
  /// (PyTorch's `initial_lr`).
  ///
  /// - Parameter rates: makes these the rates to begin with, for schedules that bring their own.
  func beginSchedule(at rates: [Double]?) -> [Double]
}

extension Optimizer {
  /// The learning rate of the first group; setting it sets all.
  public var learningRate: Double {
    get { learningRates.first ?? 0 }
    set { learningRates = learningRates.map { _ in newValue } }
  }

  /// One group.
  public var parameterCounts: [Int] { [parameters.count] }

  public func beginSchedule() -> [Double] { beginSchedule(at: nil) }

  public func zeroGrad() {
    for cell in parameters { cell.grad = nil }
  }

  @discardableResult
  public func step(_ closure: () -> Tensor) -> Tensor {
    let loss = enableGrad { closure() }
    step()
    return loss
  }
}

/// An option out of its range.
func optionError(_ owner: String, _ name: String, _ value: Double, _ rule: String) -> EmberError {
  EmberError(.value, in: owner, "\(name) = \(value) is out of range; it must be \(rule)")
}

/// Raises where an option is out of its range.
func checkOption(_ owner: String, _ name: String, _ value: Double, _ isValid: Bool, _ rule: String) {
  if !isValid { raise(optionError(owner, name, value, rule)) }
}

/// Checks of the options that most rules have. NaN is in no range.
struct OptionChecks {
  let owner: String

  init(_ owner: String) { self.owner = owner }

  func require(_ name: String, _ value: Double, _ isValid: Bool, _ rule: String) throws(EmberError) {
    if !isValid { throw optionError(owner, name, value, rule) }
  }

  func notNegative(_ name: String, _ value: Double) throws(EmberError) { try require(name, value, value >= 0, "0 or more") }

  func betas(_ betas: (Double, Double)) throws(EmberError) {
    try require("betas.0", betas.0, betas.0 >= 0 && betas.0 < 1, "0 or more and less than 1")
    try require("betas.1", betas.1, betas.1 >= 0 && betas.1 < 1, "0 or more and less than 1")
  }

  func isReal(_ value: Tensor) throws(EmberError) {
    if value.dtype.isComplex { throw EmberError(.dtype, in: owner, "a parameter \(value.summary); this rule is for real numbers") }
  }
}

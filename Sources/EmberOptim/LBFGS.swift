import EmberRuntime
import EmberTensor

/// The limited-memory method of Broyden, Fletcher, Goldfarb and Shanno (Liu and Nocedal, 1989), as `torch.optim.LBFGS`: for functions
/// that give the same value whenever they are evaluated, all data at once.
///
/// ```swift
/// let optimizer = LBFGS(parameters, lineSearch: .strongWolfe)
/// for _ in 0..<20 {
///   optimizer.step {
///     optimizer.zeroGrad()
///     let loss = energy()
///     loss.backward()
///     return loss
///   }
/// }
/// ```
public final class LBFGS: Optimizer {
  public enum LineSearch: Int, Sendable {
    /// Nocedal and Wright, Numerical Optimization, algorithms 3.5 and 3.6, with cubic interpolation.
    case strongWolfe = 1
  }

  /// What is chosen for a group of parameters.
  public struct Options: OptimizerOptions {
    /// The first length that is tried along a direction; without a line search, the only one.
    public var learningRate: Double
    /// Iterations of a step.
    public var maximumIterations: Int
    /// Evaluations of the closure in a step.
    public var maximumEvaluations: Int
    /// A step ends where no element of the gradient is larger.
    public var gradientTolerance: Double
    /// A step ends where parameters and loss change less.
    public var changeTolerance: Double
    /// How many past iterations the estimate of the curvature remembers.
    public var historySize: Int
    /// Nil: every iteration goes as far as the learning rate says.
    public var lineSearch: LineSearch?
    /// Climbs instead of descending.
    public var maximize: Bool

    public init(
      learningRate: Double = 1, maximumIterations: Int = 20, maximumEvaluations: Int? = nil, gradientTolerance: Double = 1e-7,
      changeTolerance: Double = 1e-9, historySize: Int = 100, lineSearch: LineSearch? = nil, maximize: Bool = false
    ) {
      self.learningRate = learningRate
      self.maximumIterations = maximumIterations
      self.maximumEvaluations = maximumEvaluations ?? maximumIterations * 5 / 4
      self.gradientTolerance = gradientTolerance
      self.changeTolerance = changeTolerance
      self.historySize = historySize
      self.lineSearch = lineSearch
      self.maximize = maximize
    }

    private var lineSearchNumber: Double {
      get { Double(lineSearch?.rawValue ?? 0) }
      set { lineSearch = Int(exactly: newValue).flatMap(LineSearch.init) }
    }

    public static var saved: [(name: String, path: WritableKeyPath<Options, Double>)] {
      [
        ("lr", \.learningRate), ("max_iter", \.maximumIterations.asNumber), ("max_eval", \.maximumEvaluations.asNumber),
        ("tolerance_grad", \.gradientTolerance), ("tolerance_change", \.changeTolerance), ("history_size", \.historySize.asNumber),
        ("line_search_fn", \.lineSearchNumber), ("maximize", \.maximize.asNumber),
      ]
    }

    public func validate() throws(EmberError) {
      let checks = OptionChecks("LBFGS")
      try checks.notNegative("learningRate", learningRate)
      try checks.notNegative("maximumIterations", Double(maximumIterations))
      try checks.notNegative("historySize", Double(historySize))
    }
  }

  public let parameters: [StateCell]
  public var options: Options
  private var initialRate: Double?
  private var memory = Memory()

  /// What is kept between iterations and steps. Vectors are all parameters in a row, complex numbers as pairs.
  private struct Memory {
    var evaluations = 0
    var iterations = 0
    var direction: Tensor?
    var stepLength = 0.0
    /// Changes of the gradient and of the parameters, and 1 / (their product), oldest first.
    var gradientChanges: [Tensor] = []
    var steps: [Tensor] = []
    var reciprocals: [Double] = []
    /// The curvature that is assumed where nothing is remembered.
    var scale = 1.0
    var lastGradient: Tensor?
    var lastLoss = 0.0
  }

  public var description: String { described(self, [ParameterGroup(parameters, options)]) }

  public init(_ parameters: [StateCell], _ options: Options) {
    self.options = options
    do throws(EmberError) {
      try options.validate()
      if Set(parameters.map(ObjectIdentifier.init)).count != parameters.count {
        throw EmberError(.value, in: "LBFGS", "a parameter is named twice")
      }
    } catch {
      raise(error)
      self.parameters = []
      return
    }
    self.parameters = parameters
  }

  public convenience init(
    _ parameters: [StateCell], learningRate: Double = 1, maximumIterations: Int = 20, maximumEvaluations: Int? = nil,
    gradientTolerance: Double = 1e-7, changeTolerance: Double = 1e-9, historySize: Int = 100, lineSearch: LineSearch? = nil,
    maximize: Bool = false
  ) {
    self.init(
      parameters,
      Options(
        learningRate: learningRate, maximumIterations: maximumIterations, maximumEvaluations: maximumEvaluations,
        gradientTolerance: gradientTolerance, changeTolerance: changeTolerance, historySize: historySize, lineSearch: lineSearch,
        maximize: maximize))
  }

  /// This rule evaluates the loss several times in a step: raises an error.
  public func step() {
    raise(EmberError(.value, in: "LBFGS", "step() without a closure; call step { … } with one that computes loss and gradients anew"))
  }

  @discardableResult
  public func step(_ closure: () -> Tensor) -> Tensor {
    if ErrorScopes.hasFailed { return .poison }
    for cell in parameters { cell.keepForRollback() }
    let old = memory
    ErrorScopes.journal(for: self) { self.memory = old }
    let loss = enableGrad { closure() }
    if parameters.isEmpty { return loss }
    noGrad { iterate(startingAt: loss, closure) }
    if !ErrorScopes.hasFailed { ErrorScopes.commit() }
    return loss
  }

  private func iterate(startingAt first: Tensor, _ closure: () -> Tensor) {
    let sign = options.maximize ? -1.0 : 1
    func evaluate() -> Evaluation {
      let loss = enableGrad { closure() }
      return Evaluation(loss: sign * loss.item(), gradient: flatGradient())
    }
    var present = Evaluation(loss: sign * first.item(), gradient: flatGradient())
    var evaluations = 1
    memory.evaluations += 1
    var isDone = present.gradient.largest <= options.gradientTolerance
    for iteration in 1..<(max(options.maximumIterations, 0) + 1) {
      if isDone || ErrorScopes.hasFailed { return }
      memory.iterations += 1
      let direction = nextDirection(present.gradient)
      memory.direction = direction
      memory.lastGradient = present.gradient
      memory.lastLoss = present.loss
      let isFirst = memory.iterations == 1
      var length = isFirst ? min(1, 1 / present.gradient.abs().sum().item()) * options.learningRate : options.learningRate
      memory.stepLength = length
      let slope = present.gradient.product(direction)
      if slope > -options.changeTolerance { return }

      let start = flatParameters()
      var used = 0
      if options.lineSearch == .strongWolfe {
        let search = StrongWolfeSearch(direction: direction, tolerance: options.changeTolerance)
        let limit = options.maximumEvaluations - evaluations
        let found = search.run(from: present, slope: slope, length: length, limit: limit) { length in
          move(from: start, by: length, direction)
          return evaluate()
        }
        (present, length, used) = (found.evaluation, found.length, found.evaluations)
        memory.stepLength = length
        move(from: start, by: length, direction)
        isDone = present.gradient.largest <= options.gradientTolerance
      } else {
        move(from: start, by: length, direction)
        if iteration != options.maximumIterations {
          // The last evaluation of a step would be the first of the next.
          present = evaluate()
          isDone = present.gradient.largest <= options.gradientTolerance
          used = 1
        }
      }
      evaluations += used
      memory.evaluations += used
      if evaluations >= options.maximumEvaluations || length.magnitude * direction.largest <= options.changeTolerance
        || (present.loss - memory.lastLoss).magnitude < options.changeTolerance
      {
        return
      }
    }
  }

  /// The direction of the next iteration by the two loops over what is remembered (Nocedal and Wright, algorithm 7.4).
  private func nextDirection(_ gradient: Tensor) -> Tensor {
    guard memory.iterations > 1, let last = memory.lastGradient, let direction = memory.direction else {
      memory.gradientChanges = []
      memory.steps = []
      memory.reciprocals = []
      memory.scale = 1
      return -gradient
    }
    let change = gradient - last, step = direction * memory.stepLength
    let product = change.product(step)
    if product > 1e-10, options.historySize > 0 {
      if memory.steps.count >= options.historySize {
        memory.gradientChanges.removeFirst()
        memory.steps.removeFirst()
        memory.reciprocals.removeFirst()
      }
      memory.gradientChanges.append(change)
      memory.steps.append(step)
      memory.reciprocals.append(1 / product)
      memory.scale = product / change.product(change)
    }
    var q = -gradient
    var factors = Array(repeating: 0.0, count: memory.steps.count)
    for i in memory.steps.indices.reversed() {
      factors[i] = memory.steps[i].product(q) * memory.reciprocals[i]
      q = q - memory.gradientChanges[i] * factors[i]
    }
    q = q * memory.scale
    for i in memory.steps.indices {
      let factor = memory.gradientChanges[i].product(q) * memory.reciprocals[i]
      q = q + memory.steps[i] * (factors[i] - factor)
    }
    return q
  }

  // MARK: All parameters in a row

  private func flat(_ tensors: [Tensor]) -> Tensor {
    let dtype = tensors.widestRealDType
    return cat(tensors.map { ($0.dtype.isComplex ? $0.viewAsReal() : $0).reshape([-1]).to(dtype).to(tensors[0].device) })
  }

  private func flatGradient() -> Tensor {
    let gradient = flat(parameters.map { cell in cell.grad?.detach() ?? Tensor.zeros(like: cell.value.detach()) })
    return options.maximize ? -gradient : gradient
  }

  /// A copy: the parameters change in their own memory.
  private func flatParameters() -> Tensor { flat(parameters.map { $0.value.detach() }).clone() }

  /// Gives the parameters, in their own memory, the values `start + length · direction`.
  private func move(from start: Tensor, by length: Double, _ direction: Tensor) {
    var position = 0
    for cell in parameters {
      let (shape, dtype, device) = (Array(cell.value.shape), cell.value.dtype, cell.value.device)
      let count = shape.reduce(1, *) * (dtype.isComplex ? 2 : 1)
      func part(_ vector: Tensor) -> Tensor {
        let part = vector.narrow(0, start: position, length: count).to(dtype.realType).to(device)
        return dtype.isComplex ? part.reshape(shape + [2]).viewAsComplex() : part.reshape(shape)
      }
      let (origin, way) = (part(start).contiguous(), part(direction).contiguous())
      position += count
      if ErrorScopes.hasFailed { return }
      cell.write { Self.line([$0], reading: [origin, way], [length]) }
    }
  }

  private static let line = PointwiseUpdate("lbfgs", targets: 1, reading: 2, parameters: 1) { _, inputs, numbers in
    [inputs[0] + numbers[0] * inputs[1]]
  }

  // MARK: Options and state

  public var learningRates: [Double] {
    get { [options.learningRate] }
    set { if let rate = newValue.first { options.learningRate = rate } }
  }

  public var momenta: [Double]? {
    get { nil }
    set {}
  }

  public func beginSchedule(at rates: [Double]?) -> [Double] {
    let rate = rates?.first ?? initialRate ?? options.learningRate
    initialRate = rate
    return [rate]
  }

  public func stateDict() -> [(String, Tensor)] {
    var all: [(String, Tensor)] = []
    func number(_ name: String, _ value: Double) { all.append((name, Tensor(.real(value), dtype: .float64))) }
    for option in Options.saved { number("group.0.\(option.name)", options[keyPath: option.path]) }
    if let initialRate { number("group.0.initial_lr", initialRate) }
    number("state.0.func_evals", Double(memory.evaluations))
    number("state.0.n_iter", Double(memory.iterations))
    number("state.0.t", memory.stepLength)
    number("state.0.H_diag", memory.scale)
    number("state.0.prev_loss", memory.lastLoss)
    if let direction = memory.direction { all.append(("state.0.d", direction)) }
    if let gradient = memory.lastGradient { all.append(("state.0.prev_flat_grad", gradient)) }
    for (i, change) in memory.gradientChanges.enumerated() {
      all.append(("state.0.old_dirs.\(i)", change))
      all.append(("state.0.old_stps.\(i)", memory.steps[i]))
      number("state.0.ro.\(i)", memory.reciprocals[i])
    }
    return all
  }

  public func loadStateDict(_ saved: [(String, Tensor)]) throws {
    if ErrorScopes.hasFailed { return }
    var entries = Dictionary(saved, uniquingKeysWith: { _, last in last })
    func bad(_ message: String) -> EmberError {
      EmberError(.value, in: "loadStateDict", "\(message); is it the state of another optimizer?")
    }
    func take(_ name: String) throws -> Double {
      guard let tensor = entries.removeValue(forKey: name) else { throw bad("\"\(name)\" is missing from the state of LBFGS") }
      return try tensor.itemOrThrow(as: Double.self)
    }
    func count(_ name: String) throws -> Int {
      guard let count = Int(exactly: try take(name)), count >= 0 else { throw bad("\"\(name)\" is no count") }
      return count
    }
    let form = flatParameters()
    func vector(_ name: String) throws -> Tensor? {
      guard let tensor = entries.removeValue(forKey: name) else { return nil }
      guard tensor.shape == form.shape, !tensor.dtype.isComplex else { throw bad("\"\(name)\" is \(tensor.summary), not \(form.summary)") }
      return try catchingErrors { noGrad { tensor.detach().to(form.dtype).to(form.device) } }
    }
    var newOptions = options
    for option in Options.saved { newOptions[keyPath: option.path] = try take("group.0.\(option.name)") }
    try newOptions.validate()
    let rate = try entries["group.0.initial_lr"] == nil ? nil : take("group.0.initial_lr")
    var new = Memory()
    new.evaluations = try count("state.0.func_evals")
    new.iterations = try count("state.0.n_iter")
    new.stepLength = try take("state.0.t")
    new.scale = try take("state.0.H_diag")
    new.lastLoss = try take("state.0.prev_loss")
    new.direction = try vector("state.0.d")
    new.lastGradient = try vector("state.0.prev_flat_grad")
    while let change = try vector("state.0.old_dirs.\(new.steps.count)") {
      let i = new.steps.count
      guard let step = try vector("state.0.old_stps.\(i)") else { throw bad("\"state.0.old_stps.\(i)\" is missing") }
      new.gradientChanges.append(change)
      new.steps.append(step)
      new.reciprocals.append(try take("state.0.ro.\(i)"))
    }
    if let name = entries.keys.sorted().first { throw bad("\"\(name)\" names no state of LBFGS with one group") }
    guard new.iterations == 0 || (new.direction != nil && new.lastGradient != nil) else {
      throw bad("\"d\" or \"prev_flat_grad\" is missing")
    }
    let old = (options, initialRate, memory)
    ErrorScopes.journal(for: self) { (self.options, self.initialRate, self.memory) = old }
    (options, initialRate, memory) = (newOptions, rate, new)
  }
}

/// A loss, to be made small, and its gradient.
struct Evaluation {
  var loss: Double
  var gradient: Tensor
}

extension Tensor {
  /// The largest magnitude.
  fileprivate var largest: Double { elementCount == 0 ? 0 : abs().amax().item() }
  /// The inner product of two vectors.
  func product(_ other: Tensor) -> Double { matmul(other).item() }
}

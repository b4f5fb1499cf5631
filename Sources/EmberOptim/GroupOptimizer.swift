import EmberRuntime
import EmberTensor

/// What an optimizer keeps for one parameter.
public struct ParameterState: Sendable {
  /// Steps that moved the parameter.
  public var step = 0
  /// By PyTorch's names: `exp_avg`, `momentum_buffer`.
  public var tensors: [String: Tensor] = [:]
  /// Single numbers: `mu_product`.
  public var numbers: [String: Double] = [:]
  /// Some of the tensors were made for the step that is being taken: they hold their first values.
  public var isFresh = false

  /// A tensor that `GroupOptimizer.layout` names.
  public subscript(name: String) -> Tensor { tensors[name]! }
}

/// A tensor that an optimizer keeps for a parameter.
public struct StateTensor: Sendable {
  public let name: String
  /// Nil: the parameter's own.
  public let shape: [Int]?
  /// What its elements are at first; of complex numbers both parts.
  public let initial: Double

  public init(_ name: String, shape: [Int]? = nil, initial: Double = 0) {
    self.name = name
    self.shape = shape
    self.initial = initial
  }
}

/// A parameter in a step.
public struct ParameterUpdate {
  /// The position among all parameters.
  public let position: Int
  /// The value. In `apply` its memory, and that of the state's tensors, belongs to nobody else and is written.
  public fileprivate(set) var value: Tensor
  /// Dense.
  public let gradient: Tensor
  /// The step that is being taken is counted.
  public var state: ParameterState
  /// What `plan` computes for `apply`.
  public var planned: [Tensor] = []
  public var plannedNumbers: [Double] = []

  let cell: StateCell
}

/// The part that all optimizers of groups share; a subclass brings the rule.
///
/// A step has two halves. `plan` may fail: it computes with tensors, and whatever it needs memory for is here. Then the parameters are
/// closed to others, and `apply` writes new numbers into the memory that is there, most often by a `PointwiseUpdate`, and cannot fail.
open class GroupOptimizer<Options: OptimizerOptions>: Optimizer {
  /// Parameters with their options. Rates are changed by `learningRates`.
  public internal(set) var groups: [ParameterGroup<Options>] = []
  /// By position of the parameter over all groups.
  public internal(set) var state: [ParameterState] = []

  /// Groups none of which has a parameter raise an error: most often a model whose layers are in no property. `groups: []` is an optimizer
  /// that gets its groups later.
  public init(groups: [ParameterGroup<Options>]) {
    if !groups.isEmpty, groups.allSatisfy(\.parameters.isEmpty), !ErrorScopes.hasFailed {
      raise(
        EmberError(
          .value, in: "\(Swift.type(of: self))",
          "called without a parameter; a module's parameters() finds those of modules, @Parameter and lists of them in its properties"))
      return
    }
    for group in groups { addParameterGroup(group) }
  }

  /// Adds parameters with options of their own, for instance those of layers that were frozen so far.
  ///
  /// Options out of their range, or a parameter that is in a group already, raise an error.
  public final func addParameterGroup(_ group: ParameterGroup<Options>) {
    if ErrorScopes.hasFailed { return }
    var known = Set(parameters.map(ObjectIdentifier.init))
    do throws(EmberError) {
      try group.options.validate()
      for cell in group.parameters {
        if !known.insert(ObjectIdentifier(cell)).inserted {
          throw EmberError(
            .value, in: "\(Swift.type(of: self))", "a parameter \(cell.value.summary) is named twice; it belongs to one group, once")
        }
        try group.options.validate(cell.value)
      }
    } catch {
      raise(error)
      return
    }
    let old = (groups, state)
    ErrorScopes.journal(for: self) { (self.groups, self.state) = old }
    groups.append(group)
    state += group.parameters.map { _ in ParameterState() }
  }

  /// Its kind, and the options of each group.
  open var description: String { described(self, groups) }

  /// Of each group.
  public final var parameterCounts: [Int] { groups.map(\.parameters.count) }

  // MARK: The rule

  /// The tensors that are kept for a parameter, all of its dtype and on its device.
  open func layout(for value: Tensor, _ options: Options) -> [StateTensor] { [] }

  /// The single numbers that are kept for a parameter, with their first values.
  open func initialNumbers(_ options: Options) -> [String: Double] { [:] }

  /// Computes what `apply` needs beyond value, gradient and state. May replace tensors of the state; may raise.
  open func plan(_ update: inout ParameterUpdate, _ options: Options) {}

  /// Moves one parameter. Must neither ask for memory that it cannot do without, nor raise.
  open func apply(_ update: inout ParameterUpdate, _ options: Options) {
    preconditionFailure("an optimizer overrides apply")
  }

  /// Moves the parameters of a group that have a gradient, for rules that have a kernel for lists of tensors.
  open func apply(_ updates: inout [ParameterUpdate], _ options: Options) {
    for i in updates.indices { apply(&updates[i], options) }
  }

  // MARK: Steps

  /// All or nothing: whatever can fail (wrong gradients, memory) comes before the first number that changes.
  ///
  /// Inside what `compile` captures, the graph calls it at each of its runs: rates and counts are what they are then.
  public final func step() {
    if let tracer = Tracer.current {
      nonisolated(unsafe) let optimizer = self
      tracer.recordHost("\(Swift.type(of: self)).step", changing: parameters) { optimizer.step() }
      return
    }
    withPlace("\(Swift.type(of: self)).step") { takeStep() }
  }

  private final func takeStep() {
    if ErrorScopes.hasFailed { return }
    var before: [(position: Int, state: ParameterState)] = []
    var updates = noGrad { plannedUpdates(&before) }
    guard !ErrorScopes.hasFailed, closeCells(&updates) else {
      for (position, state) in before { self.state[position] = state }
      return
    }
    before = []
    for group in groups.indices {
      apply(&updates[group], groups[group].options)
      for update in updates[group] {
        state[update.position] = update.state
        state[update.position].isFresh = false
        update.cell.endUpdate()
      }
    }
    ErrorScopes.commit()
  }

  @discardableResult
  open func step(_ closure: () -> Tensor) -> Tensor {
    let loss = enableGrad { closure() }
    step()
    return loss
  }

  /// The updates of a step by group, with all memory that they need. Stops at an error, when `before` leads back.
  private func plannedUpdates(_ before: inout [(position: Int, state: ParameterState)]) -> [[ParameterUpdate]] {
    var position = -1
    return groups.map { group in
      var updates: [ParameterUpdate] = []
      for cell in group.parameters {
        position += 1
        if ErrorScopes.hasFailed { break }
        guard let gradient = gradient(of: cell) else {
          if cell.isDerived {
            warn(
              .parameter, in: "\(Swift.type(of: self)).step",
              "parameter \(position) is computed from others since the optimizer was made (Prune, weightNorm, …), which it does not move; make a new one")
          }
          continue
        }
        let value = cell.value
        if let error = misfit(of: gradient, to: value, position) {
          raise(error)
          break
        }
        if let fitted = fittedState(position, for: value, options: group.options) {
          before.append((position, state[position]))
          state[position] = fitted
        }
        // Before more references exist, which would keep the rule from writing into this memory. The keys alone hold none.
        for name in Array(state[position].tensors.keys) { state[position].tensors[name]!.makeWritable() }
        if ErrorScopes.hasFailed { break }
        var update = ParameterUpdate(
          position: position, value: value.detach(), gradient: needsDenseGradient ? gradient.detach().contiguous() : gradient.detach(),
          state: state[position], cell: cell)
        update.state.step += 1
        plan(&update, group.options)
        updates.append(update)
      }
      return updates
    }
  }

  /// The gradient that a step moves a parameter by.
  func gradient(of cell: StateCell) -> Tensor? { cell.grad }

  /// Whether the rule reads gradients in dense memory.
  var needsDenseGradient: Bool { true }

  /// Gives every value memory of its own and closes it to others; false after an error, which leaves all open.
  private func closeCells(_ updates: inout [[ParameterUpdate]]) -> Bool {
    var closed: [StateCell] = []
    for group in updates.indices {
      for i in updates[group].indices {
        // The update's own reference would make the memory shared.
        updates[group][i].value = .poison
        guard let value = updates[group][i].cell.beginUpdate() else {
          for cell in closed { cell.endUpdate() }
          return false
        }
        closed.append(updates[group][i].cell)
        updates[group][i].value = value
      }
    }
    return true
  }

  /// What keeps a gradient from moving a parameter.
  private func misfit(of gradient: Tensor, to value: Tensor, _ position: Int) -> EmberError? {
    guard !value.dtype.isStorageOnly, value.dtype.isDifferentiable else {
      return EmberError(
        .unsupported, in: "step",
        "parameter \(position) is \(value.dtype)\(value.shape); optimizers compute in float16, bfloat16 and wider types")
    }
    func error(_ kind: EmberError.Kind) -> EmberError {
      let given = "\(gradient.dtype)\(gradient.shape) on \(gradient.device)", own = "\(value.dtype)\(value.shape) on \(value.device)"
      return EmberError(kind, in: "step", "a gradient \(given) for parameter \(position), \(own)")
    }
    if gradient.shape != value.shape { return error(.shape) }
    if gradient.device != value.device { return error(.device) }
    return gradient.dtype == value.dtype ? nil : error(.dtype)
  }

  /// The state of a parameter as its value needs it, which may have changed since the last step; nil if it is so already, or after an
  /// error.
  private func fittedState(_ position: Int, for value: Tensor, options: Options) -> ParameterState? {
    let layout = layout(for: value, options)
    let numbers = initialNumbers(options)
    let present = state[position]
    func isFit(_ entry: StateTensor) -> Bool {
      guard let tensor = present.tensors[entry.name] else { return false }
      return tensor.dtype == value.dtype && tensor.device == value.device && Self.fits(tensor, entry, value)
    }
    if layout.allSatisfy(isFit), numbers.keys.allSatisfy({ present.numbers[$0] != nil }) { return nil }
    var own = present
    for (name, number) in numbers where own.numbers[name] == nil { own.numbers[name] = number }
    for entry in layout {
      guard let tensor = own.tensors[entry.name] else {
        own.tensors[entry.name] = Tensor.full(
          entry.shape ?? Array(value.shape), value.dtype.isComplex ? .complex(entry.initial, entry.initial) : .real(entry.initial),
          dtype: value.dtype, on: value.device)
        own.isFresh = true
        continue
      }
      guard Self.fits(tensor, entry, value) else {
        raise(
          EmberError(
            .shape, in: "step",
            "\"\(entry.name)\" of parameter \(position) has shape \(tensor.shape), its value \(value.shape); "
              + "a parameter of another shape needs a new optimizer"))
        return nil
      }
      own.tensors[entry.name] = tensor.to(value.dtype).to(value.device)
    }
    return ErrorScopes.hasFailed ? nil : own
  }

  static func fits(_ tensor: Tensor, _ entry: StateTensor, _ value: Tensor) -> Bool {
    if let shape = entry.shape { return tensor.shape.elementsEqual(shape) }
    return tensor.shape == value.shape
  }

  // MARK: What all optimizers have

  public final var parameters: [StateCell] { groups.flatMap(\.parameters) }

  open func zeroGrad() {
    for cell in groups.lazy.flatMap(\.parameters) { cell.grad = nil }
  }

  public final var learningRates: [Double] {
    get { groups.map(\.options.learningRate) }
    set { for (i, value) in newValue.enumerated() where i < groups.count { groups[i].options.learningRate = value } }
  }

  public final var momenta: [Double]? {
    get { Options.momentum.map { path in groups.map { $0.options[keyPath: path] } } }
    set {
      guard let path = Options.momentum, let newValue else { return }
      for (i, value) in newValue.enumerated() where i < groups.count { groups[i].options[keyPath: path] = value }
    }
  }

  public final func beginSchedule(at rates: [Double]?) -> [Double] {
    if let rates, rates.count != groups.count {
      raise(
        EmberError(.value, in: "\(Swift.type(of: self))", "a schedule begins at \(rates.count) rates for \(groups.count) groups of parameters"))
      return groups.map(\.options.learningRate)
    }
    for i in groups.indices {
      groups[i].initialLearningRate = rates?[i] ?? groups[i].initialLearningRate ?? groups[i].options.learningRate
    }
    return groups.map { $0.initialLearningRate! }
  }
}

extension Tensor {
  /// Whether the kernels for lists of tensors know this one's device. They know all dtypes that optimizers compute in.
  func hasKernel<Kernel>(of table: KernelTable<Kernel>) -> Bool { device == .cpu || table.registered(on: device) != nil }
}

extension [ParameterUpdate] {
  /// The ranges of neighbours that a kernel for lists can move in one call.
  func runs(_ belongTogether: (ParameterUpdate, ParameterUpdate) -> Bool) -> [Range<Int>] {
    var runs: [Range<Int>] = []
    for i in indices {
      if let last = runs.last, last.upperBound == i, self[i].value.dtype == self[last.lowerBound].value.dtype,
        self[i].value.device == self[last.lowerBound].value.device, belongTogether(self[last.lowerBound], self[i])
      {
        runs[runs.count - 1] = last.lowerBound..<i + 1
      } else {
        runs.append(i..<i + 1)
      }
    }
    return runs
  }
}

extension ArraySlice<ParameterUpdate> {
  /// Moves parameters, which a run's `hasKernel` said to be possible, by a kernel for lists and the tensors of the states' names.
  func step<Options>(_ table: KernelTable<@Sendable (StepLists, Options) -> Void>, states: [String], _ options: Options) {
    guard let kernel = table.registered(on: first!.value.device) else { return }
    let lists = StepLists(
      parameters: map(\.value), gradients: map(\.gradient), states: states.map { name in map { $0.state[name] } })
    kernel(lists, options)
    withExtendedLifetime(self) {}
  }
}

import CEmberRuntime
import EmberRuntime

/// Records the operations of a function as a graph, on the thread that runs it.
///
/// What depends on the inputs or on state (parameters, buffers) is symbolic: tensors without elements, whose shapes come from running
/// operations on `meta`. What depends on neither is computed at once, and is a constant of the graph.
package final class Tracer: @unchecked Sendable {
  /// One call.
  package struct Record: Sendable {
    package let call: any GraphCall
    package let inputs: [Int?]
    package let outputs: [Int]
    /// The innermost module that made the call, which its name in files is taken from.
    package let owner: ObjectIdentifier?
  }

  /// Shape, dtype and device of a value.
  package struct Form: Sendable, Equatable {
    package let shape: Shape
    package let dtype: DType
    package let device: Device

    package init(shape: Shape, dtype: DType, device: Device) {
      self.shape = shape
      self.dtype = dtype
      self.device = device
    }

    package func describes(_ tensor: Tensor) -> Bool {
      tensor.dtype == dtype && tensor.body.shape == shape && tensor.device == device
    }
  }

  /// A parameter or buffer that the function touched.
  package struct CellUse: Sendable {
    package let cell: StateCell
    /// The value at the beginning.
    package let read: Int
    /// The gradient at the beginning, if there was one.
    package var gradientRead: Int?
    /// The value now; a constant may have been assigned.
    fileprivate var current: Tensor
    fileprivate let firstNode: Node?
  }

  package private(set) var forms: [Form] = []
  package private(set) var records: [Record] = []
  package private(set) var constants: [(number: Int, value: Tensor)] = []
  package private(set) var inputs: [Int] = []
  package private(set) var cells: [CellUse] = []
  /// What must still hold for the graph to be the function's.
  package private(set) var guards: [@Sendable () -> Bool] = []
  private var guarded = Set<ObjectIdentifier>()
  private var endings: [() -> Void] = []
  private var cellNumbers: [ObjectIdentifier: Int] = [:]
  private var constantNumbers: [ObjectIdentifier: Int] = [:]
  private var owner: ObjectIdentifier?
  /// Values of the capture around this one that are used here (`cond`, `scan`), and the inputs that stand for them.
  package private(set) var lifted: [(outer: Tensor, number: Int)] = []
  private var liftedNumbers: [ObjectIdentifier: Int] = [:]
  private let outer: Tracer?

  private init() { outer = Self.current }

  private func isInside(_ other: Tracer) -> Bool { outer.map { $0 === other || $0.isInside(other) } ?? false }

  /// What records on the calling thread.
  package static var current: Tracer? {
    get {
      guard ThreadFlags.current.contains(.captures) else { return nil }
      return ember_thread().pointee.tracer.map { Unmanaged<Tracer>.fromOpaque($0).takeUnretainedValue() }
    }
  }

  /// Runs `body`, whose operations are recorded.
  package static func run<Result, Failure: Error>(_ body: (Tracer) throws(Failure) -> Result) throws(Failure) -> Result {
    let tracer = Tracer(), state = ember_thread(), outer = state.pointee.tracer
    state.pointee.tracer = Unmanaged.passUnretained(tracer).toOpaque()
    defer {
      state.pointee.tracer = outer
      tracer.end()
    }
    return try ThreadFlags.with(.captures, set: true) { () throws(Failure) in try body(tracer) }
  }

  /// Runs what waits for the end. What was recorded then goes with the run: values stand in it that hold the tracer in turn.
  private func end() {
    for action in endings { action() }
    let recorded = (records, constants, cells, lifted, guards)
    (records, constants, cells, lifted, guards, endings) = ([], [], [], [], [], [])
    (guarded, cellNumbers, constantNumbers, liftedNumbers) = ([], [:], [:], [:])
    withExtendedLifetime(recorded) {}
  }

  /// Runs `body` as if nothing were recorded.
  package static func suspended<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
    try ThreadFlags.with(.captures, set: false, body)
  }

  /// Runs `body`, whose calls are made by `owner`.
  package static func withOwner<Result, Failure: Error>(
    _ owner: AnyObject, _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    guard let tracer = current else { return try body() }
    let outer = tracer.owner
    tracer.owner = ObjectIdentifier(owner)
    defer { tracer.owner = outer }
    return try body()
  }

  // MARK: Values

  /// A tensor for an input like `example`.
  package func input(like example: Tensor) -> Tensor {
    let tensor = symbol(example.form, on: example.backend)
    inputs.append(tensor.trace!.number)
    return tensor
  }

  private func symbol(_ form: Tensor, on backend: any Backend) -> Tensor {
    forms.append(Form(shape: form.body.shape, dtype: form.dtype, device: backend.device))
    return Tensor(traced: TracedValue(forms.count - 1, of: self, form: form), on: backend)
  }

  /// The number of a tensor's value; what is not symbolic becomes a constant.
  package func number(of tensor: Tensor) -> Int {
    if let trace = tensor.trace {
      if trace.tracer === self { return trace.number }
      if let known = liftedNumbers[ObjectIdentifier(tensor.body)] { return known }
      forms.append(Form(shape: tensor.body.shape, dtype: tensor.dtype, device: tensor.device))
      lifted.append((tensor, forms.count - 1))
      liftedNumbers[ObjectIdentifier(tensor.body)] = forms.count - 1
      return forms.count - 1
    }
    if let known = constantNumbers[ObjectIdentifier(tensor.body)] { return known }
    forms.append(Form(shape: tensor.body.shape, dtype: tensor.dtype, device: tensor.device))
    // The list keeps the body, so that its identity stays its own.
    constants.append((forms.count - 1, tensor.value))
    constantNumbers[ObjectIdentifier(tensor.body)] = forms.count - 1
    return forms.count - 1
  }

  /// Records a call. `results`: their forms on `meta`, in the order of the call's outputs.
  package func record(_ call: any GraphCall, _ operands: [Tensor?], _ results: [Tensor], on device: (any Backend)? = nil) -> [Tensor] {
    if results.contains(where: \.isPoisoned) { return results }
    if operands.contains(where: { $0?.trace.map { $0.tracer !== self && !isInside($0.tracer) } ?? false }) {
      Self.refuse("a tensor of another capture is used; what a capture makes stays inside it")
      return results.map { _ in .poison }
    }
    let numbers = operands.map { $0.map(number(of:)) }
    let backend = device ?? operands.lazy.compactMap { $0 }.first?.backend ?? Backends.cpu
    let outputs = results.map { symbol($0.form, on: $0.device == .meta ? backend : $0.backend) }
    records.append(Record(call: call, inputs: numbers, outputs: outputs.map { $0.trace!.number }, owner: owner))
    return outputs
  }

  func draw(
    _ name: String, _ shape: [Int], _ distribution: RandomDistribution, _ dtype: DType, _ device: Device, _ generator: Generator?
  ) -> Tensor {
    attempt { () throws(EmberError) in
      let backend = try Backends.backend(for: device)
      if generator != nil { _ = try Generator.choose(generator, for: device, in: name) }
      let form = try Tensor.empty(shape: try checkedShape(shape, in: name), dtype: dtype, on: Backends.meta)
      let call = DrawCall(operation: name, shape: shape, distribution: distribution, dtype: dtype, device: device, generator: generator)
      return record(call, [], [form], on: backend)[0]
    }
  }

  // MARK: State

  private func use(of cell: StateCell) -> Int {
    if let known = cellNumbers[ObjectIdentifier(cell)] { return known }
    let own = Self.suspended { cell.value }
    var tensor = symbol(own.form, on: own.backend)
    let read = tensor.trace!.number
    var gradientRead: Int?
    if own.node != nil {
      let leaf = LeafNode(shape: own.body.shape, dtype: own.dtype)
      if let gradient = own.grad {
        let symbol = symbol(gradient.form, on: gradient.backend)
        gradientRead = symbol.trace!.number
        leaf.gradient = symbol
      }
      tensor.node = leaf
    }
    cells.append(CellUse(cell: cell, read: read, gradientRead: gradientRead, current: tensor, firstNode: tensor.node))
    cellNumbers[ObjectIdentifier(cell)] = cells.count - 1
    return cells.count - 1
  }

  /// The value of a cell that was used, as it is now.
  package func current(_ cell: StateCell) -> Tensor { value(of: cell) }

  func value(of cell: StateCell) -> Tensor { outer?.value(of: cell) ?? cells[use(of: cell)].current }

  func set(_ cell: StateCell, _ value: Tensor) {
    if refusesStateChange() { return }
    let index = use(of: cell)
    let isParameter = cells[index].current.node != nil
    cells[index].current = isParameter ? value.detach().requiringGrad() : value.detach()
  }

  func exchange(_ cell: StateCell, _ value: Tensor) -> Tensor {
    if refusesStateChange() { return .poison }
    let index = use(of: cell), old = cells[index].current
    cells[index].current = value
    return old
  }

  /// How a cell's value leaves the function.
  package struct CellResult {
    package let cell: StateCell
    /// Nil: the value is the one it had.
    package let value: Tensor?
    /// Nil: no gradient remains.
    package let gradient: Tensor?
    /// The new value was written into the old one's place, whose gradient history goes on.
    package let keepsLeaf: Bool
    /// The gradient is the one that was there before, or none was there and none is.
    package let keepsGradient: Bool
  }

  package var cellResults: [CellResult] {
    cells.map { use in
      let isChanged = use.current.trace?.number != use.read
      let gradient = use.current.grad
      let keeps = gradient == nil ? use.gradientRead == nil : gradient!.trace != nil && gradient!.trace!.number == use.gradientRead
      return CellResult(
        cell: use.cell, value: isChanged ? use.current : nil, gradient: gradient, keepsLeaf: use.current.node === use.firstNode,
        keepsGradient: keeps)
    }
  }

  /// Something done outside of the graph that changes cells: an optimizer's step. At each run it finds in the cells the gradients (and
  /// values) that the graph computed so far; what the graph reads afterwards is what it left there.
  package func recordHost(_ name: String, changing changed: [StateCell], _ body: @escaping @Sendable () -> Void) {
    if refusesStateChange() { return }
    let all = changed.map { use(of: $0) }
    let values = all.map { cells[$0].current }
    let gradients = values.map(\.grad)
    let isWritten = all.map { cells[$0].current.trace?.number != cells[$0].read }
    let call = HostCall(name: name) { inputs throws(EmberError) in
      let count = changed.count
      for (i, cell) in changed.enumerated() {
        if isWritten[i] { cell.value = inputs[i]! }
        cell.grad = inputs[count + i]
      }
      body()
      return changed.map { $0.value.value }
    }
    // A value that the graph has not written is read only so that the order stays.
    let operands = values.map(Optional.some) + gradients
    let results = record(call, operands, values.map(\.form))
    for (index, result) in zip(all, results) {
      var new = result
      // The leaf stays, and with it its gradient.
      new.node = cells[index].current.node
      cells[index].current = new
    }
  }

  /// Adds what the function's course depends on besides tensors, once for each owner; `make` makes what says whether that still holds.
  package func addGuard(for owner: AnyObject, _ make: () -> @Sendable () -> Bool) {
    if let outer { return outer.addGuard(for: owner, make) }
    if guarded.insert(ObjectIdentifier(owner)).inserted { guards.append(make()) }
  }

  /// Runs `action` when the function, with all that is recorded around it, has run.
  package func atEnd(_ action: @escaping () -> Void) {
    if let outer { return outer.atEnd(action) }
    endings.append(action)
  }

  // MARK: Refusals

  private func refusesStateChange() -> Bool {
    if outer == nil { return false }
    Self.refuse("a parameter or buffer changes inside a branch or loop of a graph; return the new value and assign it outside")
    return true
  }

  static func refuse(_ reason: String) { raise(EmberError(.value, in: "capture", reason)) }

  static func refuseForeignLeaf(_ leaf: LeafNode) {
    let form = leaf.result!
    refuse(
      "the gradient of a tensor \(form.dtype)\(form.shape) that was made outside would stand for a value of the graph; "
        + "make it a parameter of a module, or an input")
  }
}

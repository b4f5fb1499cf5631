import EmberCUDA
import EmberRuntime

/// A primitive: an operation with a kernel and a derivative of its own. Everything else is an ordinary function of primitives.
///
/// Conform to the protocol of the right arity; attributes are stored properties. `forward` checks its arguments, makes the
/// result and runs the kernel through the tensor's backend; on `meta` kernels do nothing, so `forward` is the
/// shape-and-dtype rule as well. It receives values without history. `derivative` is written in tensor operations, so that it can be
/// differentiated.
public protocol Operation: Sendable {
  /// The name as the user calls it; errors begin with it.
  static var name: String { get }
  /// The same where one type stands for several operations (`sum`, `mean`); the type's name otherwise.
  var callName: String { get }
  /// Which tensors the derivative reads. What is not listed is not kept alive by the tape.
  var saved: SavedTensors { get }
  /// Whether results differ from call to call, because random numbers are drawn: a graph makes each call at each run.
  var draws: Bool { get }
  /// The operation on all members of a batch at once, for `vmap`: results have the batch as their first dimension. Written in
  /// tensor operations. Nil, as by default: there is no rule for these inputs, and the members are taken one by one.
  func batched(_ batch: OperationBatch) -> [Tensor]?
}

extension Operation {
  public var saved: SavedTensors { [] }
  public var draws: Bool { false }
  public var callName: String { Self.name }
  public func batched(_ batch: OperationBatch) -> [Tensor]? { nil }
}

/// The tensors of an operation that its derivative reads.
public struct SavedTensors: OptionSet, Sendable {
  public let rawValue: UInt32
  public init(rawValue: UInt32) { self.rawValue = rawValue }
  public static let input0 = input(0)
  public static let input1 = input(1)
  public static let output = output(0)
  public static func input(_ i: Int) -> SavedTensors { SavedTensors(rawValue: 1 << UInt32(i)) }
  public static func output(_ i: Int) -> SavedTensors { SavedTensors(rawValue: 1 << UInt32(16 + i)) }
  public static let inputs = SavedTensors(rawValue: 0xFFFF)
}

public protocol UnaryOperation: Operation {
  func forward(_ x: Tensor) throws(EmberError) -> Tensor
  /// The gradient of the input from that of the output; nil for none.
  func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> Tensor?
}

public protocol BinaryOperation: Operation {
  func forward(_ a: Tensor, _ b: Tensor) throws(EmberError) -> Tensor
  /// `context.needs(i)` says which gradients are wanted.
  func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> (Tensor?, Tensor?)
}

/// Any number of inputs, some of which may be absent, and of outputs.
public protocol VariadicOperation: Operation {
  func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor]
  /// One entry per input. A gradient is nil where an output took no part in the result.
  func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?]
  /// Outputs that carry no gradient (indices, statistics).
  var undifferentiableOutputs: Set<Int> { get }
  /// Recorded also where no input requires a gradient: the operation reads parameters by itself.
  var readsParameters: Bool { get }
}

extension VariadicOperation {
  public var undifferentiableOutputs: Set<Int> { [] }
  public var readsParameters: Bool { false }
}

/// What a derivative can ask about the recorded operation.
public struct DerivativeContext {
  let node: RecordedNode
  /// Gradients are recorded, or belong to members of a batch: the derivative must be written in tensor operations.
  package let isRecording: Bool

  init(node: RecordedNode, isRecording: Bool, _ gradient: Tensor) {
    self.node = node
    self.isRecording = isRecording || gradient.body.batch != nil || node.holdsBatch
  }

  init(node: RecordedNode, isRecording: Bool, all gradients: [Tensor?]) {
    self.node = node
    self.isRecording = isRecording || node.holdsBatch || gradients.contains { $0?.body.batch != nil }
  }

  /// Input `i` as it was, with its history if the gradients are themselves being recorded. Must be listed in `saved`.
  public func input(_ i: Int) -> Tensor {
    guard let body = node.savedInput(i) else {
      preconditionFailure("\(node.operationName): input \(i) is not listed in `saved` (or was absent)")
    }
    return Tensor(body, node: isRecording ? node.edge(i) : nil)
  }

  /// Input `i` if it was given.
  public func inputIfPresent(_ i: Int) -> Tensor? {
    node.savedInput(i).map { Tensor($0, node: isRecording ? node.edge(i) : nil) }
  }

  /// Output `i`; must be listed in `saved`.
  public func output(_ i: Int = 0) -> Tensor {
    guard let body = node.savedOutput(i) else { preconditionFailure("\(node.operationName): output \(i) is not listed in `saved`") }
    guard isRecording, body.dtype.isDifferentiable, !node.undifferentiableOutputs.contains(i) else { return Tensor(body) }
    return Tensor(body, node: node.outputCount == 1 ? node : OutputNode(node, index: i, result: body))
  }

  /// Whether the gradients are themselves being recorded, so that the derivative must consist of differentiable operations only.
  public var isRecordingDerivative: Bool { isRecording }

  /// How many inputs the operation had, present or not.
  var inputCount: Int { node.inputCount }
  /// The shape of input `i`; of one that was absent that of a scalar.
  public func inputShape(_ i: Int) -> Shape { node.inputForm(i)?.shape ?? Shape() }
  public func inputDType(_ i: Int) -> DType { node.inputForm(i)?.dtype ?? .float32 }
  /// Whether the gradient of input `i` is wanted.
  public func needs(_ i: Int) -> Bool { node.edge(i) != nil }
}

/// What the tape keeps of a list of tensors: the first three in place, which covers nearly every operation, so that recording one
/// costs a single allocation.
private struct Kept<Element> {
  private var first: Element?
  private var second: Element?
  private var third: Element?
  private var more: [Element?]?
  private(set) var count = 0

  mutating func append(_ element: Element?) {
    switch count {
    case 0: first = element
    case 1: second = element
    case 2: third = element
    default: more = (more ?? []) + [element]
    }
    count += 1
  }

  subscript(i: Int) -> Element? {
    switch i {
    case 0: first
    case 1: second
    case 2: third
    default: i < count ? more![i - 3] : nil
    }
  }
}

/// The node of an operation, whatever its arity.
class RecordedNode: Node, @unchecked Sendable {
  /// What is kept. One property, because the destructor of a subclass with several counts references to the dying object.
  private struct Tape {
    var forms = Kept<ResultForm>()
    var inputs = Kept<TensorBody>()
    var outputs = Kept<TensorBody>()
  }

  @exclusivity(unchecked) private final var tape = Tape()
  /// Recorded inside `vmap`: what is saved stands for members of a batch.
  @exclusivity(unchecked) private(set) final var holdsBatch = false
  /// Recorded inside `capture`: what is saved stands for values of a graph.
  @exclusivity(unchecked) private(set) final var holdsTrace = false

  /// Outputs that carry no gradient.
  var undifferentiableOutputs: Set<Int> { [] }

  final var inputCount: Int { tape.forms.count }
  /// Shape and dtype of an input that was given.
  final func inputForm(_ i: Int) -> ResultForm? { tape.forms[i] }
  final func savedInput(_ i: Int) -> TensorBody? { tape.inputs[i] }
  final func savedOutput(_ i: Int) -> TensorBody? { tape.outputs[i] }

  override func releaseSaved() {
    tape.inputs = Kept()
    tape.outputs = Kept()
  }

  /// Notes an input, and keeps its value if the derivative reads it. Bit 15 stands for every further input of a long list.
  @inline(__always) fileprivate final func note(input x: TensorBody?, _ i: Int, _ which: SavedTensors) {
    tape.forms.append(x.map { ResultForm($0) })
    guard which.rawValue & 0xFFFF != 0 else { return }
    let isKept = which.contains(.input(min(i, 15)))
    tape.inputs.append(isKept ? x : nil)
    if isKept, let x, !x.isPlain { noteKind(x) }
  }

  @inline(__always) fileprivate final func note(output y: TensorBody, _ i: Int, _ which: SavedTensors) {
    guard which.rawValue >> 16 != 0 else { return }
    let isKept = which.contains(.output(i))
    tape.outputs.append(isKept ? y : nil)
    if isKept, !y.isPlain { noteKind(y) }
  }

  private final func noteKind(_ body: TensorBody) {
    if body.batch != nil { holdsBatch = true }
    if body.trace != nil { holdsTrace = true }
  }

  /// Everything as it was kept when a node of this operation was recorded.
  init(replaying forms: [ResultForm?], inputs: some Sequence<TensorBody?>, outputs: some Sequence<TensorBody?>, edges: [Node?]) {
    super.init(edges: edges, result: nil)
    for form in forms { tape.forms.append(form) }
    for body in inputs { tape.inputs.append(body) }
    for body in outputs { tape.outputs.append(body) }
  }

  override init(_ edge0: consuming Node?, _ edge1: consuming Node? = nil, form: ResultForm) { super.init(edge0, edge1, form: form) }

  override init(edges: [Node?], result: TensorBody?) { super.init(edges: edges, result: result) }
}

final class UnaryNode<Op: UnaryOperation>: RecordedNode, @unchecked Sendable {
  let operation: Op

  init(_ operation: Op, _ x: Tensor, _ y: Tensor) {
    self.operation = operation
    super.init(x.node, form: ResultForm(y.body))
    note(input: x.body, 0, operation.saved)
    note(output: y.body, 0, operation.saved)
  }

  override var operationName: String { operation.callName }

  override func propagate(_ gradients: inout Gradients, in pass: inout BackwardPass) {
    guard let gradient = gradients.first, let edge = edge(0) else { return }
    if mayBeTraced(gradient), isTraced([gradient], in: pass) {
      return sendTraced([gradient], operation, in: &pass) { [$0.derivative($1[0]!, $2)] }
    }
    if let result = operation.derivative(gradient, DerivativeContext(node: self, isRecording: pass.isRecording, gradient)) {
      pass.send(result, to: edge)
    }
  }
}

final class BinaryNode<Op: BinaryOperation>: RecordedNode, @unchecked Sendable {
  let operation: Op

  init(_ operation: Op, _ a: Tensor, _ b: Tensor, _ y: Tensor) {
    self.operation = operation
    super.init(a.node, b.node, form: ResultForm(y.body))
    note(input: a.body, 0, operation.saved)
    note(input: b.body, 1, operation.saved)
    note(output: y.body, 0, operation.saved)
  }

  override var operationName: String { operation.callName }

  override func propagate(_ gradients: inout Gradients, in pass: inout BackwardPass) {
    guard let gradient = gradients.first else { return }
    if mayBeTraced(gradient), isTraced([gradient], in: pass) {
      return sendTraced([gradient], operation, in: &pass) { operation, gradients, context in
        let (a, b) = operation.derivative(gradients[0]!, context)
        return [a, b]
      }
    }
    let (a, b) = operation.derivative(gradient, DerivativeContext(node: self, isRecording: pass.isRecording, gradient))
    if let a, let edge = edge(0) { pass.send(a, to: edge) }
    if let b, let edge = edge(1) { pass.send(b, to: edge) }
  }
}

class VariadicNode<Op: VariadicOperation>: RecordedNode, @unchecked Sendable {
  let operation: Op
  private let results: Int

  init(_ operation: Op, _ inputs: [Tensor?], _ outputs: [Tensor]) {
    self.operation = operation
    results = outputs.count
    super.init(edges: inputs.map { $0?.node }, result: outputs.count == 1 ? outputs[0].body : nil)
    for i in inputs.indices { note(input: inputs[i]?.body, i, operation.saved) }
    for i in outputs.indices { note(output: outputs[i].body, i, operation.saved) }
  }

  override var operationName: String { operation.callName }
  override var outputCount: Int { results }
  override var undifferentiableOutputs: Set<Int> { operation.undifferentiableOutputs }

  override func propagate(_ gradients: inout Gradients, in pass: inout BackwardPass) {
    let all = (0..<results).map { gradients[$0] }
    if isTraced(all, in: pass) { return sendTraced(all, operation, in: &pass) { $0.derivative($1, $2) } }
    let inputs = operation.derivative(all, DerivativeContext(node: self, isRecording: pass.isRecording, all: all))
    for (i, gradient) in inputs.enumerated() {
      if let gradient, let edge = edge(i) { pass.send(gradient, to: edge) }
    }
  }
}

// MARK: - Applying

/// How many poisoned tensors or zeros stand for the results of a failed operation when it is unknown how many there would have been:
/// enough that a caller who goes on inside `catchingErrors` does not leave the array.
let standInCount = 64

/// False where an operation cannot simply run: the thread is in an unusual state, or the input is poisoned or batched.
@inline(__always) func isOrdinary(_ x: Tensor) -> Bool { ThreadFlags.current.isDisjoint(with: .slow) && x.body.isPlain }

/// What every operation does first: false if it must return at once with a poisoned result.
@inline(__always) package func mayRun(_ name: @autoclosure () -> String, _ x: Tensor) -> Bool {
  isOrdinary(x) || mayRunSlowly(name(), [x])
}

@inline(never) package func mayRunSlowly(_ name: String, _ inputs: [Tensor?]) -> Bool {
  if ThreadFlags.current.contains(.isNew) {
    ThreadFlags.current.remove(.isNew)
    if DebugPrinter.scope != nil { ThreadFlags.current.insert(.observed) }
  }
  if ThreadFlags.current.contains(.failed) { return false }
  for case let input? in inputs where input.isPoisoned {
    raise(EmberError(.poisoned, in: name, "an input is the result of an operation that failed inside catchingErrors; it has no value"))
    return false
  }
  return true
}

/// Operations record only where gradients are on.
@inline(__always) package var isRecordingEnabled: Bool { !ThreadFlags.current.contains(.gradientsDisabled) }

/// Two inputs of one operation must share a device.
func checkDevices(_ name: String, _ a: Tensor, _ b: Tensor) throws(EmberError) {
  if a.backend === b.backend { return }
  throw EmberError(
    .device, in: name, "\(a.summary) and \(b.summary) are on different devices (\(a.device), \(b.device)); move one with .to(device)")
}

/// Runs an operation of one input and records it if a gradient is wanted.
public func apply<Op: UnaryOperation>(_ operation: Op, _ x: Tensor) -> Tensor {
  if !isOrdinary(x) {
    guard mayRunSlowly(Op.name, [x]) else { return .poison }
    if isAutocastEnabled {
      let x = Autocast.converted(operation.callName, [x])?[0] ?? x
      return withoutAutocast { apply(operation, x) }
    }
    if x.body.batch != nil { return applyBatched(operation, x) }
    if x.body.trace != nil { return applyTraced(operation, x) }
    if isObserved { return observed(operation.callName, .operation, [x], results: { [$0] }) { run(operation, x) } }
  }
  return run(operation, x)
}

@inline(__always) private func run<Op: UnaryOperation>(_ operation: Op, _ x: Tensor) -> Tensor {
  do throws(EmberError) {
    var y: Tensor
    do throws(EmberError) { y = try operation.forward(x.value) } catch {
      y = try onHost(error, [x]) { inputs throws(EmberError) in [try operation.forward(inputs[0]!)] }[0]
    }
    try checkScratch(in: Op.name)
    if x.node != nil, isRecordingEnabled, y.dtype.isDifferentiable { y.node = UnaryNode(operation, x, y) }
    return y
  } catch {
    raise(takeScratchFailure(in: Op.name) ?? error)
    return .poison
  }
}

public func apply<Op: BinaryOperation>(_ operation: Op, _ a: Tensor, _ b: Tensor) -> Tensor {
  if !isOrdinary(a) || !b.body.isPlain {
    guard mayRunSlowly(Op.name, [a, b]) else { return .poison }
    if isAutocastEnabled {
      let inputs = Autocast.converted(operation.callName, [a, b])
      return withoutAutocast { apply(operation, inputs?[0] ?? a, inputs?[1] ?? b) }
    }
    if a.body.batch != nil || b.body.batch != nil { return applyBatched(operation, a, b) }
    if a.body.trace != nil || b.body.trace != nil { return applyTraced(operation, a, b) }
    if isObserved { return observed(operation.callName, .operation, [a, b], results: { [$0] }) { run(operation, a, b) } }
  }
  return run(operation, a, b)
}

@inline(__always) private func run<Op: BinaryOperation>(_ operation: Op, _ a: Tensor, _ b: Tensor) -> Tensor {
  do throws(EmberError) {
    try checkDevices(Op.name, a, b)
    var y: Tensor
    do throws(EmberError) { y = try operation.forward(a.value, b.value) } catch {
      y = try onHost(error, [a, b]) { inputs throws(EmberError) in [try operation.forward(inputs[0]!, inputs[1]!)] }[0]
    }
    try checkScratch(in: Op.name)
    if a.node != nil || b.node != nil, isRecordingEnabled, y.dtype.isDifferentiable { y.node = BinaryNode(operation, a, b, y) }
    return y
  } catch {
    raise(takeScratchFailure(in: Op.name) ?? error)
    return .poison
  }
}

/// Runs an operation of any number of inputs. `count`: how many results the caller counts on if it fails.
public func apply<Op: VariadicOperation>(_ operation: Op, _ inputs: [Tensor?], count: Int = 1) -> [Tensor] {
  guard mayRunSlowly(Op.name, inputs) else { return Array(repeating: .poison, count: count) }
  if isAutocastEnabled {
    let inputs = Autocast.converted(operation.callName, inputs) ?? inputs
    return withoutAutocast { apply(operation, inputs, count: count) }
  }
  if inputs.contains(where: { $0?.body.batch != nil }) { return applyBatched(operation, inputs, count: count) }
  if inputs.contains(where: { $0?.body.trace != nil }) { return applyTraced(operation, inputs, count: count) }
  if isObserved { return observed(operation.callName, .operation, inputs, results: { $0 }) { run(operation, inputs, count: count) } }
  return run(operation, inputs, count: count)
}

@inline(__always) private func run<Op: VariadicOperation>(_ operation: Op, _ inputs: [Tensor?], count: Int) -> [Tensor] {
  do throws(EmberError) {
    var first: Tensor?
    for case let input? in inputs { if let first { try checkDevices(Op.name, first, input) } else { first = input } }
    let results: [Tensor]
    do throws(EmberError) { results = try operation.forward(inputs.map { $0?.value }) } catch {
      results = try onHost(error, inputs) { inputs throws(EmberError) in try operation.forward(inputs) }
    }
    try checkScratch(in: Op.name)
    return recorded(operation, inputs, results)
  } catch {
    raise(takeScratchFailure(in: Op.name) ?? error)
    return Array(repeating: .poison, count: count)
  }
}

/// What an operation gives that has no kernel for its inputs' GPU: computed on the CPU, and moved back. Throws on what had another reason.
@inline(never) private func onHost(
  _ error: EmberError, _ inputs: [Tensor?], _ forward: ([Tensor?]) throws(EmberError) -> [Tensor]
) throws(EmberError) -> [Tensor] {
  guard error.kind == .kernel, let device = inputs.compactMap({ $0 }).first?.device, device.type == .cuda else { throw error }
  CUDABackend.noteHostOperation(error.operation, on: device)
  return try noGrad { () throws(EmberError) in
    try forward(inputs.map { $0?.value.to(.cpu) }).map { $0.to(device) }
  }
}

/// The results of an operation with their history, if a gradient of an input is wanted.
func recorded<Op: VariadicOperation>(_ operation: Op, _ inputs: [Tensor?], _ results: [Tensor]) -> [Tensor] {
  guard isRecordingEnabled, operation.readsParameters || inputs.contains(where: { $0?.node != nil }) else { return results }
  var outputs = results
  let node = VariadicNode(operation, inputs, outputs)
  let excluded = operation.undifferentiableOutputs
  for i in outputs.indices where outputs[i].dtype.isDifferentiable && !excluded.contains(i) {
    outputs[i].node = outputs.count == 1 ? node : OutputNode(node, index: i, result: outputs[i].body)
  }
  return outputs
}

/// Runs a function that is composed of other operations: checks first that no input is poisoned, and raises what it throws.
package func compose(_ name: String, _ inputs: [Tensor?], _ body: () throws(EmberError) -> Tensor) -> Tensor {
  guard mayRunSlowly(name, inputs) else { return .poison }
  if isObserved { return observed(name, .operation, inputs, results: { [$0] }) { attempt(body) } }
  return attempt(body)
}

/// The same for several results.
package func compose(_ name: String, count: Int, _ inputs: [Tensor?], _ body: () throws(EmberError) -> [Tensor]) -> [Tensor] {
  guard mayRunSlowly(name, inputs) else { return Array(repeating: .poison, count: count) }
  if isObserved { return observed(name, .operation, inputs, results: { $0 }) { attempt(name, count: count, body) } }
  return attempt(name, count: count, body)
}

private func attempt(_ name: String, count: Int, _ body: () throws(EmberError) -> [Tensor]) -> [Tensor] {
  do throws(EmberError) {
    let results = try body()
    try checkScratch(in: name)
    return results
  } catch {
    raise(takeScratchFailure(in: name) ?? error)
    return Array(repeating: .poison, count: count)
  }
}

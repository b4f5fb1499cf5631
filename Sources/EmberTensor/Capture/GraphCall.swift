import EmberRuntime

/// What one node of a graph does: an operation with its attributes, a derivative, a draw of random numbers, …
///
/// Calls see values without history, and their shapes were checked when they were recorded.
package protocol GraphCall: Sendable {
  /// The name as it is printed.
  var name: String { get }
  /// What passes look at to recognise a call: the operation itself where there is one.
  var subject: Any { get }
  /// False for draws and effects, which must neither be merged nor dropped nor computed ahead.
  var isPure: Bool { get }
  func run(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor]
  /// The call as a part of an ordinary computation, which is recorded, differentiated or captured again. `count`: how many results it has.
  func apply(_ inputs: [Tensor?], count: Int) -> [Tensor]
  /// The same on a frame, without lists.
  func run(in frame: borrowing GraphFrame, _ site: GraphSite) throws(EmberError)
  /// The numbers among its attributes that may follow from the sizes of the inputs: extents, bounds, factors.
  var numbers: [Scalar] { get }
  /// The same call with other numbers, as many as `numbers` has.
  func settingNumbers(_ numbers: [Scalar]) -> any GraphCall
}

extension GraphCall {
  package var isPure: Bool { true }
  package var numbers: [Scalar] { [] }
  package func settingNumbers(_ numbers: [Scalar]) -> any GraphCall { self }
  /// For calls without a derivative.
  package func apply(_ inputs: [Tensor?], count: Int) -> [Tensor] {
    do throws(EmberError) {
      if isRecordingEnabled, inputs.contains(where: { $0?.requiresGrad ?? false }) {
        throw EmberError(.value, in: name, "has no derivative in a graph")
      }
      if let tracer = Tracer.current {
        return tracer.record(self, inputs, try run(inputs.map { $0?.form }))
      }
      return try run(inputs)
    } catch {
      raise(error)
      return Array(repeating: .poison, count: count)
    }
  }
  /// The same call in the form that runs fastest.
  package var specialized: any GraphCall { (self as? VariadicCall<LinearOperation>).map { LinearCall(operation: $0.operation) } ?? self }
  package func run(in frame: borrowing GraphFrame, _ site: GraphSite) throws(EmberError) {
    let results = try run(site.inputs.map { $0.map { frame[$0] } })
    for (slot, result) in zip(site.outputs, results) { frame.set(slot, result) }
  }
}

/// Where a call finds its inputs and leaves its results.
package struct GraphSite: Sendable {
  package var inputs: [Int?]
  package var outputs: [Int]
  /// The same for calls of one or two inputs and one result.
  package let first: Int
  package let second: Int
  package let output: Int

  /// For each input whether nobody reads its slot after this call, so that a result may take its memory.
  package let isLastUse: [Bool]

  package init(inputs: [Int?], outputs: [Int], released: Set<Int> = []) {
    self.inputs = inputs
    self.outputs = outputs
    isLastUse = inputs.indices.map { i in inputs[i].map { released.contains($0) && !inputs[(i + 1)...].contains($0) } ?? false }
    first = inputs.first.flatMap { $0 } ?? -1
    second = inputs.count > 1 ? inputs[1] ?? -1 : -1
    output = outputs.first ?? -1
  }
}

/// The values of one run of a graph, by slot; constants count down from -1.
package struct GraphFrame: ~Copyable {
  private let slots: UnsafeMutablePointer<Tensor?>
  private let count: Int
  private let constants: UnsafePointer<Tensor>?

  /// - Parameter constants: kept alive by the caller.
  package init(count: Int, constants: UnsafePointer<Tensor>?) {
    self.count = count
    self.constants = constants
    slots = .allocate(capacity: count)
    slots.initialize(repeating: nil, count: count)
  }

  deinit {
    slots.deinitialize(count: count)
    slots.deallocate()
  }

  package subscript(slot: Int) -> Tensor { slot >= 0 ? slots[slot].unsafelyUnwrapped : constants.unsafelyUnwrapped[~slot] }
  package func set(_ slot: Int, _ value: Tensor) { slots[slot] = value }
  package func clear(_ slot: Int) { slots[slot] = nil }
  /// The value, which the frame holds no longer.
  package func take(_ slot: Int) -> Tensor { slots[slot].take().unsafelyUnwrapped }
}

// MARK: - Operations

package struct UnaryCall<Op: UnaryOperation>: GraphCall {
  package let operation: Op

  package init(operation: Op) { self.operation = operation }

  package var name: String { operation.callName }
  package var subject: Any { operation }
  package var isPure: Bool { !operation.draws }

  package func run(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] { [try operation.forward(inputs[0]!)] }
  package func apply(_ inputs: [Tensor?], count: Int) -> [Tensor] { [EmberTensor.apply(operation, inputs[0]!)] }
  package func run(in frame: borrowing GraphFrame, _ site: GraphSite) throws(EmberError) {
    frame.set(site.output, try operation.forward(frame[site.first]))
  }
}

package struct BinaryCall<Op: BinaryOperation>: GraphCall {
  package let operation: Op
  package var name: String { operation.callName }
  package var subject: Any { operation }
  package var isPure: Bool { !operation.draws }

  package func run(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] { [try operation.forward(inputs[0]!, inputs[1]!)] }
  package func apply(_ inputs: [Tensor?], count: Int) -> [Tensor] { [EmberTensor.apply(operation, inputs[0]!, inputs[1]!)] }
  package func run(in frame: borrowing GraphFrame, _ site: GraphSite) throws(EmberError) {
    frame.set(site.output, try operation.forward(frame[site.first], frame[site.second]))
  }
}

package struct VariadicCall<Op: VariadicOperation>: GraphCall {
  package let operation: Op

  package init(operation: Op) { self.operation = operation }

  package var name: String { operation.callName }
  package var subject: Any { operation }
  package var isPure: Bool { !operation.draws }

  package func run(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] { try operation.forward(inputs) }
  package func apply(_ inputs: [Tensor?], count: Int) -> [Tensor] {
    if let whole = operation as? any OperationWithEpilogue, whole.activation != .none || inputs.count > 3 { return whole.applyApart(inputs) }
    return EmberTensor.apply(operation, inputs, count: count)
  }
}

/// What graphs let take in the calls behind it: inputs beyond the first three are packed weights and an addend, and the activation comes last.
package protocol OperationWithEpilogue: VariadicOperation {
  var activation: Activation { get set }
}

extension OperationWithEpilogue {
  /// The same in the parts that have derivatives and rules for batches.
  fileprivate func applyApart(_ inputs: [Tensor?]) -> [Tensor] {
    var plain = self
    plain.activation = .none
    var y = EmberTensor.apply(plain, Array(inputs.prefix(3)))[0]
    if inputs.count > 4, let addend = inputs[4] { y = y + addend }
    return [activation.function.map { $0(y) } ?? y]
  }
}

extension Activation {
  /// The activations that kernels of products know, as pointwise functions.
  private static let functions: [(activation: Activation, function: Pointwise)] = [
    (.relu, .relu), (.gelu, .gelu), (.geluTanh, .geluTanh), (.sigmoid, .sigmoid), (.tanh, .tanh), (.silu, .silu),
  ]

  fileprivate var function: Pointwise? { Self.functions.first { $0.activation == self }?.function }

  /// The activation that a pointwise function is, if kernels of products know it.
  package init?(_ function: Pointwise) {
    guard let known = Self.functions.first(where: { $0.function === function }) else { return nil }
    self = known.activation
  }
}

/// A linear layer, whose inputs come without lists: in small networks these cost as much as the product.
private struct LinearCall: GraphCall {
  let operation: LinearOperation
  var name: String { operation.callName }
  var subject: Any { operation }

  func run(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] { try operation.forward(inputs) }
  func run(in frame: borrowing GraphFrame, _ site: GraphSite) throws(EmberError) {
    let bias = site.inputs[2].map { frame[$0] }
    frame.set(site.output, try operation.forward(frame[site.first], frame[site.second], bias))
  }
}

package struct PointwiseCall: GraphCall {
  package let function: Pointwise
  package let parameters: ScalarParameters
  package var name: String { function.name }
  package var subject: Any { self }

  package func run(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    [try runPointwise(function, PointwiseOperands(inputs.map { $0! }), parameters, into: nil).first]
  }

  package func apply(_ inputs: [Tensor?], count: Int) -> [Tensor] {
    [applyPointwise(function, PointwiseOperands(inputs.map { $0! }), parameters)]
  }

  package func run(in frame: borrowing GraphFrame, _ site: GraphSite) throws(EmberError) {
    var operands = PointwiseOperands(frame[site.first])
    if site.inputs.count > 1 { operands.y = frame[site.second] }
    if site.inputs.count > 2 { operands.z = frame[site.inputs[2]!] }
    if site.inputs.count > 3 { operands.rest = site.inputs[3...].map { frame[$0!] } }
    frame.set(site.output, try runPointwise(function, operands, parameters, into: nil).first)
  }
}

// MARK: - Derivatives

/// The derivative of an operation, by the very rule and kernels that a backward pass outside of graphs takes.
///
/// Inputs: gradients of the outputs, then the operation's saved inputs, then its saved outputs. Results: the gradients that are wanted.
package struct DerivativeCall<Op: Operation>: GraphCall {
  let operation: Op
  let rule: @Sendable (Op, [Tensor?], DerivativeContext) -> [Tensor?]
  let outputCount: Int
  let forms: [Node.ResultForm?]
  let wanted: [Bool]
  /// Which of the inputs wanted have a gradient at all; known after the first run, on `meta`.
  var present: [Int] = []

  package var name: String { operation.callName + "_derivative" }
  package var subject: Any { DerivativeSubject(operation: operation, wanted: wanted, present: present) }

  /// One entry per input of the operation.
  func gradients(_ inputs: [Tensor?]) -> [Tensor?] {
    let gradients = Array(inputs.prefix(outputCount))
    let savedInputs = inputs[outputCount..<(outputCount + forms.count)], savedOutputs = inputs[(outputCount + forms.count)...]
    let node = ReplayedNode(
      operation, forms, inputs: savedInputs.map { $0?.body }, outputs: savedOutputs.map { $0?.body }, wanted: wanted)
    return noGrad { rule(operation, gradients, DerivativeContext(node: node, isRecording: false, all: gradients)) }
  }

  package func run(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    let all = gradients(inputs)
    var results: [Tensor] = []
    for i in present {
      guard let gradient = all[i] else { throw EmberError(.value, in: name, "gives no gradient of input \(i) for these values") }
      results.append(gradient)
    }
    return results
  }
}

package struct DerivativeSubject {
  package let operation: any Operation
  package let wanted: [Bool]
  /// Which of the gradients wanted there are.
  package let present: [Int]
}

// MARK: - Random numbers

/// Numbers drawn anew at every run.
package struct DrawCall: GraphCall {
  let operation: String
  package let shape: [Int]
  package let distribution: RandomDistribution
  package let dtype: DType
  let device: Device
  let generator: Generator?
  package var name: String { operation }
  package var subject: Any { self }
  package var isPure: Bool { false }

  package func run(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    [Tensor.draw(operation, shape, distribution, dtype, device, generator)]
  }
  package func apply(_ inputs: [Tensor?], count: Int) -> [Tensor] {
    [Tensor.draw(operation, shape, distribution, dtype, device, generator)]
  }
}

/// 0 or 1 for each element, which is its probability.
package struct BernoulliCall: GraphCall {
  let generator: Generator?
  package var name: String { "bernoulli" }
  package var subject: Any { self }
  package var isPure: Bool { false }

  package func run(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    [inputs[0]!.bernoulli(generator: generator)]
  }
  package func apply(_ inputs: [Tensor?], count: Int) -> [Tensor] { [inputs[0]!.detach().bernoulli(generator: generator)] }
}

/// Something that is done outside of the graph, at its place among the calls: an optimizer's step.
package struct HostCall: GraphCall {
  package let name: String
  let body: @Sendable ([Tensor?]) throws(EmberError) -> [Tensor]
  package var subject: Any { self }
  package var isPure: Bool { false }

  package func run(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] { try body(inputs) }
}

import EmberRuntime

/// The operands of a pointwise call. Up to three travel without an allocation, which covers nearly every call.
struct PointwiseOperands {
  var x: Tensor
  var y: Tensor?
  var z: Tensor?
  var rest: [Tensor] = []

  init(_ x: Tensor, _ y: Tensor? = nil, _ z: Tensor? = nil) {
    self.x = x
    self.y = y
    self.z = z
  }

  init(_ all: [Tensor]) {
    x = all[0]
    y = all.count > 1 ? all[1] : nil
    z = all.count > 2 ? all[2] : nil
    if all.count > 3 { rest = Array(all[3...]) }
  }

  @inline(__always) func forEach<Failure: Error>(_ body: (Tensor) throws(Failure) -> Void) throws(Failure) {
    try body(x)
    if let y { try body(y) }
    if let z { try body(z) }
    if !rest.isEmpty { for tensor in rest { try body(tensor) } }
  }

  subscript(i: Int) -> Tensor {
    switch i {
    case 0: x
    case 1: y!
    case 2: z!
    default: rest[i - 3]
    }
  }

  var count: Int { y == nil ? 1 : z == nil ? 2 : 3 + rest.count }

  var list: [Tensor] {
    var all: [Tensor] = []
    forEach { all.append($0) }
    return all
  }

  var needsGradient: Bool {
    x.node != nil || y?.node != nil || z?.node != nil || (!rest.isEmpty && rest.contains { $0.node != nil })
  }

  /// No operand is poisoned or batched.
  var arePlain: Bool {
    x.body.isPlain && (y?.body.isPlain ?? true) && (z?.body.isPlain ?? true) && (rest.isEmpty || rest.allSatisfy { $0.body.isPlain })
  }

  var isBatched: Bool {
    x.body.batch != nil || y?.body.batch != nil || z?.body.batch != nil || (!rest.isEmpty && rest.contains { $0.body.batch != nil })
  }
}

/// The node of a pointwise function: holds what its gradient reads, and nothing else.
final class PointwiseNode: Node, @unchecked Sendable {
  /// One property, because the destructor of a subclass with several counts references to the dying object.
  private struct Content {
    let function: Pointwise
    /// Kept alive by the function.
    let gradient: Unmanaged<PointwiseGradient>
    let parameters: ScalarParameters
    /// Shapes of the inputs where one of them was broadcast; nil otherwise.
    var inputShapes: [Shape]?
    /// Dtypes of the inputs where one of them differs from the gradient's; nil otherwise.
    var inputDTypes: [DType]?
    /// What the gradient function reads besides the upstream gradient, in its order; nil where that goes.
    var saved: (TensorBody?, TensorBody?, TensorBody?) = (nil, nil, nil)
    var moreSaved: [TensorBody?]?

    /// All inputs have the result's shape and dtype.
    var isUniform: Bool { inputShapes == nil && inputDTypes == nil }

    mutating func save(_ gradient: PointwiseGradient, output: TensorBody, _ input: (Int) -> TensorBody) {
      for position in 0..<gradient.sourceCount {
        switch gradient.source(position) {
        case .input(let i): keep(input(i), position)
        case .output: keep(output, position)
        case .upstream: keep(nil, position)
        }
      }
    }

    private mutating func keep(_ body: TensorBody?, _ position: Int) {
      switch position {
      case 0: saved.0 = body
      case 1: saved.1 = body
      case 2: saved.2 = body
      default: moreSaved = (moreSaved ?? []) + [body]
      }
    }

    subscript(position: Int) -> TensorBody? {
      switch position {
      case 0: saved.0
      case 1: saved.1
      case 2: saved.2
      default: moreSaved![position - 3]
      }
    }
  }

  @exclusivity(unchecked) private var content: Content

  /// For operands of the result's shape and dtype; `first` and `second` lead to the nodes of `x` and `y`, which is `x` again where there
  /// is one operand.
  @inline(__always) init(
    _ function: Pointwise, _ x: TensorBody, _ y: TensorBody, edges first: Node?, _ second: Node?, _ parameters: ScalarParameters,
    output: TensorBody
  ) {
    let gradient = function.unmanagedGradient(mask: (first == nil ? 0 : 1) | (second == nil ? 0 : 2))
    content = Content(function: function, gradient: gradient, parameters: parameters)
    super.init(first, second, form: ResultForm(output))
    if !gradient._withUnsafeGuaranteedRef({ $0.readsOnlyUpstream }) { keepSources(x, y, output) }
  }

  init(_ function: Pointwise, _ operands: PointwiseOperands, _ parameters: ScalarParameters, output: TensorBody) {
    var mask: UInt8 = 0, broadcasts = false, mixes = false, i: UInt8 = 0
    operands.forEach { operand in
      if operand.node != nil { mask |= 1 << i }
      if operand.body.shape != output.shape { broadcasts = true }
      if operand.dtype != output.dtype { mixes = true }
      i += 1
    }
    let gradient = function.unmanagedGradient(mask: mask)
    content = Content(
      function: function, gradient: gradient, parameters: parameters, inputShapes: broadcasts ? operands.list.map(\.body.shape) : nil,
      inputDTypes: mixes ? operands.list.map(\.dtype) : nil)
    if operands.z == nil {
      super.init(operands.x.node, operands.y?.node, form: ResultForm(output))
    } else {
      super.init(edges: operands.list.map(\.node), result: output)
    }
    gradient._withUnsafeGuaranteedRef { content.save($0, output: output) { operands[$0].body } }
  }

  /// Out of line, so that what nothing is kept for (additions) stays short.
  @inline(never) private func keepSources(_ x: TensorBody, _ y: TensorBody, _ output: TensorBody) {
    content.gradient._withUnsafeGuaranteedRef { content.save($0, output: output) { $0 == 0 ? x : y } }
  }

  override var operationName: String { content.function.name }

  override func releaseSaved() {
    content.saved = (nil, nil, nil)
    content.moreSaved = nil
  }

  override func propagate(_ gradients: inout Gradients, in pass: inout BackwardPass) {
    content.gradient._withUnsafeGuaranteedRef { gradient in
      let present = gradient.present, passing = gradient.passing
      if present & (present &- 1) == 0, passing == 0, content.isUniform, !pass.isRecording, let edge = present == 1 ? edge0 : edge1,
        let full = onlyOne(gradient, &gradients.first)
      {
        return pass.send(full, to: edge)
      }
      guard let upstream = gradients.first else { return }
      if present == 3, passing == 0, content.isUniform, !pass.isRecording, let edge0, let edge1,
        ThreadFlags.current.isDisjoint(with: .slow),
        let (first, second) = runDensePair(gradient.function, operands(gradient, upstream, recording: false), content.parameters)
      {
        pass.send(first, to: edge0)
        pass.send(second, to: edge1)
        return
      }
      var results: [Tensor]?
      var next = 0, i = 0
      while present >> UInt8(i) != 0 {
        defer { i += 1 }
        guard present >> UInt8(i) & 1 == 1 else { continue }
        defer { next += 1 }
        guard let edge = edge(i) else { continue }
        if passing >> UInt8(i) & 1 == 1 {
          // No kernel: the gradient is sent as it came.
          pass.send(content.isUniform ? upstream : reduced(upstream, to: i), to: edge)
        } else if gradient.function.resultCount == 1 {
          let full = one(gradient, upstream, recording: pass.isRecording)
          pass.send(content.isUniform ? full : reduced(full, to: i), to: edge)
        } else {
          let all = results ?? self.all(gradient, upstream, recording: pass.isRecording)
          results = all
          let full = all[next]
          pass.send(content.isUniform ? full : reduced(full, to: i), to: edge)
        }
      }
    }
  }

  /// What the gradient function reads at `position`.
  @inline(__always) private func operand(_ gradient: PointwiseGradient, _ position: Int, _ upstream: Tensor, _ recording: Bool) -> Tensor {
    switch gradient.source(position) {
    case .upstream: return upstream
    case .output: return Tensor(content[position]!, node: recording ? self : nil)
    case .input(let i): return Tensor(content[position]!, node: recording ? edge(i) : nil)
    }
  }

  /// The gradient of a function with one, in the memory of what arrived, where nobody else holds that; nil otherwise.
  private func onlyOne(_ gradient: PointwiseGradient, _ upstream: inout Tensor?) -> Tensor? {
    guard upstream?.body.byteCount ?? 0 >= worthReusing, gradient.sourceCount <= 2, ThreadFlags.current.isDisjoint(with: .slow),
      var arrived = upstream.take()
    else { return nil }
    let isFirst = gradient.source(0) == .upstream
    if arrived.node == nil, arrived.isUniquelyHeld(), arrived.body.isPlain, arrived.body.isContiguous {
      let body = arrived.body, other = gradient.sourceCount == 1 ? body : content[isFirst ? 1 : 0] ?? body
      if isDense(other, as: body),
        runDense(
          gradient.function, gradient.sourceCount, isFirst ? body : other, isFirst ? other : body, content.parameters, into: body) != nil
      {
        return arrived
      }
    }
    upstream = arrived
    return nil
  }

  /// The gradient of a function with one.
  private func one(_ gradient: PointwiseGradient, _ upstream: Tensor, recording: Bool) -> Tensor {
    switch gradient.sourceCount {
    case 1: gradient.function(operand(gradient, 0, upstream, recording), content.parameters)
    case 2: gradient.function(operand(gradient, 0, upstream, recording), operand(gradient, 1, upstream, recording), content.parameters)
    default: applyPointwise(gradient.function, operands(gradient, upstream, recording: recording), content.parameters)
    }
  }

  /// The gradients of a function with several.
  private func all(_ gradient: PointwiseGradient, _ upstream: Tensor, recording: Bool) -> [Tensor] {
    applyForAllResults(gradient.function, operands(gradient, upstream, recording: recording), content.parameters)
  }

  private func operands(_ gradient: PointwiseGradient, _ upstream: Tensor, recording: Bool) -> PointwiseOperands {
    let count = gradient.sourceCount
    var operands = PointwiseOperands(operand(gradient, 0, upstream, recording))
    if count > 1 { operands.y = operand(gradient, 1, upstream, recording) }
    if count > 2 { operands.z = operand(gradient, 2, upstream, recording) }
    if count > 3 { operands.rest = (3..<count).map { operand(gradient, $0, upstream, recording) } }
    return operands
  }

  /// Undoes broadcasting and type promotion.
  private func reduced(_ full: Tensor, to i: Int) -> Tensor {
    var result = full
    if let shape = content.inputShapes?[i], result.body.shape != shape { result = result.sum(to: shape) }
    if let dtype = content.inputDTypes?[i], result.dtype != dtype {
      if result.dtype.isComplex, !dtype.isComplex { result = result.real }
      result = result.to(dtype)
    }
    return result
  }
}

// MARK: - Applying pointwise functions

extension Pointwise {
  public func callAsFunction(_ x: Tensor, _ parameters: ScalarParameters = .none) -> Tensor {
    applyDense(self, 1, x.body, x.body, x.node, nil, parameters) ?? applyPointwise(self, PointwiseOperands(x), parameters)
  }

  public func callAsFunction(_ x: Tensor, _ y: Tensor, _ parameters: ScalarParameters = .none) -> Tensor {
    applyDense(self, 2, x.body, y.body, x.node, y.node, parameters) ?? applyPointwise(self, PointwiseOperands(x, y), parameters)
  }

  public func callAsFunction(_ x: Tensor, _ y: Tensor, _ z: Tensor, _ parameters: ScalarParameters = .none) -> Tensor {
    applyPointwise(self, PointwiseOperands(x, y, z), parameters)
  }

  /// For functions of more than three inputs.
  public func callAsFunction(_ inputs: [Tensor], _ parameters: ScalarParameters = .none) -> Tensor {
    if inputs.isEmpty {
      raise(EmberError(.value, in: name, "called without a tensor; it takes \(arity)"))
      return .poison
    }
    return applyPointwise(self, PointwiseOperands(inputs), parameters)
  }
}

/// Bytes from which on it pays to look whether a result with a history, or a gradient, can take an operand's memory. A small block is in
/// the cache anyway, and to be had for less than the questions cost.
private let worthReusing = 1 << 14

extension Pointwise {
  /// As a call, in the memory of `x` where nobody else holds it, the result fits, and no derivative will read what was there: a chain of
  /// operations works in one buffer, and less memory is touched.
  func reusing(_ x: consuming Tensor, _ parameters: ScalarParameters = .none) -> Tensor {
    if ThreadFlags.current.isDisjoint(with: .slow), x.isUniquelyHeld(), x.body.isContiguous,
      x.node == nil || !isRecordingEnabled || (x.body.byteCount >= worthReusing && spares(x, mask: 1)),
      runDense(self, 1, x.body, x.body, parameters, into: x.body) != nil
    {
      guard let node = x.node else { return x }
      return recorded(x.body, x.body, node, nil, parameters)
    }
    return self(x, parameters)
  }

  /// Whether a result with a history can take the place of the first operand: derivatives exist for the dtype and do not read it.
  private func spares(_ x: borrowing Tensor, mask: UInt8) -> Bool {
    x.body.dtype.isDifferentiable && arity <= 2 && unmanagedGradient(mask: mask)._withUnsafeGuaranteedRef { !$0.readsFirstInput }
  }

  /// What stands in the memory of `body` now, which it shares with the first operand, as the result of this function.
  private func recorded(_ body: TensorBody, _ y: TensorBody, _ xNode: Node?, _ yNode: Node?, _ parameters: ScalarParameters) -> Tensor {
    guard isRecordingEnabled, body.dtype.isDifferentiable else { return Tensor(body) }
    return Tensor(body, node: PointwiseNode(self, body, y, edges: xNode, yNode, parameters, output: body))
  }

  func reusing(_ x: consuming Tensor, _ y: Tensor, _ parameters: ScalarParameters = .none) -> Tensor {
    if ThreadFlags.current.isDisjoint(with: .slow), x.isUniquelyHeld(), x.body.isContiguous, isDense(y.body, as: x.body),
      (x.node == nil && y.node == nil) || !isRecordingEnabled
        || (x.body.byteCount >= worthReusing && spares(x, mask: (x.node == nil ? 0 : 1) | (y.node == nil ? 0 : 2))),
      runDense(self, 2, x.body, y.body, parameters, into: x.body) != nil
    {
      if x.node == nil && y.node == nil { return x }
      return recorded(x.body, y.body, x.node, y.node, parameters)
    }
    return self(x, y, parameters)
  }
}

/// The way that nearly all calls take: one or two dense operands of one shape and dtype, and numbers that do not widen it.
/// Nil if the call is not such a one, or fails; the general way then finds out why. `y` is `x` again where there is one operand.
///
/// Bodies and nodes come apart, because an optional tensor costs two counts of references each time it is handed on.
private func applyDense(
  _ function: Pointwise, _ arity: Int, _ x: TensorBody, _ y: TensorBody, _ xNode: Node?, _ yNode: Node?, _ parameters: ScalarParameters
) -> Tensor? {
  guard x.isContiguous, x.isPlain, ThreadFlags.current.isDisjoint(with: .slow) else { return nil }
  if arity == 2 {
    guard y.isContiguous, y.isPlain, y.dtype == x.dtype, y.shape == x.shape, y.backend === x.backend else { return nil }
  }
  guard let result = runDense(function, arity, x, y, parameters, into: nil) else { return nil }
  if xNode != nil || yNode != nil, isRecordingEnabled, result.dtype.isDifferentiable {
    if result.dtype == x.dtype {
      return Tensor(result, node: PointwiseNode(function, x, y, edges: xNode, yNode, parameters, output: result))
    }
    let operands = PointwiseOperands(Tensor(x, node: xNode), arity == 2 ? Tensor(y, node: yNode) : nil)
    return Tensor(result, node: PointwiseNode(function, operands, parameters, output: result))
  }
  return Tensor(result)
}

/// Runs a function over dense operands of one shape, dtype and device. Nil if the general way must be taken.
private func runDense(
  _ function: Pointwise, _ arity: Int, _ x: TensorBody, _ y: TensorBody, _ parameters: ScalarParameters, into target: TensorBody?
) -> TensorBody? {
  guard function.arity == arity, function.parameterCount == parameters.count, function.isUniform, function.resultCount == 1 else {
    return nil
  }
  for i in 0..<parameters.count where parameters[i].category > x.dtype.category { return nil }
  guard let program = function.uniformProgram(x.dtype) ?? (try? function.makeUniformProgram(x.dtype)) else { return nil }
  return program._withUnsafeGuaranteedRef { runDense($0, arity, x, y, parameters, into: target) }
}

@inline(__always) private func runDense(
  _ program: PointwiseProgram, _ arity: Int, _ x: TensorBody, _ y: TensorBody, _ parameters: ScalarParameters, into target: TensorBody?
) -> TensorBody? {
  let dtype = program.outputs[0].dtype
  let output: TensorBody
  if let target {
    guard target.dtype == dtype else { return nil }
    output = target
  } else {
    guard let body = denseResult(of: program, 0, like: x) else { return nil }
    output = body
  }
  launchDense(program, (x.pointer, y.pointer, nil), arity, parameters, (output.pointer, nil), 1, like: x)
  withExtendedLifetime((x, y, output)) {}
  return output
}

/// The two results of a function over dense operands of one shape, dtype and device, up to three: what most gradients of two inputs are.
/// Nil if the general way must be taken.
private func runDensePair(
  _ function: Pointwise, _ operands: borrowing PointwiseOperands, _ parameters: ScalarParameters
) -> (Tensor, Tensor)? {
  let arity = function.arity
  guard arity <= 3, arity == operands.count, function.resultCount == 2, function.isUniform,
    function.parameterCount == parameters.count
  else { return nil }
  let x = operands.x.body
  guard x.isPlain, x.isContiguous else { return nil }
  var y: UnsafeMutableRawPointer?, z: UnsafeMutableRawPointer?
  if let other = operands.y?.body {
    guard isDense(other, as: x) else { return nil }
    y = other.pointer
  }
  if let other = operands.z?.body {
    guard isDense(other, as: x) else { return nil }
    z = other.pointer
  }
  for i in 0..<parameters.count where parameters[i].category > x.dtype.category { return nil }
  guard let program = function.uniformProgram(x.dtype) ?? (try? function.makeUniformProgram(x.dtype)) else { return nil }
  return program._withUnsafeGuaranteedRef { program in
    guard let first = denseResult(of: program, 0, like: x), let second = denseResult(of: program, 1, like: x) else { return nil }
    launchDense(program, (x.pointer, y, z), arity, parameters, (first.pointer, second.pointer), 2, like: x)
    withExtendedLifetime((x, operands.y, operands.z)) {}
    return (Tensor(first), Tensor(second))
  }
}

@inline(__always) private func isDense(_ other: borrowing TensorBody, as x: borrowing TensorBody) -> Bool {
  other.isPlain && other.isContiguous && other.dtype == x.dtype && other.shape == x.shape && other.backend === x.backend
}

@inline(__always) private func denseResult(of program: PointwiseProgram, _ i: Int, like x: TensorBody) -> TensorBody? {
  try? TensorBody(
    elementCount: x.shape.elementCount, dtype: program.outputs[i].dtype, shape: x.shape, strides: x.strides, on: x.backend)
}

/// Runs a program over dense operands of the shape of `x`, which whoever calls keeps alive.
@inline(__always) private func launchDense(
  _ program: PointwiseProgram, _ inputs: (UnsafeMutableRawPointer?, UnsafeMutableRawPointer?, UnsafeMutableRawPointer?), _ arity: Int,
  _ parameters: ScalarParameters, _ outputs: (UnsafeMutableRawPointer?, UnsafeMutableRawPointer?), _ outputCount: Int, like x: TensorBody
) {
  let backend = x.backend, count = x.shape.elementCount
  guard count > 0, backend.holdsData else { return }
  let capacity = 3 + ScalarParameters.capacity + 2
  withUnsafeTemporaryAllocation(of: UnsafeMutableRawPointer?.self, capacity: capacity) { pointers in
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: capacity) { uniform in
      withUnsafeTemporaryAllocation(byteCount: 16 * ScalarParameters.capacity, alignment: 16) { numbers in
        pointers[0] = inputs.0
        pointers[1] = inputs.1
        pointers[2] = inputs.2
        for i in 0..<3 { uniform[i] = 0 }
        var n = arity
        for i in 0..<parameters.count {
          let slot = numbers.baseAddress! + 16 * i
          parameters[i].store(as: program.computeType, to: slot)
          pointers[n] = slot
          uniform[n] = 1
          n += 1
        }
        pointers[n] = outputs.0
        if outputCount == 2 { pointers[n + 1] = outputs.1 }
        backend.pointwise(
          program, pointers: UnsafePointer(pointers.baseAddress!), uniform: UnsafePointer(uniform.baseAddress!), count: count)
      }
    }
  }
}

func applyPointwise(_ function: Pointwise, _ operands: PointwiseOperands, _ parameters: ScalarParameters) -> Tensor {
  if !ThreadFlags.current.isDisjoint(with: .slow) || !operands.arePlain {
    guard mayRunSlowly(function.name, operands.list) else { return .poison }
    if let inputs = Autocast.converted(function.name, operands.list) {
      return applyPointwise(function, PointwiseOperands(inputs.map { $0! }), parameters)
    }
    if operands.isBatched { return applyPointwiseBatched(function, operands, parameters) }
    if operands.isTraced { return applyPointwiseTraced(function, operands, parameters) }
    if isObserved {
      return observed(function.name, .operation, operands.list, results: { [$0] }) { recordPointwise(function, operands, parameters) }
    }
  }
  return recordPointwise(function, operands, parameters)
}

/// Runs a function and records it if a gradient is wanted.
@inline(__always) private func recordPointwise(
  _ function: Pointwise, _ operands: PointwiseOperands, _ parameters: ScalarParameters
) -> Tensor {
  do throws(EmberError) {
    var result = try runPointwise(function, operands, parameters, into: nil).first
    if operands.needsGradient, isRecordingEnabled, result.dtype.isDifferentiable {
      result.node = PointwiseNode(function, operands, parameters, output: result.body)
    }
    return result
  } catch {
    if error.kind == .device, let moved = withNumbersMoved(operands) { return applyPointwise(function, moved, parameters) }
    raise(error)
    return .poison
  }
}

/// Operands whose tensors without dimensions on the CPU, which count as numbers, are moved to where the others are; nil if that does not
/// bring them together.
@inline(never) func withNumbersMoved(_ operands: PointwiseOperands) -> PointwiseOperands? {
  let devices = Set(operands.list.filter { $0.device != .cpu || $0.rank > 0 }.map(\.device))
  guard devices.count == 1, let device = devices.first, device != .cpu else { return nil }
  return PointwiseOperands(operands.list.map { $0.device == device ? $0 : $0.to(device) })
}

/// Runs a gradient function: one result per gradient, in one pass over memory; one by one where they are recorded.
private func applyForAllResults(_ function: Pointwise, _ operands: PointwiseOperands, _ parameters: ScalarParameters) -> [Tensor] {
  if function.resultCount == 1 { return [applyPointwise(function, operands, parameters)] }
  if (isRecordingEnabled && operands.needsGradient) || !operands.arePlain {
    return (0..<function.resultCount).map { applyPointwise(function.result($0), operands, parameters) }
  }
  if ThreadFlags.current.contains(.failed) { return (0..<function.resultCount).map { _ in .poison } }
  if isObserved {
    return observed(function.name, .operation, operands.list, results: { $0 }) { runForAllResults(function, operands, parameters) }
  }
  return runForAllResults(function, operands, parameters)
}

@inline(__always) private func runForAllResults(
  _ function: Pointwise, _ operands: PointwiseOperands, _ parameters: ScalarParameters
) -> [Tensor] {
  do throws(EmberError) {
    let (first, rest) = try runPointwise(function, operands, parameters, into: nil)
    return [first] + rest
  } catch {
    raise(error)
    return (0..<function.resultCount).map { _ in .poison }
  }
}

/// `x = function(x, …)` in x's own memory where nobody else holds it and the result fits; otherwise like a plain call.
///
/// Where nothing is recorded a leaf stays the leaf it was, as in PyTorch: `noGrad { w -= rate * w.grad! }` goes on training `w`.
func applyInPlace(_ function: Pointwise, _ x: inout Tensor, _ y: Tensor?, _ parameters: ScalarParameters) {
  let leaf = isRecordingEnabled ? nil : x.node as? LeafNode
  defer {
    if let leaf, let form = leaf.result, x.body.shape == form.shape, x.dtype == form.dtype { x.node = leaf }
  }
  let needsGradient = isRecordingEnabled && (x.node != nil || y?.node != nil)
  if !needsGradient, ThreadFlags.current.isDisjoint(with: [.failed, .autocasts]), y.map({ $0.body.isPlain && fits($0, into: x) }) ?? true,
    x.isUniquelyHeld(),
    x.isContiguous || x.strides.areDisjoint(x.body.shape), (parameters.count == 0 || parameters[0].category <= x.dtype.category)
  {
    if isObserved {
      // What observers are shown must not hold the memory that is written.
      observed(function.name + "_", .operation, [], results: { [] }) { writeInPlace(function, &x, y, parameters) }
    } else {
      writeInPlace(function, &x, y, parameters)
    }
    return
  }
  x = applyPointwise(function, PointwiseOperands(x, y), parameters)
}

@inline(__always) private func writeInPlace(_ function: Pointwise, _ x: inout Tensor, _ y: Tensor?, _ parameters: ScalarParameters) {
  let isDense = x.isContiguous && y.map { $0.isContiguous && $0.dtype == x.dtype && $0.body.shape == x.body.shape } ?? true
  do throws(EmberError) {
    if !isDense || runDense(function, y == nil ? 1 : 2, x.body, y?.body ?? x.body, parameters, into: x.body) == nil {
      let result = try runPointwise(function, PointwiseOperands(x, y), parameters, into: x.body).first
      if result.body !== x.body { x = result }
    }
    x.node = nil
  } catch {
    raise(error)
    x = .poison
  }
}

/// Whether the result of a function of both has the shape and dtype of `x`.
private func fits(_ y: Tensor, into x: Tensor) -> Bool {
  (y.body.shape == x.body.shape || x.body.shape.broadcast(with: y.body.shape) == x.body.shape)
    && (y.dtype == x.dtype || (y.rank == 0 && y.dtype.category <= x.dtype.category) || TypePromotion.promote(x.dtype, y.dtype) == x.dtype)
    && y.backend === x.backend && y.body !== x.body
}

/// `target`: where the first result goes if it has that dtype; storage-only dtypes, for one, become wider in every operation.
func runPointwise(
  _ function: Pointwise, _ operands: PointwiseOperands, _ parameters: ScalarParameters, into target: TensorBody?
) throws(EmberError) -> (first: Tensor, rest: [Tensor]) {
  let first = operands.x.body
  let backend = first.backend
  guard operands.count == function.arity, parameters.count == function.parameterCount else {
    throw EmberError(
      .value, in: function.name,
      "called with \(operands.count) tensors and \(parameters.count) numbers; it takes \(function.arity) and \(function.parameterCount)")
  }
  var dtypes = InputDTypes()
  var isUniform = parameters.count == 0 && function.isUniform && function.promotion == .common
  var shape = first.shape
  var failure: EmberError?
  operands.forEach { operand in
    let body = operand.body
    dtypes.append(body.dtype)
    if body.dtype != first.dtype { isUniform = false }
    if body.backend !== backend, failure == nil {
      failure = EmberError(
        .device, in: function.name,
        "\(operands.list.map(\.summary).joined(separator: " and ")) are on different devices; move them to one with .to(device)")
    }
    if body.shape != shape {
      if let wider = shape.broadcast(with: body.shape) {
        shape = wider
      } else if failure == nil {
        failure = EmberError(
          .shape, in: function.name,
          "shapes do not broadcast: \(operands.list.map(\.summary).joined(separator: " and ")); "
            + "aligned at the end, extents must be equal or 1"
        )
      }
    }
  }
  if let failure { throw failure }
  let common = isUniform && !first.dtype.isStorageOnly ? first.dtype : try commonDType(function, operands, parameters)
  let program = try function.program(dtypes, common: common)
  let dtype = program.outputs[0].dtype
  let format = commonFormat(operands, shape)
  let output = if let target, target.dtype == dtype { target } else { try Tensor.empty(shape: shape, dtype: dtype, like: operands.x, format).body }
  var more: [TensorBody] = []
  for extra in program.outputs.dropFirst() { more.append(try Tensor.empty(shape: shape, dtype: extra.dtype, like: operands.x, format).body) }
  if backend.holdsData, shape.elementCount > 0 {
    launch(program, operands, parameters, output, more, backend)
    try checkScratch(in: function.name)
  }
  return (Tensor(output), more.map { Tensor($0) })
}

/// The format of what operands give together that broadcast to a shape: channels last if one of them with that shape lies so.
private func commonFormat(_ operands: borrowing PointwiseOperands, _ shape: Shape) -> MemoryFormat {
  var format = MemoryFormat.contiguous
  operands.forEach { operand in
    if !operand.isContiguous, operand.keptFormat == .channelsLast, operand.body.shape == shape { format = .channelsLast }
  }
  return format
}

/// Runs a program without parameters over operands that broadcast to one shape. `target`: where the first result goes, an operand perhaps.
func runProgram(
  _ program: PointwiseProgram, _ operands: PointwiseOperands, into target: TensorBody? = nil
) throws(EmberError) -> [Tensor] {
  let backend = operands.x.backend
  var shape = operands.x.body.shape
  operands.forEach { operand in
    if operand.body.shape != shape, let wider = shape.broadcast(with: operand.body.shape) { shape = wider }
  }
  let format = commonFormat(operands, shape)
  var outputs: [Tensor] = []
  for (i, output) in program.outputs.enumerated() {
    if i == 0, let target { outputs.append(Tensor(target)) } else {
      outputs.append(try Tensor.empty(shape: shape, dtype: output.dtype, like: operands.x, format))
    }
  }
  if backend.holdsData, shape.elementCount > 0 {
    launch(program, operands, .none, outputs[0].body, outputs.dropFirst().map(\.body), backend)
    try checkScratch(in: program.name)
  }
  return outputs
}

private func launch(
  _ program: PointwiseProgram, _ operands: PointwiseOperands, _ parameters: ScalarParameters, _ output: TensorBody, _ more: [TensorBody],
  _ backend: any Backend
) {
  let capacity = program.inputs.count + program.outputs.count
  withUnsafeTemporaryAllocation(of: UnsafeMutableRawPointer?.self, capacity: capacity) { pointers in
    withUnsafeTemporaryAllocation(byteCount: 16 * ScalarParameters.capacity, alignment: 16) { numbers in
      var n = 0, isFlat = output.isContiguous
      operands.forEach { operand in
        let body = operand.body
        pointers[n] = body.pointer
        // Dense with all elements of the result, or a single element for all.
        if !body.isContiguous || !(body.shape == output.shape || body.shape.elementCount == 1) { isFlat = false }
        n += 1
      }
      let tensors = n
      for i in 0..<parameters.count {
        let slot = numbers.baseAddress! + 16 * i
        parameters[i].store(as: program.computeType, to: slot)
        pointers[n] = slot
        n += 1
      }
      pointers[n] = output.pointer
      for (i, body) in more.enumerated() { pointers[n + 1 + i] = body.pointer }
      if isFlat {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: max(n, 1)) { uniform in
          var m = 0
          let count = output.shape.elementCount
          operands.forEach { operand in
            uniform[m] = count > 1 && operand.body.shape.elementCount == 1 ? 1 : 0
            m += 1
          }
          for i in tensors..<n { uniform[i] = 1 }
          backend.pointwise(
            program, pointers: UnsafePointer(pointers.baseAddress!), uniform: UnsafePointer(uniform.baseAddress!), count: count)
        }
        return
      }
      withUnsafeTemporaryAllocation(of: Strides.self, capacity: capacity) { strides in
        strides.initialize(repeating: Strides())
        var m = 0
        operands.forEach { operand in
          strides[m] = operand.body.strides.broadcast(from: operand.body.shape, to: output.shape)
          m += 1
        }
        strides[n] = output.strides
        for (i, body) in more.enumerated() { strides[n + 1 + i] = body.strides }
        backend.pointwise(
          program, pointers: UnsafePointer(pointers.baseAddress!), strides: UnsafePointer(strides.baseAddress!), shape: output.shape)
      }
    }
  }
  withExtendedLifetime((operands, output, more)) {}
}

func commonDType(_ function: Pointwise, _ operands: PointwiseOperands, _ parameters: ScalarParameters) throws(EmberError) -> DType {
  var promotion = PromotionAccumulator()
  var i = 0
  operands.forEach { operand in
    if function.roles[i] == .value {
      promotion.add(
        operand.dtype.isStorageOnly ? ComputeType(operand.dtype).dtype : operand.dtype, isZeroDimensional: operand.body.shape.rank == 0)
    }
    i += 1
  }
  for i in 0..<parameters.count { promotion.add(number: parameters[i].category) }
  return try function.computeDType(common: promotion.result())
}

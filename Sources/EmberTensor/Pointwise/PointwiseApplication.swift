import EmberRuntime

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
let worthReusing = 1 << 14

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
func applyForAllResults(_ function: Pointwise, _ operands: PointwiseOperands, _ parameters: ScalarParameters) -> [Tensor] {
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

// The fast way: dense operands of one shape, dtype and device.
import EmberRuntime

/// The way that nearly all calls take: one or two dense operands of one shape and dtype, and numbers that do not widen it.
/// Nil if the call is not such a one, or fails; the general way then finds out why. `y` is `x` again where there is one operand.
///
/// Bodies and nodes come apart, because an optional tensor costs two counts of references each time it is handed on.
func applyDense(
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
func runDense(
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
func runDensePair(
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

@inline(__always) func isDense(_ other: borrowing TensorBody, as x: borrowing TensorBody) -> Bool {
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

import EmberRuntime

/// A rule that changes several tensors at once, element by element, in their own memory and in one pass: an optimizer's.
///
/// ```swift
/// // momentum ← 0.9 momentum + gradient; parameter ← parameter − rate · momentum
/// let rule = PointwiseUpdate("momentum", targets: 2, parameters: 1) { targets, inputs, numbers in
///   let momentum = 0.9 * targets[1] + inputs[0]
///   return [targets[0] - numbers[0] * momentum, momentum]
/// }
/// rule([parameter, buffer], reading: [gradient], [0.1])
/// ```
public final class PointwiseUpdate: Sendable {
  private let function: Pointwise

  /// - Parameters:
  ///   - targets: how many tensors change; the first ones that the rule reads.
  ///   - reading: how many further ones it reads; at most 8 with the targets.
  ///   - parameters: how many numbers are given at each call.
  ///   - body: the targets' new values.
  public init(
    _ name: String, targets: Int, reading: Int = 1, parameters: Int,
    _ body: (_ targets: [Expression], _ inputs: [Expression], _ parameters: [Expression]) -> [Expression]
  ) {
    function = Pointwise(name, inputs: targets + reading, parameters: parameters) { inputs, numbers in
      body(Array(inputs.prefix(targets)), Array(inputs.dropFirst(targets)), numbers)
    }
    precondition(function.resultCount == targets, "\(name): one result for each target")
  }

  /// Writes the new values. Asks for no memory, and cannot fail.
  ///
  /// - Precondition: the targets have one shape, one dtype and dense memory that nobody else holds (`Tensor.makeWritable`); the tensors
  ///   read are dense or broadcast to that shape. A complex number is a pair of real ones.
  public func callAsFunction(_ targets: [Tensor], reading inputs: [Tensor], _ parameters: [Double]) {
    let first = targets[0].body
    let backend = first.backend
    guard backend.holdsData, first.shape.elementCount > 0 else { return }
    let operands = targets + inputs
    var dtypes = InputDTypes()
    for operand in operands { dtypes.append(operand.dtype.realType) }
    guard let program = try? function.program(dtypes, common: first.dtype.realType) else {
      preconditionFailure("\(function.name) is not defined for \(first.dtype)")
    }
    let isFlat = inputs.allSatisfy { $0.body.isContiguous && $0.body.shape == first.shape }
    let capacity = operands.count + parameters.count + targets.count
    withUnsafeTemporaryAllocation(of: UnsafeMutableRawPointer?.self, capacity: capacity) { pointers in
      withUnsafeTemporaryAllocation(byteCount: 16 * max(parameters.count, 1), alignment: 16) { numbers in
        var n = 0
        func add(_ pointer: UnsafeMutableRawPointer?) {
          pointers.initializeElement(at: n, to: pointer)
          n += 1
        }
        for operand in operands { add(operand.body.pointer) }
        for (i, value) in parameters.enumerated() {
          let slot = numbers.baseAddress! + 16 * i
          Scalar.real(value).store(as: program.computeType, to: slot)
          add(slot)
        }
        for target in targets { add(target.body.pointer) }
        if isFlat {
          withUnsafeTemporaryAllocation(of: UInt8.self, capacity: capacity) { uniform in
            for i in 0..<capacity {
              let isNumber = i >= operands.count && i < operands.count + parameters.count
              uniform.initializeElement(at: i, to: isNumber ? 1 : 0)
            }
            backend.pointwise(
              program, pointers: UnsafePointer(pointers.baseAddress!), uniform: UnsafePointer(uniform.baseAddress!),
              count: first.shape.elementCount * (first.dtype.isComplex ? 2 : 1))
          }
          return
        }
        precondition(!first.dtype.isComplex, "\(function.name): complex tensors do not broadcast here")
        withUnsafeTemporaryAllocation(of: Strides.self, capacity: capacity) { strides in
          strides.initialize(repeating: Strides())
          for (i, operand) in operands.enumerated() { strides[i] = operand.body.strides.broadcast(from: operand.body.shape, to: first.shape) }
          for i in targets.indices { strides[operands.count + parameters.count + i] = first.strides }
          backend.pointwise(
            program, pointers: UnsafePointer(pointers.baseAddress!), strides: UnsafePointer(strides.baseAddress!), shape: first.shape)
        }
      }
    }
    withExtendedLifetime((targets, inputs)) {}
  }
}

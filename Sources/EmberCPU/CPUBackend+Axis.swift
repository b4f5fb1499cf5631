import CEmberKernels
import EmberRuntime

extension AxisOperand {
  /// Strides of outer, count and inner as the C kernels take them.
  fileprivate func withStrides<Result>(_ body: (UnsafePointer<Int64>) -> Result) -> Result {
    withUnsafeTemporaryAllocation(of: Int64.self, capacity: 3) { numbers in
      numbers[0] = Int64(strides.0)
      numbers[1] = Int64(strides.1)
      numbers[2] = Int64(strides.2)
      return body(numbers.baseAddress!)
    }
  }
}

extension CPUBackend {
  public func reduce(_ reduction: Reduction, _ input: AxisOperand, into output: Operand) -> Bool {
    input.withStrides {
      ember_reduce(
        reduction.rawValue, input.operand.kernelDType, input.operand.pointer, $0, output.kernelDType, output.pointer, Int64(input.outer),
        Int64(input.count), Int64(input.inner))
    }
  }

  /// Reduces what a program of one result gives for dense operands, `count` elements to one of the output's. An operand that is `uniform`
  /// has one element.
  package func reduce(
    _ reduction: Reduction, _ program: PointwiseProgram, _ operands: [(pointer: UnsafeMutableRawPointer?, uniform: Bool)],
    into output: Operand, count: Int
  ) -> Bool {
    var pointers = operands.map(\.pointer) + [nil]
    return ember_reduce_program(
      compiled(program), &pointers, operands.map { $0.uniform ? 1 : 0 }, reduction.rawValue, output.kernelDType, output.pointer,
      Int64(output.shape.elementCount), Int64(count))
  }

  public func extreme(maximum: Bool, _ input: AxisOperand, values: Operand, indices: Operand) -> Bool {
    input.withStrides {
      ember_reduce_with_indices(
        maximum, input.operand.kernelDType, input.operand.pointer, $0, values.pointer, indices.pointer?.assumingMemoryBound(to: Int64.self),
        Int64(input.outer), Int64(input.count), Int64(input.inner))
    }
  }

  public func variance(_ input: AxisOperand, correction: Double, squareRoot: Bool, variance: Operand, mean: Operand?) -> Bool {
    input.withStrides {
      ember_variance(
        input.operand.kernelDType, input.operand.pointer, $0, variance.pointer, mean?.pointer, Int64(input.outer), Int64(input.count),
        Int64(input.inner), correction, squareRoot)
    }
  }

  public func norm(_ input: AxisOperand, p: Double, into output: Operand) -> Bool {
    input.withStrides {
      ember_norm(
        input.operand.kernelDType, input.operand.pointer, $0, output.kernelDType, output.pointer, Int64(input.outer), Int64(input.count),
        Int64(input.inner), p)
    }
  }

  public func scan(_ scan: Scan, _ input: AxisOperand, reverse: Bool, into output: Operand, indices: Operand?) -> Bool {
    ember_scan(
      scan.rawValue, input.operand.kernelDType, input.operand.pointer, output.kernelDType, output.pointer,
      indices?.pointer?.assumingMemoryBound(to: Int64.self), Int64(input.outer), Int64(input.count), Int64(input.inner), reverse)
  }

  public func softmax(_ input: AxisOperand, logarithm: Bool, into output: Operand) {
    ember_softmax(
      input.operand.kernelDType, logarithm, input.operand.pointer, output.pointer, Int64(input.outer), Int64(input.count),
      Int64(input.inner))
  }

  public func softmaxBackward(gradient: AxisOperand, output: Operand, logarithm: Bool, into result: Operand) {
    ember_softmax_backward(
      gradient.operand.kernelDType, logarithm, gradient.operand.pointer, output.pointer, result.pointer, Int64(gradient.outer),
      Int64(gradient.count), Int64(gradient.inner))
  }

  public func sort(_ input: AxisOperand, descending: Bool, values: Operand, indices: Operand) -> Bool {
    ember_sort(
      input.operand.kernelDType, input.operand.pointer, values.pointer, indices.pointer?.assumingMemoryBound(to: Int64.self),
      Int64(input.outer), Int64(input.count), Int64(input.inner), descending)
  }

  public func topK(_ input: AxisOperand, k: Int, largest: Bool, sorted: Bool, values: Operand, indices: Operand) -> Bool {
    ember_topk(
      input.operand.kernelDType, input.operand.pointer, Int64(k), values.pointer, indices.pointer?.assumingMemoryBound(to: Int64.self),
      Int64(input.outer), Int64(input.count), Int64(input.inner), largest, sorted)
  }
}

import EmberRuntime

// Families whose kernels are not written yet: they run on the CPU.
extension CUDABackend {
  public func reduce(_ reduction: Reduction, _ input: AxisOperand, into output: Operand) -> Bool {
    var done = false
    onHost("reduction", reading: [input.operand], writing: [output]) { host, r, w in
      done = host.reduce(reduction, input.with(r[0]), into: w[0])
    }
    return done
  }
  public func extreme(maximum: Bool, _ input: AxisOperand, values: Operand, indices: Operand) -> Bool {
    var done = false
    onHost("extreme", reading: [input.operand], writing: [values, indices]) { host, r, w in
      done = host.extreme(maximum: maximum, input.with(r[0]), values: w[0], indices: w[1])
    }
    return done
  }
  public func variance(_ input: AxisOperand, correction: Double, squareRoot: Bool, variance: Operand, mean: Operand?) -> Bool {
    var done = false
    onHost("variance", reading: [input.operand], writing: [variance] + (mean.map { [$0] } ?? [])) { host, r, w in
      done = host.variance(input.with(r[0]), correction: correction, squareRoot: squareRoot, variance: w[0], mean: mean == nil ? nil : w[1])
    }
    return done
  }
  public func norm(_ input: AxisOperand, p: Double, into output: Operand) -> Bool {
    var done = false
    onHost("norm", reading: [input.operand], writing: [output]) { host, r, w in done = host.norm(input.with(r[0]), p: p, into: w[0]) }
    return done
  }
  public func scan(_ scan: Scan, _ input: AxisOperand, reverse: Bool, into output: Operand, indices: Operand?) -> Bool {
    var done = false
    onHost("scan", reading: [input.operand], writing: [output] + (indices.map { [$0] } ?? [])) { host, r, w in
      done = host.scan(scan, input.with(r[0]), reverse: reverse, into: w[0], indices: indices == nil ? nil : w[1])
    }
    return done
  }
  public func softmax(_ input: AxisOperand, logarithm: Bool, into output: Operand) {
    onHost("softmax", reading: [input.operand], writing: [output]) { host, r, w in host.softmax(input.with(r[0]), logarithm: logarithm, into: w[0]) }
  }
  public func softmaxBackward(gradient: AxisOperand, output: Operand, logarithm: Bool, into result: Operand) {
    onHost("softmax_backward", reading: [gradient.operand, output], writing: [result]) { host, r, w in
      host.softmaxBackward(gradient: gradient.with(r[0]), output: r[1], logarithm: logarithm, into: w[0])
    }
  }
  public func sort(_ input: AxisOperand, descending: Bool, values: Operand, indices: Operand) -> Bool {
    var done = false
    onHost("sort", reading: [input.operand], writing: [values, indices]) { host, r, w in
      done = host.sort(input.with(r[0]), descending: descending, values: w[0], indices: w[1])
    }
    return done
  }
  public func topK(_ input: AxisOperand, k: Int, largest: Bool, sorted: Bool, values: Operand, indices: Operand) -> Bool {
    var done = false
    onHost("topk", reading: [input.operand], writing: [values, indices]) { host, r, w in
      done = host.topK(input.with(r[0]), k: k, largest: largest, sorted: sorted, values: w[0], indices: w[1])
    }
    return done
  }
}

extension AxisOperand {
  func with(_ operand: Operand) -> AxisOperand { AxisOperand(operand, outer: outer, count: count, inner: inner, strides: strides) }
}

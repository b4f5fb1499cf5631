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
  public func gather(_ input: Operand, dimension: Int, index: Operand, into output: Operand) -> Int? {
    var bad: Int?
    onHost("gather", reading: [input, index], writing: [output]) { host, r, w in bad = host.gather(r[0], dimension: dimension, index: r[1], into: w[0]) }
    return bad
  }
  public func scatter(_ mode: ScatterMode, into target: Operand, dimension: Int, index: Operand, source: Operand) -> Int? {
    var bad: Int?
    onHost("scatter", reading: [index, source], writing: [target]) { host, r, w in
      bad = host.scatter(mode, into: w[0], dimension: dimension, index: r[0], source: r[1])
    }
    return bad
  }
  public func indexSelect(_ input: AxisOperand, index: Operand, into output: Operand) -> Int? {
    var bad: Int?
    onHost("index_select", reading: [input.operand, index], writing: [output]) { host, r, w in
      bad = host.indexSelect(input.with(r[0]), index: r[1], into: w[0])
    }
    return bad
  }
  public func indexAdd(into target: AxisOperand, index: Operand, source: Operand, alpha: Double) -> Int? {
    var bad: Int?
    onHost("index_add", reading: [index, source], writing: [target.operand]) { host, r, w in
      bad = host.indexAdd(into: target.with(w[0]), index: r[0], source: r[1], alpha: alpha)
    }
    return bad
  }
  public func indexOffsets(_ indices: [Operand], sizes: [Int], strides: [Int], into offsets: Operand) -> BadIndex? {
    var bad: BadIndex?
    onHost("index_offsets", reading: indices, writing: [offsets]) { host, r, w in
      bad = host.indexOffsets(r, sizes: sizes, strides: strides, into: w[0])
    }
    return bad
  }
  public func takeBlocks(_ input: Operand, offsets: Operand, into output: Operand) {
    raise(EmberError(.unsupported, in: "index", "no kernel on \(device)"))
  }
  public func putBlocks(into target: Operand, offsets: Operand, source: Operand, sourceStride: Int, accumulate: Bool) {
    raise(EmberError(.unsupported, in: "index_put", "no kernel on \(device)"))
  }
  public func countNonzero(_ input: Operand) -> Int {
    var count = 0
    onHost("nonzero", reading: [input], writing: []) { host, r, _ in count = host.countNonzero(r[0]) }
    return count
  }
  public func nonzero(_ input: Operand, count: Int, into output: Operand) {
    onHost("nonzero", reading: [input], writing: [output]) { host, r, w in host.nonzero(r[0], count: count, into: w[0]) }
  }
  public func maskedSelect(_ input: Operand, mask: Operand, count: Int, into output: Operand) {
    onHost("masked_select", reading: [input, mask], writing: [output]) { host, r, w in host.maskedSelect(r[0], mask: r[1], count: count, into: w[0]) }
  }
  public func makeGeneratorState(seed: UInt64) -> any GeneratorState { host.makeGeneratorState(seed: seed) }
  public func fill(_ output: Operand, from distribution: RandomDistribution, state: any GeneratorState) throws(EmberError) {
    var failure: EmberError?
    onHost("random", reading: [], writing: [output]) { host, _, w in
      do throws(EmberError) { try host.fill(w[0], from: distribution, state: state) } catch { failure = error }
    }
    if let failure { throw failure }
  }
}

extension AxisOperand {
  func with(_ operand: Operand) -> AxisOperand { AxisOperand(operand, outer: outer, count: count, inner: inner, strides: strides) }
}

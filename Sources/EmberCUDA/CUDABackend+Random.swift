import EmberRuntime

extension DType {
  /// The dtypes that numbers can be drawn as.
  fileprivate var isDrawable: Bool { rawValue <= DType.float64.rawValue }
  fileprivate var isDrawableFloat: Bool { isFloatingPoint && isDrawable }
  /// How many numbers the kernels draw from one block of words (`DrawnIn`).
  fileprivate var numbersPerBlock: Int { isFloatingPoint && self != .float64 ? 4 : 2 }

  /// Binary digits that a floating dtype holds exactly.
  fileprivate var digits: Int {
    switch self {
    case .float16: 11
    case .bfloat16: 8
    case .float32: 24
    default: 53
    }
  }
}

/// Integers as a floating dtype of some binary digits holds them. It cannot hold every integer near large bounds: they move to the next one
/// that stays inside when rounded.
private struct FloatingIntegers {
  let digits: Int

  func low(_ low: Int64) -> Int64 {
    if low == .max { return low }
    let next = rounded(low + 1)
    return next >= low ? low : next &+ step(low + 1)
  }

  func high(_ high: Int64) -> Int64 {
    if high == .min { return high }
    let previous = rounded(high - 1)
    return previous < high ? high : previous &- step(high - 1)
  }

  /// To nearest, ties to even, saturating.
  private func rounded(_ x: Int64) -> Int64 {
    let magnitude = x.magnitude, excess = 64 - magnitude.leadingZeroBitCount - digits
    if excess <= 0 { return x }
    let unit = UInt64(1) << UInt64(excess), rest = magnitude & (unit - 1), down = magnitude - rest
    let isUp = rest > unit / 2 || (rest == unit / 2 && down & unit != 0)
    let value = isUp ? down + unit : down
    return x < 0 ? Int64(truncatingIfNeeded: 0 &- value) : Int64(clamping: value)
  }

  /// The distance of neighbours at a number.
  private func step(_ x: Int64) -> Int64 { 1 << Int64(max(0, 63 - x.magnitude.leadingZeroBitCount - digits + 1)) }
}

/// The distributions that share a kernel. Raw values are those of the kernels.
private enum ContinuousDistribution: Int {
  case uniform = 0
  case normal, exponential, logNormal, cauchy, geometric
}

extension CUDABackend {
  public func makeGeneratorState(seed: UInt64) -> any GeneratorState { PhiloxGenerator(seed: seed, on: self) }

  public func fill(_ output: Operand, from distribution: RandomDistribution, state: any GeneratorState) throws(EmberError) {
    guard let generator = state as? PhiloxGenerator, generator.backend === self else {
      throw EmberError(.device, in: "random", "the generator belongs to another device than \(device)")
    }
    if output.shape.elementCount == 0 { return }
    if !fill(output, from: distribution, generator) {
      throw EmberError(.dtype, in: "random", "\(distribution) cannot be drawn as \(output.dtype)")
    }
  }

  private func fill(_ output: Operand, from distribution: RandomDistribution, _ generator: PhiloxGenerator) -> Bool {
    let dtype = output.dtype
    switch distribution {
    case .uniform(let low, let high):
      // The width as the drawing type has it.
      let width = dtype == .float64 ? high - low : Double(Float(high) - Float(low))
      return fill(output, .uniform, low, width, low: low, high: high, generator)
    case .normal(let mean, let deviation): return fill(output, .normal, mean, deviation, generator)
    case .exponential(let rate): return fill(output, .exponential, -1 / rate, 0, generator)
    case .logNormal(let mean, let deviation): return fill(output, .logNormal, mean, deviation, generator)
    case .cauchy(let median, let sigma): return fill(output, .cauchy, median, sigma, generator)
    case .geometric(let probability): return fill(output, .geometric, probability, 0, generator)
    case .integers(let low, let high): return fillIntegers(output, low, high, generator)
    case .permutation: return fillPermutation(output, generator)
    case .bernoulli(let probability):
      guard dtype.isDrawable else { return false }
      fill(output, "fill_bernoulli", [.type(dtype)], numbersPerBlock: 4, generator) {
        $0.add(UInt64((probability * 0x1p32).rounded()))
      }
      return true
    }
  }

  private func fill(
    _ output: Operand, _ distribution: ContinuousDistribution, _ a: Double, _ b: Double, low: Double = 0, high: Double = 0,
    _ generator: PhiloxGenerator
  ) -> Bool {
    let dtype = output.dtype
    guard dtype.isDrawableFloat || (distribution == .geometric && dtype.isDrawable && dtype != .bool) else { return false }
    fill(
      output, "fill_random", [.type(dtype), .number(distribution.rawValue)], numbersPerBlock: dtype.numbersPerBlock, generator
    ) {
      $0.add(a)
      $0.add(b)
      $0.add(low)
      $0.add(high)
    }
    return true
  }

  /// Fills an output by a kernel of output, count, generator, parameters, and whether a block's numbers can be written at once.
  private func fill(
    _ output: Operand, _ kernel: StaticString, _ template: [TemplateArgument], numbersPerBlock each: Int, _ generator: PhiloxGenerator,
    _ parameters: (inout LaunchArguments) -> Void
  ) {
    let count = output.shape.elementCount, blocks = quotientRoundedUp(count, each)
    let isAligned = UInt(bitPattern: output.pointer) % UInt(each * output.dtype.size) == 0
    launch(.random, kernel, template, blocks: randomBlocks(blocks), threads: 256) {
      $0.add(output.pointer)
      $0.add(Int64(count))
      $0.addBytes(of: generator.take(blocks: blocks))
      parameters(&$0)
      $0.add(Int32(isAligned ? 1 : 0))
    }
  }

  private func randomBlocks(_ work: Int) -> Int { min(quotientRoundedUp(work, 256), multiprocessorCount * 16) }

  private func fillIntegers(_ output: Operand, _ low: Int64, _ high: Int64, _ generator: PhiloxGenerator) -> Bool {
    let dtype = output.dtype
    guard dtype.isDrawable else { return false }
    let held = FloatingIntegers(digits: dtype.digits)
    let low = dtype.isFloatingPoint ? held.low(low) : low, high = dtype.isFloatingPoint ? held.high(high) : high
    guard low < high else { return false }
    fillIntegers(output, low, range: UInt64(bitPattern: high) &- UInt64(bitPattern: low), generator)
    return true
  }

  /// A range of 0 stands for 2^64.
  private func fillIntegers(_ output: Operand, _ low: Int64, range: UInt64, _ generator: PhiloxGenerator) {
    fill(output, "fill_integers", [.type(output.dtype)], numbersPerBlock: 2, generator) {
      $0.add(low)
      $0.add(range)
    }
  }

  /// The order of random keys, of which two among n are the same with probability below n² / 2^65.
  private func fillPermutation(_ output: Operand, _ generator: PhiloxGenerator) -> Bool {
    guard output.dtype == .int64 else { return false }
    let n = output.shape.elementCount
    return withScratch(n * 16) { scratch in
      let shape = Shape([n])
      let keys = Operand(pointer: scratch, dtype: .int64, shape: shape, strides: Strides([1]))
      let sorted = Operand(pointer: scratch + n * 8, dtype: .int64, shape: shape, strides: Strides([1]))
      fillIntegers(keys, 0, range: 0, generator)
      return sort(
        AxisOperand(keys, outer: 1, count: n, inner: 1, strides: (n, 1, 1)), descending: false, values: sorted, indices: output)
    } ?? true
  }

  // MARK: A distribution for each element

  func drawBernoulli(_ probabilities: Operand, into output: Operand, _ generator: PhiloxGenerator) -> Bool {
    guard output.dtype.isDrawable, probabilities.dtype.isDrawableFloat else { return false }
    let count = output.shape.elementCount, blocks = quotientRoundedUp(count, probabilities.dtype.numbersPerBlock)
    if count == 0 { return true }
    launch(
      .random, "draw_bernoulli_elements", [.type(output.dtype), .type(probabilities.dtype)], blocks: randomBlocks(blocks), threads: 256
    ) {
      $0.add(probabilities.pointer)
      $0.add(output.pointer)
      $0.add(Int64(count))
      $0.addBytes(of: generator.take(blocks: blocks))
    }
    return true
  }

  func drawGamma(_ shapes: Operand, into output: Operand, _ generator: PhiloxGenerator) -> Bool {
    let dtype = shapes.dtype, count = output.shape.elementCount
    guard dtype.isDrawableFloat else { return false }
    if count == 0 { return true }
    let least = dtype == .float64 ? 0x1p-1022 : dtype == .float16 ? 0x1p-14 : 0x1p-126
    launch(.random, "draw_gamma_elements", [.type(dtype)], blocks: randomBlocks(count), threads: 256) {
      $0.add(shapes.pointer)
      $0.add(output.pointer)
      $0.add(Int64(count))
      $0.addBytes(of: generator.take(blocks: count))
      $0.add(least)
    }
    return true
  }

  /// Bad weights are found on the device, and the error comes where the host next waits.
  func drawMultinomial(
    _ weights: Operand, rows: Int, samples: Int, replacement: Bool, into output: Operand, _ generator: PhiloxGenerator
  ) -> Bool {
    let dtype = weights.dtype, categories = weights.shape.elementCount / max(rows, 1)
    guard dtype.isDrawableFloat, categories > 0, samples > 0, replacement || samples <= categories else { return false }
    if !replacement || samples == 1 {
      return drawDistinct(weights, rows: rows, categories: categories, samples: samples, into: output, generator)
    }
    let draws = rows * samples
    withScratch(rows * categories * 8) { sums in
      launch(.random, "multinomial_sums", [.type(dtype)], blocks: rows, threads: 256) {
        $0.add(weights.pointer)
        $0.add(sums)
        $0.add(Int64(categories))
        $0.addErrorWord("multinomial")
      }
      launch(.random, "multinomial_search", [.type(dtype)], blocks: quotientRoundedUp(draws, 256), threads: 256) {
        $0.add(weights.pointer)
        $0.add(sums)
        $0.add(output.pointer)
        $0.add(Int64(rows))
        $0.add(Int64(categories))
        $0.add(Int64(samples))
        $0.addBytes(of: generator.take(blocks: quotientRoundedUp(draws, 2)))
      }
    }
    return true
  }

  /// Without replacement: the largest of weight / exponential variate, which come in proportion to the weights.
  private func drawDistinct(
    _ weights: Operand, rows: Int, categories: Int, samples: Int, into output: Operand, _ generator: PhiloxGenerator
  ) -> Bool {
    let drawn = weights.dtype == .float64 ? DType.float64 : .float32, count = rows * categories
    return withScratch((count + rows * samples) * drawn.size) { scratch in
      launch(.random, "multinomial_keys", [.type(weights.dtype)], blocks: rows, threads: 256) {
        $0.add(weights.pointer)
        $0.add(scratch)
        $0.add(Int64(categories))
        $0.addBytes(of: generator.take(blocks: quotientRoundedUp(count, drawn.numbersPerBlock)))
        $0.addErrorWord("multinomial")
      }
      let shape = Shape([rows, categories]), chosen = Shape([rows, samples])
      let keys = AxisOperand(
        Operand(pointer: scratch, dtype: drawn, shape: shape, strides: shape.contiguousStrides), outer: rows, count: categories, inner: 1,
        strides: (categories, 1, 1))
      let indices = Operand(pointer: output.pointer, dtype: .int64, shape: chosen, strides: chosen.contiguousStrides)
      if samples == 1 { return reduce(.argmax, keys, into: indices) }
      let values = Operand(
        pointer: scratch + count * drawn.size, dtype: drawn, shape: chosen, strides: chosen.contiguousStrides)
      return topK(keys, k: samples, largest: true, sorted: true, values: values, indices: indices)
    } ?? true
  }
}

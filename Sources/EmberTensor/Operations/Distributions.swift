import EmberRuntime

// Draws with this tensor's shape, dtype and device; its elements do not matter.
extension Tensor {
  private func drawn(_ name: String, from distribution: RandomDistribution, _ generator: Generator?) -> Tensor {
    if isPoisoned { return .poison }
    return Tensor.draw(name, Array(shape), distribution, dtype, device, generator)
  }

  /// A tensor like this one, uniform in [low, high).
  public func uniformLike(_ low: Double = 0, _ high: Double = 1, generator: Generator? = nil) -> Tensor {
    if dtype.isComplex {
      // Both parts are drawn, in turn.
      let parts = Tensor.empty(Array(shape) + [2], dtype: dtype.realType, on: device)
      return parts.uniformLike(low, high, generator: generator).viewAsComplex()
    }
    return accepting(.floatingPoint, in: "uniform", self) {
      guard low <= high, (high - low).isFinite else {
        return refuse(.value, "uniform", "the range \(low) ..< \(high) is empty or has no finite width")
      }
      return drawn("uniform", from: .uniform(low: low, high: high), generator)
    }
  }

  /// A tensor like this one, normal.
  public func normalLike(mean: Double = 0, std: Double = 1, generator: Generator? = nil) -> Tensor {
    accepting([.floatingPoint, .complex], in: "normal", self) {
      Tensor.normal(Array(shape), mean: mean, std: std, dtype: dtype, on: device, generator: generator)
    }
  }

  /// A tensor like this one whose logarithm is normal.
  public func logNormalLike(mean: Double = 1, std: Double = 2, generator: Generator? = nil) -> Tensor {
    accepting(.floatingPoint, in: "log_normal", self) {
      guard std > 0 else { return refuse(.value, "log_normal", "a standard deviation of \(std); it must be positive") }
      return drawn("log_normal", from: .logNormal(mean: mean, standardDeviation: std), generator)
    }
  }

  /// A tensor like this one from Cauchy's distribution.
  public func cauchyLike(median: Double = 0, sigma: Double = 1, generator: Generator? = nil) -> Tensor {
    accepting(.floatingPoint, in: "cauchy", self) {
      guard sigma > 0 else { return refuse(.value, "cauchy", "a scale of \(sigma); it must be positive") }
      return drawn("cauchy", from: .cauchy(median: median, sigma: sigma), generator)
    }
  }

  /// A tensor like this one from the exponential distribution.
  public func exponentialLike(rate: Double = 1, generator: Generator? = nil) -> Tensor {
    accepting(.floatingPoint, in: "exponential", self) {
      guard rate > 0 else { return refuse(.value, "exponential", "a rate of \(rate); it must be positive") }
      return drawn("exponential", from: .exponential(rate: rate), generator)
    }
  }

  /// A tensor like this one of the numbers of trials up to the first success: 1, 2, …
  public func geometricLike(probability: Double, generator: Generator? = nil) -> Tensor {
    accepting([.integer, .floatingPoint], in: "geometric", self) {
      guard probability > 0, probability < 1 else {
        return refuse(.value, "geometric", "a probability of \(probability); it must lie between 0 and 1")
      }
      return drawn("geometric", from: .geometric(probability: probability), generator)
    }
  }

  /// Positions drawn with these weights: [samples] from [categories], [rows, samples] from [rows, categories].
  ///
  /// Weights must be finite and not negative, with a positive sum; without replacement there must be `samples` of them.
  public func multinomial(_ samples: Int, replacement: Bool = false, generator: Generator? = nil) -> Tensor {
    accepting(.floatingPoint, in: "multinomial", self) {
      composeDrawing("multinomial", self) { weights throws(EmberError) in try weights.drawnIndices(samples, replacement, generator) }
    }
  }

  private func drawnIndices(_ samples: Int, _ replacement: Bool, _ generator: Generator?) throws(EmberError) -> Tensor {
    guard rank == 1 || rank == 2 else {
      throw EmberError(.shape, in: "multinomial", "weights must have one or two dimensions, not be \(summary)")
    }
    let categories = shape[rank - 1]
    guard samples > 0, categories > 0, replacement || samples <= categories else {
      throw EmberError(.value, in: "multinomial", "\(samples) samples of \(summary)" + (replacement ? "" : " without replacement"))
    }
    let dense = try dense()
    let extents = rank == 1 ? [samples] : [shape[0], samples]
    let result = try Tensor.empty(shape: Shape(extents), dtype: .int64, like: self)
    if backend.holdsData, elementCount > 0 {
      let rows = elementCount / categories
      let isDrawn = try Generator.choose(generator, for: device, in: "multinomial").withState {
        $0.multinomial(dense.operand, rows: rows, samples: samples, replacement: replacement, into: result.operand)
      }
      guard isDrawn else {
        throw EmberError(
          .value, in: "multinomial",
          "a row of \(summary) has a weight that is negative, infinite or NaN, no positive one, or too few for \(samples) samples")
      }
    }
    return result
  }
}

// MARK: - Normal variates with tensors of means and deviations

extension Tensor {
  /// Normal variates with a mean, and possibly a standard deviation, for each element; both broadcast.
  public static func normal(mean: Tensor, std: Tensor, generator: Generator? = nil) -> Tensor {
    accepting([.floatingPoint, .complex], in: "normal", mean) {
      accepting(.floatingPoint, in: "normal", std) {
        attempt { () throws(EmberError) in
          guard let shape = mean.body.shape.broadcast(with: std.body.shape) else {
            throw EmberError(.shape, in: "normal", "means \(mean.summary) and deviations \(std.summary) do not broadcast")
          }
          if std.backend.holdsData, (std .< 0).holdsSomewhere() {
            throw EmberError(.value, in: "normal", "a standard deviation is negative")
          }
          let dtype = TypePromotion.promote(mean.dtype, std.dtype)
          let standard = randn(Array(shape), dtype: dtype, on: mean.device, generator: generator)
          return (standard * std + mean).to(dtype)
        }
      }
    }
  }

  public static func normal(mean: Tensor, std: Double = 1, generator: Generator? = nil) -> Tensor {
    accepting([.floatingPoint, .complex], in: "normal", mean) {
      normal(Array(mean.shape), mean: 0, std: std, dtype: mean.dtype, on: mean.device, generator: generator) + mean
    }
  }
}

// MARK: - Registration

extension OperatorRegistry {
  mutating func addRandomFunctions() {
    addDrawsInPlace()
    addDropout()
    add("aten::bernoulli(Tensor self, *, Generator? generator=None) -> Tensor") { (p: Tensor, generator: Generator?) in
      p.bernoulli(generator: generator)
    }
    add("aten::bernoulli.out(Tensor self, *, Generator? generator=None, Tensor(a!) out) -> Tensor(a!)") {
      (p: Tensor, generator: Generator?, out: Tensor) in
      try written(p.bernoulli(generator: generator), to: out, in: "bernoulli", mayConvert: true)
    }
    add("aten::multinomial(Tensor self, int num_samples, bool replacement=False, *, Generator? generator=None) -> Tensor") {
      (weights: Tensor, samples: Int, replacement: Bool, generator: Generator?) in
      weights.multinomial(samples, replacement: replacement, generator: generator)
    }
    add(
      "aten::multinomial.out(Tensor self, int num_samples, bool replacement=False, *, Generator? generator=None, Tensor(a!) out) -> "
        + "Tensor(a!)"
    ) {
      (weights: Tensor, samples: Int, replacement: Bool, generator: Generator?, out: Tensor) in
      guard out.dtype == .int64 else { throw EmberError(.dtype, in: "multinomial", "the output must be int64, not \(out.summary)") }
      return try written(weights.multinomial(samples, replacement: replacement, generator: generator), to: out, in: "multinomial")
    }
    add("aten::normal.Tensor_Tensor(Tensor mean, Tensor std, *, Generator? generator=None) -> Tensor") {
      (mean: Tensor, std: Tensor, generator: Generator?) in Tensor.normal(mean: mean, std: std, generator: generator)
    }
    add("aten::normal.Tensor_float(Tensor mean, float std=1, *, Generator? generator=None) -> Tensor") {
      (mean: Tensor, std: Double, generator: Generator?) in Tensor.normal(mean: mean, std: std, generator: generator)
    }
    let options = "ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None"
    add("aten::normal.float_float(float mean, float std, int[] size, *, Generator? generator=None, \(options)) -> Tensor") {
      (mean: Double, std: Double, size: [Int], generator: Generator?, dtype: DType?, _: OperatorValue, device: Device?, _: Bool?) in
      Tensor.normal(size, mean: mean, std: std, dtype: dtype ?? .float32, on: device ?? .cpu, generator: generator)
    }
    add("aten::randn(int[] size, *, \(options), bool requires_grad=False) -> Tensor") {
      (size: [Int], dtype: DType?, _: OperatorValue, device: Device?, _: Bool?, requiresGrad: Bool) in
      Tensor.randn(size, dtype: dtype ?? .float32, on: device ?? .cpu, requiresGrad: requiresGrad)
    }
    add("aten::rand(int[] size, *, \(options), bool requires_grad=False) -> Tensor") {
      (size: [Int], dtype: DType?, _: OperatorValue, device: Device?, _: Bool?, requiresGrad: Bool) in
      Tensor.rand(size, dtype: dtype ?? .float32, on: device ?? .cpu, requiresGrad: requiresGrad)
    }
    add("aten::randint(int high, int[] size, *, \(options), bool requires_grad=False) -> Tensor") {
      (high: Int, size: [Int], dtype: DType?, _: OperatorValue, device: Device?, _: Bool?, _: Bool) in
      Tensor.randint(0, high, size, dtype: dtype ?? .int64, on: device ?? .cpu)
    }
    add("aten::randint.low(int low, int high, int[] size, *, \(options), bool requires_grad=False) -> Tensor") {
      (low: Int, high: Int, size: [Int], dtype: DType?, _: OperatorValue, device: Device?, _: Bool?, _: Bool) in
      Tensor.randint(low, high, size, dtype: dtype ?? .int64, on: device ?? .cpu)
    }
    add("aten::randint_like(Tensor self, int high, *, \(options), MemoryFormat? memory_format=None) -> Tensor") {
      (x: Tensor, high: Int, dtype: DType?, _: OperatorValue, device: Device?, _: Bool?, _: OperatorValue) in
      Tensor.randint(0, high, Array(x.shape), dtype: dtype ?? x.dtype, on: device ?? x.device)
    }
    add("aten::randint_like.low_dtype(Tensor self, int low, int high, *, \(options), MemoryFormat? memory_format=None) -> Tensor") {
      (x: Tensor, low: Int, high: Int, dtype: DType?, _: OperatorValue, device: Device?, _: Bool?, _: OperatorValue) in
      Tensor.randint(low, high, Array(x.shape), dtype: dtype ?? x.dtype, on: device ?? x.device)
    }
  }

  /// ATen's functions that fill a tensor in place: here they give the filled tensor.
  private mutating func addDrawsInPlace() {
    add("aten::uniform_(Tensor(a!) self, float from=0, float to=1, *, Generator? generator=None) -> Tensor(a!)") {
      (x: Tensor, low: Double, high: Double, generator: Generator?) in x.uniformLike(low, high, generator: generator)
    }
    add("aten::normal_(Tensor(a!) self, float mean=0, float std=1, *, Generator? generator=None) -> Tensor(a!)") {
      (x: Tensor, mean: Double, std: Double, generator: Generator?) in x.normalLike(mean: mean, std: std, generator: generator)
    }
    add("aten::log_normal_(Tensor(a!) self, float mean=1, float std=2, *, Generator? generator=None) -> Tensor(a!)") {
      (x: Tensor, mean: Double, std: Double, generator: Generator?) in x.logNormalLike(mean: mean, std: std, generator: generator)
    }
    add("aten::cauchy_(Tensor(a!) self, float median=0, float sigma=1, *, Generator? generator=None) -> Tensor(a!)") {
      (x: Tensor, median: Double, sigma: Double, generator: Generator?) in x.cauchyLike(median: median, sigma: sigma, generator: generator)
    }
    add("aten::exponential_(Tensor(a!) self, float lambd=1, *, Generator? generator=None) -> Tensor(a!)") {
      (x: Tensor, rate: Double, generator: Generator?) in x.exponentialLike(rate: rate, generator: generator)
    }
    add("aten::geometric_(Tensor(a!) self, float p, *, Generator? generator=None) -> Tensor(a!)") {
      (x: Tensor, probability: Double, generator: Generator?) in x.geometricLike(probability: probability, generator: generator)
    }
  }
}

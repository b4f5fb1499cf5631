import EmberRuntime

extension Tensor {
  /// In training, each element set to 0 with probability `p` and the others divided by 1 - p; otherwise self.
  ///
  /// Srivastava et al., 2014. Draws as PyTorch does: one Bernoulli(1 - p) number per element.
  public func dropout(_ p: Double = 0.5, training: Bool = true, generator: Generator? = nil) -> Tensor {
    dropping("dropout", p, training, Array(shape), generator) { kept in self * (kept / (1 - p)) }
  }

  /// Drops whole channels: the dimensions behind the first two share one number. Tompson et al., 2015.
  public func featureDropout(_ p: Double = 0.5, training: Bool = true, generator: Generator? = nil) -> Tensor {
    dropping("feature_dropout", p, training, featureShape, generator) { kept in self * (kept / (1 - p)) }
  }

  /// Dropout that keeps mean and variance of a layer of SELUs: what is dropped becomes their limit. Klambauer et al., 2017.
  public func alphaDropout(_ p: Double = 0.5, training: Bool = false, generator: Generator? = nil) -> Tensor {
    dropping("alpha_dropout", p, training, Array(shape), generator) { kept in selfNormalizing(kept, p) }
  }

  /// The same of whole channels.
  public func featureAlphaDropout(_ p: Double = 0.5, training: Bool = false, generator: Generator? = nil) -> Tensor {
    dropping("feature_alpha_dropout", p, training, featureShape, generator) { kept in selfNormalizing(kept, p) }
  }

  /// A leaky ReLU whose slope is drawn from lower ... upper for each element in training, and is their mean otherwise. Xu et al., 2015.
  ///
  /// Draws as PyTorch does: a float64 number for each element that is not positive, in order.
  public func rrelu(_ lower: Double = 1.0 / 8, _ upper: Double = 1.0 / 3, training: Bool = false, generator: Generator? = nil) -> Tensor {
    accepting(.floatingPoint, in: "rrelu", self) {
      guard lower <= upper, lower.isFinite, upper.isFinite else {
        return refuse(.value, "rrelu", "slopes from \(lower) to \(upper); they must be finite, the lower one first")
      }
      guard training else { return leakyReLU(negativeSlope: (lower + upper) / 2) }
      let slopes = composeDrawing("rrelu", noGrad { detach() .<= 0 }) { isSloped in
        guard isSloped.backend.holdsData else { return isSloped.to(.float64) }
        let count = isSloped.sum().item(as: Int.self)
        if count == 0 { return Tensor.ones(Array(isSloped.shape), dtype: .float64, on: isSloped.device) }
        let drawn = Tensor.uniform([count], lower, upper, dtype: .float64, on: isSloped.device, generator: generator)
        let position = (isSloped.reshape(-1).cumsum(0) - 1).clamp(min: 0)
        let slopes = drawn.gather(dim: 0, index: position).reshape(Array(isSloped.shape))
        return `where`(isSloped, slopes, Tensor.ones([], dtype: .float64, on: isSloped.device))
      }
      return self * slopes.to(dtype)
    }
  }

  /// One number for each channel of each sample.
  private var featureShape: [Int] { rank < 2 ? [1, 1] : shape.enumerated().map { $0.offset < 2 ? $0.element : 1 } }

  private func selfNormalizing(_ kept: Tensor, _ p: Double) -> Tensor {
    // SELU's limit is -1.7580993408473766.
    let limit = 1.7580993408473766
    let scale = 1 / ((limit * limit * p + 1) * (1 - p)).squareRoot()
    let shift = (kept - 1) * (limit * scale) + limit * scale * p
    return self * (kept * scale) + shift
  }

  private func dropping(
    _ operation: String, _ p: Double, _ training: Bool, _ shape: [Int], _ generator: Generator?, _ apply: (Tensor) -> Tensor
  ) -> Tensor {
    guard mayRun(operation, self) else { return .poison }
    guard p >= 0, p <= 1 else { return refuse(.value, operation, "p = \(p); it must lie in 0 ... 1") }
    if !training || p == 0 || elementCount == 0 { return self }
    return accepting([.floatingPoint, .complex], in: operation, self) {
      guard shape.count == rank else { return refuse(.shape, operation, "whole channels need two dimensions or more, not \(summary)") }
      if p == 1 { return self * Tensor.zeros([], dtype: dtype, on: device) }
      return apply(Tensor.bernoulli(shape, probability: 1 - p, dtype: dtype.realType, on: device, generator: generator))
    }
  }
}

extension OperatorRegistry {
  /// `torch.nn.functional`'s functions; `inplace` changes nothing, values having no aliases here.
  mutating func addDropout() {
    func add(_ name: String, trainsByDefault: Bool, _ function: @escaping @Sendable (Tensor, Double, Bool) throws -> Tensor) {
      let training = trainsByDefault ? "True" : "False"
      self.add("torch.nn.functional.\(name)(Tensor input, float p=0.5, bool training=\(training), bool inplace=False) -> Tensor") {
        (x: Tensor, p: Double, training: Bool, _: Bool) in try function(x, p, training)
      }
    }
    add("dropout", trainsByDefault: true) { $0.dropout($1, training: $2) }
    add("dropout1d", trainsByDefault: true) { x, p, training in
      // Without a batch the channels come first.
      x.rank == 2 ? x.unsqueeze(0).featureDropout(p, training: training).squeeze(0) : x.featureDropout(p, training: training)
    }
    add("dropout2d", trainsByDefault: true) { $0.featureDropout($1, training: $2) }
    add("dropout3d", trainsByDefault: true) { x, p, training in
      x.rank == 4 ? x.unsqueeze(0).featureDropout(p, training: training).squeeze(0) : x.featureDropout(p, training: training)
    }
    add("alpha_dropout", trainsByDefault: false) { $0.alphaDropout($1, training: $2) }
    add("feature_alpha_dropout", trainsByDefault: false) { $0.featureAlphaDropout($1, training: $2) }
    let slopes = "float lower=0.125, float upper=0.3333333333333333"
    self.add("torch.nn.functional.rrelu(Tensor input, \(slopes), bool training=False, bool inplace=False) -> Tensor") {
      (x: Tensor, lower: Double, upper: Double, training: Bool, _: Bool) in x.rrelu(lower, upper, training: training) }
  }
}

import EmberRuntime

/// How a quantile between two elements is read.
public enum QuantileInterpolation: String, Sendable {
  case linear, lower, higher, midpoint, nearest
}

extension Tensor {
  /// Quantiles along a dimension, of all elements if none is given. `q` is a number or a vector of numbers from 0 to 1; a vector's
  /// results lie along a new first dimension. NaN if an element is.
  public func quantile(
    _ q: Tensor, dim: Int? = nil, keepDim: Bool = false, interpolation: QuantileInterpolation = .linear
  ) -> Tensor { quantile("quantile", q, dim, keepDim, interpolation, ignoresNaN: false) }

  /// As `quantile`, of the elements that are not NaN.
  public func nanQuantile(
    _ q: Tensor, dim: Int? = nil, keepDim: Bool = false, interpolation: QuantileInterpolation = .linear
  ) -> Tensor { quantile("nanquantile", q, dim, keepDim, interpolation, ignoresNaN: true) }

  private func quantile(
    _ operation: String, _ q: Tensor, _ dim: Int?, _ keepDim: Bool, _ interpolation: QuantileInterpolation, ignoresNaN: Bool
  ) -> Tensor {
    guard mayRun(operation, self), mayRun(operation, q) else { return .poison }
    return withDimension(dim ?? 0, operation) { wrapped in
      guard dtype == .float32 || dtype == .float64, q.dtype == dtype, q.rank <= 1 else {
        return refuse(
          .dtype, operation, "\(summary) at \(q.summary); both must be float32, or both float64, q at most a vector", beside: self)
      }
      guard elementCount > 0 else { return refuse(.shape, operation, "\(summary) has no elements", beside: self) }
      if q.backend.holdsData, q.elementCount > 0, noGrad({ !((q .>= 0) & (q .<= 1)) }).holdsSomewhere() {
        return refuse(.value, operation, "q must be from 0 to 1", beside: self)
      }
      let last = dim == nil ? flatten() : rank == 0 ? reshape([1]) : movedim(wrapped, -1)
      let sorted = last.sort(-1).values
      let extent = sorted.size(-1)
      // Positions of the quantiles among the sorted elements, [..., q]; NaN comes last.
      let points = q.flatten()
      var ranks: Tensor
      if ignoresNaN {
        let count = noGrad { (!sorted.detach().isNaN).sum([-1], keepDim: true) }
        ranks = (points * (count - 1).to(dtype)).clamp(min: 0)
      } else {
        let hasNaN = noGrad { sorted.detach().narrow(-1, start: extent - 1, length: 1).isNaN }
        ranks = (points * Double(extent - 1)).expand(Array(sorted.shape.dropLast()) + [points.elementCount]).maskedFill(
          hasNaN, .integer(Int64(extent - 1)))
      }
      switch interpolation {
      case .lower: ranks = ranks.floor()
      case .higher: ranks = ranks.ceil()
      case .nearest: ranks = ranks.round()
      case .linear, .midpoint: break
      }
      let below = noGrad { ranks.detach().to(.int64) }
      var result = sorted.gather(dim: -1, index: below)
      if interpolation == .linear || interpolation == .midpoint {
        let above = sorted.gather(dim: -1, index: noGrad { ranks.detach().ceil().to(.int64) })
        let weight = interpolation == .midpoint ? Tensor.full(like: ranks, 0.5) : ranks - below.to(dtype)
        result = Pointwise.choose(weight .< 0.5, result + weight * (above - result), above - (above - result) * (1 - weight))
      }
      // The dimension comes back where it was; the quantiles' own one goes to the front, or away.
      var kept = result.unsqueeze(-2).movedim(-1, 0)
      if dim == nil {
        kept = kept.reshape([points.elementCount] + Array(repeating: 1, count: rank))
      } else if rank > 0 {
        kept = kept.movedim(-1, wrapped + 1)
      }
      if !keepDim { kept = dim == nil ? kept.reshape([points.elementCount]) : rank == 0 ? kept.squeeze(1) : kept.squeeze(wrapped + 1) }
      if rank == 0, keepDim { kept = kept.reshape([points.elementCount]) }
      return q.rank == 0 ? kept.squeeze(0) : kept
    }
  }

  /// The covariance matrix of variables, one a row; columns are observations. Of one variable the result is a number.
  ///
  /// - Parameters:
  ///   - correction: the divisor is the number of observations less this.
  ///   - frequencies: how often each observation was made, integers.
  ///   - weights: how much each observation counts.
  public func covariance(correction: Int = 1, frequencies: Tensor? = nil, weights: Tensor? = nil) -> Tensor {
    if isPoisoned { return self }
    return attempt { () throws(EmberError) in
      func failure(_ message: String) -> EmberError { EmberError(.value, in: "cov", message) }
      guard rank <= 2, dtype != .bool else { throw failure("\(summary); it must have at most two dimensions, and not be bool") }
      let x = rank < 2 ? reshape([1, elementCount]) : self
      let observations = x.size(1)
      var weight: Tensor?
      if let frequencies {
        guard frequencies.rank <= 1, frequencies.dtype.isInteger, frequencies.elementCount == observations else {
          throw failure("frequencies \(frequencies.summary); give one integer for each of \(observations) observations")
        }
        if frequencies.backend.holdsData, observations > 0, (frequencies .< 0).holdsSomewhere() {
          throw failure("a frequency is negative")
        }
        weight = frequencies.flatten()
      }
      if let weights {
        guard weights.rank <= 1, weights.dtype.isFloatingPoint, weights.elementCount == observations else {
          throw failure("weights \(weights.summary); give one floating-point number for each of \(observations) observations")
        }
        if weights.backend.holdsData, observations > 0, noGrad({ weights.detach() .< 0 }).holdsSomewhere() {
          throw failure("a weight is negative")
        }
        weight = weight.map { $0 * weights.flatten() } ?? weights.flatten()
      }
      let total = weight.map { $0.sum() } ?? Tensor(.integer(Int64(observations)), on: device)
      let average = weight.map { (x * $0).sum(1) / total } ?? x.to(dtype.category <= .integer ? .float32 : dtype).mean(1)
      // The divisor is as PyTorch computes it from both kinds of weights; it is not below 0.
      var divisor = total - correction
      if let weights, let weight { divisor = total - (weight * weights.flatten()).sum() / total * correction }
      if weights == nil { divisor = divisor.to(average.dtype.realType) }
      divisor = divisor.clamp(min: 0)
      let centred = x - average.unsqueeze(1)
      let scaled = weight.map { centred * $0 } ?? centred
      let product = centred.matmul(scaled.t().conj()) / divisor
      return product.elementCount == 1 ? product.reshape([]) : product
    }
  }

  /// The matrix of correlation coefficients of variables, one a row: the covariance over both deviations, kept within -1 ... 1.
  public func correlation() -> Tensor {
    guard rank <= 2 else { return refuse(.shape, "corrcoef", "\(summary) has more than two dimensions", beside: self) }
    let c = covariance()
    if c.rank == 0 { return c / c }
    let deviation = c.diagonal().real.sqrt()
    let r = c / deviation.unsqueeze(1) / deviation.unsqueeze(0)
    if r.dtype.isComplex { return Pointwise.makeComplex(r.real.clamp(min: -1, max: 1), r.imag.clamp(min: -1, max: 1)) }
    return r.clamp(min: -1, max: 1)
  }

  // MARK: Comparison of whole tensors

  /// Whether all elements are equal, and the shapes. Different dtypes are compared in the one that they promote to.
  public func isEqual(to other: Tensor) -> Bool {
    if isPoisoned || other.isPoisoned { return false }
    return shape == other.shape && noGrad { (self .== other).all().item(as: Bool.self) }
  }

  /// Whether |self - other| ≤ absolute + relative · |other| everywhere; infinities are close to themselves, NaN only with `equalNaN`.
  public func allClose(_ other: Tensor, relative: Double = 1e-5, absolute: Double = 1e-8, equalNaN: Bool = false) -> Bool {
    guard mayRun("allclose", self), mayRun("allclose", other) else { return false }
    guard dtype == other.dtype, relative >= 0, absolute >= 0 else {
      raise(EmberError(.dtype, in: "allclose", "\(summary) and \(other.summary) must have one dtype, tolerances not be negative"))
      return false
    }
    return noGrad {
      var isClose = detach() .== other.detach()
      if equalNaN { isClose = isClose | (detach().isNaN & other.detach().isNaN) }
      let isExact = dtype.category <= .integer
      let a = isExact ? detach().to(.float64) : detach()
      let b = isExact ? other.detach().to(.float64) : other.detach()
      let distance = (a - b).abs()
      return (isClose | (distance.isFinite & (distance .<= b.abs() * relative + absolute))).all().item(as: Bool.self)
    }
  }
}

extension OperatorRegistry {
  mutating func addStatistics() {
    @Sendable func interpolation(_ name: String) throws(EmberError) -> QuantileInterpolation {
      guard let known = QuantileInterpolation(rawValue: name) else {
        throw EmberError(.value, in: "quantile", "interpolation \(name); it must be linear, lower, higher, midpoint or nearest")
      }
      return known
    }
    for (name, function) in [
      ("quantile", { @Sendable x, q, dim, keepDim, way in x.quantile(q, dim: dim, keepDim: keepDim, interpolation: way) }),
      ("nanquantile", { @Sendable x, q, dim, keepDim, way in x.nanQuantile(q, dim: dim, keepDim: keepDim, interpolation: way) }),
    ] as [(String, @Sendable (Tensor, Tensor, Int?, Bool, QuantileInterpolation) -> Tensor)] {
      add("aten::\(name)(Tensor self, Tensor q, int? dim=None, bool keepdim=False, *, str interpolation='linear') -> Tensor") {
        (x: Tensor, q: Tensor, dim: Int?, keepDim: Bool, way: String) in function(x, q, dim, keepDim, try interpolation(way))
      }
      add("aten::\(name).scalar(Tensor self, float q, int? dim=None, bool keepdim=False, *, str interpolation='linear') -> Tensor") {
        (x: Tensor, q: Double, dim: Int?, keepDim: Bool, way: String) in
        guard q >= 0, q <= 1 else { throw EmberError(.value, in: name, "q is \(q); it must be from 0 to 1") }
        return function(x, Tensor(.real(q), dtype: x.dtype, on: x.device), dim, keepDim, try interpolation(way))
      }
    }
    add("aten::cov(Tensor self, *, int correction=1, Tensor? fweights=None, Tensor? aweights=None) -> Tensor") {
      (x: Tensor, correction: Int, frequencies: Tensor?, weights: Tensor?) in
      x.covariance(correction: correction, frequencies: frequencies, weights: weights)
    }
    add("aten::corrcoef(Tensor self) -> Tensor") { (x: Tensor) in x.correlation() }
    add("aten::equal(Tensor self, Tensor other) -> bool") { (x: Tensor, other: Tensor) in x.isEqual(to: other) }
    add("aten::allclose(Tensor self, Tensor other, float rtol=1e-05, float atol=1e-08, bool equal_nan=False) -> bool") {
      (x: Tensor, other: Tensor, relative: Double, absolute: Double, equalNaN: Bool) in
      x.allClose(other, relative: relative, absolute: absolute, equalNaN: equalNaN)
    }
  }
}

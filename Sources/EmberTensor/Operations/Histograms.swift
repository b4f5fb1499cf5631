import CEmberKernels
import EmberRuntime

/// How often each number from 0 occurs, or with what total weight.
private let bincountKernels = KernelTable<@Sendable (Tensor, Int, Tensor?, Tensor) -> Int>(
  "bincount",
  cpu: { x, bins, weights, output in
    Int(
      ember_bincount(
        x.body.pointer?.assumingMemoryBound(to: Int64.self), Int64(x.elementCount), Int64(bins), Int32(output.dtype.rawValue),
        weights?.body.pointer,
        output.body.pointer))
  })

extension Tensor {
  /// How often each number from 0 occurs in this vector, or with what total weight: at least `minimumLength` entries.
  public func bincount(weights: Tensor? = nil, minimumLength: Int = 0) -> Tensor {
    guard mayRun("bincount", self), weights.map({ mayRun("bincount", $0) }) ?? true else { return .poison }
    return attempt { () throws(EmberError) in
      guard rank == 1, dtype.isInteger, minimumLength >= 0 else {
        throw EmberError(
          .value, in: "bincount",
          "\(summary) with a minimum length of \(minimumLength); it must be a vector of integers, the length not negative")
      }
      if let weights, weights.shape != shape {
        throw EmberError(.shape, in: "bincount", "weights \(weights.summary) for \(summary); the shapes must be equal")
      }
      guard backend.holdsData else {
        throw EmberError(.device, in: "bincount", "the result's shape depends on data, which \(summary) does not have")
      }
      let numbers = try to(.int64).dense()
      let bins = Swift.max(minimumLength, elementCount == 0 ? 0 : numbers.amax().item(as: Int.self) + 1)
      if elementCount > 0, numbers.amin().item(as: Int.self) < 0 {
        throw EmberError(.value, in: "bincount", "a number is negative; all must be 0 or more")
      }
      let target: DType = weights == nil || elementCount == 0 ? .int64 : weights!.dtype == .float32 ? .float32 : .float64
      let typed = try weights.map { weights throws(EmberError) in try weights.detach().to(target).dense() }
      let counts = try Tensor.empty(shape: [bins], dtype: target, like: self)
      if elementCount == 0 {
        counts.fillMemory(0)
      } else {
        _ = try bincountKernels.kernel(on: device)!(numbers, bins, typed, counts)
      }
      return counts
    }
  }

  /// How many elements lie in each of `bins` intervals of equal width from `low` to `high`, of this dtype. Elements outside count
  /// nowhere. If both bounds are equal they are the smallest and the largest element.
  public func histc(_ bins: Int = 100, low: Double = 0, high: Double = 0) -> Tensor {
    guard mayRun("histc", self) else { return .poison }
    return attempt { () throws(EmberError) in
      guard dtype.category == .floatingPoint || dtype.isInteger, bins > 0 else {
        throw EmberError(.value, in: "histc", "\(bins) bins for \(summary); it must be real, the number of bins positive")
      }
      let x = detach().flatten()
      let (low, high) = try bounds("histc", x, low == high ? nil : (low, high), at: low, widening: 1)
      let isInside = (x .>= .real(low)) & (x .<= .real(high))
      let place = Tensor.histogramBins(x.maskedFill(!isInside, .real(low)), bins, low, high)
      return Tensor.zeros([bins], dtype: dtype, on: device).scatterAdd(dim: 0, index: place, source: isInside.to(dtype))
    }
  }

  /// A histogram over `bins` intervals of equal width and the edges of the intervals.
  ///
  /// - Parameters:
  ///   - range: from where to where; by default from the smallest to the largest element.
  ///   - weight: what each element counts, in this shape.
  ///   - density: whether the histogram is scaled to have the integral 1.
  public func histogram(
    _ bins: Int, range: (low: Double, high: Double)? = nil, weight: Tensor? = nil, density: Bool = false
  ) -> (histogram: Tensor, edges: Tensor) {
    let (histogram, edges) = flatten().unsqueeze(1).histogramDD(
      [bins], ranges: range.map { [$0] }, weight: weight?.flatten(), density: density)
    return (histogram, edges[0])
  }

  /// A histogram over the intervals between the given edges, which ascend.
  public func histogram(edges: Tensor, weight: Tensor? = nil, density: Bool = false) -> Tensor {
    flatten().unsqueeze(1).histogramDD(edges: [edges], weight: weight?.flatten(), density: density)
  }

  /// A histogram of points, whose coordinates lie along the last dimension, over a grid of bins of equal width, and the grid's edges.
  public func histogramDD(
    _ bins: [Int], ranges: [(low: Double, high: Double)]? = nil, weight: Tensor? = nil, density: Bool = false
  ) -> (histogram: Tensor, edges: [Tensor]) {
    guard mayRun("histogramdd", self) else { return (.poison, Array(repeating: .poison, count: bins.count)) }
    do throws(EmberError) {
      guard rank >= 2, size(-1) == bins.count, bins.allSatisfy({ (1...(1 << 40)).contains($0) }),
        ranges == nil || ranges!.count == bins.count
      else {
        throw EmberError(.value, in: "histogramdd", "bins \(bins) for \(summary); give a positive number for each of the last dimension")
      }
      let points = detach().reshape([elementCount / Swift.max(1, bins.count), bins.count])
      let edges = try bins.enumerated().map { d, count throws(EmberError) in
        let (low, high) = try bounds("histogramdd", points.select(1, d), ranges?[d], at: 0, widening: 0.5)
        return Tensor.linspace(low, high, count: count + 1, dtype: dtype, on: device)
      }
      return (histogramDD(edges: edges, weight: weight, density: density), edges)
    } catch {
      raise(error)
      return (.poison, Array(repeating: .poison, count: bins.count))
    }
  }

  /// A histogram of points, whose coordinates lie along the last dimension, over a grid with the given edges, one vector a coordinate.
  public func histogramDD(edges: [Tensor], weight: Tensor? = nil, density: Bool = false) -> Tensor {
    guard mayRun("histogramdd", self) else { return .poison }
    return attempt { () throws(EmberError) in
      guard rank >= 2, dtype == .float32 || dtype == .float64, size(-1) == edges.count, edges.count <= maximumRank,
        edges.allSatisfy({ $0.rank == 1 && $0.elementCount > 0 && $0.dtype == dtype })
      else {
        throw EmberError(
          .value, in: "histogramdd",
          "edges \(edges.map(\.summary)) for \(summary); give a vector of its dtype, float32 or float64, for each of the last dimension")
      }
      if let weight, weight.dtype != dtype || !weight.shape.elementsEqual(shape.dropLast()) {
        throw EmberError(.shape, in: "histogramdd", "weights \(weight.summary) for \(summary); give one of its dtype for each point")
      }
      let count = elementCount / Swift.max(1, edges.count)
      let points = detach().reshape([count, edges.count])
      var amount = weight.map { $0.detach().flatten() } ?? Tensor.ones([count], dtype: dtype, on: device)
      var place = Tensor.zeros([count], dtype: .int64, on: device)
      let bins = edges.map { $0.elementCount - 1 }
      for (d, edge) in edges.enumerated() {
        let x = points.select(1, d).contiguous()
        let last = edge.select(0, -1)
        // Every interval begins at its edge; the last one has its end as well.
        var interval = edge.searchSorted(x, right: true) - 1
        interval = Pointwise.choose(x .== last, Tensor(.integer(Int64(bins[d] - 1)), on: device), interval)
        let isInside = (interval .>= 0) & (interval .< .integer(Int64(bins[d]))) & !x.isNaN
        amount = amount.maskedFill(!isInside, 0)
        place = place * bins[d] + interval.maskedFill(!isInside, 0)
      }
      let total = bins.reduce(1, *)
      if total == 0 { return Tensor.zeros(bins, dtype: dtype, on: device) }
      var histogram = Tensor.zeros([total], dtype: dtype, on: device).scatterAdd(dim: 0, index: place, source: amount).reshape(bins)
      guard density else { return histogram }
      histogram = histogram / histogram.sum()
      for (d, edge) in edges.enumerated() { histogram = histogram / edge.diff().reshape(bins.indices.map { $0 == d ? bins[d] : 1 }) }
      return histogram
    }
  }

  /// In which of the intervals of equal width each element lies; all must lie in one. Computed in the elements' own precision, as
  /// PyTorch does.
  private static func histogramBins(_ x: Tensor, _ bins: Int, _ low: Double, _ high: Double) -> Tensor {
    ((x - low) * Double(bins) / (high - low)).to(.int64).clamp(max: .integer(Int64(bins - 1)))
  }

  /// The ends of a histogram: those given, else the extreme elements; made wider where they are equal.
  private func bounds(
    _ operation: String, _ x: Tensor, _ given: (low: Double, high: Double)?, at empty: Double, widening: Double
  ) throws(EmberError) -> (low: Double, high: Double) {
    var (low, high) = given ?? (empty, empty)
    if given == nil {
      if x.elementCount > 0, x.backend.holdsData {
        (low, high) = (x.amin().item(), x.amax().item())
      } else if widening < 1 {
        (low, high) = (0, 1)
      }
    }
    guard low.isFinite, high.isFinite, low <= high else {
      throw EmberError(.value, in: operation, "a range from \(low) to \(high); it must be finite and ascend")
    }
    return low == high ? (low - widening, high + widening) : (low, high)
  }
}

extension OperatorRegistry {
  mutating func addHistograms() {
    /// Pairs of bounds from a flat list.
    @Sendable func pairs(_ range: [Double]?, _ count: Int) throws(EmberError) -> [(low: Double, high: Double)]? {
      guard let range else { return nil }
      guard range.count == 2 * count else {
        throw EmberError(.value, in: "histogram", "\(range.count) bounds for \(count) dimensions; give two for each")
      }
      return (0..<count).map { (range[2 * $0], range[2 * $0 + 1]) }
    }
    add("aten::bincount(Tensor self, Tensor? weights=None, SymInt minlength=0) -> Tensor") { (x: Tensor, weights: Tensor?, length: Int) in
      x.bincount(weights: weights, minimumLength: length)
    }
    add("aten::histc(Tensor self, int bins=100, Scalar min=0, Scalar max=0) -> Tensor") {
      (x: Tensor, bins: Int, low: Scalar, high: Scalar) in
      x.histc(bins, low: low.doubleValue, high: high.doubleValue)
    }
    add(
      """
      aten::histogram.bin_ct(Tensor self, int bins=100, *, float[]? range=None, Tensor? weight=None, bool density=False) \
      -> (Tensor hist, Tensor bin_edges)
      """
    ) { (x: Tensor, bins: Int, range: [Double]?, weight: Tensor?, density: Bool) in
      let (histogram, edges) = x.histogram(bins, range: try pairs(range, 1)?[0], weight: weight, density: density)
      return (histogram, edges)
    }
    add(
      "aten::histogram.bins_tensor(Tensor self, Tensor bins, *, Tensor? weight=None, bool density=False) -> (Tensor hist, Tensor bin_edges)"
    ) {
      (x: Tensor, edges: Tensor, weight: Tensor?, density: Bool) in (x.histogram(edges: edges, weight: weight, density: density), edges)
    }
    add(
      """
      aten::histogramdd(Tensor self, int[] bins, float[]? range=None, Tensor? weight=None, bool density=False) \
      -> (Tensor hist, Tensor[] bin_edges)
      """
    ) { (x: Tensor, bins: [Int], range: [Double]?, weight: Tensor?, density: Bool) in
      let (histogram, edges) = x.histogramDD(bins, ranges: try pairs(range, bins.count), weight: weight, density: density)
      return (histogram, edges)
    }
    add(
      """
      aten::histogramdd.int_bins(Tensor self, int bins, float[]? range=None, Tensor? weight=None, bool density=False) \
      -> (Tensor hist, Tensor[] bin_edges)
      """
    ) { (x: Tensor, bins: Int, range: [Double]?, weight: Tensor?, density: Bool) in
      let dimensions = x.rank == 0 ? 0 : x.size(-1)
      let all = Array(repeating: bins, count: dimensions)
      let (histogram, edges) = x.histogramDD(all, ranges: try pairs(range, dimensions), weight: weight, density: density)
      return (histogram, edges)
    }
    add(
      """
      aten::histogramdd.TensorList_bins(Tensor self, Tensor[] bins, float[]? range=None, Tensor? weight=None, bool density=False) \
      -> (Tensor hist, Tensor[] bin_edges)
      """
    ) { (x: Tensor, edges: [Tensor], _: [Double]?, weight: Tensor?, density: Bool) in
      (x.histogramDD(edges: edges, weight: weight, density: density), edges)
    }
  }
}

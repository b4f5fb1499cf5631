import EmberRuntime

extension Tensor {
  /// Differences of neighbours along a dimension, `order` times over; of truth values whether they differ.
  /// `prepend` and `append` are joined to the tensor first.
  public func diff(_ order: Int = 1, dim: Int = -1, prepend: Tensor? = nil, append: Tensor? = nil) -> Tensor {
    if isPoisoned { return self }
    guard rank > 0, order >= 0 else {
      return refuse(
        .shape, "diff", "order \(order) of \(summary); the order must not be negative, the tensor have a dimension", beside: self)
    }
    return withDimension(dim, "diff") { dim in
      for case let other? in [prepend, append] where !other.isPoisoned {
        guard other.rank == rank, (0..<rank).allSatisfy({ $0 == dim || other.size($0) == size($0) }) else {
          return refuse(.shape, "diff", "\(other.summary) cannot be joined to \(summary) along dimension \(dim)", beside: self)
        }
      }
      if order == 0 { return clone() }
      var x = self
      if prepend != nil || append != nil { x = cat([prepend, self, append].compactMap { $0 }, dim: dim) }
      for _ in 0..<order {
        let extent = x.size(dim)
        if extent == 0 { break }
        let after = x.narrow(dim, start: 1, length: extent - 1)
        let before = x.narrow(dim, start: 0, length: extent - 1)
        x = dtype == .bool ? after .!= before : after - before
      }
      return x
    }
  }

  /// How far apart the points of a dimension lie.
  public enum Spacing: Sendable {
    case step(Double)
    /// The coordinates of the points, a vector.
    case coordinates(Tensor)
  }

  /// The derivative along each of the dimensions (all by default), by central differences of second order; at the edges by
  /// one-sided ones of `edgeOrder` 1 or 2.
  ///
  /// - Parameter spacing: one for all dimensions, or one for each.
  public func gradient(spacing: [Spacing] = [.step(1)], _ dims: [Int]? = nil, edgeOrder: Int = 1) -> [Tensor] {
    let expected = dims?.count ?? (isPoisoned ? standInCount : rank)
    if isPoisoned { return Array(repeating: .poison, count: expected) }
    do throws(EmberError) {
      let list = try (dims ?? Array(0..<rank)).map { dim throws(EmberError) in try wrapDimension(dim, rank, in: "gradient") }
      guard Set(list).count == list.count else { throw EmberError(.value, in: "gradient", "a dimension is given twice in \(dims ?? [])") }
      guard edgeOrder == 1 || edgeOrder == 2 else {
        throw EmberError(.value, in: "gradient", "an edge order of \(edgeOrder); it must be 1 or 2")
      }
      guard spacing.count == list.count || spacing.count == 1 else {
        throw EmberError(.value, in: "gradient", "\(spacing.count) spacings for \(list.count) dimensions; give one, or one for each")
      }
      for dim in list where rank == 0 || size(dim) <= edgeOrder {
        throw EmberError(
          .shape, in: "gradient",
          "dimension \(dim) of \(summary) must have more than \(edgeOrder) elements for an edge order of \(edgeOrder)")
      }
      let x = dtype.category <= .integer ? to(.float32) : self
      return try list.enumerated().map { i, dim throws(EmberError) in
        try x.slopes(dim, spacing[spacing.count == 1 ? 0 : i], edgeOrder)
      }
    } catch {
      raise(error)
      return Array(repeating: .poison, count: expected)
    }
  }

  /// The slopes of second order through each point and its neighbours, at uneven distances too.
  private func slopes(_ dim: Int, _ spacing: Spacing, _ edgeOrder: Int) throws(EmberError) -> Tensor {
    let extent = size(dim)
    func part(_ start: Int, _ length: Int) -> Tensor { narrow(dim, start: start, length: length) }
    func aligned(_ vector: Tensor) -> Tensor { vector.reshape((0..<rank).map { $0 == dim ? vector.elementCount : 1 }) }
    switch spacing {
    case .step(let h):
      let center = (part(2, extent - 2) - part(0, extent - 2)) / (2 * h)
      guard edgeOrder == 2 else {
        return cat([(part(1, 1) - part(0, 1)) / h, center, (part(extent - 1, 1) - part(extent - 2, 1)) / h], dim: dim)
      }
      let first = (part(0, 1) * -1.5 + part(1, 1) * 2.0 - part(2, 1) * 0.5) / h
      let last = (part(extent - 1, 1) * 1.5 - part(extent - 2, 1) * 2.0 + part(extent - 3, 1) * 0.5) / h
      return cat([first, center, last], dim: dim)
    case .coordinates(let points):
      guard points.rank == 1, points.elementCount == extent else {
        throw EmberError(
          .shape, in: "gradient", "coordinates \(points.summary) for dimension \(dim) of \(summary); give one for each point")
      }
      let steps = points.to(dtype.realType).diff()
      let left = aligned(steps.narrow(0, start: 0, length: extent - 2))
      let right = aligned(steps.narrow(0, start: 1, length: extent - 2))
      let center =
        part(0, extent - 2) * (-right / (left * (left + right))) + part(1, extent - 2) * ((right - left) / (left * right))
        + part(2, extent - 2) * (left / (right * (left + right)))
      func step(_ i: Int) -> Tensor { aligned(steps.narrow(0, start: i, length: 1)) }
      guard edgeOrder == 2 else {
        return cat([(part(1, 1) - part(0, 1)) / step(0), center, (part(extent - 1, 1) - part(extent - 2, 1)) / step(extent - 2)], dim: dim)
      }
      // The parabola through the three points at an edge; a is the outer distance, b the inner one.
      func edge(_ a: Tensor, _ b: Tensor, _ y0: Tensor, _ y1: Tensor, _ y2: Tensor) -> Tensor {
        y0 * (-(a * 2 + b) / (a * (a + b))) + y1 * ((a + b) / (a * b)) - y2 * (a / (b * (a + b)))
      }
      let first = edge(step(0), step(1), part(0, 1), part(1, 1), part(2, 1))
      let last = -edge(step(extent - 2), step(extent - 3), part(extent - 1, 1), part(extent - 2, 1), part(extent - 3, 1))
      return cat([first, center, last], dim: dim)
    }
  }

  // MARK: Integrals by the trapezoidal rule

  /// The integral along a dimension over points `step` apart.
  public func trapezoid(step: Scalar = 1, dim: Int = -1) -> Tensor {
    trapezoids("trapezoid", dim) { trapezoids, dim in (trapezoids * step).sum(dim) / 2 }
  }

  /// The integral along a dimension over the given coordinates: a vector, or a tensor that broadcasts.
  public func trapezoid(_ coordinates: Tensor, dim: Int = -1) -> Tensor {
    trapezoids("trapezoid", dim) { sums, dim in
      weighted(sums, by: coordinates, dim) { weighted, dim in weighted.sum(dim) / 2 }
    }
  }

  /// The integrals from the first point to each later one.
  public func cumulativeTrapezoid(step: Scalar = 1, dim: Int = -1) -> Tensor {
    trapezoids("cumulative_trapezoid", dim) { sums, dim in (sums * step).cumsum(dim) / 2 }
  }

  /// The same over the given coordinates.
  public func cumulativeTrapezoid(_ coordinates: Tensor, dim: Int = -1) -> Tensor {
    trapezoids("cumulative_trapezoid", dim) { sums, dim in
      weighted(sums, by: coordinates, dim) { weighted, dim in weighted.cumsum(dim) / 2 }
    }
  }

  /// Hands on the sums of neighbours.
  private func trapezoids(_ operation: String, _ dim: Int, _ body: (Tensor, Int) -> Tensor) -> Tensor {
    if isPoisoned { return self }
    guard rank > 0, dtype != .bool else {
      return refuse(.shape, operation, "\(summary); it must have a dimension, and not be bool", beside: self)
    }
    return withDimension(dim, operation) { dim in
      let extent = size(dim)
      if extent == 0 {
        return operation == "trapezoid" ? sum(dim, dtype: dtype.category <= .integer ? .float32 : dtype) : self
      }
      return body(narrow(dim, start: 1, length: extent - 1) + narrow(dim, start: 0, length: extent - 1), dim)
    }
  }

  /// The sums times the distances of coordinates, and the dimension of the product that `dim` has become.
  private func weighted(_ sums: Tensor, by coordinates: Tensor, _ dim: Int, _ body: (Tensor, Int) -> Tensor) -> Tensor {
    guard coordinates.rank > 0 else {
      return refuse(.shape, "trapezoid", "coordinates \(coordinates.summary) have no dimension", beside: coordinates)
    }
    let distances: Tensor
    if coordinates.rank == 1 {
      guard coordinates.elementCount == size(dim) else {
        return refuse(
          .shape, "trapezoid", "\(coordinates.elementCount) coordinates for dimension \(dim) of \(summary)", beside: coordinates)
      }
      distances = coordinates.diff().reshape((0..<rank).map { $0 == dim ? coordinates.elementCount - 1 : 1 })
    } else {
      let missing = Array(repeating: 1, count: Swift.max(0, rank - coordinates.rank))
      distances = coordinates.reshape(missing + Array(coordinates.shape)).diff(dim: dim)
    }
    let product = sums * distances
    return body(product, product.rank - rank + dim)
  }
}

extension OperatorRegistry {
  mutating func addDifferences() {
    add("aten::diff(Tensor self, int n=1, int dim=-1, Tensor? prepend=None, Tensor? append=None) -> Tensor") {
      (x: Tensor, order: Int, dim: Int, prepend: Tensor?, append: Tensor?) in x.diff(order, dim: dim, prepend: prepend, append: append)
    }
    add("aten::gradient.scalarint(Tensor self, *, Scalar? spacing=None, int? dim=None, int edge_order=1) -> Tensor[]") {
      (x: Tensor, spacing: Scalar?, dim: Int?, order: Int) in
      x.gradient(spacing: [.step(spacing?.doubleValue ?? 1)], dim.map { [$0] }, edgeOrder: order)
    }
    add("aten::gradient.scalararray(Tensor self, *, Scalar spacing, int[] dim, int edge_order=1) -> Tensor[]") {
      (x: Tensor, spacing: Scalar, dims: [Int], order: Int) in x.gradient(spacing: [.step(spacing.doubleValue)], dims, edgeOrder: order)
    }
    add("aten::gradient.array(Tensor self, *, int[] dim, int edge_order=1) -> Tensor[]") { (x: Tensor, dims: [Int], order: Int) in
      x.gradient(dims, edgeOrder: order)
    }
    add("aten::gradient.scalarrayint(Tensor self, *, Scalar[] spacing, int? dim=None, int edge_order=1) -> Tensor[]") {
      (x: Tensor, spacing: [Scalar], dim: Int?, order: Int) throws -> [Tensor] in
      try x.gradient(spacings: spacing.map { .step($0.doubleValue) }, dim.map { [$0] }, order)
    }
    add("aten::gradient.scalarrayarray(Tensor self, *, Scalar[] spacing, int[] dim, int edge_order=1) -> Tensor[]") {
      (x: Tensor, spacing: [Scalar], dims: [Int], order: Int) throws -> [Tensor] in
      try x.gradient(spacings: spacing.map { .step($0.doubleValue) }, dims, order)
    }
    add("aten::gradient.tensorarrayint(Tensor self, *, Tensor[] spacing, int? dim=None, int edge_order=1) -> Tensor[]") {
      (x: Tensor, spacing: [Tensor], dim: Int?, order: Int) throws -> [Tensor] in
      try x.gradient(spacings: spacing.map { .coordinates($0) }, dim.map { [$0] }, order)
    }
    add("aten::gradient.tensorarray(Tensor self, *, Tensor[] spacing, int[] dim, int edge_order=1) -> Tensor[]") {
      (x: Tensor, spacing: [Tensor], dims: [Int], order: Int) throws -> [Tensor] in
      try x.gradient(spacings: spacing.map { .coordinates($0) }, dims, order)
    }
    for name in ["trapz", "trapezoid"] {
      add("aten::\(name).x(Tensor y, Tensor x, *, int dim=-1) -> Tensor") { (y: Tensor, x: Tensor, dim: Int) in y.trapezoid(x, dim: dim) }
    }
    add("aten::trapz.dx(Tensor y, *, float dx=1, int dim=-1) -> Tensor") { (y: Tensor, step: Double, dim: Int) in
      y.trapezoid(step: .real(step), dim: dim)
    }
    add("aten::trapezoid.dx(Tensor y, *, Scalar dx=1, int dim=-1) -> Tensor") { (y: Tensor, step: Scalar, dim: Int) in
      y.trapezoid(step: step, dim: dim)
    }
    add("aten::cumulative_trapezoid.x(Tensor y, Tensor x, *, int dim=-1) -> Tensor") { (y: Tensor, x: Tensor, dim: Int) in
      y.cumulativeTrapezoid(x, dim: dim)
    }
    add("aten::cumulative_trapezoid.dx(Tensor y, *, Scalar dx=1, int dim=-1) -> Tensor") { (y: Tensor, step: Scalar, dim: Int) in
      y.cumulativeTrapezoid(step: step, dim: dim)
    }
  }
}

extension Tensor {
  /// With one spacing for each dimension, as PyTorch's lists must have.
  fileprivate func gradient(spacings: [Spacing], _ dims: [Int]?, _ edgeOrder: Int) throws(EmberError) -> [Tensor] {
    guard spacings.count == dims?.count ?? rank || (dims?.count == 1 && spacings.count == 1) else {
      throw EmberError(.value, in: "gradient", "\(spacings.count) spacings for \(dims?.count ?? rank) dimensions; give one for each")
    }
    return gradient(spacing: spacings, dims, edgeOrder: edgeOrder)
  }
}

import EmberRuntime

/// The norm that a distance is taken in. Raw values are those of the kernels.
private enum DistanceNorm: Int {
  case count = 0
  case one, two, infinity, power

  init(_ p: Double) {
    switch p {
    case 0: self = .count
    case 1: self = .one
    case 2: self = .two
    case .infinity: self = .infinity
    default: self = .power
    }
  }
}

extension CUDABackend {
  /// The p-norm distances [batch, m, n] between the rows of a [batch, m, depth] and those of b [batch, n, depth], all dense and of one
  /// dtype, float32 or float64.
  package func distances(_ a: Operand, _ b: Operand, p: Double, into y: Operand) {
    launchDistances(
      pairs: false, batch: a.shape[unchecked: 0], m: a.shape[unchecked: 1], n: b.shape[unchecked: 1], depth: a.shape[unchecked: 2], p: p, a,
      b, y)
  }

  /// The gradient of a from that of the distances.
  package func distancesBackward(_ a: Operand, _ b: Operand, distances: Operand, gradient: Operand, p: Double, into da: Operand) {
    let count = a.shape.elementCount
    if count == 0 { return }
    launch(
      .distances, "row_distances_backward", [.type(a.dtype), .number(DistanceNorm(p).rawValue)], blocks: quotientRoundedUp(count, 256),
      threads: 256
    ) {
      for operand in [a, b, distances, gradient, da] { $0.add(operand.pointer) }
      for extent in [a.shape[unchecked: 0], a.shape[unchecked: 1], b.shape[unchecked: 1], a.shape[unchecked: 2]] { $0.add(Int64(extent)) }
      $0.add(p, as: a.dtype)
    }
  }

  /// The distances of the pairs i < j of the rows of x [rows, features].
  package func pairDistances(_ x: Operand, p: Double, into y: Operand) {
    let rows = x.shape[unchecked: 0]
    launchDistances(pairs: true, batch: 1, m: rows, n: rows, depth: x.shape[unchecked: 1], p: p, x, x, y)
  }

  /// The gradient of x from that of the pairs' distances.
  package func pairDistancesBackward(_ x: Operand, distances: Operand, gradient: Operand, p: Double, into dx: Operand) {
    let rows = x.shape[unchecked: 0], depth = x.shape[unchecked: 1], size = x.dtype.size, norm = DistanceNorm(p)
    if rows * depth == 0 { return }
    withScratch(norm == .infinity ? distances.shape.elementCount * size : 0) { ties in
      if norm == .infinity {
        launch(.distances, "pair_ties", [.type(x.dtype)], blocks: quotientRoundedUp(rows * rows, 8), threads: 256) {
          $0.add(x.pointer)
          $0.add(distances.pointer)
          $0.add(ties)
          $0.add(Int64(rows))
          $0.add(Int64(depth))
        }
      }
      launch(
        .distances, "pair_distances_backward", [.type(x.dtype), .number(norm.rawValue)], blocks: quotientRoundedUp(rows * depth, 256),
        threads: 256
      ) {
        for pointer in [x.pointer, distances.pointer, gradient.pointer, ties, dx.pointer] { $0.add(pointer) }
        $0.add(Int64(rows))
        $0.add(Int64(depth))
        $0.add(p, as: x.dtype)
      }
    }
  }

  private func launchDistances(pairs: Bool, batch: Int, m: Int, n: Int, depth: Int, p: Double, _ a: Operand, _ b: Operand, _ y: Operand) {
    if batch * m * n == 0 { return }
    launch(
      .distances, "row_distances", [.type(y.dtype), .number(DistanceNorm(p).rawValue), .flag(pairs)],
      blocks: quotientRoundedUp(m, 16) * quotientRoundedUp(n, 16), blocksY: min(batch, 65535), threads: 256
    ) {
      for operand in [a, b, y] { $0.add(operand.pointer) }
      for extent in [batch, m, n, depth] { $0.add(Int64(extent)) }
      $0.add(p, as: y.dtype)
    }
  }
}

import EmberRuntime
import EmberTensor

/// PyTorch's `torch.linalg`.
public enum Linalg {}

/// Sums of products over the given dimensions of `a` and `b`, pair by pair; the result has the others, those of `a` first.
public func tensordot(_ a: Tensor, _ b: Tensor, dims: ([Int], [Int])) -> Tensor {
  compose("tensordot", [a, b]) { () throws(EmberError) in
    let (first, second) = dims
    guard first.count == second.count else {
      throw EmberError(.value, in: "tensordot", "\(first.count) dimensions of \(a.summary), but \(second.count) of \(b.summary)")
    }
    var left = a
    var right = b
    var i: [Int] = []
    var j: [Int] = []
    for (p, q) in zip(first, second) {
      i.append(try wrapDimension(p, a.rank, in: "tensordot"))
      j.append(try wrapDimension(q, b.rank, in: "tensordot"))
      let (m, n) = (a.shape[i.last!], b.shape[j.last!])
      guard m == n || m == 1 || n == 1 else {
        throw EmberError(
          .shape, in: "tensordot", "\(a.summary) and \(b.summary): dimension \(p) of the first does not match dimension \(q) of the second")
      }
      // An extent of 1 stretches: the other is summed over.
      if m == 1, n != 1 { right = right.sum([j.last!], keepDim: true, dtype: b.dtype) }
      if n == 1, m != 1 { left = left.sum([i.last!], keepDim: true, dtype: a.dtype) }
    }
    guard Set(i).count == i.count, Set(j).count == j.count else {
      throw EmberError(.value, in: "tensordot", "a dimension is given twice in \(first) or \(second)")
    }
    let rows = (0..<a.rank).filter { !i.contains($0) }
    let columns = (0..<b.rank).filter { !j.contains($0) }
    let depth = i.reduce(1) { $0 * left.size($1) }
    let x = left.permute(rows + i).reshape([rows.reduce(1) { $0 * a.size($1) }, depth])
    let y = right.permute(j + columns).reshape([depth, columns.reduce(1) { $0 * b.size($1) }])
    return x.mm(y).reshape(rows.map { a.size($0) } + columns.map { b.size($0) })
  }
}

/// Sums of products over the last `dims` dimensions of `a` and the first ones of `b`.
public func tensordot(_ a: Tensor, _ b: Tensor, dims: Int = 2) -> Tensor {
  compose("tensordot", [a, b]) { () throws(EmberError) in
    guard dims >= 0, dims <= a.rank, dims <= b.rank else {
      throw EmberError(.value, in: "tensordot", "\(dims) dimensions of \(a.summary) and \(b.summary)")
    }
    return tensordot(a, b, dims: (Array((a.rank - dims)..<a.rank), Array(0..<dims)))
  }
}

extension Tensor {
  /// Sums of products over the last dimensions of both; with a 0-dimensional operand, the plain product.
  public func inner(_ other: Tensor) -> Tensor {
    compose("inner", [self, other]) { () throws(EmberError) in
      if rank == 0 || other.rank == 0 { return self * other }
      guard dtype == other.dtype else {
        throw EmberError(.dtype, in: "inner", "\(summary) and \(other.summary) differ in dtype; convert one with .to(dtype)")
      }
      guard shape[-1] == other.shape[-1] else {
        throw EmberError(.shape, in: "inner", "\(summary) and \(other.summary): the last extents must be equal")
      }
      return tensordot(self, other, dims: ([-1], [-1]))
    }
  }

  /// Kronecker's product: every element of this tensor times all of `other`, blocks in place of elements.
  public func kron(_ other: Tensor) -> Tensor {
    compose("kron", [self, other]) { () throws(EmberError) in
      let width = Swift.max(rank, other.rank)
      guard 2 * width <= maximumRank else {
        throw EmberError(.shape, in: "kron", "\(summary) and \(other.summary): at most \(maximumRank / 2) dimensions are supported")
      }
      let a = Array(repeating: 1, count: width - rank) + Array(shape)
      let b = Array(repeating: 1, count: width - other.rank) + Array(other.shape)
      let blocks = reshape(a.flatMap { [$0, 1] }) * other.reshape(b.flatMap { [1, $0] })
      return blocks.reshape(zip(a, b).map(*))
    }
  }

  /// The cross product of vectors of length 3 in dimension `dim`, by default the first dimension of that extent.
  public func cross(_ other: Tensor, dim: Int? = nil) -> Tensor {
    compose("cross", [self, other]) { () throws(EmberError) in
      guard let dimension = dim ?? shape.firstIndex(of: 3) else {
        throw EmberError(.shape, in: "cross", "\(summary) has no dimension of extent 3")
      }
      return try crossProduct("cross", self, other, dimension)
    }
  }
}

private func crossProduct(_ name: String, _ a: Tensor, _ b: Tensor, _ dim: Int) throws(EmberError) -> Tensor {
  guard a.dtype == b.dtype else { throw EmberError(.dtype, in: name, "\(a.summary) and \(b.summary) must have one dtype") }
  guard a.rank == b.rank else {
    throw EmberError(.shape, in: name, "\(a.summary) and \(b.summary) must have the same number of dimensions")
  }
  let dimension = try wrapDimension(dim, a.rank, in: name)
  guard a.rank > 0, a.shape[dimension] == 3, b.shape[dimension] == 3 else {
    throw EmberError(.shape, in: name, "\(a.summary) and \(b.summary): dimension \(dim) must have extent 3")
  }
  func rotated(_ x: Tensor, _ by: Int) -> Tensor {
    cat([x.narrow(dimension, start: by, length: 3 - by), x.narrow(dimension, start: 0, length: by)], dim: dimension)
  }
  return rotated(a, 1) * rotated(b, 2) - rotated(a, 2) * rotated(b, 1)
}

extension Linalg {
  /// The cross product of vectors of length 3 in dimension `dim`; other dimensions broadcast.
  public static func cross(_ a: Tensor, _ b: Tensor, dim: Int = -1) -> Tensor {
    compose("linalg.cross", [a, b]) { () throws(EmberError) in try crossProduct("linalg.cross", a, b, dim) }
  }

  /// Inner products of vectors in dimension `dim`, the first conjugated; other dimensions broadcast.
  public static func vecdot(_ x: Tensor, _ y: Tensor, dim: Int = -1) -> Tensor {
    compose("linalg.vecdot", [x, y]) { () throws(EmberError) in
      guard x.dtype.category >= .floatingPoint, x.dtype == y.dtype else {
        throw EmberError(.dtype, in: "linalg.vecdot", "\(x.summary) and \(y.summary) must have one floating-point or complex dtype")
      }
      _ = try wrapDimension(dim, x.rank, in: "linalg.vecdot")
      let rank = max(x.rank, y.rank)
      let last = dim < 0 ? dim : dim - rank
      guard let target = x.shape.broadcast(with: y.shape), x.rank > 0, y.rank > 0 else {
        throw EmberError(.shape, in: "linalg.vecdot", "\(x.summary) and \(y.summary) do not broadcast")
      }
      // A row times a column for every pair of vectors.
      let a = x.expand(Array(target)).transpose(last, -1).conj()
      let b = y.expand(Array(target)).transpose(last, -1)
      let product = a.unsqueeze(-2).matmul(b.unsqueeze(-1))
      let shape = Array(product.shape.dropLast(2)) + [1]
      return product.reshape(shape).transpose(last, -1).squeeze(last)
    }
  }

  /// The product of several matrices, in the order that needs the fewest multiplications; the first and the last may be vectors.
  public static func multiDot(_ matrices: [Tensor]) -> Tensor {
    compose("linalg.multi_dot", matrices) { () throws(EmberError) in
      guard matrices.count >= 2 else { throw EmberError(.value, in: "linalg.multi_dot", "at least two matrices are needed") }
      for (i, matrix) in matrices.enumerated() {
        let isEnd = i == 0 || i == matrices.count - 1
        guard matrix.rank == 2 || (isEnd && matrix.rank == 1) else {
          throw EmberError(
            .shape, in: "linalg.multi_dot", "tensor \(i) is \(matrix.summary); all must be matrices, the first and the last may be vectors")
        }
        guard matrix.dtype == matrices[0].dtype else {
          throw EmberError(.dtype, in: "linalg.multi_dot", "tensor \(i) is \(matrix.summary), the first \(matrices[0].summary)")
        }
      }
      var chain = matrices
      let startsWithVector = matrices[0].rank == 1
      let endsWithVector = matrices.last!.rank == 1
      if startsWithVector { chain[0] = chain[0].unsqueeze(0) }
      if endsWithVector { chain[chain.count - 1] = chain.last!.unsqueeze(1) }
      for (a, b) in zip(chain, chain.dropFirst()) where a.shape[1] != b.shape[0] {
        throw EmberError(.shape, in: "linalg.multi_dot", "\(a.summary) and \(b.summary), which follow each other, cannot be multiplied")
      }
      var product = MatrixChain(chain).product
      if startsWithVector { product = product.select(0, 0) }
      if endsWithVector { product = product.select(-1, 0) }
      return product
    }
  }
}

/// The cheapest order of a product of matrices (Cormen et al., Introduction to Algorithms, section on matrix chains).
private struct MatrixChain {
  private let matrices: [Tensor]
  private var split: [[Int]]

  init(_ matrices: [Tensor]) {
    self.matrices = matrices
    let n = matrices.count
    let extents = matrices.map { $0.size(0) } + [matrices[n - 1].size(1)]
    split = Array(repeating: Array(repeating: 0, count: n), count: n)
    var cost = Array(repeating: Array(repeating: 0.0, count: n), count: n)
    for length in 1..<n {
      for i in 0..<(n - length) {
        let j = i + length
        cost[i][j] = .infinity
        for k in i..<j {
          let total = cost[i][k] + cost[k + 1][j] + Double(extents[i]) * Double(extents[k + 1]) * Double(extents[j + 1])
          if total < cost[i][j] { (cost[i][j], split[i][j]) = (total, k) }
        }
      }
    }
  }

  var product: Tensor { product(0, matrices.count - 1) }

  private func product(_ i: Int, _ j: Int) -> Tensor {
    if i == j { return matrices[i] }
    return product(i, split[i][j]).mm(product(split[i][j] + 1, j))
  }
}

extension OperatorRegistry {
  mutating func addContractions() {
    add("torch.tensordot(Tensor a, Tensor b, Any dims=2, *, Tensor? out=None) -> Tensor") {
      (a: Tensor, b: Tensor, dims: OperatorValue, _: Tensor?) throws in
      switch dims {
      case .integer(let count): return tensordot(a, b, dims: count)
      case .tensor(let x) where x.elementCount == 1: return tensordot(a, b, dims: x.item(as: Int.self))
      case .tensor(let x) where x.rank == 2 && x.size(0) == 2:
        return tensordot(a, b, dims: (x.select(0, 0).elements(as: Int.self), x.select(0, 1).elements(as: Int.self)))
      case .list(let lists):
        guard lists.count == 2, let first = lists[0].integers, let second = lists[1].integers else {
          throw EmberError(.value, in: "tensordot", "dims must be a number or two lists of dimensions")
        }
        return tensordot(a, b, dims: (first, second))
      default: throw EmberError(.value, in: "tensordot", "dims must be a number or two lists of dimensions, not a \(dims.kind)")
      }
    }
    add("aten::tensordot(Tensor self, Tensor other, int[] dims_self, int[] dims_other) -> Tensor") {
      (a: Tensor, b: Tensor, first: [Int], second: [Int]) in tensordot(a, b, dims: (first, second))
    }
    add("aten::inner(Tensor self, Tensor other) -> Tensor") { (a: Tensor, b: Tensor) in a.inner(b) }
    add("aten::kron(Tensor self, Tensor other) -> Tensor") { (a: Tensor, b: Tensor) in a.kron(b) }
    add("aten::cross(Tensor self, Tensor other, int? dim=None) -> Tensor") { (a: Tensor, b: Tensor, dim: Int?) in a.cross(b, dim: dim) }
    add("aten::linalg_cross(Tensor self, Tensor other, *, int dim=-1) -> Tensor") { (a: Tensor, b: Tensor, dim: Int) in
      Linalg.cross(a, b, dim: dim)
    }
    add("aten::linalg_vecdot(Tensor x, Tensor y, *, int dim=-1) -> Tensor") { (x: Tensor, y: Tensor, dim: Int) in
      Linalg.vecdot(x, y, dim: dim)
    }
    add("aten::linalg_multi_dot(Tensor[] tensors) -> Tensor") { (tensors: [Tensor]) in Linalg.multiDot(tensors) }
    add("aten::chain_matmul(Tensor[] matrices) -> Tensor") { (matrices: [Tensor]) in
      matrices.count == 1 ? matrices[0] : Linalg.multiDot(matrices)
    }
  }
}

import EmberRuntime

/// Decompositions of dense column-major matrices, a block to a matrix: an operand [.., n, m] holds matrices of m rows and n columns of
/// float32, float64, complex64 or complex128. None is empty.
extension CUDABackend {
  /// The extent up to which one block is a match for LAPACK on the CPU. Not a limit of the kernels.
  package static let largestMatrix = 512

  private struct Extents {
    let rows: Int, columns: Int, batch: Int

    init(_ matrices: Operand) {
      let rank = matrices.shape.rank
      rows = matrices.shape[unchecked: rank - 1]
      columns = matrices.shape[unchecked: rank - 2]
      batch = matrices.shape.elementCount / max(1, rows * columns)
    }

    var smaller: Int { min(rows, columns) }
  }

  /// Threads of a block for columns of this length.
  private func threads(for extent: Int) -> Int { extent <= 16 ? 64 : extent <= 64 ? 128 : 256 }

  /// L of L·Lᴴ in the lower triangle.
  package func cholesky(_ a: Operand, info: Operand) {
    let e = Extents(a)
    launch(
      .factorizations, "cholesky", [.type(a.dtype)], blocks: e.batch, threads: threads(for: e.rows), sharedBytes: e.rows * a.dtype.size
    ) {
      $0.add(a.pointer)
      $0.add(info.pointer)
      $0.add(Int64(e.rows))
    }
  }

  package func luFactor(_ a: Operand, pivots: Operand, info: Operand) {
    let e = Extents(a)
    launch(.factorizations, "lu_factor", [.type(a.dtype)], blocks: e.batch, threads: threads(for: e.rows)) {
      $0.add(a.pointer)
      $0.add(pivots.pointer)
      $0.add(info.pointer)
      $0.add(Int64(e.rows))
      $0.add(Int64(e.columns))
    }
  }

  /// The order of `rows` rows that int32 pivots, counted from 1, stand for.
  package func pivotOrder(_ pivots: Operand, rows: Int, into order: Operand) {
    let count = pivots.shape[unchecked: pivots.shape.rank - 1]
    launch(.factorizations, "pivot_order", blocks: order.shape.elementCount / max(1, rows), threads: 128) {
      $0.add(pivots.pointer)
      $0.add(order.pointer)
      $0.add(Int64(count))
      $0.add(Int64(rows))
      $0.addErrorWord("linalg.lu")
    }
  }

  /// Warps of a block whose vectors of this length share 48 KiB, and blocks to a matrix with that many vectors.
  private func vectorTiles(order: Int, _ dtype: DType, vectors: Int) -> (warps: Int, tiles: Int) {
    let warps = max(1, min(4, vectors, (48 << 10) / (order * dtype.size)))
    return (warps, min(1024, quotientRoundedUp(vectors, warps)))
  }

  /// op(A)·X = B, op: transposed or conjugated, in place of B.
  package func luSolve(_ lu: Operand, pivots: Operand, _ b: Operand, transposed: Bool, conjugated: Bool) {
    let e = Extents(b)
    let (warps, tiles) = vectorTiles(order: e.rows, b.dtype, vectors: e.columns)
    launch(
      .factorizations, "lu_solve", [.type(b.dtype)], blocks: e.batch * tiles, threads: 32 * warps,
      sharedBytes: warps * e.rows * b.dtype.size
    ) {
      $0.add(lu.pointer)
      $0.add(pivots.pointer)
      $0.add(b.pointer)
      for number in [e.rows, e.columns, tiles] { $0.add(Int64(number)) }
      $0.add(Int32(transposed ? 1 : 0))
      $0.add(Int32(conjugated ? 1 : 0))
      $0.addErrorWord("linalg.lu_solve")
    }
  }

  /// op(A)·X = B, or without `left` X·op(A) = B, in place of B.
  package func solveTriangular(
    _ a: Operand, _ b: Operand, left: Bool, upper: Bool, transposed: Bool, conjugated: Bool, unit: Bool
  ) {
    let e = Extents(b)
    let order = left ? e.rows : e.columns
    let (warps, tiles) = vectorTiles(order: order, b.dtype, vectors: left ? e.columns : e.rows)
    launch(
      .factorizations, "solve_triangular", [.type(b.dtype)], blocks: e.batch * tiles, threads: 32 * warps,
      sharedBytes: warps * order * b.dtype.size
    ) {
      $0.add(a.pointer)
      $0.add(b.pointer)
      for number in [e.rows, e.columns, tiles] { $0.add(Int64(number)) }
      // Xᵀ belongs to op(A)ᵀ.
      for flag in [left, upper, transposed == left, conjugated, unit] { $0.add(Int32(flag ? 1 : 0)) }
    }
  }

  /// R, and the reflectors that make Q.
  package func qrFactor(_ a: Operand, taus: Operand) {
    let e = Extents(a)
    launch(.factorizations, "qr_factor", [.type(a.dtype)], blocks: e.batch, threads: threads(for: e.rows)) {
      $0.add(a.pointer)
      $0.add(taus.pointer)
      $0.add(Int64(e.rows))
      $0.add(Int64(e.columns))
    }
  }

  /// Q's columns in place of its reflectors.
  package func qrVectors(_ q: Operand, taus: Operand) {
    let e = Extents(q)
    launch(.factorizations, "qr_vectors", [.type(q.dtype)], blocks: e.batch, threads: threads(for: e.rows)) {
      $0.add(q.pointer)
      $0.add(taus.pointer)
      for number in [e.rows, e.columns, taus.shape[unchecked: taus.shape.rank - 1]] { $0.add(Int64(number)) }
    }
  }

  /// The eigenvalues of Hermitian matrices, ascending, and the vectors in place of the matrices if they are wanted.
  package func eigh(_ a: Operand, values: Operand, vectors: Bool, info: Operand) {
    let e = Extents(a)
    let shared = e.rows * (3 * a.dtype.size + 4 * 8 + 4) + 16
    func run(_ scratch: UnsafeMutableRawPointer?) {
      launch(.spectra, "eigh", [.type(a.dtype)], blocks: e.batch, threads: threads(for: e.rows), sharedBytes: shared) {
        $0.add(a.pointer)
        $0.add(values.pointer)
        $0.add(scratch)
        $0.add(info.pointer)
        $0.add(Int64(e.rows))
      }
    }
    if vectors { withScratch(e.batch * e.rows * e.rows * a.dtype.size, run) } else { run(nil) }
  }

  /// A = U·diag(s)·Vᴴ; `columns`: of U, or rows of Vᴴ, whichever has more. No vectors if u and vh are nil.
  package func svd(_ a: Operand, s: Operand, u: Operand?, vh: Operand?, columns: Int, info: Operand) {
    let e = Extents(a)
    let (larger, smaller) = (max(e.rows, e.columns), e.smaller)
    let perMatrix = larger * smaller + (u == nil ? 0 : smaller * smaller + larger * columns)
    withScratch(e.batch * perMatrix * a.dtype.size) { scratch in
      launch(
        .spectra, "svd", [.type(a.dtype)], blocks: e.batch, threads: threads(for: larger),
        sharedBytes: smaller * (a.dtype.size + 8 + 4) + 16
      ) {
        $0.add(a.pointer)
        $0.add(s.pointer)
        $0.add(u?.pointer)
        $0.add(vh?.pointer)
        $0.add(scratch)
        $0.add(Int64(perMatrix))
        $0.add(info.pointer)
        for number in [e.rows, e.columns, columns] { $0.add(Int64(number)) }
      }
    }
  }
}

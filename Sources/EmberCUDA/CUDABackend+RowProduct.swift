import EmberRuntime

/// How a row is normalised before it is multiplied. Dense weight and bias of the row's dtype, or nil.
package struct RowNormalization {
  package enum Kind: Int32 {
    case layer = 1
    case rootMeanSquare
  }
  package var kind: Kind
  package var weight: Operand?
  package var bias: Operand?
  package var epsilon: Double

  package init(_ kind: Kind = .layer, weight: Operand?, bias: Operand?, epsilon: Double) {
    self.kind = kind
    self.weight = weight
    self.bias = bias
    self.epsilon = epsilon
  }
}

/// Products of few rows with a matrix [out, in]: bound by the bytes of the matrix, which cuBLASLt's kernels for large products do not ask
/// for fast enough. EMBER_CUDA_ROW_PRODUCTS=0 leaves them to the library.
extension CUDABackend {
  private static let takesRowProducts = LibrarySearch.environment("EMBER_CUDA_ROW_PRODUCTS") != "0"
  /// With more rows, tensor cores pay.
  private static let mostRows = 4

  /// x [rows, depth] and weight [columns, depth], rows `xRow` and `weightRow` elements apart.
  private func takesRowProduct(
    _ dtype: DType, rows: Int, depth: Int, x: UnsafeMutableRawPointer?, xRow: Int, weight: UnsafeMutableRawPointer?, weightRow: Int
  ) -> Bool {
    guard Self.takesRowProducts, dtype == .float32 || dtype == .float16 || dtype == .bfloat16 else { return false }
    guard rows <= Self.mostRows, depth > 0, rows == 1 || xRow >= depth, weightRow >= depth else { return false }
    return widestAccess((depth | (rows == 1 ? 0 : xRow) | weightRow) * dtype.size, [x, weight]) == 16
  }

  private func launchRowProduct(
    _ dtype: DType, rows: Int, columns: Int, depth: Int, x: UnsafeMutableRawPointer?, xRow: Int, weight: UnsafeMutableRawPointer?,
    weightRow: Int, bias: UnsafeMutableRawPointer?, norm: RowNormalization? = nil, activation: Activation,
    residual: UnsafeMutableRawPointer? = nil, into y: UnsafeMutableRawPointer?, overlaps: Bool = false
  ) {
    let together = rows == 1 ? 1 : rows == 2 ? 2 : 4, vectors = depth * dtype.size / 16
    // A wide matrix gives each warp several rows; a small one shares a row among warps, so that all multiprocessors have something to
    // fetch.
    let outputs = columns >= 64 * multiprocessorCount ? 4 : 1
    let warps = outputs > 1 ? 1 : vectors > 128 ? 4 : vectors > 64 && columns < 16 * multiprocessorCount ? 2 : 1
    // As many vectors as a lane needs, or as many as there are registers for.
    let held = min(outputs * together > 4 ? 2 : 4, quotientRoundedUp(vectors, 32 * warps))
    launch(
      .rowProduct, "row_product", [.type(dtype), .number(together), .number(outputs), .number(warps), .number(held)],
      blocks: quotientRoundedUp(columns, outputs * 4 / warps), blocksY: quotientRoundedUp(rows, together), threads: 128,
      overlaps: overlaps
    ) {
      for pointer in [x, weight, bias, norm?.weight?.pointer, norm?.bias?.pointer, residual, y] { $0.add(pointer) }
      for number in [rows, columns, depth, xRow, weightRow] { $0.add(Int64(number)) }
      $0.add(norm?.kind.rawValue ?? 0)
      $0.add(Float(norm?.epsilon ?? 0))
      $0.add(activation.rawValue)
    }
  }

  /// Runs a product if it is one of few rows with a matrix that lies as [out, in].
  func rowProduct(_ p: MatrixProduct) -> Bool {
    guard p.batch == 1, p.alpha == 1, p.beta == 0, p.aStrides.2 == 1 || p.depth == 1, p.bStrides.1 == 1 || p.depth == 1 else { return false }
    let weightRow = p.columns == 1 ? p.depth : p.bStrides.2
    guard takesRowProduct(p.dtype, rows: p.rows, depth: p.depth, x: p.a, xRow: p.aStrides.1, weight: p.b, weightRow: weightRow) else {
      return false
    }
    launchRowProduct(
      p.dtype, rows: p.rows, columns: p.columns, depth: p.depth, x: p.a, xRow: p.aStrides.1, weight: p.b, weightRow: weightRow,
      bias: p.columnBias, activation: p.activation, into: p.output)
    return true
  }

  /// y = (y +) activation(normalized(x) · weightᵀ + bias) for dense x [rows, in], weight [out, in], y [rows, out] of one dtype, float16,
  /// bfloat16 or float32; in one launch if there are few rows. It may overlap the launch in front of it if that one writes no parameters.
  package func normalizedProduct(
    _ x: Operand, _ weight: Operand, bias: Operand?, norm: RowNormalization? = nil, activation: Activation = .none, adds: Bool = false,
    into y: Operand, overlaps: Bool = false
  ) {
    let (rows, depth, columns) = (x.shape[unchecked: 0], x.shape[unchecked: 1], weight.shape[unchecked: 0]), dtype = x.dtype
    if rows * columns == 0 { return }
    if takesRowProduct(dtype, rows: rows, depth: depth, x: x.pointer, xRow: depth, weight: weight.pointer, weightRow: depth),
      widestAccess(0, [norm?.weight?.pointer, norm?.bias?.pointer]) == 16
    {
      launchRowProduct(
        dtype, rows: rows, columns: columns, depth: depth, x: x.pointer, xRow: depth, weight: weight.pointer, weightRow: depth,
        bias: bias?.pointer, norm: norm, activation: activation, residual: adds ? y.pointer : nil, into: y.pointer,
        overlaps: overlaps)
      return
    }
    func multiply(_ x: UnsafeMutableRawPointer?) {
      var product = MatrixProduct(
        dtype: dtype, batch: 1, rows: rows, columns: columns, depth: depth, a: x, aStrides: (0, depth, 1), b: weight.pointer,
        bStrides: (0, 1, depth), output: y.pointer)
      product.columnBias = bias?.pointer
      product.activation = activation
      if adds { product.beta = 1 }
      matmul(product)
    }
    guard let norm else { return multiply(x.pointer) }
    // Statistics are float32 for all three dtypes.
    withScratch(rows * depth * dtype.size) { normalized in
      withScratch(2 * rows * 4) { statistics in
        func statistic(_ i: Int) -> Operand {
          Operand(pointer: statistics + i * rows * 4, dtype: .float32, shape: Shape([rows]), strides: Strides([1]))
        }
        normalizeRows(
          x, weight: norm.weight, bias: norm.bias, epsilon: norm.epsilon,
          into: Operand(pointer: normalized, dtype: dtype, shape: x.shape, strides: x.shape.contiguousStrides),
          mean: norm.kind == .layer ? statistic(0) : nil, rstd: statistic(1), rows: rows, count: depth)
        multiply(normalized)
      }
    }
  }
}

import CCUDA
import EmberRuntime
import Synchronization

/// What cuBLASLt needs for products of one form.
private final class ProductPlan {
  let operation: UnsafeMutableRawPointer
  let a: UnsafeMutableRawPointer
  let b: UnsafeMutableRawPointer
  let c: UnsafeMutableRawPointer
  var heuristic: ember_cublaslt_heuristic

  init(
    operation: UnsafeMutableRawPointer, a: UnsafeMutableRawPointer, b: UnsafeMutableRawPointer, c: UnsafeMutableRawPointer,
    heuristic: ember_cublaslt_heuristic
  ) {
    self.operation = operation
    self.a = a
    self.b = b
    self.c = c
    self.heuristic = heuristic
  }
}

/// A matrix of a product as the library sees it: stored by columns.
private struct StoredMatrix: Hashable {
  var isTransposed: Bool
  var leading: Int
  var batchStride: Int
  var alignment: Int

  /// `rowStride` steps within a column of the matrix as the library wants it.
  init?(rows: Int, columns: Int, rowStride: Int, columnStride: Int, batchStride: Int, pointer: UnsafeMutableRawPointer?) {
    self.batchStride = batchStride
    alignment = 1 << min(8, UInt(bitPattern: pointer).trailingZeroBitCount)
    if rowStride == 1 || rows == 1, columns == 1 || columnStride >= rows {
      isTransposed = false
      leading = columns == 1 ? max(rows, 1) : columnStride
    } else if columnStride == 1 || columns == 1, rows == 1 || rowStride >= columns {
      isTransposed = true
      leading = rows == 1 ? max(columns, 1) : rowStride
    } else {
      return nil
    }
  }
}

private struct ProductForm: Hashable {
  var dtype: DType
  var rows: Int
  var columns: Int
  var depth: Int
  var batch: Int
  var a: StoredMatrix
  var b: StoredMatrix
  var outputAlignment: Int
  var epilogue: UInt32
  var allowsTF32: Bool
}

/// The library's handle and the plans made so far.
struct ProductPlans {
  fileprivate let library: CuBLASLt
  fileprivate let handle: UnsafeMutableRawPointer
  /// Nil for a form that the library refuses.
  fileprivate var plans: [ProductForm: ProductPlan?] = [:]
}

extension CUDABackend {
  private static let workspaceBytes = 32 << 20

  public func matmul(_ product: MatrixProduct) {
    if product.batch * product.rows * product.columns == 0 || rowProduct(product) { return }
    if product.depth > 0, libraryProduct(product) { return }
    let size = product.dtype.size
    // The second and third dimensions of a grid are limited.
    let most = 65535
    for firstBatch in stride(from: 0, to: product.batch, by: most) {
      for firstRow in stride(from: 0, to: product.rows, by: 16 * most) {
        let rows = min(product.rows - firstRow, 16 * most)
        launch(
          .matrix, "matrix_product", [.type(product.dtype)], blocks: quotientRoundedUp(product.columns, 16),
          blocksY: quotientRoundedUp(rows, 16), blocksZ: min(product.batch - firstBatch, most), threads: 256
        ) {
          $0.add(product.a.map { $0 + (firstBatch * product.aStrides.0 + firstRow * product.aStrides.1) * size })
          $0.add(product.b.map { $0 + firstBatch * product.bStrides.0 * size })
          $0.add(product.output.map { $0 + (firstBatch * product.rows + firstRow) * product.columns * size })
          $0.add(product.columnBias)
          addNumbers(product, rows: rows, to: &$0)
          $0.add(Int32(product.beta == 0 ? 0 : 1))
        }
      }
    }
    if product.activation != .none { finish(product, bias: nil) }
  }

  private func finish(_ product: MatrixProduct, bias: UnsafeMutableRawPointer?) {
    let count = product.batch * product.rows * product.columns
    launch(.matrix, "matrix_finish", [.type(product.dtype)], blocks: (count + 255) / 256, threads: 256) {
      $0.add(product.output)
      $0.add(bias)
      $0.add(Int64(product.columns))
      $0.add(Int64(count))
      $0.add(product.activation.rawValue)
    }
  }

  /// The kernels' `MatrixArguments`; `rows` of a launch, which a batch's matrices lie as far apart as the whole product says.
  private func addNumbers(_ p: MatrixProduct, rows: Int, to arguments: inout LaunchArguments) {
    let output = p.rows * p.columns
    for number in [rows, p.columns, p.depth, p.aStrides.0, p.aStrides.1, p.aStrides.2, p.bStrides.0, p.bStrides.1, p.bStrides.2, output] {
      arguments.add(Int64(number))
    }
    arguments.add(p.alpha)
    arguments.add(p.beta)
  }

  // MARK: cuBLASLt

  /// The type of elements, of the accumulation, and of alpha and beta.
  private func libraryTypes(_ dtype: DType, allowsTF32: Bool) -> (element: Int, compute: Int, scale: Int)? {
    let float = Int(EMBER_CUBLASLT_COMPUTE_32F)
    switch dtype {
    case .float32:
      let compute = allowsTF32 ? Int(EMBER_CUBLASLT_COMPUTE_32F_TF32) : float
      return (Int(EMBER_CUBLASLT_R_32F), compute, Int(EMBER_CUBLASLT_R_32F))
    case .float16: return (Int(EMBER_CUBLASLT_R_16F), float, Int(EMBER_CUBLASLT_R_32F))
    case .bfloat16: return (Int(EMBER_CUBLASLT_R_16BF), float, Int(EMBER_CUBLASLT_R_32F))
    case .float64: return (Int(EMBER_CUBLASLT_R_64F), Int(EMBER_CUBLASLT_COMPUTE_64F), Int(EMBER_CUBLASLT_R_64F))
    case .complex64: return (Int(EMBER_CUBLASLT_C_32F), float, Int(EMBER_CUBLASLT_C_32F))
    case .complex128: return (Int(EMBER_CUBLASLT_C_64F), Int(EMBER_CUBLASLT_COMPUTE_64F), Int(EMBER_CUBLASLT_C_64F))
    default: return nil
    }
  }

  /// y by rows is yᵀ by columns: yᵀ = bᵀ aᵀ, so b is the library's first matrix.
  private func libraryProduct(_ p: MatrixProduct) -> Bool {
    guard let types = libraryTypes(p.dtype, allowsTF32: p.allowsTF32 ?? allowsTF32), case .success(let library) = CuBLASLt.shared else {
      return false
    }
    var p = p
    // Layouts that are dense along neither dimension are made dense first.
    func dense(
      _ pointer: UnsafeMutableRawPointer?, _ strides: (Int, Int, Int), _ rows: Int, _ columns: Int, _ run: (MatrixOperandCopy) -> Bool
    ) -> Bool {
      let batch = strides.0 == 0 ? 1 : p.batch
      return withScratch(batch * rows * columns * p.dtype.size) { scratch in
        let shape = Shape([batch, rows, columns])
        copy(
          Operand(pointer: pointer, dtype: p.dtype, shape: shape, strides: Strides([strides.0, strides.1, strides.2])),
          to: Operand(pointer: scratch, dtype: p.dtype, shape: shape, strides: shape.contiguousStrides))
        return run(MatrixOperandCopy(pointer: scratch, strides: (strides.0 == 0 ? 0 : rows * columns, columns, 1)))
      } ?? true
    }
    guard
      let first = StoredMatrix(
        rows: p.columns, columns: p.depth, rowStride: p.bStrides.2, columnStride: p.bStrides.1, batchStride: p.bStrides.0, pointer: p.b)
    else {
      return dense(p.b, p.bStrides, p.depth, p.columns) { copy in
        p.b = copy.pointer
        p.bStrides = copy.strides
        return libraryProduct(p)
      }
    }
    guard
      let second = StoredMatrix(
        rows: p.depth, columns: p.rows, rowStride: p.aStrides.2, columnStride: p.aStrides.1, batchStride: p.aStrides.0, pointer: p.a)
    else {
      return dense(p.a, p.aStrides, p.rows, p.depth) { copy in
        p.a = copy.pointer
        p.aStrides = copy.strides
        return libraryProduct(p)
      }
    }
    // Epilogues exist for real types of up to 32 bits.
    let takesEpilogue = p.dtype == .float32 || p.dtype == .float16 || p.dtype == .bfloat16
    var epilogue = UInt32(EMBER_CUBLASLT_EPILOGUE_DEFAULT)
    var needsFinish = p.activation != .none || p.columnBias != nil
    var passesBias = false
    if takesEpilogue {
      switch (p.activation, p.columnBias != nil) {
      case (.relu, true): (epilogue, needsFinish, passesBias) = (UInt32(EMBER_CUBLASLT_EPILOGUE_RELU_BIAS), false, true)
      case (.relu, false): (epilogue, needsFinish) = (UInt32(EMBER_CUBLASLT_EPILOGUE_RELU), false)
      case (.geluTanh, true): (epilogue, needsFinish, passesBias) = (UInt32(EMBER_CUBLASLT_EPILOGUE_GELU_BIAS), false, true)
      case (.geluTanh, false): (epilogue, needsFinish) = (UInt32(EMBER_CUBLASLT_EPILOGUE_GELU), false)
      case (.none, true): (epilogue, needsFinish, passesBias) = (UInt32(EMBER_CUBLASLT_EPILOGUE_BIAS), false, true)
      case (_, true): (epilogue, passesBias) = (UInt32(EMBER_CUBLASLT_EPILOGUE_BIAS), true)
      case (_, false): break
      }
    }
    let form = ProductForm(
      dtype: p.dtype, rows: p.rows, columns: p.columns, depth: p.depth, batch: p.batch, a: first, b: second,
      outputAlignment: 1 << min(8, UInt(bitPattern: p.output).trailingZeroBitCount), epilogue: epilogue,
      allowsTF32: p.allowsTF32 ?? allowsTF32)
    useContext()
    let stream = stream
    let status: Int32? =
      withScratch(Self.workspaceBytes) { workspace in
        let pointers = (
          UInt(bitPattern: p.a), UInt(bitPattern: p.b), UInt(bitPattern: p.output), UInt(bitPattern: passesBias ? p.columnBias : nil)
        )
        let (space, queue) = (UInt(bitPattern: workspace), UInt(bitPattern: stream))
        let (alpha, beta) = (p.alpha, p.beta)
        return withProducts { plans -> Int32? in
          if plans == nil {
            var handle: UnsafeMutableRawPointer?
            guard library.functions.pointee.create(&handle) == 0, let handle else { return nil }
            plans = ProductPlans(library: library, handle: handle)
          }
          let handle = plans!.handle
          let plan: ProductPlan
          if let known = plans!.plans[form] {
            guard let known else { return nil }
            plan = known
          } else {
            let made = Self.makePlan(form, types, library, handle)
            plans!.plans[form] = .some(made)
            guard let made else { return nil }
            plan = made
          }
          if pointers.3 != 0 {
            var bias = pointers.3
            _ = library.functions.pointee.operation_set(plan.operation, Int32(EMBER_CUBLASLT_BIAS), &bias, 8)
          }
          return withScale(alpha, form.dtype) { alpha in
            withScale(beta, form.dtype) { beta in
              func address(_ bits: UInt) -> UnsafeMutableRawPointer? { UnsafeMutableRawPointer(bitPattern: bits) }
              return withUnsafeBytes(of: &plan.heuristic.algorithm) { algorithm in
                library.functions.pointee.matmul(
                  handle, plan.operation, alpha, address(pointers.1), plan.a, address(pointers.0), plan.b, beta, address(pointers.2),
                  plan.c,
                  address(pointers.2), plan.c, algorithm.baseAddress, address(space), Self.workspaceBytes, address(queue))
              }
            }
          }
        }
      } ?? 0
    guard let status else { return false }
    if status != 0 {
      raise(
        EmberError(
          .device, in: "matmul",
          "\(device): cuBLASLt refused a product of \(p.rows)×\(p.depth) and \(p.depth)×\(p.columns) \(p.dtype) matrices (status \(status))"
        ))
    }
    if needsFinish { finish(p, bias: passesBias ? nil : p.columnBias) }
    return true
  }

  private struct MatrixOperandCopy {
    var pointer: UnsafeMutableRawPointer
    var strides: (Int, Int, Int)
  }

  private static func makePlan(
    _ form: ProductForm, _ types: (element: Int, compute: Int, scale: Int), _ library: CuBLASLt, _ handle: UnsafeMutableRawPointer
  ) -> ProductPlan? {
    let api = library.functions.pointee
    var operation: UnsafeMutableRawPointer?
    guard api.operation_create(&operation, Int32(types.compute), Int32(types.scale)) == 0, let operation else { return nil }
    func set(_ attribute: Int, _ value: Int32) {
      var value = value
      _ = api.operation_set(operation, Int32(attribute), &value, 4)
    }
    set(Int(EMBER_CUBLASLT_TRANSPOSE_A), form.a.isTransposed ? 1 : 0)
    set(Int(EMBER_CUBLASLT_TRANSPOSE_B), form.b.isTransposed ? 1 : 0)
    set(Int(EMBER_CUBLASLT_EPILOGUE), Int32(form.epilogue))
    func layout(_ rows: Int, _ columns: Int, _ leading: Int, _ batchStride: Int) -> UnsafeMutableRawPointer? {
      var layout: UnsafeMutableRawPointer?
      guard api.layout_create(&layout, Int32(types.element), UInt64(rows), UInt64(columns), Int64(leading)) == 0 else { return nil }
      if form.batch > 1 {
        var count = Int32(form.batch)
        var stride = Int64(batchStride)
        _ = api.layout_set(layout, Int32(EMBER_CUBLASLT_BATCH_COUNT), &count, 4)
        _ = api.layout_set(layout, Int32(EMBER_CUBLASLT_BATCH_STRIDE), &stride, 8)
      }
      return layout
    }
    func stored(_ m: StoredMatrix, _ rows: Int, _ columns: Int) -> UnsafeMutableRawPointer? {
      layout(m.isTransposed ? columns : rows, m.isTransposed ? rows : columns, m.leading, m.batchStride)
    }
    guard let a = stored(form.a, form.columns, form.depth), let b = stored(form.b, form.depth, form.rows),
      let c = layout(form.columns, form.rows, form.columns, form.rows * form.columns)
    else { return nil }
    var preference: UnsafeMutableRawPointer?
    guard api.preference_create(&preference) == 0 else { return nil }
    defer { _ = api.preference_destroy(preference) }
    var bytes = UInt64(workspaceBytes)
    _ = api.preference_set(preference, Int32(EMBER_CUBLASLT_WORKSPACE_BYTES), &bytes, 8)
    for (attribute, alignment) in [
      (EMBER_CUBLASLT_ALIGNMENT_A, form.a.alignment), (EMBER_CUBLASLT_ALIGNMENT_B, form.b.alignment),
      (EMBER_CUBLASLT_ALIGNMENT_C, form.outputAlignment), (EMBER_CUBLASLT_ALIGNMENT_D, form.outputAlignment),
    ] {
      var value = UInt32(alignment)
      _ = api.preference_set(preference, Int32(attribute), &value, 4)
    }
    var heuristic = ember_cublaslt_heuristic()
    var count: Int32 = 0
    let status = api.heuristic(handle, operation, a, b, c, c, preference, 1, &heuristic, &count)
    guard status == 0, count > 0, heuristic.state == 0 else { return nil }
    return ProductPlan(operation: operation, a: a, b: b, c: c, heuristic: heuristic)
  }
}

/// alpha or beta in the type that the library reads it as.
private func withScale<R>(_ value: Double, _ dtype: DType, _ body: (UnsafeRawPointer) -> R) -> R {
  withUnsafeTemporaryAllocation(byteCount: 16, alignment: 16) { buffer in
    let scale: ComputeType = dtype == .complex64 ? .complex64 : dtype == .complex128 ? .complex128 : dtype == .float64 ? .float64 : .float32
    Scalar.real(value).store(as: scale, to: buffer.baseAddress!)
    return body(UnsafeRawPointer(buffer.baseAddress!))
  }
}

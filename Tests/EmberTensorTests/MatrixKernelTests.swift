import EmberRuntime
import EmberTensor
import Testing

/// Products of matrices around the heights, widths and depths that the kernels cut them into: tiles of up to 14 rows and two vectors
/// of columns, blocks of 384 or 512 in depth, of 2016 rows and of 4096 columns.
@Suite struct MatrixKernelTests {
  static let rows = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 14, 15, 29]
  static let columns = [0, 1, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65]
  static let depths = [0, 1, 2, 3, 7, 8, 9, 16, 17, 33]

  /// Rounding of sums of `depth` products.
  static func tolerance(_ depth: Int) -> (DType) -> Double {
    let terms = Double(max(depth, 4)).squareRoot()
    let units: [DType: Double] = [
      .float32: 1e-6, .float64: 1e-15, .float16: 0x1p-10, .bfloat16: 0x1p-7, .complex64: 2e-6, .complex128: 2e-15,
    ]
    return { dtype in (units[dtype] ?? 0) * (dtype.size == 2 ? 1 : terms) }
  }

  /// A matrix stored as it is, transposed, with gaps between its elements, in reverse order, or as one repeated row.
  static let forms: [(String, @Sendable (Tensor) -> Tensor)] = [
    ("dense", { $0 }), ("transposed", { $0.t().contiguous().t() }), ("strided", { stack([$0, $0], dim: -1).select(-1, 0) }),
    ("flipped", { $0.flip(0, 1).contiguous().flip(0, 1) }), ("broadcast", { $0.repeatedAlong(0) }),
  ]

  static func check(_ m: Int, _ n: Int, _ k: Int, _ dtype: DType, _ pairs: [(Int, Int)]) {
    let integers = !dtype.isFloatingPoint && !dtype.isComplex
    let a = (integers ? numbers([m, k], -9, 9) : numbers([m, k])).to(dtype)
    let b = (integers ? numbers([k, n], -9, 9, seed: 2) : numbers([k, n], seed: 2)).to(dtype)
    for (i, j) in pairs {
      let inputs = [forms[i].1(a), forms[j].1(b)]
      // `disagreement` makes the inputs dense for the scalar kernels.
      let found = KernelAgreement.disagreement(inputs, layouts: 1, tolerance: tolerance(k)) { [$0[0].matmul($0[1])] }
      #expect(found == nil, "[\(m), \(k)] \(forms[i].0) by [\(k), \(n)] \(forms[j].0), \(dtype): \(found ?? "")")
    }
  }

  @Test(arguments: rows)
  func smallProductsAgree(_ m: Int) {
    let all = [(0, 0), (1, 0), (0, 1), (1, 1), (2, 2), (3, 3), (4, 0)]
    for n in Self.columns {
      for (i, k) in Self.depths.enumerated() {
        Self.check(m, n, k, .float32, i % 2 == 0 ? all : [(0, 0), (0, 1), (1, 0), (0, 4)])
        if (m + n + k) % 3 == 0 { Self.check(m, n, k, .float64, [(0, 0), (1, 1), (0, 1)]) }
        if (m + n + k) % 5 == 0 { Self.check(m, n, k, .bfloat16, [(0, 0), (1, 1)]) }
        if (m + n + k) % 5 == 1 { Self.check(m, n, k, .float16, [(0, 0), (0, 1)]) }
        if (m + n + k) % 5 == 2 { Self.check(m, n, k, [.int64, .int32, .uint8, .complex64][k % 4], [(0, 0), (1, 1), (4, 2)]) }
      }
    }
  }

  @Test func deepAndLargeProductsAgree() {
    let ways = [(0, 0), (0, 1), (1, 0)]
    for k in KernelAgreement.around(384, 512, 768, 1024) {
      for (m, n) in [(1, 1), (1, 40), (5, 33), (40, 1), (15, 17)] {
        Self.check(m, n, k, .float32, ways)
        Self.check(m, n, k, .float64, [(0, 0)])
        Self.check(m, n, k, .bfloat16, [(0, 1)])
      }
    }
    for m in KernelAgreement.around(2016) { Self.check(m, 33, 5, .float32, ways) }
    for n in KernelAgreement.around(4096) { Self.check(9, n, 7, .float32, ways) }
    // Shared out among threads.
    for (m, n, k) in [(127, 129, 65), (128, 128, 128), (200, 90, 70), (3, 700, 300), (700, 3, 300), (1, 900, 700), (900, 1, 700)] {
      Self.check(m, n, k, .float32, ways + [(1, 1), (3, 3)])
      Self.check(m, n, k, .float64, ways)
      Self.check(m, n, k, .float16, [(0, 0)])
    }
    Self.check(40, 33, 100, .int64, ways)
    Self.check(100, 9, 90, .complex128, ways)
  }

  @Test func vectorsAndBatchesAgree() {
    for n in KernelAgreement.laneSizes + KernelAgreement.around(1024) {
      for dtype in [DType.float32, .float64, .bfloat16, .int64] {
        let x = (numbers([n]) * 3).to(dtype), a = (numbers([n, 9], seed: 2) * 3).to(dtype), b = (numbers([9, n], seed: 3) * 3).to(dtype)
        let found = KernelAgreement.disagreement([x, a, b], tolerance: Self.tolerance(n)) {
          [$0[0].matmul($0[0]), $0[0].matmul($0[1]), $0[2].matmul($0[0])]
        }
        #expect(found == nil, "\(n) \(dtype): \(found ?? "")")
      }
    }
    for batch in [[0], [1], [2], [3], [17], [2, 3], [2, 0]] {
      for (m, n, k) in [(1, 1, 1), (3, 5, 0), (0, 2, 3), (1, 17, 9), (9, 1, 33), (15, 33, 8), (40, 40, 40)] {
        for dtype in [DType.float32, .float64, .float16] {
          let a = numbers(batch + [m, k]).to(dtype), b = numbers(batch + [k, n], seed: 2).to(dtype)
          let found = KernelAgreement.disagreement([a, b], tolerance: Self.tolerance(k)) { [$0[0].matmul($0[1])] }
          #expect(found == nil, "\(batch), \(m) by \(n) by \(k), \(dtype): \(found ?? "")")
          // One matrix for the whole batch, the other transposed in every one.
          let shared = KernelAgreement.disagreement(
            [a, b.repeatedAlong(0), b.transpose(-1, -2).contiguous().transpose(-1, -2)], layouts: 1, tolerance: Self.tolerance(k)
          ) {
            [$0[0].matmul($0[1]), $0[0].matmul($0[2])]
          }
          #expect(shared == nil, "\(batch) shared, \(m) by \(n) by \(k), \(dtype): \(shared ?? "")")
        }
      }
    }
  }

  /// With bias, scale and activation worked in, and gradients.
  @Test func linearLayersAgree() {
    for rows in [0, 1, 3, 14, 33] {
      for n in [0, 1, 7, 8, 17, 33, 65] {
        for k in [0, 1, 8, 33] {
          for dtype in [DType.float32, .float64, .bfloat16] {
            let inputs = [numbers([rows, k]), numbers([n, k], seed: 2), numbers([n], seed: 3)].map { $0.to(dtype) }
            let found = KernelAgreement.disagreement(inputs, layouts: 3, tolerance: Self.tolerance(max(k, rows, n))) { x in
              let leaves = x.map { $0.requiringGrad() }
              let y = leaves[0].linear(leaves[1], leaves[2])
              return [y.detach()] + grad(of: [y], with: leaves, gradients: [numbers([rows, n], seed: 4).to(dtype)])
            }
            #expect(found == nil, "[\(rows), \(k)] to \(n), \(dtype): \(found ?? "")")
            let added = KernelAgreement.disagreement(
              [numbers([rows, n], seed: 5).to(dtype), inputs[0], inputs[1]], layouts: 2, tolerance: Self.tolerance(k)
            ) {
              [$0[0].addmm($0[1], $0[2].t(), beta: 0.5, alpha: 2)]
            }
            #expect(added == nil, "addmm [\(rows), \(k)] to \(n), \(dtype): \(added ?? "")")
          }
        }
      }
    }
  }

  /// Around tiles of output columns and blocks of channels; ConvolutionKernelTests has the shapes that choose among the kernels' ways.
  @Test(arguments: [1, 2, 3])
  func convolutionsAgree(_ kernel: Int) {
    let limits: [DType: Double] = [.float32: 2e-5, .float64: 1e-13]
    for (width, stride) in [0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 33, 65].flatMap({ [($0, 1), ($0, 2)] }) {
      for (channels, out) in [(1, 1), (1, 17), (3, 8), (15, 16), (16, 15), (17, 33), (33, 31)] where width < 33 || channels * out < 300 {
        for groups in channels == 3 ? [1, 3] : [1] {
          let shapes = [[2, channels, 3, width], [groups == 3 ? 9 : out, channels / groups, kernel, kernel], [groups == 3 ? 9 : out]]
          for dtype in [DType.float32, .float64] {
            let inputs = shapes.enumerated().map { numbers($1, seed: UInt64($0) + 1).to(dtype) }
            let found = KernelAgreement.disagreement(inputs, layouts: dtype == .float32 ? 2 : 1, tolerance: { limits[$0] ?? 0 }) { x in
              let leaves = x.map { $0.requiringGrad() }
              let y = leaves[0].conv2d(leaves[1], leaves[2], stride: stride, padding: kernel / 2, groups: groups)
              return [y.detach()] + grad(of: [y], with: leaves, gradients: [numbers(Array(y.shape), seed: 4).to(dtype)])
            }
            #expect(found == nil, "\(shapes), stride \(stride), groups \(groups), \(dtype): \(found ?? "")")
          }
        }
      }
    }
  }

  @Test func poolingAgrees() {
    for width in KernelAgreement.laneSizes + KernelAgreement.around(256) {
      for dtype in [DType.float32, .float64, .float16] {
        let x = numbers([2, 3, 5, width]).to(dtype)
        let ways: [(String, @Sendable (Tensor) -> Tensor)] = [
          ("max 2", { $0.maxPool2d(2) }), ("max 3, stride 1", { $0.maxPool2d(3, stride: 1, padding: 1) }),
          ("max 3, stride 2", { $0.maxPool2d(3, stride: 2, padding: 1) }),
          ("mean 2", { $0.avgPool2d(2) }), ("mean 3", { $0.avgPool2d(3, stride: 1, padding: 1) }),
          ("adaptive mean", { $0.adaptiveAvgPool2d([2, 3]) }),
          ("adaptive max", { $0.adaptiveMaxPool2d([2, 3]) }),
        ]
        for (name, run) in ways {
          let found = KernelAgreement.disagreement([x], layouts: 4) { x in
            let leaf = x[0].requiringGrad(), y = run(leaf)
            return [y.detach()] + grad(of: [y], with: [leaf], gradients: [numbers(Array(y.shape), seed: 4).to(dtype)])
          }
          #expect(found == nil, "\(name) of a width of \(width), \(dtype): \(found ?? "")")
        }
      }
    }
  }
}

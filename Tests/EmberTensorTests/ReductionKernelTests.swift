import EmberRuntime
import EmberTensor
import Testing

/// A reduction, softmax or loss over the middle of [outer, n, inner].
struct AxisOperation: Sendable, CustomTestStringConvertible {
  let name: String
  let run: @Sendable (Tensor) -> [Tensor]
  /// Whether not even rounding may differ.
  var isExact = false
  var testDescription: String { name }

  /// Each factor of a product may round once; sums are kept in double from block to block. Roundings of different factors are independent,
  /// those of one factor that is repeated all go the same way.
  func tolerance(_ n: Int, isRepeated: Bool = false) -> (DType) -> Double {
    let terms = name == "prod" ? max(1, isRepeated ? Double(n) / 64 : Double(n).squareRoot() / 16) : 1
    return { isExact ? 0 : terms * (KernelAgreement.tolerances[$0] ?? 0) }
  }

  static let reductions: [AxisOperation] = [
    AxisOperation(name: "sum") { [$0.sum(1)] },
    AxisOperation(name: "mean") { [$0.mean(1)] },
    AxisOperation(name: "nansum") { [$0.nansum([1])] },
    AxisOperation(name: "prod") { [$0.prod(1)] },
    AxisOperation(name: "amax", run: { [$0.amax([1])] }, isExact: true),
    AxisOperation(name: "amin", run: { [$0.amin([1])] }, isExact: true),
    AxisOperation(
      name: "max",
      run: {
        let r = $0.max(1); return [r.values, r.indices]
      }, isExact: true),
    AxisOperation(
      name: "min",
      run: {
        let r = $0.min(1); return [r.values, r.indices]
      }, isExact: true),
    AxisOperation(name: "argmax", run: { [$0.argmax(1)] }, isExact: true),
    AxisOperation(name: "argmin", run: { [$0.argmin(1)] }, isExact: true),
    AxisOperation(name: "any", run: { [$0.any([1])] }, isExact: true),
    AxisOperation(name: "all", run: { [$0.all([1])] }, isExact: true),
    AxisOperation(name: "count_nonzero", run: { [$0.countNonzero([1])] }, isExact: true),
    AxisOperation(name: "var_mean") {
      let r = $0.varMean([1]); return [r.variance, r.mean]
    },
    AxisOperation(name: "std") { [$0.std([1], correction: 0)] },
    AxisOperation(name: "logsumexp") { [$0.logSumExp([1])] },
    AxisOperation(name: "norm 0") { [$0.norm(0, [1])] },
    AxisOperation(name: "norm 1") { [$0.norm(1, [1])] },
    AxisOperation(name: "norm 2") { [$0.norm(2, [1])] },
    AxisOperation(name: "norm 3") { [$0.norm(3, [1])] },
    AxisOperation(name: "norm inf") { [$0.norm(.infinity, [1])] },
    AxisOperation(name: "norm -inf") { [$0.norm(-.infinity, [1])] },
  ]
}

@Suite struct ReductionKernelTests {
  typealias Extents = (outer: Int, n: Int, inner: Int)

  /// The axis reduced, and what lies on either side of it, around lanes.
  static let small: [Extents] = KernelAgreement.laneSizes.flatMap { n in
    [(1, n, 1), (3, n, 1), (70, n, 1), (1, n, 5), (2, n, 17), (1, n, 129), (2, 9, n)] as [Extents]
  }

  /// Around tiles of 1024 converted elements, blocks of 4096, chunks of 32768, columns worked on together and pieces they are cut into.
  static let long: [Extents] =
    KernelAgreement.around(1024, 4096).flatMap { [(2, $0, 1), (1, $0, 3), (1, $0, 65)] as [Extents] }
    + KernelAgreement.around(32768, 65536).map { (1, $0, 1) as Extents }
    + KernelAgreement.around(1024).flatMap { [(1, 3, $0), (2, 40, $0)] as [Extents] }
    + KernelAgreement.around(128, 256).map { (1, $0, 1024) as Extents } + [(1, 33, 129), (1, 32, 128), (1, 31, 127)]

  static func input(_ e: Extents, _ dtype: DType, _ name: String) -> Tensor {
    let shape = [e.outer, e.n, e.inner]
    // Products stay near one, truth values are mixed, and integers have many equal neighbours.
    if name == "prod" { return numbers(shape, 0.9, 1.11).to(dtype) }
    if ["any", "all", "count_nonzero", "norm 0"].contains(name) { return (numbers(shape) .> -1.99).to(dtype) }
    return dtype.isFloatingPoint ? numbers(shape).to(dtype) : numbers(shape, 0, 5).to(dtype)
  }

  static func check(_ operation: AxisOperation, _ extents: [Extents], _ dtypes: [DType], layouts: Int) {
    for dtype in dtypes {
      for e in extents {
        let x = input(e, dtype, operation.name)
        for (kind, x) in [("", x), (" broadcast", x.repeatedAlong(0)), (" broadcast along the axis", x.repeatedAlong(1))] {
          if !kind.isEmpty, layouts == 1 || x.elementCount == 0 { continue }
          let found = KernelAgreement.disagreement([x], layouts: kind.isEmpty ? layouts : 1, tolerance: operation.tolerance(e.n, isRepeated: kind.hasSuffix("axis"))) {
            operation.run($0[0])
          }
          #expect(found == nil, "\(operation.name) \(dtype) \(e)\(kind): \(found ?? "")")
        }
      }
    }
  }

  @Test(arguments: AxisOperation.reductions)
  func reductionsAgreeAroundLanes(_ operation: AxisOperation) {
    Self.check(operation, Self.small, [.float32, .float64], layouts: KernelAgreement.layouts.count)
    Self.check(operation, Self.small, [.float16, .bfloat16, .int32, .int64, .uint8, .bool], layouts: 2)
  }

  @Test(arguments: AxisOperation.reductions)
  func reductionsAgreeAroundChunks(_ operation: AxisOperation) {
    Self.check(operation, Self.long, [.float32], layouts: 2)
    Self.check(operation, Self.long, [.float64, .bfloat16, .int64], layouts: 1)
  }

  @Test(arguments: AxisOperation.reductions)
  func infinitiesAndNaNAgree(_ operation: AxisOperation) {
    for n in [1, 2, 8, 17, 65, 1025, 4097] {
      for special in [[Double.nan], [.infinity], [-.infinity], [.infinity, -.infinity], [.nan, .infinity, .nan], [-.infinity, -0.0]] {
        for (outer, inner) in [(3, 1), (1, 5), (1, 20)] {
          // Products stay in range, lest infinity meets a zero in one order and not in another.
          var values = (operation.name == "prod" ? numbers([outer, n, inner], 0.9, 1.11) : numbers([outer, n, inner])).elements(
            as: Double.self)
          for (i, number) in special.enumerated() { values[(values.count / 2 + i * 7) % values.count] = number }
          if n == 2 { values = values.map { _ in special[0] } }
          for dtype in [DType.float32, .float64, .float16] {
            let x = Tensor(values, shape: [outer, n, inner], dtype: .float64).to(dtype)
            let found = KernelAgreement.disagreement([x], layouts: 2) { operation.run($0[0]) }
            #expect(found == nil, "\(operation.name) of \(special) in \(n) by \(inner), \(dtype): \(found ?? "")")
          }
        }
      }
    }
  }

  /// All dimensions, and several that do not lie side by side.
  @Test func severalDimensionsAgree() {
    for shape in [[], [0], [2, 0, 3], [3, 5, 7, 9], [2, 17, 1, 33], [1, 1, 1]] {
      let x = numbers(shape)
      for dims in [[], [0], [-1], [0, 2], [1, 3], [0, 1, 2]] where dims.allSatisfy({ $0 < shape.count && -$0 <= shape.count }) {
        let found = KernelAgreement.disagreement([x.to(.float32)]) {
          [$0[0].sum(dims), $0[0].mean(dims, keepDim: true), $0[0].var(dims), $0[0].norm(2, dims)]
        }
        #expect(found == nil, "\(shape) over \(dims): \(found ?? "")")
        if x.elementCount == 0 { continue }
        let extreme = KernelAgreement.disagreement([x.to(.float32)]) { [$0[0].amax(dims), $0[0].logSumExp(dims)] }
        #expect(extreme == nil, "\(shape) over \(dims): \(extreme ?? "")")
      }
    }
  }
}

/// Softmax, classification losses and normalisation: results and gradients.
@Suite struct RowKernelTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let shapes: [[[Int]]]
    let run: @Sendable ([Tensor]) -> Tensor
    var testDescription: String { name }
  }

  /// Rows around lanes; rows around blocks of 4096 and 16384; columns around strips of 256; elements around chunks of 8192.
  static let rows: [[Int]] =
    KernelAgreement.laneSizes.flatMap { [[3, $0, 1], [2, $0, 3], [2, 5, $0]] }
    + KernelAgreement.around(4096, 16384).map { [1, $0, 1] } + KernelAgreement.around(256).map { [1, 9, $0] }
    + KernelAgreement.around(128).map { [$0, 64, 1] }

  static let matrices: [[Int]] =
    KernelAgreement.laneSizes.flatMap { [[3, $0], [$0, 5]] } + KernelAgreement.around(64).map { [3, $0] }
    + KernelAgreement.around(512).map { [$0, 65] }

  static func labels(_ shape: [Int], classes: Int) -> Tensor {
    Tensor((0..<shape.reduce(1, *)).map { $0 % 11 == 1 ? -100 : ($0 * 7 + 3) % max(classes, 1) }, shape: shape)
  }

  static let cases: [Case] = [
    Case(name: "softmax", shapes: rows.map { [$0] }) { $0[0].softmax(1) },
    Case(name: "log_softmax", shapes: rows.map { [$0] }) { $0[0].logSoftmax(1) },
    Case(name: "cross_entropy", shapes: rows.map { [$0] }) { x in
      x[0].crossEntropy(labels([x[0].shape[0], x[0].shape[2]], classes: x[0].shape[1]), reduction: .sum, labelSmoothing: 0.1)
    },
    Case(name: "nll_loss", shapes: rows.map { [$0, [$0[1]]] }) { x in
      x[0].nllLoss(labels([x[0].shape[0], x[0].shape[2]], classes: x[0].shape[1]), weight: x[1].detach().abs() + 0.5, reduction: .sum)
    },
    Case(name: "layer_norm", shapes: rows.map { [[$0[0] * $0[2], $0[1]], [$0[1]], [$0[1]]] }) {
      $0[0].layerNorm(Array($0[1].shape), weight: $0[1], bias: $0[2], eps: 1e-2)
    },
    Case(name: "group_norm", shapes: rows.map { [[$0[0], 4, $0[1]], [4], [4]] }) {
      $0[0].groupNorm(2, weight: $0[1], bias: $0[2], eps: 1e-2)
    },
    Case(name: "batch_norm", shapes: rows.map { [$0, [$0[1]], [$0[1]]] }) { $0[0].batchNorm(weight: $0[1], bias: $0[2], eps: 1e-2).output },
    Case(name: "batch_norm of few channels", shapes: KernelAgreement.around(1024, 2048, 4096).map { [[2, 2, $0], [2], [2]] }) {
      $0[0].batchNorm(weight: $0[1], bias: $0[2], eps: 1e-2).output
    },
    Case(name: "batch_norm of a matrix", shapes: matrices.map { [$0, [$0[1]], [$0[1]]] }) {
      $0[0].batchNorm(weight: $0[1], bias: $0[2], eps: 1e-2).output
    },
  ]

  @Test(arguments: cases)
  func valuesAndGradientsAgree(_ sample: Case) {
    // Gradients are differences of sums of thousands of terms; a 16-bit one is rounded on the way as well.
    let limits: [DType: Double] = [.float32: 1e-5, .float64: 1e-12, .float16: 4e-3, .bfloat16: 3.2e-2]
    for (dtype, layouts) in [(DType.float32, 5), (.float64, 1), (.bfloat16, 1), (.float16, 1)] {
      for shapes in sample.shapes {
        if layouts == 1, shapes[0].reduce(1, *) > 9000, dtype != .float64 { continue }
        let inputs = shapes.enumerated().map { numbers($1, seed: UInt64($0) + 3).to(dtype) }
        // Weights gather over everything else, with terms of both signs.
        let terms = max(1, Double(shapes[0].reduce(1, *)) / 256)
        let found = KernelAgreement.disagreement(inputs, layouts: layouts, tolerance: { (limits[$0] ?? 0) * ($0.size > 2 ? terms : 1) }) {
          inputs in
          let leaves = inputs.map { $0.requiringGrad() }
          let y = sample.run(leaves)
          let upstream = numbers(Array(y.shape), 0.5, 1.5, seed: 9).to(y.dtype)
          return [y.detach()] + grad(of: [y], with: leaves, gradients: [upstream])
        }
        #expect(found == nil, "\(sample.name) \(dtype) \(shapes): \(found ?? "")")
      }
    }
  }
}

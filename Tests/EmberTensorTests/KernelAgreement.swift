import EmberCPU
import EmberRuntime
import EmberTensor

/// What the tests of kernels share: sizes at the limits of lanes and chunks, layouts, and the comparison with the scalar kernels.
enum KernelAgreement {
  /// Extents around whole vectors of every instruction set, and around a few of them.
  static let laneSizes = [0, 1, 3, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 127, 129]

  /// One less, exactly, and one more than each limit.
  static func around(_ limits: Int...) -> [Int] { limits.flatMap { [$0 - 1, $0, $0 + 1] } }

  /// What rounding a result once, and adding in another order, may change.
  static let tolerances: [DType: Double] = [
    .float64: 1e-13, .complex128: 1e-13, .float32: 4e-6, .complex64: 4e-6, .float16: 0x1p-10, .bfloat16: 0x1p-7,
  ]

  /// The same values in memory that is not dense, not in order, or not aligned to vectors.
  static let layouts: [(name: String, make: @Sendable (Tensor) -> Tensor)] = [
    ("dense", { $0 }),
    ("transposed", { $0.rank < 2 ? $0 : $0.transpose(0, -1).contiguous().transpose(0, -1) }),
    ("strided", { stack([$0, $0], dim: -1).select(-1, 0) }),
    ("flipped", { $0.rank == 0 ? $0 : $0.flip(-1).contiguous().flip(-1) }),
    (
      "unaligned",
      { cat([Tensor.zeros([1]).to($0.dtype), $0.reshape(-1)]).narrow(0, start: 1, length: $0.elementCount).reshape(Array($0.shape)) }
    ),
  ]

  /// A result as it is compared.
  struct Outcome: Equatable {
    var shapes: [[Int]] = []
    var dtypes: [DType] = []
    var elements: [[Double]] = []
    var error: String?
  }

  static func outcome(_ body: () -> [Tensor]) -> Outcome {
    do {
      return try catchingErrors {
        let results = body()
        return Outcome(
          shapes: results.map { Array($0.shape) }, dtypes: results.map(\.dtype), elements: results.map { $0.elements(as: Double.self) })
      }
    } catch {
      return Outcome(error: "\(error)")
    }
  }

  /// How `actual` differs from `expected`, or nil. Each result is judged against its largest element.
  static func difference(_ actual: Outcome, _ expected: Outcome, tolerance: (DType) -> Double) -> String? {
    if actual.error != expected.error { return "\(actual.error ?? "no error") instead of \(expected.error ?? "no error")" }
    if actual.shapes != expected.shapes || actual.dtypes != expected.dtypes {
      return "\(actual.dtypes) \(actual.shapes) instead of \(expected.dtypes) \(expected.shapes)"
    }
    for (i, (a, b)) in zip(actual.elements, expected.elements).enumerated() where a != b {
      let limit = tolerance(expected.dtypes[i]) * b.reduce(1) { $1.isFinite ? max($0, $1.magnitude) : $0 }
      for (place, (x, y)) in zip(a, b).enumerated() where x != y && !(x.isNaN && y.isNaN) && !((x - y).magnitude <= limit) {
        return "\(x) instead of \(y) at \(place) of result \(i), a tensor of shape \(expected.shapes[i])"
      }
    }
    return nil
  }

  /// Runs `body` on the scalar kernels with dense inputs, then with every set of kernels in every layout. Nil if all agree.
  static func disagreement(
    _ inputs: [Tensor], layouts count: Int = layouts.count, tolerance: ((DType) -> Double)? = nil, _ body: ([Tensor]) -> [Tensor]
  ) -> String? {
    guard let expected = CPU.with(.scalar, { outcome { body(inputs.map { $0.contiguous() }) } }) else {
      return "there are no scalar kernels"
    }
    for layout in layouts.prefix(count) {
      let placed = inputs.map(layout.make)
      for set in CPU.InstructionSet.allCases {
        guard let actual = CPU.with(set, { outcome { body(placed) } }) else { continue }
        if let found = difference(actual, expected, tolerance: tolerance ?? { tolerances[$0] ?? 0 }) {
          return "\(set), \(layout.name): \(found)"
        }
      }
    }
    return nil
  }
}

extension Tensor {
  /// A single row (column, ...) repeated along `dimension`, without memory of its own for the copies.
  func repeatedAlong(_ dimension: Int) -> Tensor {
    size(dimension) == 0 ? self : narrow(dimension, start: 0, length: 1).expand(Array(shape))
  }
}

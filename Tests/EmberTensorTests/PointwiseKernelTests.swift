import EmberCPU
import EmberOptim
import EmberRuntime
import EmberTensor
import Testing

/// Pointwise programs, copies, conversions, random numbers and optimizer steps around lanes and tiles.
@Suite struct PointwiseKernelTests {
  static let sizes = KernelAgreement.laneSizes + KernelAgreement.around(256, 1024, 4096)
  /// From here on threads share the work.
  static let long = KernelAgreement.around(16384, 32768, 65536)

  static let functions: [(String, @Sendable (Tensor, Tensor) -> Tensor)] = [
    ("add", { $0 + $1 }), ("mul", { $0 * $1 }), ("div", { $0 / ($1 + 4) }), ("maximum", { maximum($0, $1) }),
    ("where", { `where`($0 .> $1, $0, $1) }),
    ("exp", { x, _ in x.exp() }), ("tanh", { x, _ in x.tanh() }), ("gelu", { x, _ in x.gelu() }), ("sigmoid", { x, _ in x.sigmoid() }),
    ("log1p", { x, _ in x.abs().log1p() }), ("sqrt", { x, _ in x.abs().sqrt() }), ("sin", { x, _ in x.sin() }),
    ("erf", { x, _ in x.erf() }),
    ("pow", { x, y in x.abs() ** y }), ("less", { $0 .< $1 }), ("addcmul", { Pointwise.addcmul($0, $1, $0, ScalarParameters(0.5)) }),
  ]

  @Test func programsAgree() {
    for (name, run) in Self.functions {
      for n in Self.sizes + (name == "add" || name == "exp" ? Self.long : []) {
        for dtype in n > 200 ? [DType.float32, .bfloat16] : [.float32, .float64, .float16, .bfloat16, .int32, .uint8] {
          let scale = dtype.isFloatingPoint ? 1.0 : 3
          let x = (numbers([n], dtype == .uint8 ? 0 : -2) * scale).to(dtype),
            y = (numbers([n], dtype == .uint8 ? 0 : -2, seed: 2) * scale).to(dtype)
          let found = KernelAgreement.disagreement([x, y], layouts: n > 2000 ? 2 : 5) { [run($0[0], $0[1])] }
          #expect(found == nil, "\(name) \(n) \(dtype): \(found ?? "")")
        }
      }
      for rows in [1, 3, 17] {
        for n in KernelAgreement.laneSizes + KernelAgreement.around(1024) {
          let x = numbers([rows, n]).to(.float32), row = numbers([n], seed: 2).to(.float32),
            column = numbers([rows, 1], seed: 3).to(.float32)
          let found = KernelAgreement.disagreement([x, row, column, numbers([]).to(.float32)], layouts: 4) {
            [run($0[0], $0[1]), run($0[0], $0[2]), run($0[2], $0[1]), run($0[3], $0[0]), run($0[0], $0[3])]
          }
          #expect(found == nil, "\(name), rows \(rows) of \(n), broadcast: \(found ?? "")")
        }
      }
    }
  }

  /// Every dtype to every other, by value: whole numbers that all of them hold.
  @Test func conversionsKeepWhatBothDTypesHold() {
    for n in KernelAgreement.laneSizes + [1023, 1025, 4097] {
      let expected = (0..<n).map { Double($0 * 5 % 8) }
      let source = Tensor(expected, shape: [n], dtype: .float64)
      for from in DType.allCases where n < 200 || from.size == 4 {
        let x = source.to(from), held = from == .bool ? expected.map { $0 == 0 ? 0 : 1 } : expected
        for to in DType.allCases {
          let wanted = to == .bool ? held.map { $0 == 0 ? 0 : 1 } : held
          for set in CPU.InstructionSet.allCases {
            for layout in KernelAgreement.layouts.prefix(n == 17 || n == 65 ? 5 : 1) {
              guard let actual = CPU.with(set, { layout.make(x).to(to) }) else { continue }
              #expect(actual.dtype == to && actual.elements(as: Double.self) == wanted, "\(from) to \(to), \(n), \(set), \(layout.name)")
            }
          }
        }
      }
    }
  }

  /// Copies between layouts, around the tiles (a cache line of elements) and chunks (256 KiB) they are cut into.
  @Test func copiesAgreeWithPlainLoops() {
    for (rows, columns) in KernelAgreement.laneSizes.flatMap({ [($0, 3), (3, $0), ($0, $0)] }) + [
      (255, 257), (1, 65537), (65535, 1), (300, 250),
    ] {
      for dtype in rows * columns > 300 ? [DType.float32] : [DType.bool, .int16, .float32, .float64, .complex128] {
        let x = numbers([rows, columns], 0, 9).round().to(dtype), xs = x.elements(as: Double.self)
        let transposed = (0..<columns).flatMap { c in (0..<rows).map { xs[$0 * columns + c] } }
        #expect(x.t().contiguous().elements(as: Double.self) == transposed, "\(rows) by \(columns) \(dtype)")
        #expect(x.flip(1).contiguous().flip(1).contiguous().elements(as: Double.self) == xs, "\(rows) by \(columns) \(dtype)")
        #expect(
          cat([x, x.repeatedAlong(0)], dim: 1).narrow(1, start: 0, length: columns).contiguous().elements(as: Double.self) == xs,
          "\(rows) by \(columns) \(dtype)")
        // Parts of a larger tensor, written with the axes exchanged.
        var target = Tensor.zeros([columns, rows, 2]).to(dtype)
        target[0..., 0..., 1] = x.t()
        #expect(target.select(2, 1).contiguous().elements(as: Double.self) == transposed, "\(rows) by \(columns) \(dtype)")
        #expect(target.select(2, 0).elements(as: Double.self).allSatisfy { $0 == 0 }, "\(rows) by \(columns) \(dtype)")
      }
    }
  }

  /// The same stream whatever the kernels: exactly, but for the rounding of logarithms and cosines.
  @Test func randomNumbersAgree() {
    for n in KernelAgreement.laneSizes + KernelAgreement.around(624, 1024, 2048) {
      for dtype in [DType.float32, .float64] {
        let found = KernelAgreement.disagreement([], layouts: 1) { _ in
          let generator = Generator(seed: 3)
          return [
            Tensor.rand([n], dtype: dtype, generator: generator), Tensor.randn([n], dtype: dtype, generator: generator),
            Tensor.randint(0, 100, [n], generator: generator), Tensor.randperm(n, generator: generator),
            Tensor.full([n], 0.3, dtype: dtype).bernoulli(generator: generator), Tensor.rand([3], dtype: .float64, generator: generator),
          ]
        }
        #expect(found == nil, "\(n) \(dtype): \(found ?? "")")
      }
    }
  }

  static let optimizers: [(String, @Sendable ([StateCell]) -> any Optimizer)] = [
    ("SGD", { SGD($0, learningRate: 0.1) }),
    ("SGD with momentum", { SGD($0, learningRate: 0.1, momentum: 0.9, weightDecay: 0.01, nesterov: true) }),
    ("SGD with dampening", { SGD($0, learningRate: 0.1, momentum: 0.9, dampening: 0.3, maximize: true) }),
    ("Adam", { Adam($0, learningRate: 0.1, weightDecay: 0.01) }),
    ("Adam with amsgrad", { Adam($0, learningRate: 0.1, amsgrad: true, maximize: true) }),
    ("AdamW", { AdamW($0, learningRate: 0.1) }),
  ]

  /// Three steps of several parameters; chunks have 16384 elements.
  @Test func optimizerStepsAgree() {
    let limits: [DType: Double] = [.float32: 1e-5, .float64: 1e-13, .float16: 4e-3, .bfloat16: 3.2e-2]
    for (name, make) in Self.optimizers {
      for n in KernelAgreement.laneSizes + KernelAgreement.around(16384) {
        for dtype in n > 200 ? [DType.float32] : [.float32, .float64, .float16, .bfloat16] {
          let found = KernelAgreement.disagreement([], layouts: 1, tolerance: { limits[$0] ?? 0 }) { _ in
            let cells = [[n], [3, n], []].enumerated().map { StateCell(numbers($1, seed: UInt64($0) + 1).to(dtype), isParameter: true) }
            let optimizer = make(cells)
            for step in 0..<3 {
              for (i, cell) in cells.enumerated() {
                cell.grad = numbers(Array(cell.value.shape), 0.2, 1, seed: UInt64(10 * step + i)).to(dtype)
              }
              optimizer.step()
            }
            return cells.map { $0.value.detach() }
          }
          #expect(found == nil, "\(name) \(n) \(dtype): \(found ?? "")")
        }
      }
    }
  }
}

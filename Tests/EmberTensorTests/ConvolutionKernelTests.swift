import EmberCPU
import EmberRuntime
import EmberTensor
import Testing

/// A convolution or pooling whose kernels are compared with each other. The shapes are chosen for the ways that the kernels go:
/// few and many channels, rows shorter and longer than a tile, one channel per group, edges that nothing reaches.
struct KernelCase: Sendable, CustomTestStringConvertible {
  let name: String
  let shapes: [[Int]]
  let run: @Sendable ([Tensor]) -> Tensor

  var testDescription: String { name }

  init(_ name: String, _ shapes: [[Int]], _ run: @escaping @Sendable ([Tensor]) -> Tensor) {
    (self.name, self.shapes, self.run) = (name, shapes, run)
  }

  /// The result and the gradients of all inputs, in float64.
  func results(_ dtype: DType) -> [[Double]] {
    let inputs = shapes.enumerated().map { numbers($1, seed: UInt64($0) + 1).to(dtype).requiringGrad() }
    let y = run(inputs)
    let upstream = numbers(Array(y.shape), seed: 9).to(dtype)
    let gradients = grad(of: [y], with: inputs, gradients: [upstream])
    return ([y] + gradients).map { $0.to(.float64).elements(as: Double.self) }
  }
}

extension KernelCase {
  /// [batch, in, input...] by [out, in / groups, kernel...], with a bias.
  static func convolution(
    _ input: [Int], _ weight: [Int], stride: Int = 1, padding: Int = 0, dilation: Int = 1, groups: Int = 1
  ) -> KernelCase {
    let name = "\(input) by \(weight), stride \(stride), padding \(padding), dilation \(dilation), groups \(groups)"
    return KernelCase(name, [input, weight, [weight[0]]]) { x in
      switch input.count {
      case 3: x[0].conv1d(x[1], x[2], stride: stride, padding: padding, dilation: dilation, groups: groups)
      case 4: x[0].conv2d(x[1], x[2], stride: stride, padding: padding, dilation: dilation, groups: groups)
      default: x[0].conv3d(x[1], x[2], stride: stride, padding: padding, dilation: dilation, groups: groups)
      }
    }
  }

  static let convolutions: [KernelCase] = [
    convolution([2, 1, 28, 28], [32, 1, 3, 3], padding: 1),
    convolution([3, 32, 14, 14], [64, 32, 3, 3], padding: 1),
    convolution([2, 40, 9, 15], [33, 40, 3, 3], padding: 1),
    convolution([2, 32, 16, 16], [48, 32, 3, 3], stride: 2, padding: 1),
    convolution([2, 64, 8, 8], [32, 64, 1, 1], stride: 2),
    convolution([2, 24, 7, 7], [56, 24, 1, 1]),
    convolution([1, 3, 31, 30], [16, 3, 7, 7], stride: 2, padding: 3),
    convolution([5, 70, 4, 4], [36, 70, 3, 3], padding: 1),
    convolution([2, 16, 2, 3], [17, 16, 3, 3], padding: 1),
    convolution([3, 17, 14, 14], [18, 17, 3, 3], padding: 1),
    convolution([9, 40, 5, 7], [29, 40, 3, 3], padding: 2),
    convolution([1, 16, 34, 19], [31, 16, 3, 3]),
    convolution([4, 36, 11, 9], [64, 18, 3, 3], padding: 1, groups: 2),
    convolution([2, 20, 13, 17], [18, 20, 3, 3], padding: 2, dilation: 2),
    convolution([2, 20, 13, 5], [18, 20, 2, 3], padding: 3),
    convolution([2, 36, 11, 11], [40, 18, 3, 3], padding: 1, groups: 2),
    convolution([2, 7, 14, 14], [7, 1, 3, 3], padding: 1, groups: 7),
    convolution([2, 7, 13, 15], [7, 1, 3, 3], stride: 2, padding: 1, groups: 7),
    convolution([2, 5, 40, 37], [5, 1, 5, 5], padding: 2, groups: 5),
    convolution([2, 4, 9, 9], [8, 1, 3, 3], padding: 1, groups: 4),
    convolution([2, 6, 5, 5], [6, 1, 3, 3], stride: 3, padding: 4, dilation: 2, groups: 6),
    convolution([0, 4, 8, 8], [8, 4, 3, 3], padding: 1),
    convolution([2, 0, 8, 8], [8, 0, 3, 3], padding: 1),
    convolution([2, 4, 1, 1], [6, 4, 1, 1], stride: 3, padding: 2),
    convolution([3, 18, 70], [34, 18, 5], padding: 2),
    convolution([2, 3, 50], [4, 3, 9], stride: 4, padding: 1),
    // Few points.
    convolution([1, 40, 8], [64, 40, 3], padding: 1),
    convolution([1, 129, 7], [128, 129, 3], stride: 2, padding: 1),
    convolution([2, 64, 2, 2], [40, 64, 3, 3], padding: 1),
    convolution([1, 16, 2, 2], [33, 16, 3, 3], padding: 2, dilation: 2),
    convolution([3, 70, 1, 1], [128, 35, 1, 1], groups: 2),
    convolution([1, 8, 2, 2, 2], [32, 8, 3, 3, 3], padding: 1),
    convolution([2, 8, 3, 5, 6], [17, 8, 3, 3, 3], padding: 1),
    convolution([1, 2, 4, 5, 6], [3, 2, 2, 3, 2], stride: 2, padding: 1),
    KernelCase("transposed, stride 2", [[2, 36, 7, 7], [36, 20, 3, 3], [20]]) {
      $0[0].convTranspose2d($0[1], $0[2], stride: 2, padding: 1, outputPadding: 1)
    },
  ]

  static func pooling(_ input: [Int], _ name: String, _ run: @escaping @Sendable (Tensor) -> Tensor) -> KernelCase {
    KernelCase("\(name) of \(input)", [input]) { run($0[0]) }
  }

  static let poolings: [KernelCase] = [
    pooling([2, 3, 28, 28], "max 2") { $0.maxPool2d(2) },
    pooling([2, 3, 15, 71], "max 2") { $0.maxPool2d(2) },
    pooling([2, 3, 15, 17], "max 2, ceil") { $0.maxPool2d(2, ceilMode: true) },
    pooling([2, 3, 21, 40], "max 3, stride 2, padding 1") { $0.maxPool2d(3, stride: 2, padding: 1) },
    pooling([2, 3, 9, 38], "max 3, stride 1, dilation 2") { $0.maxPool2d(3, stride: 1, padding: 1, dilation: 2) },
    pooling([2, 2, 90], "max 5, stride 3") { $0.maxPool1d(5, stride: 3, padding: 2) },
    pooling([1, 2, 5, 6, 40], "max 2") { $0.maxPool3d(2) },
    pooling([0, 3, 8, 8], "max 2") { $0.maxPool2d(2) },
    pooling([2, 3, 28, 28], "mean 2") { $0.avgPool2d(2) },
    pooling([2, 3, 13, 41], "mean 3, stride 1, padding 1") { $0.avgPool2d(3, stride: 1, padding: 1) },
    pooling([2, 3, 13, 41], "mean 3, without padding") { $0.avgPool2d(3, stride: 2, padding: 1, countIncludePad: false) },
    pooling([2, 3, 13, 11], "mean 4, ceil, divisor") { $0.avgPool2d(4, stride: 3, ceilMode: true, divisorOverride: 5) },
    pooling([2, 3, 7, 7], "adaptive mean 1") { $0.adaptiveAvgPool2d(1) },
    pooling([2, 3, 10, 37], "adaptive mean 3 by 5") { $0.adaptiveAvgPool2d([3, 5]) },
    pooling([2, 3, 10, 37], "adaptive max 3 by 5") { $0.adaptiveMaxPool2d([3, 5]) },
  ]
}

@Suite struct ConvolutionKernelTests {
  @Test(arguments: KernelCase.convolutions + KernelCase.poolings)
  func everyInstructionSetAgreesWithTheScalarOne(_ sample: KernelCase) throws {
    // Sums of up to a few hundred products of numbers up to 2, whose order differs.
    for (dtype, tolerance) in [(DType.float32, 2e-5), (.float64, 1e-13), (.float16, 4e-3), (.bfloat16, 3e-2)] {
      let expected = try #require(CPU.with(.scalar) { sample.results(dtype) })
      for set in CPU.InstructionSet.allCases where set != .scalar {
        guard let actual = CPU.with(set, { sample.results(dtype) }) else { continue }
        for (a, b) in zip(actual, expected) {
          #expect(a.count == b.count)
          let scale = b.reduce(1) { max($0, abs($1)) }
          let worst = zip(a, b).map { abs($0 - $1) }.max() ?? 0
          #expect(worst <= tolerance * scale, "\(sample.name) \(dtype) \(set): off by \(worst) of \(scale)")
        }
      }
    }
  }

  /// In a process of its own, because the number of threads is one for the whole process.
  @Test func theNumberOfThreadsDoesNotShow() async {
    await #expect(processExitsWith: .success) {
      for sample in KernelCase.convolutions + KernelCase.poolings {
        CPU.threadCount = 1
        let expected = sample.results(.float32)
        for count in [2, 3] {
          CPU.threadCount = count
          #expect(sample.results(.float32) == expected, "\(sample.name), \(count) threads")
        }
      }
    }
  }
}

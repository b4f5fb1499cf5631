import EmberCPU
import EmberRuntime
import EmberTensor
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// The inputs of Tests/Fixtures/normalization_values.py.
private func waves(_ shape: [Int], seed: Int) -> Tensor {
  var values: [Double] = []
  for i in 0..<shape.reduce(1, *) {
    let phase: Double = 12.9898 * Double(i + 1) + 78.233 * Double(seed)
    values.append(-2 + 4 * (sin(phase) + 1) / 2)
  }
  return Tensor(values, dtype: .float64).reshape(shape)
}

/// Labels without structure, one of them ignored where there are more than two.
private func labels(_ shape: [Int], classes: Int) -> Tensor {
  let count = shape.reduce(1, *)
  let values = (0..<count).map { $0 == 1 && count > 2 ? -100 : ($0 * 7 + 3) % max(classes, 1) }
  return Tensor(values).reshape(shape)
}

/// An operation of networks with inputs of one shape.
private struct Network: Sendable, CustomStringConvertible {
  let name: String
  let shapes: [[Int]]
  let run: @Sendable ([Tensor]) -> Tensor
  var description: String { "\(name) \(shapes)" }

  /// The result followed by the gradients of its weighted sum. The inputs are first rounded to `rounding`.
  func valueAndGradients(in dtype: DType, rounding: DType) -> [[Double]] {
    let inputs = shapes.enumerated().map { waves($1, seed: $0 + 1).to(rounding).to(dtype).requiringGrad() }
    let result = run(inputs)
    let weights = waves(Array(result.shape), seed: 9).to(rounding).to(dtype)
    let gradients = grad(of: [(result * weights).sum()], with: inputs)
    return ([result.detach()] + gradients).map { $0.elements(as: Double.self) }
  }

  static let normalizations: [Network] = [[0, 3], [3, 0], [1, 1], [4, 1], [3, 7], [2, 15], [2, 17], [5, 65], [2, 1000]].flatMap { s in
    [
      Network(name: "softmax", shapes: [s]) { $0[0].softmax(1) },
      Network(name: "softmax of columns", shapes: [s]) { $0[0].softmax(0) },
      Network(name: "log_softmax", shapes: [s]) { $0[0].logSoftmax(1) },
      Network(name: "log_softmax of columns", shapes: [s]) { $0[0].logSoftmax(0) },
      Network(name: "layer_norm", shapes: [s, [s[1]], [s[1]]]) { $0[0].layerNorm([s[1]], weight: $0[1], bias: $0[2], eps: 1e-2) },
      Network(name: "layer_norm without weight", shapes: [s]) { $0[0].layerNorm([s[1]], eps: 1e-2) },
    ]
  }
  static let channels: [Network] = [[2, 4, 1], [3, 4, 5], [2, 4, 16], [2, 2, 33], [5, 70, 2], [1, 2, 1030]].flatMap { s in
    let c = s[1]
    return [
      Network(name: "group_norm", shapes: [s, [c], [c]]) { $0[0].groupNorm(2, weight: $0[1], bias: $0[2], eps: 1e-2) },
      Network(name: "batch_norm", shapes: [s, [c], [c]]) { $0[0].batchNorm(weight: $0[1], bias: $0[2], eps: 1e-2).output },
      Network(name: "batch_norm by given statistics", shapes: [s, [c]]) {
        $0[0].batchNorm(mean: Tensor.zeros([c]).to($0[0].dtype) + 0.5, variance: Tensor.ones([c]).to($0[0].dtype), weight: $0[1])
      },
      Network(name: "cross_entropy", shapes: [s]) { $0[0].crossEntropy(labels([s[0], s[2]], classes: c)) },
      Network(name: "cross_entropy of rows", shapes: [[s[0] * s[2], c], [c]]) {
        $0[0].crossEntropy(labels([s[0] * s[2]], classes: c), weight: $0[1].detach().abs() + 0.5, labelSmoothing: 0.1)
      },
      Network(name: "nll_loss", shapes: [s]) { $0[0].nllLoss(labels([s[0], s[2]], classes: c), reduction: .sum) },
    ]
  } + [[4, 3], [7, 70], [600, 2]].map { s in
    Network(name: "batch_norm of a matrix", shapes: [s, [s[1]], [s[1]]]) { $0[0].batchNorm(weight: $0[1], bias: $0[2], eps: 1e-2).output }
  }
  static let products: [Network] = [
    Network(name: "matmul", shapes: [[5, 33], [33, 7]]) { $0[0].matmul($0[1]) },
    Network(name: "linear", shapes: [[4, 19], [6, 19], [6]]) { $0[0].linear($0[1], $0[2]) },
    Network(name: "conv2d", shapes: [[2, 3, 7, 6], [4, 3, 3, 3], [4]]) { $0[0].conv2d($0[1], $0[2], padding: 1) },
    Network(name: "max_pool2d", shapes: [[2, 3, 6, 6]]) { $0[0].maxPool2d(2) },
    Network(name: "avg_pool2d", shapes: [[2, 3, 6, 6]]) { $0[0].avgPool2d(2) },
  ]
}

@Suite struct NormalizationTests {
  /// Against the scalar kernels in float64 on the same inputs. 16-bit dtypes may round the result, what is saved of it, and each
  /// gradient once: a few units in the last place of the largest numbers.
  @Test(arguments: Network.normalizations + Network.channels + Network.products)
  fileprivate func everyDTypeAndInstructionSetAgreesWithTheScalarDouble(_ network: Network) throws {
    for (dtype, tolerance) in [(DType.float64, 4e-14), (.float32, 3e-6), (.float16, 4e-3), (.bfloat16, 3.2e-2)] {
      let expected = try #require(CPU.with(.scalar) { network.valueAndGradients(in: .float64, rounding: dtype) })
      for set in CPU.InstructionSet.allCases {
        guard let actual = CPU.with(set, { network.valueAndGradients(in: dtype, rounding: dtype) }) else { continue }
        for (i, (a, b)) in zip(actual, expected).enumerated() {
          let largest = b.map { $0.magnitude }.max() ?? 0
          let limit = tolerance * max(1, largest)
          let worst = zip(a, b).map { ($0 - $1).magnitude }.max() ?? 0
          #expect(a.count == b.count && worst <= limit, "\(network) \(dtype) \(set), result \(i): off by \(worst) of \(largest)")
        }
      }
    }
  }

  @Test func valuesAndGradientsAreThoseOfPyTorch() throws {
    let target = Tensor([2, 0, 3, -100, 1, 1]).reshape([2, 3])
    let cases = [
      Network(name: "softmax", shapes: [[3, 5]]) { $0[0].softmax(1) },
      Network(name: "log_softmax", shapes: [[2, 4, 3]]) { $0[0].logSoftmax(1) },
      Network(name: "layer_norm", shapes: [[3, 7], [7], [7]]) { $0[0].layerNorm([7], weight: $0[1], bias: $0[2]) },
      Network(name: "group_norm", shapes: [[2, 4, 3], [4], [4]]) { $0[0].groupNorm(2, weight: $0[1], bias: $0[2]) },
      Network(name: "batch_norm", shapes: [[3, 2, 3], [2], [2]]) { $0[0].batchNorm(weight: $0[1], bias: $0[2]).output },
      Network(name: "batch_norm of a matrix", shapes: [[5, 3], [3], [3]]) { $0[0].batchNorm(weight: $0[1], bias: $0[2]).output },
      Network(name: "cross_entropy", shapes: [[2, 4, 3]]) { $0[0].crossEntropy(target, labelSmoothing: 0.1) },
    ]
    for network in cases {
      let expected = try #require(normalizationValues[network.name])
      for (a, b) in zip(network.valueAndGradients(in: .float64, rounding: .float64), expected) {
        #expect(a.count == b.count && zip(a, b).allSatisfy { ($0 - $1).magnitude <= 1e-12 * max(1, $1.magnitude) }, "\(network): \(a) \(b)")
      }
    }
  }

  @Test func statisticsOfLargeOffsetsKeepTheirDigits() {
    let x = waves([64, 3, 500], seed: 1).to(.float32) + 4096
    let exact = x.to(.float64)
    let (_, mean, variance) = x.batchNorm()
    let expected = exact.batchNorm()
    for (a, b) in zip(mean.elements(as: Double.self), expected.mean.elements(as: Double.self)) { #expect((a - b).magnitude < 5e-4) }
    for (a, b) in zip(variance.elements(as: Double.self), expected.variance.elements(as: Double.self)) {
      #expect((a - b).magnitude < 1e-5 * b)
    }
  }

  /// Values of mpmath to 17 digits; PyTorch's own trigamma has ten.
  @Test(arguments: [
    (1, 1.0, 1.6449340668482264), (1, 4.039583680930912, 0.2806894540912974), (1, -4.48100046148053, 9.70475328033669),
    (1, 0.07316053999980966, 188.3147568965152), (2, 0.5, -16.828796644234320), (3, 1.0, 6.4939394022668291),
  ])
  func polygammaIsExact(_ n: Int, _ x: Double, _ expected: Double) {
    let value = Tensor([x], dtype: .float64).polygamma(n).item(as: Double.self)
    #expect((value - expected).magnitude <= 4e-15 * expected.magnitude)
  }

  @Test func polygammaHasPolesAndOrders() {
    #expect(Tensor([0.0, -1.0]).polygamma(1).elements(as: Double.self) == [.infinity, .infinity])
    #expect(Tensor([2.5], dtype: .float64).polygamma(0).item() == Tensor([2.5], dtype: .float64).digamma().item())
    #expect(throws: EmberError.self) { try catchingErrors { Tensor([1.0]).polygamma(-1) } }
  }
}

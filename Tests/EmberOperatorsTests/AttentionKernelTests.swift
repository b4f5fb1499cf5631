import EmberCPU
import EmberFunctional
import EmberRuntime
import EmberTensor
import Testing

private func numbers(_ shape: [Int], seed: Int) -> Tensor {
  let count = shape.reduce(1, *)
  return Tensor((0..<count).map { Float(($0 * 7919 + seed * 104_729) % 1009) / 504 - 1 }, shape: shape)
}

/// Attention by its definition.
private func definition(_ q: Tensor, _ k: Tensor, _ v: Tensor, mask: Tensor?, isCausal: Bool) -> Tensor {
  var scores = q.matmul(k.mT) * Scalar.real(1 / Double(q.size(-1)).squareRoot())
  if let mask { scores = scores + mask }
  if isCausal {
    scores = scores.maskedFill(Tensor.arange(k.size(-2)) .> Tensor.arange(q.size(-2)).unsqueeze(1), .real(-.infinity))
  }
  return scores.safeSoftmax(-1).matmul(v)
}

@Suite struct AttentionKernelTests {
  /// heads, queries, keys, features, values: around the limits of vectors and of blocks (64 queries, 256 keys).
  fileprivate static let extents = [
    [1, 1, 1, 1, 1], [3, 5, 7, 9, 11], [2, 63, 64, 16, 16], [2, 65, 257, 8, 33], [1, 130, 600, 17, 8], [5, 64, 255, 64, 64],
    [1, 600, 1100, 12, 20],
  ]

  @Test(arguments: extents, [false, true])
  func everyInstructionSetFollowsTheDefinition(_ n: [Int], _ isCausal: Bool) throws {
    let masks: [Tensor?] = isCausal ? [nil] : [nil, numbers([n[1], n[2]], seed: 5), numbers([n[0], 1, n[2]], seed: 6), numbers([n[1], 1], seed: 7)]
    for mask in masks {
      // Strided as the heads of a projection are.
      let packed = [numbers([n[1], n[0], n[3] + 3], seed: 1), numbers([n[2], n[0], n[3] + 1], seed: 2), numbers([n[2], n[0], n[4] + 2], seed: 3)]
      let inputs = zip(packed, [n[3], n[3], n[4]]).map { $0.narrow(-1, start: 0, length: $1).transpose(0, 1).detach().requiringGrad() }
      let wide = inputs.map { $0.detach().to(.float64).requiringGrad() }
      let expected = definition(wide[0], wide[1], wide[2], mask: mask?.to(.float64), isCausal: isCausal)
      let upstream = numbers(Array(expected.shape), seed: 4)
      let all = [expected] + grad(of: [expected], with: wide, gradients: [upstream.to(.float64)])
      for set in CPU.InstructionSet.allCases {
        _ = CPU.with(set) {
          let y = inputs[0].scaledDotProductAttention(inputs[1], inputs[2], mask: mask, isCausal: isCausal)
          for (i, (a, b)) in zip([y] + grad(of: [y], with: inputs, gradients: [upstream]), all).enumerated() {
            #expect((a.to(.float64) - b).abs().amax().item() < 3e-6 * Swift.max(1, b.abs().amax().item()), "\(n) \(set) \(i)")
          }
        }
      }
    }
  }

  @Test func aQueryThatSeesNothingGetsZeros() throws {
    let q = numbers([2, 70, 8], seed: 1).requiringGrad(), k = numbers([2, 300, 8], seed: 2), v = numbers([2, 300, 8], seed: 3)
    let sees = (Tensor.arange(70) .!= 3).unsqueeze(1).expand([70, 300])
    for set in CPU.InstructionSet.allCases {
      _ = CPU.with(set) {
        let y = q.scaledDotProductAttention(k, v, mask: sees)
        let dq = grad(of: [y], with: [q], gradients: [Tensor.ones(like: y)])[0]
        for x in [y, dq] {
          #expect((x - x .== 0).all().item(as: Bool.self), "\(set)")
          #expect(x.select(1, 3).abs().amax().item(as: Float.self) == 0, "\(set)")
        }
      }
    }
    let none = q.scaledDotProductAttention(Tensor.zeros([2, 0, 8]), Tensor.zeros([2, 0, 8]))
    #expect(none.abs().amax().item(as: Float.self) == 0)
  }

  @Test func notANumberStaysInItsRow() throws {
    var q = numbers([1, 70, 8], seed: 1)
    q[0, 5, 2] = Tensor(.real(.nan))
    let y = q.scaledDotProductAttention(numbers([1, 300, 8], seed: 2), numbers([1, 300, 8], seed: 3))
    let bad = (y .!= y).any([-1])
    #expect(bad.sum().item(as: Int.self) == 1)
    #expect(bad[0, 5].item(as: Bool.self))
  }

  /// In a process of its own, because the number of threads is one for the whole process.
  @Test func theNumberOfThreadsDoesNotShow() async {
    await #expect(processExitsWith: .success) {
      for n in AttentionKernelTests.extents {
        func results() -> [Tensor] {
          let x = [numbers([n[0], n[1], n[3]], seed: 1), numbers([n[0], n[2], n[3]], seed: 2), numbers([n[0], n[2], n[4]], seed: 3)]
            .map { $0.requiringGrad() }
          let y = x[0].scaledDotProductAttention(x[1], x[2], isCausal: true)
          return [y] + grad(of: [y], with: x, gradients: [numbers(Array(y.shape), seed: 4)])
        }
        CPU.threadCount = 1
        let expected = results()
        for count in [2, 4] {
          CPU.threadCount = count
          for (a, b) in zip(results(), expected) { #expect((a .== b).all().item(as: Bool.self), "\(n), \(count) threads") }
        }
      }
    }
  }
}

import EmberRuntime
import EmberTensor
import Testing

@Suite struct ReductionTests {
  @Test func gradients() {
    let x = numbers([3, 4])
    let y = numbers([4], seed: 2).abs().cumsum(0)
    let functions: [(String, ([Tensor]) -> Tensor)] = [
      ("logCumSumExp", { $0[0].logCumSumExp(1) }), ("cummax", { $0[0].cummax(0).values }), ("cumprod", { $0[0].cumprod(1) }),
      ("median", { $0[0].median() }), ("nanMedian", { $0[0].nanMedian(1).values }), ("kthValue", { $0[0].kthValue(2, dim: 0).values }),
      ("mode", { $0[0].mode(1).values }), ("norm 3", { $0[0].norm(3, [1]) }), ("norm 1.5", { $0[0].norm(1.5, [0]) }),
      ("norm 0.5", { $0[0].norm(0.5) }), ("norm ∞", { $0[0].norm(.infinity, [1]) }), ("renorm", { $0[0].renorm(2, dim: 0, maximum: 1) }),
      ("quantile", { $0[0].quantile(Tensor([0.2, 0.7], dtype: .float64), dim: 1) }),
      ("nanQuantile", { $0[0].nanQuantile(Tensor(0.4, dtype: .float64), keepDim: true) }),
      ("covariance", { $0[0].covariance(frequencies: Tensor([1, 2, 1, 3])) }), ("correlation", { $0[0].correlation() }),
      ("diff", { $0[0].diff(2, dim: 1) }), ("gradient", { $0[0].gradient(edgeOrder: 2)[1] }),
      ("uneven gradient", { $0[0].gradient(spacing: [.coordinates(y)], [1], edgeOrder: 2)[0] }),
      ("trapezoid", { $0[0].trapezoid(y) }), ("cumulativeTrapezoid", { $0[0].cumulativeTrapezoid(step: 0.5, dim: 0) }),
      ("std", { $0[0].std([1]) }), ("nanMean", { $0[0].nanMean([0]) }), ("aminmax", { $0[0].aminmax(1).max }),
      ("masked softmax", { Masked.softmax($0[0], 1, mask: x .> -0.5) }),
      ("masked variance", { Masked.var($0[0], [0], mask: Tensor([true, false, true], shape: [3, 1])) }),
      ("masked logSumExp", { Masked.logSumExp($0[0], [1], mask: x .> -2.5) }),
    ]
    for (name, function) in functions { #expect(checkGradients(function, at: [x]) == nil, "\(name)") }
  }

  @Test func productsThroughZeros() {
    let zeros = Tensor([0, 2, 0, 0, 3, 4, 5, 6], shape: [2, 4], dtype: .float64)
    #expect(checkGradients({ $0[0].prod(1) }, at: [zeros]) == nil)
    let index = Tensor([0, 0, 1, 0], shape: [1, 4]).expand(2, 4)
    for includeSelf in [true, false] {
      #expect(
        checkGradients(
          { $0[0].scatterReduce(dim: 1, index: index, source: $0[1], .prod, includeSelf: includeSelf) }, at: [zeros, zeros.flip(1)]) == nil)
    }
  }

  @Test func complexRunningLogarithm() {
    let z = Pointwise.makeComplex(numbers([6]), numbers([6], seed: 4))
    let direct = z.exp().cumsum(0)
    let running = z.logCumSumExp(0).exp()
    #expect((direct - running).abs().amax().item() < 1e-12)
  }

  @Test func refusalsAndMeta() {
    let x = numbers([3, 4])
    #expect(failure { x.kthValue(5) } == .value)
    #expect(failure { Tensor.zeros([0]).amax() } == .shape)
    #expect(failure { Tensor([1, 2]).mean() } == .dtype)
    #expect(failure { x.quantile(Tensor(1.5, dtype: .float64)) } == .value)
    #expect(failure { Pointwise.makeComplex(x, x).sort() } == .dtype)
    #expect(Tensor.empty([3, 4], on: .meta).quantile(Tensor([0.5, 0.6], on: .meta), dim: 1, keepDim: true).shape == [2, 3, 1])
    #expect(Tensor.empty([3, 4], on: .meta).cummax(1).indices.dtype == .int64)
    #expect(x.isEqual(to: x.clone()) && !x.isEqual(to: x + 1) && x.allClose(x + 1e-9))
  }
}

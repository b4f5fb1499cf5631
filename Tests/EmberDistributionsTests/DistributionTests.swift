import EmberDistributions
import EmberRuntime
import EmberTensor
import Testing

@Suite struct DistributionTests {
  static let discrete = distributionValues.filter { ["Bernoulli", "Geometric", "Categorical"].contains($0.name.split(separator: " ")[0]) }
  // MARK: Against PyTorch

  @Test(arguments: distributionValues.indices) func valuesAreThoseOfPyTorch(_ i: Int) {
    let wanted = distributionValues[i], p = distribution(wanted.name, wanted.parameters)
    let values = Tensor(wanted.values, dtype: .float64)
    #expect(agrees(p.logProbability(values), wanted.logProbability), "\(wanted.name)")
    #expect(agrees(p.entropy(), wanted.entropy), "\(wanted.name)")
    #expect(agrees(p.mean, wanted.mean) && agrees(p.variance, wanted.variance), "\(wanted.name)")
    #expect(agrees(p.mode, wanted.mode), "\(wanted.name): \(p.mode), not \(wanted.mode)")
    if let cdf = wanted.cdf, let p = p as? Gamma { #expect(agrees(p.cdf(values), cdf)) }
    if let cdf = wanted.cdf, let icdf = wanted.icdf, let p = p as? any CumulativeDistribution {
      #expect(agrees(p.cdf(values), cdf), "\(wanted.name)")
      #expect(agrees(p.icdf(Tensor([0.1, 0.5, 0.9], dtype: .float64)), icdf, 1e-11), "\(wanted.name)")
    } else {
      #expect(wanted.icdf == nil && !(p is any CumulativeDistribution))
    }
  }

  @Test(arguments: divergenceValues.indices) func divergencesAreThoseOfPyTorch(_ i: Int) {
    let wanted = divergenceValues[i]
    let divergence = klDivergence(distribution(wanted.p, wanted.pParameters), distribution(wanted.q, wanted.qParameters))
    #expect(agrees(divergence, wanted.value), "\(wanted.p) \(wanted.q): \(divergence), not \(wanted.value)")
  }

  // MARK: Against integrals and sums

  /// Integrals over p's draws become means over equal steps of its cumulative function.
  @Test(arguments: divergenceValues.filter { !$0.value.contains(.infinity) }.indices) func divergencesAreIntegrals(_ i: Int) {
    let wanted = divergenceValues.filter { !$0.value.contains(.infinity) }[i]
    let p = distribution(wanted.p, wanted.pParameters), q = distribution(wanted.q, wanted.qParameters)
    let integral: Tensor
    if wanted.p == "Dirichlet" || wanted.p == "Gamma" || wanted.p == "Beta" {
      // Their inverse cumulative functions have no closed forms: a mean over draws.
      let draws = p.sample([400_000], generator: Generator(seed: 5))
      let terms = p.logProbability(draws) - q.logProbability(draws)
      let error = terms.std([0]) / 400_000.0.squareRoot()
      let distance = ((terms.mean(0) - Tensor(wanted.value, dtype: .float64)).abs() / error).elements(as: Double.self)
      #expect(distance.allSatisfy { $0 < 4.5 }, "\(wanted.p): \(distance) standard errors")
      return
    } else if let p = p as? any CumulativeDistribution {
      let count = 400_000
      let steps = (Tensor.arange(count).to(.float64) + 0.5) / Double(count)
      let draws = p.icdf(steps.unsqueeze(1))
      integral = (p.logProbability(draws) - q.logProbability(draws)).mean(0)
    } else {
      let draws =
        (p as? any EnumerableDistribution)?.enumerateSupport() ?? Tensor.arange(400).to(.float64).unsqueeze(1).expand([400] + p.batchShape)
      let terms = p.logProbability(draws).exp() * (p.logProbability(draws) - q.logProbability(draws))
      integral = `where`(p.logProbability(draws).exp() .== 0, Tensor.zeros([], dtype: .float64), terms).sum(0)
    }
    // The tails of Laplace and Cauchy distributions are cut off by the steps.
    #expect(agrees(integral, wanted.value, 2e-4), "\(wanted.p) \(wanted.q): \(integral), not \(wanted.value)")
  }

  @Test func entropiesAreIntegrals() {
    for wanted in distributionValues where wanted.icdf != nil {
      guard let p = distribution(wanted.name, wanted.parameters) as? any CumulativeDistribution else { continue }
      let steps = (Tensor.arange(400_000).to(.float64) + 0.5) / 400_000
      #expect(agrees(-p.logProbability(p.icdf(steps.unsqueeze(1))).mean(0), wanted.entropy, 2e-4), "\(wanted.name)")
    }
  }

  @Test func independentDistributionsAddUp() {
    let p = Normal(location: Tensor.ones([3, 4, 2]), scale: Tensor.full([3, 4, 2], 0.5))
    let q = Normal(location: Tensor.zeros([2]), scale: Tensor.ones([2]))
    let joint = Independent(p, 2)
    #expect(joint.batchShape == [3] && joint.eventShape == [4, 2] && joint.sample([5]).shape == [5, 3, 4, 2])
    let value = joint.sample(generator: Generator(seed: 1))
    #expect(joint.logProbability(value).shape == [3])
    #expect(agrees(joint.logProbability(value), p.logProbability(value).sum([1, 2]).to(.float64).elements(as: Double.self), 1e-6))
    #expect(agrees(joint.entropy(), p.entropy().sum([1, 2]).to(.float64).elements(as: Double.self), 1e-6))
    let divergence = klDivergence(joint, Independent(q.expanded(to: [3, 4, 2]), 2))
    #expect(agrees(divergence, klDivergence(p, q).sum([1, 2]).to(.float64).elements(as: Double.self), 1e-6))
    #expect(joint.expanded(to: [7, 3]).sample().shape == [7, 3, 4, 2])
    #expect(Independent(Bernoulli(probabilities: Tensor.full([2], 0.5)), 1).support.eventRank == 1)
  }

  // MARK: Draws

  @Test(arguments: distributionValues.filter { $0.icdf != nil }.map(\.name)) func drawsFitTheCumulativeFunction(_ name: String) {
    let wanted = distributionValues.first { $0.name == name }!
    guard let p = distribution(name, wanted.parameters) as? any CumulativeDistribution else { return }
    let count = 20_000
    // Kolmogorov and Smirnov: the largest distance between both cumulative functions, √n of which is above 1.95 once in 1000 times.
    let ordered = p.cdf(p.sample([count], generator: Generator(seed: 7))).sort(0).values
    let steps = (Tensor.arange(count).to(.float64).unsqueeze(1) + 0.5) / Double(count)
    let distance = (ordered - steps).abs().amax([0]) * Double(count).squareRoot()
    #expect(distance.elements(as: Double.self).allSatisfy { $0 < 1.95 }, "\(name): \(distance)")
  }

  @Test(arguments: discrete.map(\.name)) func drawsFitTheProbabilities(_ name: String) {
    let wanted = distributionValues.first { $0.name == name }!
    let p = distribution(name, wanted.parameters), count = 20_000
    let draws = p.sample([count], generator: Generator(seed: 8)).to(.float64)
    // Pearson: squared distances of counts from their expectations, pooled from 5 on; with at most 5 degrees of freedom above 20.5 once
    // in 1000 times.
    for b in 0..<p.batchShape[0] {
      let own = draws.select(1, b)
      var statistic = 0.0, rest = (seen: Double(count), expected: Double(count))
      for value in 0..<5 {
        let wantedCount =
          Double(count)
          * (value < 2 || name.hasPrefix("Geometric") || (name.hasPrefix("Categorical") && value < 3)
            ? p.logProbability(Tensor.full(p.batchShape, .real(Double(value)), dtype: .float64)).select(0, b).exp().item() : 0)
        let seen = (own .== .real(Double(value))).sum().item()
        if wantedCount < 5 { continue }
        statistic += (seen - wantedCount) * (seen - wantedCount) / wantedCount
        rest = (rest.seen - seen, rest.expected - wantedCount)
      }
      if rest.expected >= 5 { statistic += (rest.seen - rest.expected) * (rest.seen - rest.expected) / rest.expected }
      #expect(statistic < 20.5, "\(name) \(b): \(statistic)")
    }
  }

  @Test(arguments: distributionValues.map(\.name).filter { !["Cauchy", "StudentT", "Categorical", "Categorical logits"].contains($0) })
  func momentsOfDrawsAreThoseOfTheDistribution(_ name: String) {
    let wanted = distributionValues.first { $0.name == name }!, p = distribution(name, wanted.parameters)
    let draws = p.sample([50_000], generator: Generator(seed: 9)).to(.float64)
    let error = (draws.mean(0) - p.mean).abs() / (p.stddev / 50_000.0.squareRoot() + 1e-12)
    #expect(error.elements(as: Double.self).allSatisfy { $0 < 4.5 }, "\(name): \(error)")
    let ratio = (draws - draws.mean(0)).square().mean(0) / (p.variance + 1e-12)
    #expect(zip(ratio.elements(as: Double.self), wanted.variance).allSatisfy { $1 < 1e-9 || abs($0 - 1) < 0.1 }, "\(name): \(ratio)")
  }

  @Test func gammaDrawsFitTheCumulativeFunction() {
    for concentration in [0.05, 0.9, 1, 4, 300] {
      let p = Gamma(concentration: Tensor([concentration], dtype: .float64), rate: Tensor([2.0], dtype: .float64))
      let ordered = p.cdf(p.sample([20_000], generator: Generator(seed: 11))).flatten().sort(0).values
      let steps = (Tensor.arange(20_000).to(.float64) + 0.5) / 20_000
      #expect((ordered - steps).abs().amax().item() * 20_000.0.squareRoot() < 1.95, "\(concentration)")
    }
  }

  /// dx/da at the fixed probability of a draw: P(a + h, x + h dx/da) stays as it is.
  @Test func gradientsFlowThroughGammaDraws() {
    for concentration in [0.05, 0.9, 1, 4, 300] {
      let a = Tensor.full([200], .real(concentration), dtype: .float64).requiringGrad()
      let x = a.standardGamma(generator: Generator(seed: 12))
      x.sum().backward()
      let step = 1e-4 * concentration, now = igamma(a.detach(), x.detach())
      let later = igamma(a.detach() + step, x.detach() + step * a.grad!), unmoved = igamma(a.detach() + step, x.detach())
      // The change of P that is left is of second order.
      let left = ((later - now).abs() / ((unmoved - now).abs() + 1e-12)).amax().item()
      #expect(left < 2e-2, "\(concentration): \(left)")
    }
  }

  @Test func aGeneratorDecidesTheDraws() {
    for wanted in distributionValues {
      let p = distribution(wanted.name, wanted.parameters)
      func draw(_ seed: UInt64) -> [Double] { p.sample([64], generator: Generator(seed: seed)).to(.float64).elements(as: Double.self) }
      #expect(draw(1) == draw(1) && draw(1) != draw(2), "\(wanted.name)")
      #expect(!p.sample([2]).requiresGrad && p.sample([2, 3]).shape.elementsEqual([2, 3] + p.batchShape + p.eventShape))
    }
  }

  /// The derivative of a draw by a parameter, at a fixed probability, is that of the inverse cumulative function.
  @Test func gradientsFlowThroughDraws() {
    for wanted in distributionValues where wanted.icdf != nil {
      let parameters = wanted.parameters.map { Tensor($0, dtype: .float64) }
      func draws(_ parameters: [Tensor]) -> Tensor {
        let p: any ReparameterizedDistribution =
          switch wanted.name {
          case "Normal": Normal(location: parameters[0], scale: parameters[1])
          case "LogNormal": LogNormal(location: parameters[0], scale: parameters[1])
          case "HalfNormal": HalfNormal(scale: parameters[0])
          case "Uniform": Uniform(low: parameters[0], high: parameters[1])
          case "Laplace": Laplace(location: parameters[0], scale: parameters[1])
          case "Exponential": Exponential(rate: parameters[0])
          case "Gumbel": Gumbel(location: parameters[0], scale: parameters[1])
          default: Cauchy(location: parameters[0], scale: parameters[1])
          }
        return p.rsample([4], generator: Generator(seed: 3)).sum()
      }
      for i in parameters.indices {
        func moved(_ by: Double) -> Double { draws(parameters.indices.map { $0 == i ? parameters[$0] + by : parameters[$0] }).item() }
        let leaf = parameters[i].requiringGrad()
        draws(parameters.indices.map { $0 == i ? leaf : parameters[$0] }).backward()
        let analytic = leaf.grad!.sum().item(), numeric = (moved(1e-6) - moved(-1e-6)) / 2e-6
        #expect(abs(analytic - numeric) < 1e-5 * max(1, abs(numeric)), "\(wanted.name) \(i): \(analytic), \(numeric)")
      }
    }
  }

  @Test func gradientsFlowThroughLogarithms() {
    // d/dlogit log p(1) = 1 - p, also at 0, where magnitudes have a corner.
    let logits = Tensor([0.0, 2, -30]).requiringGrad()
    Bernoulli(logits: logits).logProbability(Tensor.ones([3])).sum().backward()
    #expect(agrees(logits.grad!, [0.5, 0.11920292202211755, 1], 1e-6))
    // d/dlogits log p(k) = one hot - softmax.
    let scores = Tensor([[1.0, 2, 3]]).requiringGrad()
    Categorical(logits: scores).logProbability(Tensor([2])).sum().backward()
    #expect(agrees(scores.grad!, [-0.0900305731703805, -0.2447284710547977, 0.3347590442251781], 1e-6))
  }

  // MARK: Shapes

  @Test func finiteSupportsAreEnumerated() {
    #expect(Bernoulli(probabilities: Tensor.full([2, 3], 0.5)).enumerateSupport().shape == [2, 2, 3])
    #expect(Bernoulli(probabilities: Tensor.full([2, 3], 0.5)).enumerateSupport(expand: false).shape == [2, 1, 1])
    let p = Categorical(probabilities: Tensor([[0.2, 0.8], [0.5, 0.5]]))
    #expect(p.enumerateSupport().elements(as: Int.self) == [0, 0, 1, 1])
    #expect(agrees(p.logProbability(p.enumerateSupport()).exp().sum(0), [1, 1], 1e-6))
  }

  @Test func batchesAreExpanded() {
    for wanted in distributionValues {
      let p = distribution(wanted.name, wanted.parameters)
      func check(_ p: some Distribution) {
        let wide = p.expanded(to: [4] + p.batchShape)
        let shape = wide.sample([2]).shape
        #expect(wide.batchShape == [4] + p.batchShape && shape.elementsEqual([2, 4] + p.batchShape + p.eventShape), "\(wanted.name)")
        #expect(agrees(wide.entropy().select(0, 3), wanted.entropy), "\(wanted.name)")
      }
      check(p)
    }
  }

  // MARK: Refusals

  static let refused: [(text: String, run: @Sendable () -> Void)] = [
    ("[Normal] scale", { _ = Normal(location: 0, scale: -1) }), ("[Normal] location", { _ = Normal(location: Double.nan, scale: 1) }),
    ("[Uniform] high - low", { _ = Uniform(low: 1, high: 1) }), ("[Bernoulli] probabilities", { _ = Bernoulli(probabilities: 1.5) }),
    ("[Categorical] probabilities", { _ = Categorical(probabilities: Tensor([0.5, -0.5])) }),
    ("[Categorical] the sum", { _ = Categorical(probabilities: Tensor([0.0, 0])) }),
    ("[Categorical] parameters float32[]", { _ = Categorical(logits: Tensor(1.0)) }),
    ("[Independent] 2 dimensions", { _ = Independent(Normal(location: Tensor.zeros([3]), scale: Tensor.ones([3])), 2) }),
    ("[Normal] a value float32[2]", { _ = Normal(location: Tensor.zeros([3]), scale: Tensor.ones([3])).logProbability(Tensor.zeros([2])) }),
    ("[Bernoulli] a value", { _ = Bernoulli(probabilities: 0.5).logProbability(Tensor([0.5])) }),
    ("[Categorical] a value", { _ = Categorical(probabilities: Tensor([0.5, 0.5])).logProbability(Tensor([2])) }),
    ("[Exponential] a value", { _ = Exponential(rate: Tensor([1.0])).logProbability(Tensor([-1.0])) }),
    ("[klDivergence] Cauchy and Normal", { _ = klDivergence(Cauchy(location: Tensor([0.0]), scale: Tensor([1.0])), Normal()) }),
    ("[Normal] parameters int64", { _ = Normal(location: Tensor([1]), scale: Tensor([1])) }),
  ]

  @Test(arguments: refused.indices) func whatCannotBeIsRefused(_ i: Int) {
    let error = #expect(throws: EmberError.self) { try catchingErrors { Self.refused[i].run() } }
    #expect(error?.description.hasPrefix(Self.refused[i].text) == true, "\(error?.description ?? "")")
  }

  @Test func checksCanBeSwitchedOff() throws {
    try catchingErrors { _ = Normal(location: Tensor([0.0]), scale: Tensor([-1.0]), validate: false).logProbability(Tensor([Double.nan])) }
  }

  @Test func closedFormsCanBeAdded() {
    KLDivergences.register(Cauchy.self, Laplace.self) { p, _ in p.location * 0 + 42 }
    let p = Cauchy(location: Tensor([0.0]), scale: Tensor([1.0])), q = Laplace(location: Tensor([0.0]), scale: Tensor([1.0]))
    #expect(klDivergence(p, q).item() == 42)
  }
}

@Suite struct DistributionParameters {
  /// Numbers take shape, dtype and device of the tensors beside them.
  @Test func numbersStandBesideTensors() {
    let mu = Tensor([1.0, 2], dtype: .float64), half: Float = 0.5
    let p = Normal(location: mu, scale: 2)
    #expect(p.batchShape == [2] && p.scale.dtype == .float64 && agrees(p.scale, [2, 2]))
    #expect(agrees(Normal(location: half, scale: mu).location, [0.5, 0.5]))
    #expect(Normal(location: 0, scale: 1).location.dtype == .float32 && Normal().batchShape.isEmpty)
    let widths = Tensor([1.0, 2], dtype: .float16)
    #expect(Uniform(low: 0, high: widths).low.dtype == .float16 && agrees(Uniform(low: -1, high: widths).mean, [0, 0.5]))
    #expect(Uniform(low: Tensor.zeros([3]).to(.meta), high: 1).high.device == .meta)
    #expect(agrees(Bernoulli(probabilities: 0.25).mean, [0.25]) && agrees(Geometric(probabilities: 0.5).mean, [1]))
    #expect(agrees(Bernoulli(logits: 0).probabilities, [0.5]) && agrees(Exponential(rate: 4).mean, [0.25]))
    #expect(agrees(HalfNormal(scale: 2).scale, [2]) && agrees(Gamma(concentration: 3, rate: mu).mean, [3, 1.5]))
    #expect(agrees(Beta(concentration1: 1, concentration0: mu).mean, [0.5, 1.0 / 3]))
    let t = StudentT(degreesOfFreedom: mu)
    #expect(agrees(t.location, [0, 0]) && agrees(t.scale, [1, 1]) && t.scale.dtype == .float64)
    #expect(agrees(LogNormal(location: 1, scale: mu).base.location, [1, 1]) && agrees(Laplace(location: mu, scale: 3).scale, [3, 3]))
    #expect(agrees(Gumbel(location: mu, scale: 3).mode, [1, 2]) && agrees(Cauchy(location: 1, scale: mu).mode, [1, 1]))
  }

  @Test func gradientsFlowToTheTensorBesideANumber() {
    let mu = Tensor([1.0, 2]).requiringGrad()
    Normal(location: mu, scale: 2).logProbability(Tensor([3.0, 0])).sum().backward()
    #expect(agrees(mu.grad!, [0.5, -0.5], 1e-6))
  }

  @Test func modesAtTheEdges() {
    #expect(agrees(Bernoulli(probabilities: Tensor([0.2, 0.5, 0.8])).mode, [0, .nan, 1]))
    #expect(agrees(Gamma(concentration: Tensor([0.5, 3]), rate: 2).mode, [0, 1]))
    #expect(agrees(Beta(concentration1: Tensor([0.5, 1, 3]), concentration0: Tensor([0.5, 1, 2])).mode, [1, .nan, 2.0 / 3], 1e-6))
    #expect(agrees(Dirichlet(concentration: Tensor([[0.5, 0.2], [2, 4]])).mode, [1, 0, 0.25, 0.75]))
    #expect(Categorical(logits: Tensor([[0.0, 2, 1], [5, 2, 1]])).mode.elements(as: Int.self) == [1, 0])
    #expect(agrees(Uniform(low: Tensor.zeros([2]), high: 1).mode, [.nan, .nan]))
    #expect(Independent(Normal(location: Tensor([1.0, 2]), scale: 1), 1).mode.shape == [2])
  }
}

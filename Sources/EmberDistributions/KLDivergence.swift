import EmberRuntime
import EmberTensor
import Synchronization

/// Closed forms of KL(p ‖ q), the mean of log p(x) - log q(x) over draws of p, by the types of both.
///
/// ```swift
/// KLDivergences.register(Wald.self, Wald.self) { p, q in … }
/// ```
public enum KLDivergences {
  typealias Formula = @Sendable (any Distribution, any Distribution) -> Tensor

  private struct Pair: Hashable {
    let p: ObjectIdentifier
    let q: ObjectIdentifier
  }

  private static let formulas = Mutex(builtIn())

  /// Adds a closed form, or replaces one.
  public static func register<P: Distribution, Q: Distribution>(_: P.Type, _: Q.Type, _ formula: @escaping @Sendable (P, Q) -> Tensor) {
    formulas.withLock { $0.add(formula) }
  }

  static func formula(_ p: any Distribution, _ q: any Distribution) -> Formula? {
    formulas.withLock { $0.known[Pair(p: ObjectIdentifier(type(of: p)), q: ObjectIdentifier(type(of: q)))] }
  }

  private struct Table: Sendable {
    var known: [Pair: Formula] = [:]

    mutating func add<P: Distribution, Q: Distribution>(_ formula: @escaping @Sendable (P, Q) -> Tensor) {
      known[Pair(p: ObjectIdentifier(P.self), q: ObjectIdentifier(Q.self))] = { formula($0 as! P, $1 as! Q) }
    }

    /// p has values where q has none.
    mutating func addInfinite<P: Distribution, Q: Distribution>(_: P.Type, _: Q.Type) {
      add { (p: P, q: Q) in
        let form = p.mean + q.mean
        return Tensor.full(Array(form.shape), .real(.infinity), dtype: form.dtype, on: form.device)
      }
    }
  }

  private static func builtIn() -> Table {
    var table = Table()
    addSameKind(to: &table)
    addMixed(to: &table)
    return table
  }

  // Sources: each formula is the expectation written out; those of normal and Gumbel distributions as in Gil, Alajaji and Linder, 2013.

  private static func addSameKind(to table: inout Table) {
    table.add { (p: Bernoulli, q: Bernoulli) in
      // Terms of probability 0 are 0, whatever the other one says.
      let first = `where`(p.probabilities .== 0, 0, p.probabilities * (q.logits.logSigmoid() - p.logits.logSigmoid()))
      let second = `where`(p.probabilities .== 1, 0, (1 - p.probabilities) * ((-q.logits).logSigmoid() - (-p.logits).logSigmoid()))
      return -(first + second)
    }
    table.add { (p: Categorical, q: Categorical) in
      let terms = p.probabilities * (p.logits - q.logits)
      let whole = `where`((q.probabilities .== 0) & (p.probabilities .> 0), .infinity, terms)
      return `where`(p.probabilities .== 0, 0, whole).sum(-1)
    }
    table.add { (p: Normal, q: Normal) in
      let ratio = (p.scale / q.scale).square(), distance = ((p.location - q.location) / q.scale).square()
      return 0.5 * (ratio + distance - 1 - ratio.log())
    }
    table.add { (p: LogNormal, q: LogNormal) in klDivergence(p.base, q.base) }
    table.add { (p: HalfNormal, q: HalfNormal) in
      let ratio = (p.scale / q.scale).square()
      return 0.5 * (ratio - 1 - ratio.log())
    }
    table.add { (p: Uniform, q: Uniform) in
      `where`((q.low .> p.low) | (q.high .< p.high), .infinity, ((q.high - q.low) / (p.high - p.low)).log())
    }
    table.add { (p: Laplace, q: Laplace) in
      let ratio = p.scale / q.scale, distance = (p.location - q.location).abs()
      return -ratio.log() + distance / q.scale + ratio * (-distance / p.scale).exp() - 1
    }
    table.add { (p: Exponential, q: Exponential) in
      let ratio = q.rate / p.rate
      return ratio - ratio.log() - 1
    }
    table.add { (p: Gumbel, q: Gumbel) in
      let ratio = p.scale / q.scale, start = q.location / q.scale, own = p.location / q.scale
      return (q.scale / p.scale).log() + Gumbel.euler * (ratio - 1) + (start - own + (ratio + 1).lgamma()).exp() - 1 + own - start
    }
    table.add { (p: Cauchy, q: Cauchy) in
      ((p.scale + q.scale).square() + (p.location - q.location).square()).log() - (4 * p.scale * q.scale).log()
    }
    table.add { (p: Gamma, q: Gamma) in
      q.concentration * (p.rate / q.rate).log() + q.concentration.lgamma() - p.concentration.lgamma()
        + (p.concentration - q.concentration) * p.concentration.digamma() + (q.rate - p.rate) * (p.concentration / p.rate)
    }
    table.add { (p: Dirichlet, q: Dirichlet) in dirichlet(p.concentration, q.concentration) }
    table.add { (p: Beta, q: Beta) in
      dirichlet(stack([p.concentration1, p.concentration0], dim: -1), stack([q.concentration1, q.concentration0], dim: -1))
    }
    table.add { (p: Geometric, q: Geometric) in -p.entropy() - xlogy(1 / p.probabilities - 1, 1 - q.probabilities) - q.probabilities.log() }
  }

  private static func dirichlet(_ p: Tensor, _ q: Tensor) -> Tensor {
    let total = p.sum(-1)
    let parts = (q.lgamma() - p.lgamma() + (p - q) * (p.digamma() - total.digamma().unsqueeze(-1))).sum(-1)
    return total.lgamma() - q.sum(-1).lgamma() + parts
  }

  private static func addMixed(to table: inout Table) {
    table.add { (p: Uniform, q: Normal) in
      let width = p.high - p.low
      let spread = (width.square() / 12 + (p.mean - q.location).square()) / (2 * q.variance)
      return 0.91893853320467274178 + q.scale.log() - width.log() + spread
    }
    table.add { (p: Uniform, q: Exponential) in
      `where`(p.low .< 0, .infinity, q.rate * p.mean - ((p.high - p.low) * q.rate).log())
    }
    table.add { (p: Uniform, q: Gumbel) in
      let width = p.high - p.low, q0 = (p.high - q.location) / q.scale, q1 = (p.low - q.location) / q.scale
      return (q.scale / width).log() + 0.5 * (q0 + q1) - ((-q0).exp() - (-q1).exp()) * q.scale / width
    }
    table.add { (p: Exponential, q: Normal) in
      let second = 2 / p.rate.square() - 2 * q.location / p.rate + q.location.square()
      return p.rate.log() - 1 + 0.91893853320467274178 + q.scale.log() + second / (2 * q.variance)
    }
    table.add { (p: Exponential, q: Gumbel) in
      let product = p.rate * q.scale, distance = q.location / q.scale
      return product.log() - 1 + (distance.exp() * product / (product + 1)) - distance + 1 / product
    }
    table.add { (p: Laplace, q: Normal) in
      let spread = (2 * p.scale.square() + (p.location - q.location).square()) / (2 * q.variance)
      return -(2 * p.scale).log() - 1 + 0.91893853320467274178 + q.scale.log() + spread
    }
    table.add { (p: Normal, q: Laplace) in
      let distance = p.location - q.location, ratio = distance / p.scale
      let folded = p.scale * 0.79788456080286535588 * (-0.5 * ratio.square()).exp() + distance * (ratio * 0.70710678118654752440).erf()
      return -p.entropy() + (2 * q.scale).log() + folded / q.scale
    }
    table.add { (p: Normal, q: Gumbel) in
      let distance = (p.location - q.location) / q.scale, ratio = (p.scale / q.scale).square() * 0.5
      return distance + (ratio - distance).exp() + q.scale.log() - p.entropy()
    }
    table.add { (p: Gumbel, q: Normal) in
      let spread = (p.variance + (p.mean - q.location).square()) / (2 * q.variance)
      return -p.entropy() + 0.91893853320467274178 + q.scale.log() + spread
    }
    table.addInfinite(Normal.self, Uniform.self)
    table.addInfinite(Normal.self, Exponential.self)
    table.addInfinite(Laplace.self, Uniform.self)
    table.addInfinite(Laplace.self, Exponential.self)
    table.addInfinite(Gumbel.self, Uniform.self)
    table.addInfinite(Gumbel.self, Exponential.self)
    table.addInfinite(Exponential.self, Uniform.self)
  }
}

/// An `Independent` whatever its base.
private protocol IndependentDistribution {
  var anyBase: any Distribution { get }
  var dimensions: Int { get }
}

extension Independent: IndependentDistribution {
  var anyBase: any Distribution { base }
  var dimensions: Int { reinterpretedBatchDimensions }
}

/// KL(p ‖ q), [batch...]: how many nats worse q describes draws of p than p itself (Kullback and Leibler, 1951).
///
/// There is a closed form for most pairs of the distributions here; without one an error is raised. `KLDivergences.register` adds some.
public func klDivergence(_ p: any Distribution, _ q: any Distribution) -> Tensor {
  if ErrorScopes.hasFailed { return p.mean }
  if let p = p as? any IndependentDistribution, let q = q as? any IndependentDistribution, p.dimensions == q.dimensions {
    let each = klDivergence(p.anyBase, q.anyBase)
    return p.dimensions == 0 ? each : each.sum(Array(-p.dimensions..<0))
  }
  guard let formula = KLDivergences.formula(p, q) else {
    raise(
      EmberError(
        .unsupported, in: "klDivergence",
        "\(type(of: p)) and \(type(of: q)) have no closed form here; estimate it from samples, or add one with KLDivergences.register"))
    return p.mean
  }
  return formula(p, q)
}

/// A choice with a number in place of a tensor.
private func `where`(_ condition: Tensor, _ a: Double, _ b: Tensor) -> Tensor {
  EmberTensor.`where`(condition, Tensor.full([], .real(a), dtype: b.dtype, on: b.device), b)
}

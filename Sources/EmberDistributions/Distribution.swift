import EmberRuntime
import EmberTensor

/// A probability distribution, or a batch of them.
///
/// The shape of a sample is `sampleShape + batchShape + eventShape`: how many are drawn, how many distributions there are (independent,
/// with parameters of their own), and what one draw of one of them looks like. Named and laid out as `torch.distributions`.
public protocol Distribution: Sendable {
  var batchShape: [Int] { get }
  var eventShape: [Int] { get }
  /// What values there are.
  var support: Constraint { get }
  /// [batch..., event...]; NaN where there is none.
  var mean: Tensor { get }
  /// [batch..., event...]; NaN where there is none.
  var variance: Tensor { get }
  /// The most probable value, [batch..., event...]; NaN where there is none.
  var mode: Tensor { get }
  /// Draws, without history, `sampleShape` of each distribution.
  func sample(_ sampleShape: [Int], generator: Generator?) -> Tensor
  /// The logarithm of the density, or of the probability, of values [..., batch..., event...]: [..., batch...].
  func logProbability(_ value: Tensor) -> Tensor
  /// [batch...].
  func entropy() -> Tensor
  /// The same distributions with a wider batch, into which the present one broadcasts.
  func expanded(to batchShape: [Int]) -> Self
}

extension Distribution {
  public var stddev: Tensor { variance.sqrt() }
  public func sample(generator: Generator? = nil) -> Tensor { sample([], generator: generator) }
  public func sample(_ sampleShape: [Int]) -> Tensor { sample(sampleShape, generator: nil) }
  /// e to the power of the entropy.
  public func perplexity() -> Tensor { entropy().exp() }
  /// The shape of `sampleShape` draws.
  func shape(of sampleShape: [Int]) -> [Int] { sampleShape + batchShape + eventShape }
}

/// A distribution whose draws are differentiable functions of its parameters (Kingma and Welling, 2014, arXiv:1312.6114).
public protocol ReparameterizedDistribution: Distribution {
  /// Draws with history: gradients flow to the parameters.
  func rsample(_ sampleShape: [Int], generator: Generator?) -> Tensor
}

extension ReparameterizedDistribution {
  public func rsample(generator: Generator? = nil) -> Tensor { rsample([], generator: generator) }
  public func rsample(_ sampleShape: [Int]) -> Tensor { rsample(sampleShape, generator: nil) }
  public func sample(_ sampleShape: [Int], generator: Generator?) -> Tensor {
    noGrad { rsample(sampleShape, generator: generator) }.detach()
  }
}

/// A distribution over numbers whose cumulative function has a closed form.
public protocol CumulativeDistribution: Distribution {
  /// The probability of a value that is not larger.
  func cdf(_ value: Tensor) -> Tensor
  /// The value below which a part of the probability lies: the inverse of `cdf`.
  func icdf(_ probability: Tensor) -> Tensor
}

/// A distribution with finitely many values.
public protocol EnumerableDistribution: Distribution {
  /// All values along a new first dimension: [values, batch...], or [values, 1...] without `expand`.
  func enumerateSupport(expand: Bool) -> Tensor
}

extension EnumerableDistribution {
  public func enumerateSupport() -> Tensor { enumerateSupport(expand: true) }
}

// MARK: - Checks

/// What values a parameter or a draw can have.
public indirect enum Constraint: Sendable, CustomStringConvertible {
  case real
  case positive
  case nonNegative
  /// 0 ≤ x ≤ 1.
  case unitInterval
  /// 0 or 1.
  case boolean
  /// 0, 1, 2, ….
  case nonNegativeInteger
  /// Integers from the first to the last.
  case integers(ClosedRange<Int>)
  /// low ≤ x ≤ high.
  case interval(low: Tensor, high: Tensor)
  /// Numbers of 0 or more along the last dimension that add up to 1.
  case simplex
  /// The last dimensions are of one value, each element of which is constrained.
  case independent(Constraint, dimensions: Int)

  /// How many of the last dimensions belong to one value.
  public var eventRank: Int {
    switch self {
    case .simplex: 1
    case .independent(let base, let dimensions): base.eventRank + dimensions
    default: 0
    }
  }

  /// Whether values satisfy it, one truth value for each.
  public func check(_ value: Tensor) -> Tensor {
    switch self {
    case .real: value .== value
    case .positive: value .> 0
    case .nonNegative: value .>= 0
    case .unitInterval: (value .>= 0) & (value .<= 1)
    case .boolean: (value .== 0) | (value .== 1)
    case .nonNegativeInteger: (value .>= 0) & (value .== value.floor())
    case .integers(let range):
      (value .>= .integer(Int64(range.lowerBound))) & (value .<= .integer(Int64(range.upperBound))) & (value .== value.floor())
    case .interval(let low, let high): (value .>= low) & (value .<= high)
    case .simplex: (value .>= 0).all([-1]) & ((value.sum(-1) - 1).abs() .< 1e-6)
    case .independent(let base, let dimensions): dimensions == 0 ? base.check(value) : base.check(value).all(Array(-dimensions..<0))
    }
  }

  public var description: String {
    switch self {
    case .real: "real"
    case .positive: "positive"
    case .nonNegative: "0 or more"
    case .unitInterval: "between 0 and 1"
    case .boolean: "0 or 1"
    case .nonNegativeInteger: "a whole number of 0 or more"
    case .integers(let range): "a whole number from \(range.lowerBound) to \(range.upperBound)"
    case .interval: "within the bounds"
    case .simplex: "probabilities that add up to 1 along the last dimension"
    case .independent(let base, _): base.description
    }
  }
}

/// The checks of one distribution, where they are wanted: they look at all numbers.
struct Checks {
  let owner: String
  let isOn: Bool

  init(_ owner: String, _ isOn: Bool) {
    self.owner = owner
    self.isOn = isOn
  }

  private func raiseUnless(_ constraint: Constraint, _ value: Tensor, _ what: @autoclosure () -> String) {
    guard isOn, !ErrorScopes.hasFailed, value.device != .meta, value.elementCount > 0 else { return }
    // In a graph that is being captured there are no numbers to look at.
    let isWrong = noGrad { (!constraint.check(value.detach())).holdsSomewhere() }
    if isWrong, !ErrorScopes.hasFailed { raise(EmberError(.value, in: owner, "\(what()) must be \(constraint)")) }
  }

  func parameter(_ name: String, _ value: Tensor, _ constraint: Constraint) {
    raiseUnless(constraint, value, "\(name) \(value.dtype)\(value.shape) holds a number that it cannot: it")
  }

  /// Values of which the logarithm of the density is asked for.
  func value(_ value: Tensor, of distribution: some Distribution) {
    let wanted = distribution.batchShape + distribution.eventShape
    let event = distribution.eventShape.count
    guard isOn, !ErrorScopes.hasFailed else { return }
    guard Shape(wanted).broadcast(with: value.shape) != nil, value.shape.suffix(event).elementsEqual(distribution.eventShape) else {
      raise(
        EmberError(
          .shape, in: owner,
          "a value \(value.dtype)\(value.shape) for distributions of shape \(distribution.batchShape) over values of shape "
            + "\(distribution.eventShape); it must broadcast to \(wanted)"))
      return
    }
    raiseUnless(distribution.support, value, "a value \(value.dtype)\(value.shape) lies outside of the support: each")
  }
}

// MARK: - Parameters

/// What parameters of distributions are given as: tensors, and numbers, which take dtype and device of the tensors beside them.
public protocol DistributionParameter: Sendable {
  /// - Parameter form: the tensor beside; nil: numbers are float32 on the CPU.
  func tensor(like form: Tensor?) -> Tensor
}

extension Tensor: DistributionParameter {
  public func tensor(like form: Tensor?) -> Tensor { self }
}

extension Double: DistributionParameter {
  public func tensor(like form: Tensor?) -> Tensor {
    let dtype = form.map { $0.dtype.isFloatingPoint ? $0.dtype : .float32 } ?? .float32
    return Tensor.full([], .real(self), dtype: dtype, on: form?.device ?? .cpu)
  }
}

extension Float: DistributionParameter {
  public func tensor(like form: Tensor?) -> Tensor { Double(self).tensor(like: form) }
}

extension Int: DistributionParameter {
  public func tensor(like form: Tensor?) -> Tensor { Double(self).tensor(like: form) }
}

/// Parameters expanded to one shape, which is then the batch's.
func broadcastParameters(_ owner: String, _ parameters: any DistributionParameter...) -> [Tensor] {
  let form = parameters.lazy.compactMap { $0 as? Tensor }.first
  let all = parameters.map { $0.tensor(like: form) }
  guard all.allSatisfy({ $0.dtype.isFloatingPoint }) else {
    let dtypes = all.map { "\($0.dtype)" }.joined(separator: ", ")
    raise(EmberError(.dtype, in: owner, "parameters \(dtypes); they must be floating point"))
    return all
  }
  return broadcastTensors(all)
}

extension Tensor {
  /// The distance from 1 to the next number of this dtype.
  var roundingError: Double {
    switch dtype {
    case .float64: 0x1p-52
    case .float16: 0x1p-10
    case .bfloat16: 0x1p-7
    default: 0x1p-23
    }
  }

  /// Probabilities away from 0 and 1, so that their logarithms are finite.
  var clampedProbability: Tensor { clamp(min: .real(roundingError), max: .real(1 - roundingError)) }

  /// NaN everywhere, in this shape.
  var withoutValue: Tensor { Tensor.full(Array(shape), .real(.nan), dtype: dtype, on: device) }

  /// Uniform numbers in (0, 1), for functions that are infinite at the ends.
  static func openUniform(_ shape: [Int], like form: Tensor, _ generator: Generator?) -> Tensor {
    Tensor.rand(shape, dtype: form.dtype, on: form.device, generator: generator).clamp(
      min: .real(form.dtype == .float64 ? 0x1p-1022 : form.dtype == .float16 ? 0x1p-14 : 0x1p-126), max: .real(1 - form.roundingError / 2))
  }
}

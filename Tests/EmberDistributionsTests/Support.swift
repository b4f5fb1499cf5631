import EmberDistributions
import EmberTensor

struct DistributionValue: Sendable {
  let name: String
  let parameters: [[Double]]
  let values: [Double]
  let logProbability: [Double]
  let entropy: [Double]
  let mean: [Double]
  let variance: [Double]
  let mode: [Double]
  let cdf: [Double]?
  let icdf: [Double]?
}

struct DivergenceValue: Sendable {
  let p: String
  let pParameters: [[Double]]
  let q: String
  let qParameters: [[Double]]
  let value: [Double]
}

/// The distribution that the script with PyTorch made.
func distribution(_ name: String, _ parameters: [[Double]]) -> any Distribution {
  let tensors = parameters.map { Tensor($0, dtype: .float64) }
  return switch name {
  case "Normal": Normal(location: tensors[0], scale: tensors[1])
  case "LogNormal": LogNormal(location: tensors[0], scale: tensors[1])
  case "HalfNormal": HalfNormal(scale: tensors[0])
  case "Uniform": Uniform(low: tensors[0], high: tensors[1])
  case "Laplace": Laplace(location: tensors[0], scale: tensors[1])
  case "Exponential": Exponential(rate: tensors[0])
  case "Gumbel": Gumbel(location: tensors[0], scale: tensors[1])
  case "Cauchy": Cauchy(location: tensors[0], scale: tensors[1])
  case "Gamma": Gamma(concentration: tensors[0], rate: tensors[1])
  case "Beta": Beta(concentration1: tensors[0], concentration0: tensors[1])
  case "Dirichlet": Dirichlet(concentration: stack(tensors))
  case "StudentT": StudentT(degreesOfFreedom: tensors[0], location: tensors[1], scale: tensors[2])
  case "Bernoulli": Bernoulli(probabilities: tensors[0])
  case "Bernoulli logits": Bernoulli(logits: tensors[0])
  case "Geometric": Geometric(probabilities: tensors[0])
  case "Categorical": Categorical(probabilities: stack(tensors))
  case "Categorical logits": Categorical(logits: stack(tensors))
  default: fatalError(name)
  }
}

func agrees(_ actual: Tensor, _ expected: [Double], _ tolerance: Double = 1e-12) -> Bool {
  let numbers = actual.detach().to(.float64).elements(as: Double.self)
  return numbers.count == expected.count
    && zip(numbers, expected).allSatisfy { a, b in
      b.isNaN ? a.isNaN : b.isInfinite ? a == b : abs(a - b) <= tolerance * max(1, abs(b))
    }
}

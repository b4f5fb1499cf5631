import EmberRuntime
import EmberTensor

/// The domain `ai.onnx.preview.training`: gradients, and steps of optimizers.
extension OperatorTable {
  mutating func addTraining() {
    let domain = "ai.onnx.preview.training"
    add("Gradient", domain: domain) { call in try gradients(call) }
    add("Adagrad", domain: domain) { call in
      let step = try OptimizerStep(call, states: 1)
      let epsilon = try call.double("epsilon", 0)
      let rate = try step.rate / (1 + step.count * call.double("decay_factor", 0))
      return step.outputs { x, gradient, states in
        let squares = states[0] + gradient.square()
        return [x - gradient / (squares.sqrt() + epsilon) * rate, squares]
      }
    }
    add("Adam", domain: domain) { call in
      let step = try OptimizerStep(call, states: 2)
      let alpha = try call.double("alpha", 0.9), beta = try call.double("beta", 0.999), epsilon = try call.double("epsilon", 0)
      let shrinking = try 1 - call.double("norm_coefficient_post", 0)
      // Averages that began at zero are corrected, but not before the first step.
      let base = Tensor([alpha, beta], dtype: .float64) ** step.count.to(.float64)
      let first = 1 - base.select(0, 0), second = 1 - base.select(0, 1)
      let rate = `where`(step.count .> 0, step.rate.to(.float64) * second.sqrt() / first, step.rate.to(.float64))
      return step.outputs { x, gradient, states in
        let average = states[0] * alpha + gradient * (1 - alpha), squares = states[1] * beta + gradient.square() * (1 - beta)
        return [(x - average / (squares.sqrt() + epsilon) * rate.to(x.dtype)) * shrinking, average, squares]
      }
    }
    add("Momentum", domain: domain) { call in
      let step = try OptimizerStep(call, states: 1)
      let alpha = try call.required(try call.double("alpha"), "alpha"), beta = try call.required(try call.double("beta"), "beta")
      let isNesterov = try call.string("mode", oneOf: ["standard", "nesterov"]) == "nesterov"
      let factor = `where`(step.count .> 0, Tensor(Float(beta)), Tensor(Float(1)))
      return step.outputs { x, gradient, states in
        let velocity = states[0] * alpha + gradient * factor.to(x.dtype)
        return [x - (isNesterov ? gradient + velocity * alpha : velocity) * step.rate, velocity]
      }
    }
  }
}

/// What an optimizer's operator is given: a rate, the number of steps before, and tensors, gradients and states, all of one kind together.
private struct OptimizerStep {
  let rate: Tensor
  let count: Tensor
  private let tensors: [Tensor]
  private let gradients: [Tensor]
  private let states: [[Tensor]]

  init(_ call: OperatorCall, states stateCount: Int) throws {
    rate = try call.tensor(0)
    count = try call.tensor(1)
    let rest = try call.tensors(from: 2), each = rest.count / (2 + stateCount)
    guard each > 0, rest.count == each * (2 + stateCount) else { throw call.failure("\(rest.count) tensors, gradients and states") }
    let decay = try call.double("norm_coefficient", 0)
    tensors = Array(rest[..<each])
    gradients = zip(tensors, rest[each..<(2 * each)]).map { x, gradient in decay == 0 ? gradient : x * decay + gradient }
    states = (0..<each).map { i in (0..<stateCount).map { rest[(2 + $0) * each + i] } }
  }

  /// The new tensors, then each kind of state; `step` gives a tensor and its states.
  func outputs(_ step: (Tensor, Tensor, [Tensor]) -> [Tensor]) -> [Tensor] {
    let results = tensors.indices.map { step(tensors[$0], gradients[$0], states[$0]) }
    return results[0].indices.flatMap { kind in results.indices.map { results[$0][kind].to(tensors[$0].dtype) } }
  }
}

/// The derivative of a value with respect to others, through the part of the graph between them, which `GraphBuilder` cut out.
private func gradients(_ call: OperatorCall) throws -> [Tensor] {
  let part = try call.required(try call.graph(GraphBuilder.differentiatedPart), GraphBuilder.differentiatedPart)
  let count = try call.required(try call.strings("xs"), "xs").count
  let inputs = try call.tensors()
  guard inputs.count == part.inputs.count, count <= inputs.count else { throw call.failure("\(inputs.count) inputs, where \(part.inputs.count) are named") }
  var failure: (any Error)?
  let result = valueAndGrad({ leaves in
    do {
      let values = leaves + inputs[count...]
      guard case .tensor(let y)? = try call.evaluate(part, values.map { .tensor($0) }).first else { throw call.failure("the value is no tensor", .dtype) }
      return y.sum()
    } catch {
      failure = error
      return .poison
    }
  }, at: Array(inputs[..<count]))
  if let failure { throw failure }
  return result.gradients
}

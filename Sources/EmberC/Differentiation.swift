import CEmber
import EmberRuntime
import EmberTensor

@implementation @c public func ember_tensor_requires_grad(_ tensor: OpaquePointer?, _ out: UnsafeMutablePointer<Bool>?) -> ember_status {
  tell("ember_tensor_requires_grad", out) { try EmberC.tensor(tensor).requiresGrad }
}

@implementation @c public func ember_tensor_requiring_grad(
  _ tensor: OpaquePointer?, _ requires_grad: Bool, _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> ember_status {
  call("ember_tensor_requiring_grad", out) { try EmberC.tensor(tensor).requiringGrad(requires_grad) }
}

@implementation @c public func ember_tensor_detach(_ tensor: OpaquePointer?, _ out: UnsafeMutablePointer<OpaquePointer?>?) -> ember_status {
  call("ember_tensor_detach", out) { try EmberC.tensor(tensor).detach() }
}

@implementation @c public func ember_tensor_is_leaf(_ tensor: OpaquePointer?, _ out: UnsafeMutablePointer<Bool>?) -> ember_status {
  tell("ember_tensor_is_leaf", out) { try EmberC.tensor(tensor).isLeaf }
}

@implementation @c public func ember_tensor_updated(
  _ leaf: OpaquePointer?, _ numbers: OpaquePointer?, _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> ember_status {
  call("ember_tensor_updated", out) { try tensor(leaf, "leaf").updated(to: tensor(numbers, "numbers")) }
}

@implementation @c public func ember_tensor_grad(_ tensor: OpaquePointer?, _ out: UnsafeMutablePointer<OpaquePointer?>?) -> ember_status {
  tell("ember_tensor_grad", out) { try EmberC.tensor(tensor).grad.map { try handle(of: $0) } }
}

@implementation @c public func ember_tensor_set_grad(_ tensor: OpaquePointer?, _ gradient: OpaquePointer?) -> ember_status {
  call("ember_tensor_set_grad") {
    let tensor = try EmberC.tensor(tensor)
    guard tensor.requiresGrad else { throw EmberError(.value, in: "grad", "\(tensor.summary) does not require gradients") }
    guard gradient != nil else {
      tensor.grad = nil
      return
    }
    let gradient = try EmberC.tensor(gradient, "gradient")
    guard gradient.shape == tensor.shape, gradient.dtype == tensor.dtype, gradient.device == tensor.device else {
      throw EmberError(.shape, in: "grad", "the gradient is \(gradient.summary), the tensor \(tensor.summary); they must agree")
    }
    tensor.grad = gradient
  }
}

private func tensors(_ handles: UnsafePointer<OpaquePointer?>?, _ count: Int, _ argument: StaticString) throws -> [Tensor] {
  try list(handles, count, argument).enumerated().map { try tensor($1, "\(argument)[\($0)]") }
}

/// The gradients that arrive at results; none where null.
private func arriving(_ handles: UnsafePointer<OpaquePointer?>?, _ count: Int) throws -> [Tensor?]? {
  guard let handles else { return nil }
  return try list(handles, count, "gradients").enumerated().map { try $1 == nil ? nil : tensor($1, "gradients[\($0)]") }
}

@implementation @c public func ember_backward(
  _ results: UnsafePointer<OpaquePointer?>?, _ gradients: UnsafePointer<OpaquePointer?>?, _ count: Int, _ retain_graph: Bool,
  _ create_graph: Bool
) -> ember_status {
  call("ember_backward") {
    let results = try tensors(results, count, "results"), gradients = try arriving(gradients, count)
    try catchingErrors { backward(of: results, with: gradients, retainGraph: retain_graph || create_graph, createGraph: create_graph) }
  }
}

@implementation @c public func ember_grad(
  _ results: UnsafePointer<OpaquePointer?>?, _ gradients: UnsafePointer<OpaquePointer?>?, _ result_count: Int,
  _ inputs: UnsafePointer<OpaquePointer?>?, _ input_count: Int, _ retain_graph: Bool, _ create_graph: Bool,
  _ out: UnsafeMutablePointer<OpaquePointer?>?
) -> ember_status {
  call("ember_grad") {
    let out = try required(out, "out")
    let results = try tensors(results, result_count, "results"), gradients = try arriving(gradients, result_count)
    let inputs = try tensors(inputs, input_count, "inputs")
    let computed = try catchingErrors {
      grad(of: results, with: inputs, gradients: gradients, retainGraph: retain_graph || create_graph, createGraph: create_graph)
    }
    for (i, gradient) in computed.enumerated() { out[i] = try handle(of: gradient) }
  }
}

@implementation @c public func ember_set_grad_enabled(_ enabled: Bool, _ previous: UnsafeMutablePointer<Bool>?) -> ember_status {
  call("ember_set_grad_enabled") {
    previous?.pointee = isGradEnabled
    if enabled { ThreadFlags.current.remove(.gradientsDisabled) } else { ThreadFlags.current.insert(.gradientsDisabled) }
  }
}

@implementation @c public func ember_grad_enabled(_ out: UnsafeMutablePointer<Bool>?) -> ember_status {
  tell("ember_grad_enabled", out) { isGradEnabled }
}

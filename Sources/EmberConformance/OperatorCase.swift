import EmberFormats
import EmberRuntime
import EmberTensor

/// The call that a case of an operator describes.
struct OperatorCall {
  /// A qualified name, or the name of several overloads.
  let name: String
  let arguments: [(name: String, value: OperatorValue)]
  /// The tensors to differentiate by, depth first.
  let variables: [Tensor]

  func results(_ registry: OperatorRegistry) throws -> [OperatorValue] { try registry.call(name, [], arguments) }

  /// What the operator returns as a graph of its tensors.
  func compiledResults(_ registry: OperatorRegistry, _ compilation: Compilation) throws -> [OperatorValue] {
    try compiledCall(on: arguments.map(\.value), compilation) { values in
      try registry.call(name, [], zip(arguments, values).map { ($0.name, $1) })
    }
  }
}

extension Case {
  /// Calls the operator and judges what it returns.
  func runOperator(_ registry: OperatorRegistry, computed: inout Computed) throws -> Verdict {
    guard let name = callee(registry) else { return .notImplemented }
    let call: OperatorCall
    do { call = try operatorCall(name) } catch is EmberError where expectsError {
      // A tensor that cannot exist here, of more dimensions than there may be, is refused when it is made.
      return .refused
    }
    let results: [OperatorValue]
    do {
      results = try compilation == .none ? call.results(registry) : call.compiledResults(registry, compilation)
    } catch { return expectsError ? .refused : .failed("\(error)") }
    if expectsError { return .accepted }

    let flat = results.flatMap(\.flattened)
    for (i, value) in flat.enumerated() { computed.add("\(id)/out/\(i)", value) }
    let differentiated = Result { try gradients(of: flat, by: call.variables) }
    if let gradients = try? differentiated.get() {
      for (gradient, wanted) in zip(gradients, json["grads"]?.items ?? []) {
        computed.add("\(id)/grad/\(wanted["of"]?.text ?? "?")", gradient)
      }
    }
    if let difference = try difference(results, flat, call) { return .wrongValue(difference) }
    let wrong: String?
    do { wrong = try gradientDifference(differentiated.get()) } catch { return .wrongGradient("\(error)") }
    return wrong.map { .wrongGradient($0) } ?? .passed
  }

  /// The operator that the case means: the overload it names, or its function.
  func callee(_ registry: OperatorRegistry) -> String? {
    func isThere(_ name: String) -> Bool { registry[name] != nil || !registry.overloads(of: name).isEmpty }
    if let schema = json["schema"]?.text {
      if registry[schema] != nil { return schema }
      // A call that must be refused may name an overload for plain numbers, which is no tensor operator: the others must refuse it.
      let name = String(schema.prefix { $0 != "." })
      return expectsError && isThere(name) ? name : nil
    }
    let function = json["fn"]?.text ?? entry.name
    if isThere(function) { return function }
    // Cases that name no overload: a Python function that hands on to ATen's of the same name.
    for prefix in ["torch.nn.functional.", "torch.Tensor.", "torch."] where function.hasPrefix(prefix) {
      let candidate = "aten::" + String(function.dropFirst(prefix.count).map { $0 == "." ? "_" : $0 })
      if isThere(candidate) { return candidate }
    }
    return nil
  }

  func operatorCall(_ name: String) throws -> OperatorCall {
    var reader = ValueReader(payload: payload, device: device)
    var arguments: [(name: String, value: OperatorValue)] = []
    for argument in json["args"]?.items ?? [] {
      var value = try reader.value(argument)
      // Python tells x[[0, 1]] from x[0, 1]: a list stands for one place, a tuple for several.
      if entry.name == "torch.Tensor.__getitem__", argument["t"]?.text == "list" { value = .list([value]) }
      arguments.append((argument["n"]?.text ?? "", value))
    }
    return OperatorCall(name: name, arguments: arguments, variables: reader.variables)
  }

  private func difference(_ results: [OperatorValue], _ flat: [OperatorValue], _ call: OperatorCall) throws -> String? {
    let expected = json["outputs"]?.items ?? []
    guard flat.count == expected.count || expected.contains(where: { $0["t"]?.text == "tuple" }) else {
      return "\(flat.count) results, not \(expected.count)"
    }
    let comparison = Comparison(
      reader: ValueReader(payload: payload), relative: json["rtol"]?.real ?? 0, absolute: json["atol"]?.real ?? 0)
    let dimension = call.arguments.first { $0.name == "dim" || $0.name == "axis" }.flatMap { argument -> Int? in
      if case .integer(let number) = argument.value { number } else { nil }
    }
    let compared = flat.count == expected.count ? flat : results
    guard compared.count == expected.count else { return "\(compared.count) results, not \(expected.count)" }
    for (i, (actual, wanted)) in zip(compared, expected).enumerated() {
      let difference = try comparison.difference(actual, wanted, firstArgument: call.arguments.first?.value, indexedDimension: dimension)
      if let difference { return "result \(i): \(difference)" }
    }
    guard let rule = json["rebuild"]?.text else { return nil }
    return try Rebuild.difference(
      rule, results: flat.map { $0.mapTensors(\.onHost) }, arguments: call.arguments.map { ($0.name, $0.value.mapTensors(\.onHost)) })
  }

  /// The results that take part in the gradients, and their cotangents.
  func weighted(_ results: [OperatorValue]) throws -> [(output: Tensor, cotangent: Tensor)] {
    let reader = ValueReader(payload: payload, device: device)
    return try zip(results, json["cotangents"]?.items ?? []).compactMap { value, cotangent in
      guard cotangent["t"]?.text == "tensor", case .tensor(let tensor) = value else { return nil }
      let output = cotangent["via"]?.text == "abs2" ? try catchingErrors { Comparison.squaredMagnitude(tensor) } : tensor
      return (output, try reader.moved(reader.tensor(cotangent)).to(output.device))
    }
  }

  private func gradients(of results: [OperatorValue], by variables: [Tensor]) throws -> [Tensor] {
    guard json["cotangents"] != nil else { return [] }
    let differentiable = try weighted(results).filter { $0.output.requiresGrad }
    if differentiable.isEmpty { return variables.map { Tensor.zeros(like: $0) } }
    return try catchingErrors { grad(of: differentiable.map(\.output), with: variables, gradients: differentiable.map(\.cotangent)) }
  }

  private func gradientDifference(_ gradients: [Tensor]) throws -> String? {
    guard json["cotangents"] != nil else { return nil }
    let expected = json["grads"]?.items ?? []
    guard expected.count == gradients.count else { return "\(gradients.count) variables, but \(expected.count) gradients" }
    let relative = json["grad_rtol"]?.real ?? 0
    let absolute = json["grad_atol"]?.real ?? 0
    let comparison = Comparison(reader: ValueReader(payload: payload), relative: relative, absolute: absolute)
    for (gradient, wanted) in zip(gradients, expected) {
      let path = wanted["of"]?.text ?? "?"
      let difference: String?
      switch wanted["t"]?.text {
      case "unchecked": difference = nil
      case "none": difference = Comparison.difference(gradient, Tensor.zeros(like: gradient), (relative, absolute))
      default: difference = try comparison.difference(gradient, wanted, firstArgument: nil, indexedDimension: nil)
      }
      if let difference { return "gradient of \(path): \(difference)" }
    }
    return nil
  }
}

extension Tensor {
  /// The value as it is judged.
  var onHost: Tensor { device.type == .cuda ? detach().to(.cpu) : self }
}

extension OperatorValue {
  /// The values of nested lists, one after the other.
  var flattened: [OperatorValue] {
    if case .list(let items) = self { items.flatMap(\.flattened) } else { [self] }
  }

  /// The value with every tensor in it replaced.
  func mapTensors(_ transform: (Tensor) throws -> Tensor) rethrows -> OperatorValue {
    switch self {
    case .tensor(let tensor): .tensor(try transform(tensor))
    case .list(let items): .list(try items.map { try $0.mapTensors(transform) })
    default: self
    }
  }
}

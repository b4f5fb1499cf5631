import EmberFormats
import EmberRuntime
import EmberTensor

/// How a case came out.
public enum Verdict: Sendable, Hashable {
  case passed
  /// The operator refused what it must refuse.
  case refused
  case notImplemented
  case wrongValue(String)
  case wrongGradient(String)
  /// It should have been refused.
  case accepted
  case failed(String)
  /// The process died.
  case crashed
}

/// Tensors that a case computed, by the names under which they are dumped.
struct Computed {
  var tensors: [(name: String, tensor: Tensor)] = []
}

extension Case {
  /// Calls the operator and judges what it returns.
  func runOperator(_ registry: OperatorRegistry, computed: inout Computed) -> Verdict {
    do { return try judge(registry, &computed) } catch let failure as CaseFailure {
      return .failed(failure.description)
    } catch {
      return .failed("\(error)")
    }
  }

  private func judge(_ registry: OperatorRegistry, _ computed: inout Computed) throws -> Verdict {
    let names = callees(registry)
    guard !names.isEmpty else { return .notImplemented }
    var reader = ValueReader(payload: payload)
    let expectsError = json["expects"]?.text == "error"
    var arguments: [(name: String, value: OperatorValue)] = []
    var results: [OperatorValue] = []
    do {
      for argument in json["args"]?.items ?? [] {
        var value = try reader.value(argument)
        // Python tells x[[0, 1]] from x[0, 1]: a list stands for one place, a tuple for several.
        if entry.name == "torch.Tensor.__getitem__", argument["t"]?.text == "list" { value = .list([value]) }
        arguments.append((argument["n"]?.text ?? "", value))
      }
    } catch is EmberError where expectsError {
      // A tensor that cannot exist here, of more dimensions than there may be, is refused when it is made.
      return .refused
    }
    do {
      results = try call(registry, names, arguments)
    } catch {
      return expectsError ? .refused : .failed("\(error)")
    }
    if expectsError { return .accepted }

    let flat = results.flatMap(Self.flattened)
    let expected = json["outputs"]?.items ?? []
    guard flat.count == expected.count || expected.contains(where: { $0["t"]?.text == "tuple" }) else {
      return .wrongValue("\(flat.count) results, not \(expected.count)")
    }
    for (i, value) in flat.enumerated() {
      if case .tensor(let tensor) = value { computed.tensors.append(("\(id)/out/\(i)", tensor.detach())) }
    }
    let comparison = Comparison(reader: reader, relative: json["rtol"]?.real ?? 0, absolute: json["atol"]?.real ?? 0)
    let dimension = arguments.first { $0.name == "dim" || $0.name == "axis" }.flatMap { argument -> Int? in
      if case .integer(let number) = argument.value { return number }
      return nil
    }
    let compared = flat.count == expected.count ? flat : results
    for (i, (actual, wanted)) in zip(compared, expected).enumerated() {
      let difference = try comparison.difference(actual, wanted, firstArgument: arguments.first?.value, indexedDimension: dimension)
      if let difference { return .wrongValue("result \(i): \(difference)") }
    }
    if let rule = json["rebuild"]?.text {
      if let difference = try Rebuild.difference(rule, results: flat, arguments: arguments) { return .wrongValue(difference) }
    }
    if let cotangents = json["cotangents"]?.items {
      let failure = try gradientDifference(flat, cotangents, reader, &computed)
      if let failure { return .wrongGradient(failure) }
    }
    return .passed
  }

  /// The operators that the case may mean, best first: the overload it names, or those of its function.
  private func callees(_ registry: OperatorRegistry) -> [String] {
    if let schema = json["schema"]?.text {
      if registry[schema] != nil { return [schema] }
      // A call that must be refused may name an overload for plain numbers, which is no tensor operator: the others must refuse it.
      guard json["expects"]?.text == "error" else { return [] }
      let name = String(schema.prefix { $0 != "." })
      return registry.overloads(of: name).isEmpty ? [] : [name]
    }
    let function = json["fn"]?.text ?? entry.name
    if registry[function] != nil || !registry.overloads(of: function).isEmpty { return [function] }
    // Cases that name no overload: a Python function that hands on to ATen's of the same name.
    for prefix in ["torch.nn.functional.", "torch.Tensor.", "torch."] where function.hasPrefix(prefix) {
      let candidate = "aten::" + String(function.dropFirst(prefix.count).map { $0 == "." ? "_" : $0 })
      if !registry.overloads(of: candidate).isEmpty { return [candidate] }
    }
    return []
  }

  private func call(
    _ registry: OperatorRegistry, _ names: [String], _ arguments: [(name: String, value: OperatorValue)]
  ) throws -> [OperatorValue] {
    var first: (any Error)?
    for name in names {
      do { return try registry.call(name, [], arguments) } catch { first = first ?? error }
    }
    throw first ?? CaseFailure("there is no operator")
  }

  static func flattened(_ value: OperatorValue) -> [OperatorValue] {
    if case .list(let items) = value { return items.flatMap(flattened) }
    return [value]
  }

  private func gradientDifference(
    _ results: [OperatorValue], _ cotangents: [JSON], _ reader: ValueReader, _ computed: inout Computed
  ) throws -> String? {
    var outputs: [Tensor] = [], seeds: [Tensor?] = []
    for (value, cotangent) in zip(results, cotangents) {
      guard cotangent["t"]?.text == "tensor", case .tensor(let tensor) = value else { continue }
      outputs.append(cotangent["via"]?.text == "abs2" ? try catchingErrors { Comparison.squaredMagnitude(tensor) } : tensor)
      seeds.append(try reader.tensor(cotangent))
    }
    let expected = json["grads"]?.items ?? []
    guard expected.count == reader.variables.count else { return "\(reader.variables.count) variables, but \(expected.count) gradients" }
    let differentiable = zip(outputs, seeds).filter { $0.0.requiresGrad }
    let gradients: [Tensor]
    if differentiable.isEmpty {
      gradients = reader.variables.map { Tensor.zeros(like: $0) }
    } else {
      gradients = try catchingErrors {
        grad(of: differentiable.map(\.0), with: reader.variables, gradients: differentiable.map(\.1))
      }
    }
    let relative = json["grad_rtol"]?.real ?? 0, absolute = json["grad_atol"]?.real ?? 0
    let comparison = Comparison(reader: reader, relative: relative, absolute: absolute)
    for (gradient, wanted) in zip(gradients, expected) {
      let path = wanted["of"]?.text ?? "?"
      computed.tensors.append(("\(id)/grad/\(path)", gradient))
      switch wanted["t"]?.text {
      case "unchecked": continue
      case "none":
        let zeros = Tensor.zeros(like: gradient)
        if let difference = Comparison.difference(gradient, zeros, (relative, absolute)) { return "gradient of \(path): \(difference)" }
      default:
        if let difference = try comparison.difference(gradient, wanted, firstArgument: nil, indexedDimension: nil) {
          return "gradient of \(path): \(difference)"
        }
      }
    }
    return nil
  }
}

import EmberFormats
import EmberNN
import EmberRuntime
import EmberTensor

/// A module that a case asks for, and how it is called.
struct MadeModule {
  let module: Module
  let call: (ForwardArguments) throws -> [OperatorValue]
}

extension Case {
  /// Makes the module, loads its state, runs it and judges results, gradients and the state afterwards.
  func runModule(computed: inout Computed) throws -> Verdict {
    let isConstruction = json["stage"]?.text == "construct"
    let made: MadeModule
    do {
      guard let new = try catchingErrors({ try ModuleTable.make(subject, json["ctor"]?.items ?? [], payload) }) else {
        return .notImplemented
      }
      made = new
    } catch let error as EmberError {
      // Also where PyTorch only refuses the call: a constructor with types refuses a word that names nothing.
      return expectsError ? .refused : .failed("\(error)")
    }
    if expectsError && isConstruction { return .accepted }

    var reader = ValueReader(payload: payload, device: device)
    let module = made.module
    if let name = json["dtype"]?.text, let dtype = try? ValueReader.dtype(name), dtype.isFloatingPoint { _ = module.to(dtype) }
    var state: [(name: String, tensor: Tensor)] = []
    for item in json["state"]?.items ?? [] { state.append((item["n"]?.text ?? "", try reader.tensor(item))) }
    if device != .cpu { _ = module.to(device) }
    // Without a state the module's own values are irrelevant to the result.
    if !state.isEmpty { try module.loadStateDict(state) }
    module.train(json["training"]?.flag ?? true)

    let arguments: ForwardArguments
    let results: [OperatorValue]
    do {
      arguments = try forwardArguments(&reader)
      results = try catchingErrors {
        guard compilation != .none, let values = arguments.plainValues else { return try made.call(arguments) }
        return try compiledCall(on: values, compilation) { try made.call(arguments.with($0)) }
      }
    } catch let error as EmberError {
      return expectsError ? .refused : .failed("\(error)")
    }
    if expectsError { return .accepted }

    let flat = results.flatMap(\.flattened)
    for (i, value) in flat.enumerated() { computed.add("\(id)/out/\(i)", value) }
    let after = module.stateDict()
    for (name, tensor) in after { computed.add("\(id)/state_after/\(name)", tensor) }
    let parameters = module.namedParameters()
    let gradients = Result { try moduleGradients(of: flat, by: reader.variables + parameters.map(\.parameter.value)) }
    if let gradients = try? gradients.get() {
      for (gradient, wanted) in zip(gradients, json["grads"]?.items ?? []) {
        computed.add("\(id)/grad/\(wanted["of"]?.text ?? "?")", gradient)
      }
      for (parameter, gradient) in zip(parameters, gradients.dropFirst(reader.variables.count)) {
        computed.add("\(id)/param_grad/\(parameter.name)", gradient)
      }
    }
    if let difference = try resultDifference(flat) { return .wrongValue(difference) }
    if let difference = try stateDifference(before: state, after: after) { return .wrongValue(difference) }
    do {
      let difference = try gradientDifference(gradients.get(), inputs: reader.variables.count, parameters.map(\.name))
      return difference.map { .wrongGradient($0) } ?? .passed
    } catch { return .wrongGradient("\(error)") }
  }

  private func forwardArguments(_ reader: inout ValueReader) throws -> ForwardArguments {
    var ordered: [(name: String, value: OperatorValue)] = []
    var packed: [Int: PackedSequence] = [:]
    for (i, item) in (json["args"]?.items ?? []).enumerated() {
      let name = item["n"]?.text ?? ""
      guard item["t"]?.text == "packed_sequence" else {
        ordered.append((name, try reader.value(item)))
        continue
      }
      guard let data = item["data"], case .tensor(let tensor) = try reader.value(data),
        let sizes = try integers(item["batch_sizes"], reader)
      else {
        throw CaseFailure("a malformed packed sequence")
      }
      packed[i] = PackedSequence(
        data: tensor, batchSizes: sizes, sortedIndices: try integers(item["sorted_indices"], reader),
        unsortedIndices: try integers(item["unsorted_indices"], reader))
      ordered.append((name, .tensor(tensor)))
    }
    return ForwardArguments(ordered, packed: packed, owner: subject)
  }

  private func integers(_ item: JSON?, _ reader: ValueReader) throws -> [Int]? {
    guard let item, item["t"]?.text == "tensor" else { return nil }
    return try reader.tensor(item).elements(as: Int.self)
  }

  private func moduleGradients(of results: [OperatorValue], by variables: [Tensor]) throws -> [Tensor] {
    guard json["cotangents"] != nil else { return [] }
    let differentiable = try weighted(results).filter { $0.output.requiresGrad }
    // Parameters that are frozen, or of a dtype without gradients, have none.
    let wanted = variables.filter(\.requiresGrad)
    var gradients =
      differentiable.isEmpty || wanted.isEmpty
      ? wanted.map { Tensor.zeros(like: $0) }
      : try catchingErrors { grad(of: differentiable.map(\.output), with: wanted, gradients: differentiable.map(\.cotangent)) }
    return variables.map { $0.requiresGrad ? gradients.removeFirst() : Tensor.zeros(like: $0) }
  }

  private func resultDifference(_ flat: [OperatorValue]) throws -> String? {
    let expected = json["outputs"]?.items ?? []
    guard flat.count == expected.count else { return "\(flat.count) results, not \(expected.count)" }
    let comparison = Comparison(
      reader: ValueReader(payload: payload), relative: json["rtol"]?.real ?? 0, absolute: json["atol"]?.real ?? 0)
    for (i, (actual, wanted)) in zip(flat, expected).enumerated() {
      if let difference = try comparison.difference(actual, wanted, firstArgument: nil, indexedDimension: nil) {
        return "result \(i): \(difference)"
      }
    }
    return nil
  }

  /// What `state_after` lists must have its values; everything else those from before.
  private func stateDifference(before: [(name: String, tensor: Tensor)], after: [(name: String, tensor: Tensor)]) throws -> String? {
    if before.isEmpty { return nil }
    let comparison = Comparison(
      reader: ValueReader(payload: payload), relative: json["rtol"]?.real ?? 0, absolute: json["atol"]?.real ?? 0)
    let changed = Dictionary(
      (json["state_after"]?.items ?? []).map { ($0["n"]?.text ?? "", $0) }, uniquingKeysWith: { first, _ in first })
    let values = Dictionary(after.map { ($0.name, $0.tensor) }, uniquingKeysWith: { first, _ in first })
    for (name, old) in before {
      guard let new = values[name] else { return "\(name) is gone from the state" }
      let difference =
        if let wanted = changed[name] {
          try comparison.difference(new, wanted, firstArgument: nil, indexedDimension: nil)
        } else {
          Comparison.difference(new, old.to(new.dtype), (0, 0))
        }
      if let difference { return "\(name) afterwards: \(difference)" }
    }
    return nil
  }

  private func gradientDifference(_ gradients: [Tensor], inputs: Int, _ parameters: [String]) throws -> String? {
    guard json["cotangents"] != nil else { return nil }
    let expected = json["grads"]?.items ?? []
    guard expected.count == inputs else { return "\(inputs) variables, but \(expected.count) gradients" }
    let byName = Dictionary(zip(parameters, gradients.dropFirst(inputs)), uniquingKeysWith: { first, _ in first })
    var pairs = Array(zip(gradients, expected))
    for wanted in json["param_grads"]?.items ?? [] {
      let name = wanted["of"]?.text ?? wanted["n"]?.text ?? "?"
      guard let gradient = byName[name] else { return "there is no parameter \(name)" }
      pairs.append((gradient, wanted))
    }
    let relative = json["grad_rtol"]?.real ?? 0, absolute = json["grad_atol"]?.real ?? 0
    let comparison = Comparison(reader: ValueReader(payload: payload), relative: relative, absolute: absolute)
    for (gradient, wanted) in pairs {
      let path = wanted["of"]?.text ?? wanted["n"]?.text ?? "?"
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

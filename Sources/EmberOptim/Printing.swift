// What `print(optimizer)` and `print(schedule)` say: options by the names that set them, with what they are now.

extension Optimizer {
  public var description: String { described(self, ["parameters": parameters.count, "learningRates": learningRates]) }
}

extension Scheduler {
  public var description: String { "\(Swift.type(of: self))()" }
}

/// `SGD(2 parameters, learningRate: 0.1, …)`; several groups have a line each.
func described<Options>(_ optimizer: some Optimizer, _ groups: [ParameterGroup<Options>]) -> String {
  let lines = groups.map { group in
    let options = Mirror(reflecting: group.options).children.map { "\($0.label ?? ""): \(unwrapped($0.value))" }
    return ([counted(group.parameters)] + options).joined(separator: ", ")
  }
  let name = "\(Swift.type(of: optimizer))"
  return lines.count < 2 ? "\(name)(\(lines.first ?? "0 parameters"))" : "\(name)(\(lines.map { "\n  \($0)" }.joined())\n)"
}

/// `StepLR(stepSize: 30, gamma: 0.1, epoch: 4, learningRates: [0.1])`.
func described(_ owner: Any, _ settings: KeyValuePairs<String, Any>...) -> String {
  "\(Swift.type(of: owner))(\(settings.flatMap { $0.map { "\($0.key): \($0.value)" } }.joined(separator: ", ")))"
}

private func counted(_ parameters: [Any]) -> String { "\(parameters.count) parameter\(parameters.count == 1 ? "" : "s")" }

private func unwrapped(_ value: Any) -> String {
  let mirror = Mirror(reflecting: value)
  switch mirror.displayStyle {
  case .optional: return mirror.children.first.map { unwrapped($0.value) } ?? "nil"
  case .tuple: return "(\(mirror.children.map { unwrapped($0.value) }.joined(separator: ", ")))"
  default: return "\(value)"
  }
}

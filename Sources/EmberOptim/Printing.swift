// What `print(optimizer)` and `print(schedule)` say: options by the names that set them, with what they are now.

extension Optimizer {
  public var description: String { "\(Swift.type(of: self))(\(parameters.count) parameters, learningRates: \(learningRates))" }
}

extension GroupOptimizer {
  public final var description: String { EmberOptim.description(of: self, groups) }
}

extension LBFGS {
  public var description: String { EmberOptim.description(of: self, [ParameterGroup(parameters, options)]) }
}

extension Scheduler {
  public var description: String { "\(Swift.type(of: self))(\(options(of: self).joined(separator: ", ")))" }
}

extension RateSchedule {
  public var description: String {
    let current = ["epoch: \(epoch)", "learningRates: \(optimizer.learningRates)"]
    return "\(Swift.type(of: self))(\((options(of: self) + current).joined(separator: ", ")))"
  }
}

/// `SGD(2 parameters, learningRate: 0.1, …)`; several groups have a line each.
private func description<Options>(of optimizer: some Optimizer, _ groups: [ParameterGroup<Options>]) -> String {
  let texts = groups.map { group in
    (["\(group.parameters.count) parameter\(group.parameters.count == 1 ? "" : "s")"] + options(of: group.options)).joined(separator: ", ")
  }
  let name = "\(Swift.type(of: optimizer))"
  return groups.count == 1 ? "\(name)(\(texts[0]))" : "\(name)(\(texts.map { "\n  \($0)" }.joined())\n)"
}

/// The stored properties that are numbers, choices, texts or several of them, other schedules included, as `name: value`.
private func options(of owner: Any) -> [String] { options(in: Mirror(reflecting: owner)) }

private func options(in mirror: Mirror) -> [String] {
  // What all schedules have is said in one way.
  if mirror.subjectType == RateSchedule.self { return [] }
  let own = mirror.children.compactMap { child -> String? in
    guard let name = child.label, let text = text(of: child.value) else { return nil }
    return "\(name): \(text)"
  }
  return (mirror.superclassMirror.map(options(in:)) ?? []) + own
}

private func text(of value: Any) -> String? {
  switch value {
  case let schedule as any Scheduler: return "\(schedule)"
  case is any Optimizer: return nil
  case is any BinaryInteger, is any BinaryFloatingPoint, is Bool, is String: return "\(value)"
  default: break
  }
  let mirror = Mirror(reflecting: value)
  switch mirror.displayStyle {
  case .enum: return "\(value)"
  case .optional: return mirror.children.first.map { text(of: $0.value) } ?? "nil"
  case .collection, .tuple:
    let parts = mirror.children.map { text(of: $0.value) }
    if parts.contains(where: { $0 == nil }) { return nil }
    let list = parts.map { $0! }.joined(separator: ", ")
    return mirror.displayStyle == .tuple ? "(\(list))" : "[\(list)]"
  default: return nil
  }
}

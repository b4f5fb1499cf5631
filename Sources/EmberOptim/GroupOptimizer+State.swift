import EmberRuntime
import EmberTensor

/// State dicts: options by group, what is kept by parameter.
extension GroupOptimizer {
  public func stateDict() -> [(String, Tensor)] {
    var all: [(String, Tensor)] = []
    func number(_ name: String, _ value: Double) { all.append((name, Tensor(.real(value), dtype: .float64))) }
    for (i, group) in groups.enumerated() {
      for option in Options.saved { number("group.\(i).\(option.name)", group.options[keyPath: option.path]) }
      if let rate = group.initialLearningRate { number("group.\(i).initial_lr", rate) }
    }
    for (i, entry) in state.enumerated() {
      all.append(("state.\(i).step", Tensor([entry.step])))
      for name in entry.numbers.keys.sorted() { number("state.\(i).\(name)", entry.numbers[name]!) }
      for name in entry.tensors.keys.sorted() { all.append(("state.\(i).\(name)", entry.tensors[name]!)) }
    }
    return all
  }

  public func loadStateDict(_ saved: [(String, Tensor)]) throws {
    if ErrorScopes.hasFailed { return }
    let entries = try saved.map { name, tensor in
      let parts = name.split(separator: ".", maxSplits: 2).map(String.init)
      guard parts.count == 3, let i = Int(parts[1]), i >= 0, i < (["group": groups.count, "state": state.count][parts[0]] ?? 0) else {
        throw unknown(name)
      }
      return SavedEntry(name: name, isOption: parts[0] == "group", index: i, key: parts[2], tensor: tensor)
    }
    let loaded = try loadedGroups(entries.filter(\.isOption))
    takeOver(loaded, try loadedState(entries.filter { !$0.isOption }, loaded))
  }

  /// The groups with their saved options.
  private func loadedGroups(_ entries: [SavedEntry]) throws -> [ParameterGroup<Options>] {
    var loaded = groups
    for i in loaded.indices { loaded[i].initialLearningRate = nil }
    var seen: [Set<String>] = Array(repeating: [], count: groups.count)
    for entry in entries {
      let value = try entry.tensor.itemOrThrow(as: Double.self)
      if entry.key == "initial_lr" {
        loaded[entry.index].initialLearningRate = value
      } else if let option = Options.saved.first(where: { $0.name == entry.key }) {
        loaded[entry.index].options[keyPath: option.path] = value
        seen[entry.index].insert(entry.key)
      } else {
        throw unknown(entry.name)
      }
    }
    if let i = seen.firstIndex(where: { $0.count != Options.saved.count }) {
      throw EmberError(.value, in: "loadStateDict", "options of group \(i) are missing; this optimizer has \(groups.count) groups")
    }
    for group in loaded { try group.options.validate() }
    return loaded
  }

  /// What is kept for each parameter, as its value needs it.
  private func loadedState(_ entries: [SavedEntry], _ groups: [ParameterGroup<Options>]) throws -> [ParameterState] {
    var loaded = Array(repeating: ParameterState(), count: state.count)
    var isComplete = Array(repeating: false, count: state.count)
    let cells = groups.flatMap(\.parameters)
    let layouts = groups.flatMap { group in group.parameters.map { layout(for: $0.value, group.options) } }
    let numbers = groups.flatMap { group in group.parameters.map { _ in Set(initialNumbers(group.options).keys) } }
    for entry in entries {
      let i = entry.index
      if entry.key == "step" {
        loaded[i].step = try entry.tensor.itemOrThrow(as: Int.self)
        isComplete[i] = loaded[i].step >= 0
        continue
      }
      if numbers[i].contains(entry.key) {
        loaded[i].numbers[entry.key] = try entry.tensor.itemOrThrow(as: Double.self)
        continue
      }
      let value = cells[i].value
      guard let place = layouts[i].first(where: { $0.name == entry.key }) else { throw unknown(entry.name) }
      guard Self.fits(entry.tensor, place, value) else {
        throw EmberError(
          .shape, in: "loadStateDict",
          "\"\(entry.name)\" has shape \(entry.tensor.shape), parameter \(i) needs \(place.shape.map { "\($0)" } ?? "\(value.shape)")")
      }
      guard entry.tensor.dtype.isComplex == value.dtype.isComplex else {
        throw EmberError(.dtype, in: "loadStateDict", "\"\(entry.name)\" is \(entry.tensor.dtype), parameter \(i) \(value.dtype)")
      }
      loaded[i].tensors[entry.key] = try catchingErrors { noGrad { entry.tensor.detach().to(value.dtype).to(value.device).clone() } }
    }
    for (i, own) in loaded.enumerated() {
      let lacks = own.step > 0 && (own.tensors.count < layouts[i].count || own.numbers.count < numbers[i].count)
      guard isComplete[i], !lacks else {
        let names = ["step"] + numbers[i].sorted() + layouts[i].map(\.name)
        throw EmberError(.value, in: "loadStateDict", "parameter \(i) of \(state.count) lacks some of \(names.joined(separator: ", "))")
      }
    }
    return loaded
  }

  private func unknown(_ name: String) -> EmberError {
    EmberError(
      .value, in: "loadStateDict",
      "\"\(name)\" names no state of this \(Swift.type(of: self)) of \(groups.count) groups and \(state.count) parameters; "
        + "is it another optimizer's?")
  }

  /// Assigns a state that fits, to be taken back if the error scope around it fails.
  private func takeOver(_ groups: [ParameterGroup<Options>], _ new: [ParameterState]) {
    let old = (groups: self.groups, state: state)
    ErrorScopes.journal(for: self) { (self.groups, self.state) = old }
    self.groups = groups
    state = new
  }
}

/// One entry of a saved state, its name taken apart.
private struct SavedEntry {
  let name: String
  let isOption: Bool
  let index: Int
  let key: String
  let tensor: Tensor
}

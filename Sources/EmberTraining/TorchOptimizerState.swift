public import EmberFormats
public import EmberOptim
import EmberRuntime
import EmberTensor

// Optimizers' states as PyTorch keeps them: `optimizer.state_dict()`, usually a part of a checkpoint in a `.pt` file.
//
// A state is {"state": {position: {name: tensor}}, "param_groups": [{option: value, "params": [positions]}]}. Names of tensors are the same here;
// of options, PyTorch has pairs and triples where `OptimizerOptions.saved` has single numbers.

extension Optimizer {
  /// Takes over the state of a PyTorch optimizer of the same kind over the same parameters in the same groups, options included.
  ///
  /// ```swift
  /// let run = try TorchCheckpoint.load("run.pt").value
  /// try optimizer.loadTorchStateDict(run["optimizer_state"] ?? .none)
  /// ```
  ///
  /// Throws, changing nothing, where it does not fit. Options of PyTorch that say how a step is executed (`fused`, `foreach`) are left out; those
  /// that it does not have stay as they are. The history of `LBFGS` is not read.
  public func loadTorchStateDict(_ torch: PickleValue) throws { try loadStateDict(TorchOptimizerState(of: self).read(torch)) }
}

private struct TorchOptimizerState {
  private let name: String
  private let parameterCounts: [Int]
  /// By group: options with the values that they have now.
  private var options: [[(name: String, value: Double)]] = []

  /// PyTorch's options of several numbers, with the names that these have here.
  private static let lists: [(torch: String, own: [String])] = [
    ("betas", ["beta1", "beta2"]), ("eps", ["eps1", "eps2"]), ("etas", ["etaminus", "etaplus"]), ("step_sizes", ["step_size_min", "step_size_max"]),
    ("ns_coefficients", ["ns_coefficient1", "ns_coefficient2", "ns_coefficient3"]),
  ]
  /// Options that are texts, by the numbers that stand for them here. Python's None is the first.
  private static let choices = ["adjust_lr_fn": ["original", "match_rms_adamw", "spectral_unclamped"]]

  init(of optimizer: any Optimizer) throws {
    name = "\(Swift.type(of: optimizer))"
    parameterCounts = optimizer.parameterCounts
    guard !(optimizer is LBFGS) else { throw error("the history of an LBFGS cannot be exchanged with PyTorch; begin a new one") }
    for (key, tensor) in optimizer.stateDict() {
      let parts = key.split(separator: ".", maxSplits: 2).map(String.init)
      guard parts.count == 3, parts[0] == "group", let i = Int(parts[1]) else { continue }
      while options.count <= i { options.append([]) }
      options[i].append((parts[2], tensor.item()))
    }
  }

  private func error(_ message: String) -> EmberError { EmberError(.value, in: "loadTorchStateDict", "\(name): \(message)") }

  /// As `loadStateDict` takes it.
  func read(_ torch: PickleValue) throws -> [(String, Tensor)] {
    guard let groups = torch["param_groups"]?.items, let state = torch["state"]?.dictionary else {
      throw error("\(torch) is no state of a PyTorch optimizer, which has \"state\" and \"param_groups\"")
    }
    guard groups.count == options.count else { throw error("the state has \(groups.count) groups of parameters, the optimizer \(options.count)") }
    var result: [(String, Tensor)] = [], numbers: [Int] = []
    for (i, group) in groups.enumerated() {
      guard let members = group["params"]?.items?.map(\.int), !members.contains(nil) else { throw error("group \(i) lacks \"params\"") }
      guard members.count == parameterCounts[i] else {
        throw error("group \(i) of the state has \(members.count) parameters, that of the optimizer \(parameterCounts[i])")
      }
      numbers += members.map { $0! }
      for option in options[i] where option.name != "initial_lr" {
        result.append(("group.\(i).\(option.name)", Tensor(.real(try value(of: option.name, in: group) ?? option.value), dtype: .float64)))
      }
      if let rate = group["initial_lr"]?.double { result.append(("group.\(i).initial_lr", Tensor(.real(rate), dtype: .float64))) }
    }
    let byNumber = Dictionary(state.entries.compactMap { entry in entry.key.int.map { ($0, entry.value) } }, uniquingKeysWith: { $1 })
    for (position, number) in numbers.enumerated() {
      var entries: [(String, Tensor)] = [], step: Tensor?
      for (key, value) in byNumber[number]?.dictionary?.entries ?? [] {
        guard let name = key.string else { throw error("a key of parameter \(number) is \(key)") }
        let tensor: Tensor
        switch value {
        case .none: continue
        case .tensor(let given): tensor = given
        default:
          guard let number = value.double else { throw error("\"\(name)\" of parameter \(number) is \(value)") }
          tensor = Tensor(.real(number), dtype: .float64)
        }
        if name == "step" { step = tensor } else { entries.append(("state.\(position).\(name)", tensor)) }
      }
      // Rules that need no count have none in PyTorch.
      result.append(("state.\(position).step", step ?? Tensor(.integer(entries.isEmpty ? 0 : 1), dtype: .int64)))
      result += entries
    }
    return result
  }

  /// An option as a number; nil where PyTorch has none of the name.
  private func value(of option: String, in group: PickleValue) throws -> Double? {
    var found = group[option]
    for list in Self.lists { if let i = list.own.firstIndex(of: option) { found = group[list.torch]?[i] } }
    switch found {
    case nil: return nil
    case .bool(let flag): return flag ? 1 : 0
    // Adafactor's first epsilon may be that of the dtype.
    case .some(.none): return option == "eps1" ? -1 : Self.choices[option] == nil ? nil : 0
    case .tensor(let tensor): return try tensor.itemOrThrow()
    case .string(let text):
      if let position = Self.choices[option]?.firstIndex(of: text) { return Double(position) }
    default:
      if let number = found?.double { return number }
    }
    throw error("option \"\(option)\" is \(found!)")
  }
}

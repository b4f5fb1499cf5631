import EmberFormats
import EmberOptim
import EmberRuntime
import EmberTensor

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

extension Case {
  /// Steps a schedule on SGD with one parameter in each group, and compares rates and momenta.
  func runScheduler(computed: inout Computed) throws -> Verdict {
    let rates = (json["base_lrs"]?.items ?? []).compactMap(\.real)
    let groups = rates.map { rate in
      ParameterGroup(
        [StateCell(Tensor.zeros([1]), isParameter: true)], SGD.Options(learningRate: rate, momentum: json["base_momentum"]?.real ?? 0))
    }
    let optimizer = try catchingErrors { SGD(groups: groups) }
    for cell in optimizer.parameters { cell.grad = Tensor.zeros([1]) }
    let made: (any Scheduler)?
    do { made = try catchingErrors { try makeScheduler(subject, json["options"]?.items ?? [], optimizer) } } catch let error as EmberError {
      return expectsError ? .refused : .failed("\(error)")
    }
    guard let scheduler = made else { return .notImplemented }
    if expectsError { return .accepted }

    var failure: String?
    func check(_ what: String, _ number: Int, _ actual: [Double], _ expected: JSON?) throws {
      computed.add("\(id)/\(what)/\(number)", Tensor(actual, dtype: .float64))
      let wanted = (expected?.items ?? []).compactMap(\.real)
      if actual.count != wanted.count || !zip(actual, wanted).allSatisfy({ Comparison.isClose($0, $1, tolerances) }) {
        failure = failure ?? "\(what) after step \(number) are \(actual), not \(wanted)"
      }
    }
    let metrics = json["metrics"]?.items
    for (number, expected) in (json["lrs"]?.items ?? []).enumerated() {
      if number > 0 {
        try catchingErrors {
          optimizer.step()
          if let plateau = scheduler as? ReduceLROnPlateau, let metrics, number <= metrics.count {
            plateau.step(metrics[number - 1].real ?? .nan)
          } else {
            scheduler.step()
          }
        }
      }
      try check("lrs", number, optimizer.learningRates, expected)
      if let momenta = json["momenta"]?.items, number < momenta.count {
        try check("momenta", number, optimizer.momenta ?? [], momenta[number])
      }
    }
    return failure.map { .wrongValue($0) } ?? .passed
  }
}

/// The options of a schedule by PyTorch's names.
private struct ScheduleOptions {
  private var values: [String: JSON] = [:]
  private let owner: String

  init(_ list: [JSON], owner: String) {
    self.owner = owner
    for option in list { values[option["n"]?.text ?? ""] = option }
  }

  mutating func take(_ name: String) -> JSON? {
    guard let value = values.removeValue(forKey: name), value["t"]?.text != "none" else { return nil }
    return value
  }

  private func bad(_ name: String, _ wanted: String) -> EmberError { EmberError(.value, in: owner, "\(name) must be \(wanted)") }

  private func number(_ json: JSON, _ name: String) throws -> Double {
    guard ["int", "float"].contains(json["t"]?.text), let value = json["v"]?.real else { throw bad(name, "a number") }
    return value
  }

  mutating func number(_ name: String, _ usual: Double) throws -> Double {
    guard let json = take(name) else { return usual }
    return try number(json, name)
  }

  /// One number, or one for each group.
  mutating func numbers(_ name: String, _ usual: Double? = nil) throws -> [Double] {
    guard let json = take(name) else {
      guard let usual else { throw bad(name, "given") }
      return [usual]
    }
    if ["list", "tuple"].contains(json["t"]?.text) { return try (json["v"]?.items ?? []).map { try number($0, name) } }
    return [try number(json, name)]
  }

  mutating func count(_ name: String, _ usual: Int? = nil) throws -> Int {
    guard let json = take(name) else {
      guard let usual else { throw bad(name, "given") }
      return usual
    }
    guard json["t"]?.text == "int", let value = json["v"]?.integer else { throw bad(name, "a whole number") }
    return value
  }

  mutating func counts(_ name: String) throws -> [Int] {
    try (take(name)?["v"]?.items ?? []).map { item in
      guard let value = item["v"]?.integer else { throw bad(name, "whole numbers") }
      return value
    }
  }

  mutating func flag(_ name: String, _ usual: Bool) throws -> Bool {
    guard let json = take(name) else { return usual }
    guard let flag = json["v"]?.flag else { throw bad(name, "true or false") }
    return flag
  }

  mutating func choice<Value>(_ name: String, _ usual: String, _ choices: [String: Value]) throws -> Value {
    let word = take(name)?["v"]?.text ?? usual
    guard let value = choices[word] else { throw bad(name, "one of \(choices.keys.sorted().joined(separator: ", "))") }
    return value
  }

  mutating func functions(_ name: String) throws -> [(Int) -> Double] {
    guard let json = take(name) else { throw bad(name, "given") }
    if ["list", "tuple"].contains(json["t"]?.text) { return try (json["v"]?.items ?? []).map(Self.function) }
    return [try Self.function(json)]
  }

  private static func function(_ json: JSON) throws -> (Int) -> Double {
    var numbers: [String: Double] = [:]
    for parameter in json["params"]?.items ?? [] { numbers[parameter["n"]?.text ?? ""] = parameter["v"]?.real }
    func number(_ name: String) throws -> Double {
      guard let value = numbers[name] else { throw CaseFailure("a function lacks \(name)") }
      return value
    }
    guard json["t"]?.text == "lambda" else { throw CaseFailure("a function is a \(json["t"]?.text ?? "?")") }
    switch json["v"]?.text {
    case "power":
      let base = try number("base")
      return { pow(base, Double($0)) }
    case "inverse":
      let rate = try number("rate")
      return { 1 / (1 + rate * Double($0)) }
    case "constant":
      let value = try number("value")
      return { _ in value }
    case "warmup":
      let steps = try number("steps")
      return { min(1, Double($0 + 1) / steps) }
    case let other: throw CaseFailure("a function of kind \(other ?? "?")")
    }
  }

  mutating func schedules(_ optimizer: any Optimizer) throws -> [RateSchedule] {
    try (take("schedulers")?["v"]?.items ?? []).map { item in
      let name = item["scheduler"]?.text ?? ""
      let made = try makeScheduler(name, item["options"]?.items ?? [], optimizer)
      guard let schedule = made as? RateSchedule else { throw EmberError(.value, in: owner, "\(name) cannot be part of it") }
      return schedule
    }
  }

  func finish() throws {
    if let name = values.keys.sorted().first { throw CaseFailure("\(owner) has no option \(name)") }
  }
}

/// Makes the schedule of a class of `torch.optim.lr_scheduler`; nil for one that is not there.
private func makeScheduler(_ qualifiedName: String, _ list: [JSON], _ optimizer: any Optimizer) throws -> (any Scheduler)? {
  let name = qualifiedName.split(separator: ".").last.map(String.init) ?? ""
  var o = ScheduleOptions(list, owner: name)
  let annealings: [String: Annealing] = ["cos": .cosine, "linear": .linear]
  let scheduler: any Scheduler
  switch name {
  case "LambdaLR": scheduler = LambdaLR(optimizer, try o.functions("lr_lambda"))
  case "MultiplicativeLR": scheduler = MultiplicativeLR(optimizer, try o.functions("lr_lambda"))
  case "StepLR": scheduler = StepLR(optimizer, stepSize: try o.count("step_size"), gamma: try o.number("gamma", 0.1))
  case "MultiStepLR": scheduler = MultiStepLR(optimizer, milestones: try o.counts("milestones"), gamma: try o.number("gamma", 0.1))
  case "ConstantLR": scheduler = ConstantLR(optimizer, factor: try o.number("factor", 1.0 / 3), steps: try o.count("total_iters", 5))
  case "LinearLR":
    scheduler = LinearLR(
      optimizer, startFactor: try o.number("start_factor", 1.0 / 3), endFactor: try o.number("end_factor", 1),
      steps: try o.count("total_iters", 5))
  case "ExponentialLR": scheduler = ExponentialLR(optimizer, gamma: try o.numbers("gamma")[0])
  case "PolynomialLR": scheduler = PolynomialLR(optimizer, steps: try o.count("total_iters", 5), power: try o.number("power", 1))
  case "CosineAnnealingLR":
    scheduler = CosineAnnealingLR(optimizer, period: try o.count("T_max"), minimum: try o.number("eta_min", 0))
  case "CosineAnnealingWarmRestarts":
    scheduler = CosineAnnealingWarmRestarts(
      optimizer, period: try o.count("T_0"), multiplier: try o.count("T_mult", 1), minimum: try o.number("eta_min", 0))
  case "CyclicLR":
    let gamma = try o.number("gamma", 1)
    let cyclesMomentum = try o.flag("cycle_momentum", true)
    let stepsUp = try o.count("step_size_up", 2000), stepsDown = try o.count("step_size_down", stepsUp)
    var mode = try o.choice(
      "mode", "triangular",
      ["triangular": CyclicLR.Mode.triangular, "triangular2": .triangular2, "exp_range": .exponential(gamma: gamma)])
    let isByCycle = try o.choice("scale_mode", "cycle", ["cycle": true, "iterations": false])
    if let scale = try? o.functions("scale_fn").first { mode = isByCycle ? .byCycle(scale) : .byStep(scale) }
    scheduler = CyclicLR(
      optimizer, base: try o.numbers("base_lr"), maximum: try o.numbers("max_lr"), stepsUp: stepsUp, stepsDown: stepsDown, mode: mode,
      cyclesMomentum: cyclesMomentum, baseMomentum: try o.numbers("base_momentum", 0.8),
      maximumMomentum: try o.numbers("max_momentum", 0.9))
  case "OneCycleLR":
    let total = try o.count("total_steps", 0), epochs = try o.count("epochs", 0), each = try o.count("steps_per_epoch", 0)
    scheduler = OneCycleLR(
      optimizer, maxima: try o.numbers("max_lr"), totalSteps: total != 0 ? total : min(epochs, each) > 0 ? epochs * each : 0,
      rise: try o.number("pct_start", 0.3), annealing: try o.choice("anneal_strategy", "cos", annealings),
      cyclesMomentum: try o.flag("cycle_momentum", true), baseMomentum: try o.numbers("base_momentum", 0.85),
      maximumMomentum: try o.numbers("max_momentum", 0.95), divisor: try o.number("div_factor", 25),
      finalDivisor: try o.number("final_div_factor", 1e4), threePhases: try o.flag("three_phase", false))
  case "SWALR":
    scheduler = SWALR(
      optimizer, rates: try o.numbers("swa_lr"), epochs: try o.count("anneal_epochs", 10),
      annealing: try o.choice("anneal_strategy", "cos", annealings))
  case "ReduceLROnPlateau":
    scheduler = ReduceLROnPlateau(
      optimizer, mode: try o.choice("mode", "min", ["min": .minimum, "max": .maximum]), factor: try o.number("factor", 0.1),
      patience: try o.count("patience", 10), threshold: try o.number("threshold", 1e-4),
      thresholdMode: try o.choice("threshold_mode", "rel", ["rel": .relative, "abs": .absolute]), cooldown: try o.count("cooldown", 0),
      minimumRates: try o.numbers("min_lr", 0), epsilon: try o.number("eps", 1e-8))
  case "SequentialLR":
    scheduler = SequentialLR(optimizer, try o.schedules(optimizer), milestones: try o.counts("milestones"))
  case "ChainedScheduler": scheduler = ChainedScheduler(try o.schedules(optimizer))
  default: return nil
  }
  try o.finish()
  return scheduler
}

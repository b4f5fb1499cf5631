import EmberFunctional
import EmberRuntime
import EmberTensor

extension Arguments {
  func tensor(_ position: Int) throws -> Tensor { try (optional(position) ?? .none).tensor("argument \(position)").value }
  func optionalTensor(_ position: Int) throws -> Tensor? { try optional(position)?.tensor("argument \(position)").value }
  func integers(_ position: Int) throws -> [Int] { try (optional(position)?.items ?? []).map { try $0.integer("argument \(position)") } }
  func flag(_ position: Int) throws -> Bool { try optional(position)?.isTrue ?? false }
  func real(_ position: Int, _ otherwise: Double) -> Double { optional(position)?.number?.0 ?? otherwise }
}

/// ATen's functions of layers, whose arguments differ from those that Python's functions of the same name have.
extension Builtins {
  static func made(_ body: () throws -> Tensor) throws -> ScriptValue { .tensor(TensorReference(try catchingErrors(body))) }

  static func addLayers(_ table: inout [String: Builtin]) {
    table["aten::batch_norm"] = { arguments, _ in try normalized(arguments, isInstance: false) }
    table["aten::instance_norm"] = { arguments, _ in try normalized(arguments, isInstance: true) }
    table["aten::dropout"] = { arguments, _ in
      let x = try arguments.tensor(0), training = try arguments.flag(2)
      if !training { return arguments.positional[0] }
      return try made { x.dropout(arguments.real(1, 0.5), training: true) }
    }
    table["aten::dropout_"] = { arguments, _ in
      let x = try arguments.tensor(0)
      guard try arguments.flag(2) else { return arguments.positional[0] }
      try OperatorCall.write(
        try catchingErrors { x.dropout(arguments.real(1, 0.5), training: true) }, to: try arguments.positional[0].tensor("self"), in: "dropout_")
      return arguments.positional[0]
    }
    // Channels drop as wholes, whatever the number of dimensions behind them.
    table["aten::feature_dropout"] = { arguments, _ in
      let x = try arguments.tensor(0), p = arguments.real(1, 0.5)
      guard try arguments.flag(2), p > 0, x.rank >= 2 else { return arguments.positional[0] }
      return try made {
        let mask = Tensor.ones(Array(x.shape.prefix(2)) + Array(repeating: 1, count: x.rank - 2), dtype: x.dtype, on: x.device)
        return x * mask.dropout(p, training: true)
      }
    }
    table["aten::_convolution"] = convolution
    table["aten::convolution"] = convolution
    table["aten::einsum"] = { arguments, machine in
      // The path of contraction is advice.
      guard arguments.count == 3 else { return nil }
      let call = OperatorCall("aten::einsum", machine.program)
      return try call(Arguments(positional: Array(arguments.positional.prefix(2)), named: []), machine)
    }
    addInterpolation(&table)
    addLosses(&table)
  }

  /// Interpolation by a size or by factors; other forms are left to the registry.
  private static func addInterpolation(_ table: inout [String: Builtin]) {
    for (name, mode, hasCorners) in [
      ("upsample_nearest1d", "nearest", false), ("upsample_nearest2d", "nearest", false), ("upsample_nearest3d", "nearest", false),
      ("_upsample_nearest_exact1d", "nearest-exact", false), ("_upsample_nearest_exact2d", "nearest-exact", false),
      ("_upsample_nearest_exact3d", "nearest-exact", false), ("upsample_linear1d", "linear", true), ("upsample_bilinear2d", "bilinear", true),
      ("upsample_bicubic2d", "bicubic", true), ("upsample_trilinear3d", "trilinear", true),
    ] {
      table["aten::\(name)"] = { arguments, machine in
        // (input, output_size?, align_corners, scale_factors?): the last is a list, where other forms have numbers.
        let last = hasCorners ? 3 : 2
        guard arguments.count == last + 1, arguments.positional[last].isNone || arguments.positional[last].items != nil else { return nil }
        var named: [(name: String, value: OperatorValue)] = [("mode", .string(mode))]
        if arguments.optional(1) != nil { named.append(("size", .list(try arguments.integers(1).map { .integer($0) }))) }
        if let factors = arguments.optional(last)?.items {
          named.append(("scale_factor", .list(factors.map { .real($0.number?.0 ?? 1) })))
        }
        if hasCorners { named.append(("align_corners", .bool(try arguments.flag(2)))) }
        let results = try machine.program.registry.call("torch.nn.functional.interpolate", [.tensor(try arguments.tensor(0))], named)
        return try OperatorCall.scriptValue(results, machine)
      }
    }
  }

  /// Batch and instance normalisation, which move the running statistics that they are given.
  private static func normalized(_ arguments: Arguments, isInstance: Bool) throws -> ScriptValue? {
    // (input, weight, bias, running_mean, running_var, training, momentum, eps, cudnn_enabled)
    guard arguments.count >= 8 else { return nil }
    let x = try arguments.tensor(0), weight = try arguments.optionalTensor(1), bias = try arguments.optionalTensor(2)
    let mean = try arguments.optional(3)?.tensor("running_mean"), variance = try arguments.optional(4)?.tensor("running_var")
    let training = try arguments.flag(5), momentum = arguments.real(6, 0.1), epsilon = arguments.real(7, 1e-5)
    guard x.rank >= 2 else { throw ScriptFailure(.shape, "normalisation of \(x.summary); it must be [batch, channels, …]") }
    if !training {
      guard let mean, let variance else { throw ScriptFailure("running_mean and running_var must be given outside of training") }
      return try made { x.batchNorm(mean: try mean.value, variance: try variance.value, weight: weight, bias: bias, eps: epsilon) }
    }
    let batch = x.size(0), channels = x.size(1)
    let count = x.elementCount / max(1, isInstance ? batch * channels : channels)
    guard count > 1 else {
      throw ScriptFailure("expected more than 1 value per channel when training, got input \(x.summary)")
    }
    // Instances are channels of one large batch of one.
    let rows = isInstance ? try catchingErrors { x.reshape([1, batch * channels] + Array(x.shape.dropFirst(2))) } : x
    func repeated(_ parameter: Tensor?) -> Tensor? { isInstance ? parameter.map { $0.repeat(batch) } : parameter }
    var statistics: (mean: Tensor, variance: Tensor)?
    let result = try catchingErrors {
      let (y, batchMean, batchVariance) = rows.batchNorm(weight: repeated(weight), bias: repeated(bias), eps: epsilon)
      statistics = (batchMean, batchVariance)
      return isInstance ? y.reshape(Array(x.shape)) : y
    }
    func move(_ running: TensorReference?, _ found: Tensor, _ factor: Double) throws {
      guard let running else { return }
      let old = try running.value
      try running.write(
        try noGrad {
          try catchingErrors {
            let average = isInstance ? found.reshape([batch, channels]).mean(0) : found
            return (old * (1 - momentum) + (average * factor).to(old.dtype) * momentum).to(old.dtype)
          }
        })
    }
    if let statistics {
      try move(mean, statistics.mean, 1)
      // Running variances are unbiased.
      try move(variance, statistics.variance, Double(count) / Double(count - 1))
    }
    return .tensor(TensorReference(result))
  }

  /// The convolution of traced code: any number of dimensions, transposed or not.
  private static func convolution(_ arguments: Arguments, _ machine: Machine) throws -> ScriptValue? {
    // (input, weight, bias, stride, padding, dilation, transposed, output_padding, groups, …)
    guard arguments.count >= 9 else { return nil }
    let weight = try arguments.tensor(1)
    guard 3...5 ~= weight.rank else { throw ScriptFailure(.shape, "a convolution with the weight \(weight.summary)") }
    let p = arguments.positional, dimensions = weight.rank - 2
    if try arguments.flag(6) {
      let call = OperatorCall("aten::conv_transpose\(dimensions)d", machine.program)
      return try call(Arguments(positional: [p[0], p[1], p[2], p[3], p[4], p[7], p[8], p[5]], named: []), machine)
    }
    let call = OperatorCall("aten::conv\(dimensions)d", machine.program)
    return try call(Arguments(positional: [p[0], p[1], p[2], p[3], p[4], p[5], p[8]], named: []), machine)
  }

  // MARK: Losses

  /// Losses whose reduction is a number: 0 none, 1 mean, 2 sum.
  private static func addLosses(_ table: inout [String: Builtin]) {
    func loss(_ name: String, _ function: String, reduction position: Int, _ names: [Int: String]) {
      table["aten::\(name)"] = { arguments, machine in
        let reductions = ["none", "mean", "sum"]
        let number = try arguments.optional(position)?.integer("reduction") ?? 1
        guard reductions.indices.contains(number) else { throw ScriptFailure("the reduction \(number) does not exist") }
        var named: [(name: String, value: OperatorValue)] = [("reduction", .string(reductions[number]))]
        for (place, name) in names.sorted(by: { $0.key < $1.key }) {
          guard let value = arguments.optional(place) else { continue }
          switch value {
          case .tensor(let reference): named.append((name, .tensor(try reference.value)))
          case .integer(let value): named.append((name, .integer(value)))
          case .real(let value): named.append((name, .real(value)))
          case .bool(let value): named.append((name, .bool(value)))
          default: throw ScriptFailure("\(name) of \(value.kind)")
          }
        }
        let results = try machine.program.registry.call(
          "torch.nn.functional.\(function)", [.tensor(try arguments.tensor(0)), .tensor(try arguments.tensor(1))], named)
        return try OperatorCall.scriptValue(results, machine)
      }
    }
    for name in ["nll_loss", "nll_loss_nd", "nll_loss2d"] { loss(name, "nll_loss", reduction: 3, [2: "weight", 4: "ignore_index"]) }
    loss("cross_entropy_loss", "cross_entropy", reduction: 3, [2: "weight", 4: "ignore_index", 5: "label_smoothing"])
    loss("binary_cross_entropy", "binary_cross_entropy", reduction: 3, [2: "weight"])
    loss("binary_cross_entropy_with_logits", "binary_cross_entropy_with_logits", reduction: 4, [2: "weight", 3: "pos_weight"])
    loss("kl_div", "kl_div", reduction: 2, [3: "log_target"])
    loss("soft_margin_loss", "soft_margin_loss", reduction: 2, [:])
  }

  // MARK: Recurrent networks

  static func addRecurrentNetworks(_ table: inout [String: Builtin]) {
    for (name, kind): (String, RecurrentKind) in [("rnn_tanh_cell", .tanh), ("rnn_relu_cell", .relu), ("gru_cell", .gru), ("lstm_cell", .lstm)] {
      table["aten::\(name)"] = { arguments, _ in
        // (input, hx, w_ih, w_hh, b_ih, b_hh), where an LSTM's hx is a list of two.
        guard arguments.count >= 4 else { return nil }
        let x = try arguments.tensor(0)
        var state: Tensor, cell: Tensor?
        if kind == .lstm {
          let states = try (arguments.positional[1].items ?? []).map { try $0.tensor("hx").value }
          guard states.count == 2 else { throw ScriptFailure("lstm_cell takes a state and a cell") }
          (state, cell) = (states[0], states[1])
        } else {
          state = try arguments.tensor(1)
        }
        let (inputWeight, weight) = (try arguments.tensor(2), try arguments.tensor(3))
        let (inputBias, bias) = (try arguments.optionalTensor(4), try arguments.optionalTensor(5))
        try check(x, state, cell, inputWeight, weight, kind, name)
        var next: Tensor?
        let result = try catchingErrors {
          let step = kind.step(x.linear(inputWeight, inputBias), state: state, cell: cell, weight: weight, bias: bias)
          next = step.cell
          return step.state
        }
        guard let next else { return .tensor(TensorReference(result)) }
        return .tuple(try ScriptTuple([.tensor(TensorReference(result)), .tensor(TensorReference(next))]))
      }
    }
    for (name, kind): (String, RecurrentKind) in [("rnn_tanh", .tanh), ("rnn_relu", .relu), ("gru", .gru), ("lstm", .lstm)] {
      table["aten::\(name)"] = { arguments, _ in try sequence(kind, name, arguments) }
    }
  }

  private static func check(
    _ x: Tensor, _ state: Tensor, _ cell: Tensor?, _ inputWeight: Tensor, _ weight: Tensor, _ kind: RecurrentKind, _ name: String
  ) throws(ScriptFailure) {
    let rows = weight.rank == 2 ? weight.size(0) : 0, hidden = rows / kind.gates
    guard x.rank == 2, state.rank == 2, inputWeight.rank == 2, hidden > 0, rows == hidden * kind.gates, inputWeight.size(0) == rows,
      inputWeight.size(1) == x.size(1), weight.size(1) == state.size(1), state.size(0) == x.size(0),
      cell.map({ $0.shape == Shape([x.size(0), hidden]) }) ?? true
    else {
      throw ScriptFailure(
        .shape, "\(name): input \(x.summary), state \(state.summary), weights \(inputWeight.summary) and \(weight.summary) do not fit together")
    }
  }

  /// Whole sequences through all layers.
  private static func sequence(_ kind: RecurrentKind, _ name: String, _ arguments: Arguments) throws -> ScriptValue? {
    // (input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first), or for packed sequences
    // (data, batch_sizes, hx, params, has_biases, num_layers, dropout, train, bidirectional).
    guard arguments.count == 9 else { return nil }
    var isPacked = false
    if case .tensor = arguments.positional[1], arguments.positional[3].items != nil { isPacked = true }
    let shift = isPacked ? 1 : 0
    var x = try arguments.tensor(0)
    let given = arguments.positional[1 + shift]
    let states = try (kind == .lstm ? given.items ?? [] : [given]).map { try $0.tensor("hx").value }
    let parameters = try (arguments.optional(2 + shift)?.items ?? []).map { try $0.tensor("params").value }
    let hasBiases = try arguments.flag(3 + shift), layers = try arguments.positional[4 + shift].integer("num_layers")
    let dropout = arguments.real(5 + shift, 0), training = try arguments.flag(6 + shift)
    let directions = try arguments.flag(7 + shift) ? 2 : 1
    guard states.count == (kind == .lstm ? 2 : 1), 1...10_000 ~= layers, states.allSatisfy({ $0.rank == 3 && $0.size(0) == layers * directions }) else {
      throw ScriptFailure(.shape, "\(name): the states do not fit \(layers) layers in \(directions) directions")
    }
    let (each, rest) = parameters.count.quotientAndRemainder(dividingBy: layers * directions)
    let hasProjection = each == (hasBiases ? 5 : 3)
    guard rest == 0, hasProjection ? kind == .lstm : each == (hasBiases ? 4 : 2) else {
      throw ScriptFailure("\(name) is given \(parameters.count) parameters for \(layers) layers in \(directions) directions")
    }
    let batchFirst = isPacked ? false : try arguments.flag(8)
    var batchSizes: [Int], time = 0, batch = 0
    if isPacked {
      batchSizes = try catchingErrors { try arguments.tensor(1).elements(as: Int.self) }
      guard x.rank == 2, let first = batchSizes.first, first > 0, batchSizes.reduce(0, { $0 &+ $1 }) == x.size(0) else {
        throw ScriptFailure(.shape, "\(name): \(x.summary) is no packed sequence")
      }
    } else {
      guard x.rank == 3, x.elementCount > 0 else { throw ScriptFailure(.shape, "\(name): input \(x.summary); it must be [time, batch, features]") }
      if batchFirst { x = try catchingErrors { x.transpose(0, 1) } }
      (time, batch) = (x.size(0), x.size(1))
      batchSizes = Array(repeating: batch, count: time)
      x = try catchingErrors { x.reshape([time * batch, -1]) }
    }
    guard states.allSatisfy({ $0.size(1) == batchSizes[0] }) else {
      throw ScriptFailure(.shape, "\(name): states \(states.map(\.summary).joined(separator: ", ")) for a batch of \(batchSizes[0])")
    }
    var lastStates: [Tensor] = [], lastCells: [Tensor] = []
    let output = try catchingErrors {
      for layer in 0..<layers {
        var outputs: [Tensor] = []
        for direction in 0..<directions {
          let number = layer * directions + direction
          let own = Array(parameters[number * each..<(number + 1) * each])
          let state = states[0].select(0, number), cell = kind == .lstm ? states[1].select(0, number) : nil
          if x.rank != 2 || own[0].rank != 2 || x.size(1) != own[0].size(1) {
            throw ScriptFailure(.shape, "\(name): input \(x.summary) for the weight \(own[0].summary)")
          }
          // A GRU's new gate takes the state's bias apart.
          let bias = hasBiases ? kind == .gru ? own[2] : own[2] + own[3] : nil
          let result = x.linear(own[0], bias).recurrentSequence(
            kind, state: state, cell: cell, weight: own[1], bias: kind == .gru && hasBiases ? own[3] : nil,
            projection: hasProjection ? own[each - 1] : nil, batchSizes: batchSizes, reverse: direction == 1)
          outputs.append(result.states)
          lastStates.append(result.state)
          if let last = result.cell { lastCells.append(last) }
        }
        x = outputs.count == 1 ? outputs[0] : cat(outputs, dim: 1)
        if dropout > 0, training, layer + 1 < layers { x = x.dropout(dropout, training: true) }
      }
      guard !isPacked else { return x }
      let y = x.reshape([time, batch, -1])
      return batchFirst ? y.transpose(0, 1) : y
    }
    var results = [output, try catchingErrors { stack(lastStates) }]
    if kind == .lstm { results.append(try catchingErrors { stack(lastCells) }) }
    return .tuple(try ScriptTuple(results.map { .tensor(TensorReference($0)) }))
  }
}

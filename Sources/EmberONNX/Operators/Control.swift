import EmberRuntime
import EmberTensor

/// Graphs inside of a graph, and optional values.
extension OperatorTable {
  mutating func addControl() {
    add("If", numbers: [0]) { call in
      let name = try call.bool(0) ? "then_branch" : "else_branch"
      return try call.evaluate(try call.required(try call.graph(name), name), [])
    }
    add("Loop", numbers: [0, 1]) { call in try loop(call) }
    add("Scan", since: 8) { call in try batchedScan(call) }
    add("Scan", since: 9) { call in try scan(call) }
    add("SequenceMap", since: 17) { call in try mapped(call) }
    add("Optional", since: 15) { call in call.has(0) ? try call.value(0) : ONNXValue.absent }
    add("OptionalHasElement", since: 15) { call in
      if call.has(0), case .absent = try call.value(0) { return Tensor(false) }
      return Tensor(call.has(0))
    }
    add("OptionalGetElement", since: 15) { call in
      let value = try call.value(0)
      if case .absent = value { throw call.failure("the optional holds nothing") }
      return value
    }
  }
}

/// The graph that one of the attributes `body` names.
extension OperatorCall {
  fileprivate func body() throws -> ONNXGraph { try required(try graph("body"), "body") }
}

private func loop(_ call: OperatorCall) throws -> [ONNXValue?] {
  let body = try call.body()
  let limit = call.has(0) ? try call.int(0) : Int.max
  var isRunning = call.has(1) ? try call.bool(1) : true
  var carried = try call.inputs.indices.dropFirst(2).map { try call.value($0) }
  let scanCount = body.outputs.count - 1 - carried.count
  guard scanCount >= 0, body.inputs.count == 2 + carried.count else {
    throw call.failure(
      "its graph has \(body.inputs.count) inputs and \(body.outputs.count) outputs, for \(carried.count) values that are carried along")
  }
  var scanned = Array(repeating: [ONNXValue](), count: scanCount)
  var iteration = 0
  while isRunning, iteration < limit {
    let results = try call.evaluate(body, [.tensor(Tensor(iteration)), .tensor(Tensor(isRunning))] + carried)
    guard case .tensor(let condition) = results[0], condition.elementCount == 1 else {
      throw call.failure("the condition its graph gives is \(results[0].summary)", .dtype)
    }
    isRunning = try condition.itemOrThrow(as: Bool.self)
    carried = Array(results[1..<(1 + carried.count)])
    for i in 0..<scanCount { scanned[i].append(results[1 + carried.count + i]) }
    iteration += 1
  }
  let stacked = try scanned.indices.map { i in
    try stackedValues(call, scanned[i], axis: 0, emptyLike: body.outputTypes[1 + carried.count + i])
  }
  return carried + stacked
}

/// Values of the iterations along a new dimension; without any, what the graph declares decides.
private func stackedValues(_ call: OperatorCall, _ values: [ONNXValue], axis: Int, emptyLike type: ONNXValueType) throws -> ONNXValue {
  if values.isEmpty {
    guard case .tensor(let element, let shape) = type, let dtype = element?.dtype else { return .tensor(Tensor.zeros([0])) }
    let extents = (shape ?? []).map { if case .fixed(let extent) = $0, extent >= 0, extent < 1 << 40 { extent } else { 0 } }
    return .tensor(Tensor.zeros([0] + extents, dtype: dtype))
  }
  return try concatenated(call, try values.map { try $0.rearranged(call) { $0.unsqueeze(axis) } }, axis: axis)
}

/// Slices of the inputs along their axes, one iteration each; outputs are stacked along theirs.
private func scan(_ call: OperatorCall) throws -> [ONNXValue?] {
  let body = try call.body()
  let inputCount = try call.required(try call.int("num_scan_inputs"), "num_scan_inputs")
  let stateCount = call.inputs.count - inputCount, outputCount = body.outputs.count - stateCount
  guard inputCount > 0, stateCount >= 0, outputCount >= 0, body.inputs.count == call.inputs.count else {
    throw call.failure("its graph has \(body.inputs.count) inputs and \(body.outputs.count) outputs, for \(call.inputs.count) inputs")
  }
  func list(_ name: String, _ count: Int) throws -> [Int] {
    let values = try call.ints(name) ?? Array(repeating: 0, count: count)
    guard values.count == count else { throw call.failure("the attribute '\(name)' is \(values); it needs \(count) numbers") }
    return values
  }
  let inputAxes = try list("scan_input_axes", inputCount), inputDirections = try list("scan_input_directions", inputCount)
  let outputAxes = try list("scan_output_axes", outputCount), outputDirections = try list("scan_output_directions", outputCount)
  let state = try (0..<stateCount).map { try call.value($0) }
  let inputs = try (0..<inputCount).map { i in
    let value = try call.value(stateCount + i)
    let axis = try call.wrapped(inputAxes[i], value.shape?.count ?? 0)
    return try value.rearranged(call) { inputDirections[i] == 1 ? $0.movedim(axis, 0).flip(0) : $0.movedim(axis, 0) }
  }
  return try scanned(call, body, state, inputs, outputAxes, outputDirections)
}

/// Iterations over the first dimension of the inputs.
private func scanned(
  _ call: OperatorCall, _ body: ONNXGraph, _ state: [ONNXValue], _ inputs: [ONNXValue], _ outputAxes: [Int], _ directions: [Int]
) throws -> [ONNXValue] {
  let lengths = Set(inputs.map { $0.shape?.first ?? 0 })
  guard lengths.count == 1, let length = lengths.first else { throw call.failure("inputs of different lengths, \(lengths.sorted())", .shape) }
  var state = state
  var outputs = Array(repeating: [ONNXValue](), count: outputAxes.count)
  for t in 0..<length {
    let results = try call.evaluate(body, state + (try inputs.map { try $0.rearranged(call) { $0.select(0, t) } }))
    state = Array(results.prefix(state.count))
    for i in outputs.indices { outputs[i].append(results[state.count + i]) }
  }
  let stacked = try outputs.indices.map { i in
    let values = directions[i] == 1 ? outputs[i].reversed() : outputs[i]
    let rank = values.first?.shape?.count ?? 0
    let axis = values.isEmpty ? 0 : try call.wrapped(outputAxes[i], rank + 1)
    return try stackedValues(call, values, axis: axis, emptyLike: body.outputTypes[state.count + i])
  }
  return state + stacked
}

/// The operator of version 8, with a batch in front and lengths of its sequences.
private func batchedScan(_ call: OperatorCall) throws -> [ONNXValue?] {
  let body = try call.body()
  let inputCount = try call.required(try call.int("num_scan_inputs"), "num_scan_inputs")
  let stateCount = call.inputs.count - 1 - inputCount, outputCount = body.outputs.count - stateCount
  let directions = try call.ints("directions") ?? Array(repeating: 0, count: inputCount)
  guard inputCount > 0, stateCount >= 0, outputCount >= 0, directions.count == inputCount,
    body.inputs.count == stateCount + inputCount, let batch = try call.value(1 + stateCount).shape?.first
  else { throw call.failure("its graph does not go with \(call.inputs.count) inputs") }
  let lengths = try call.optionalInts(0)
  var members: [[ONNXValue]] = []
  for member in 0..<batch {
    func part(_ i: Int) throws -> ONNXValue {
      try call.value(1 + i).rearranged(call) { x in
        guard x.rank > 0, x.shape[0] == batch else { throw call.failure("\(describe(x)) in a batch of \(batch)", .shape) }
        return x.select(0, member)
      }
    }
    let state = try (0..<stateCount).map(part)
    let inputs = try (0..<inputCount).map { i in
      try part(stateCount + i).rearranged(call) { x in
        guard x.rank > 0, lengths.map({ $0.count == batch && (0...x.shape[0]).contains($0[member]) }) ?? true else {
          throw call.failure("\(describe(x)) with lengths \(lengths ?? [])", .shape)
        }
        let kept = lengths.map { x.narrow(0, start: 0, length: $0[member]) } ?? x
        return directions[i] == 1 ? kept.flip(0) : kept
      }
    }
    let zeros = Array(repeating: 0, count: outputCount)
    members.append(try scanned(call, body, state, inputs, zeros, zeros))
  }
  guard let first = members.first else { throw call.failure("a batch of nothing", .shape) }
  // Shorter sequences' outputs are filled up with zeros.
  return try first.indices.map { i in
    let values = members.map { $0[i] }
    let longest = values.compactMap { $0.shape?.first }.max() ?? 0
    let even = i < stateCount ? values : try values.map { value in
      try value.rearranged(call) { $0.pad(Array(repeating: 0, count: 2 * $0.rank - 1) + [longest - $0.shape[0]], value: 0) }
    }
    return try stackedValues(call, even, axis: 0, emptyLike: .other)
  }
}

/// A graph for each element of a sequence; further inputs are sequences of the same length, or values for all.
private func mapped(_ call: OperatorCall) throws -> [ONNXValue?] {
  let body = try call.body(), count = try call.sequence(0).count
  var results = Array(repeating: [ONNXValue](), count: body.outputs.count)
  for i in 0..<count {
    let inputs = try call.inputs.indices.map { position -> ONNXValue in
      let value = try call.value(position)
      guard case .sequence(let elements) = value else { return value }
      guard elements.count == count else { throw call.failure("sequences of \(count) and \(elements.count) elements", .shape) }
      return elements[i]
    }
    for (position, value) in try call.evaluate(body, inputs).enumerated() { results[position].append(value) }
  }
  return results.map { .sequence($0) }
}

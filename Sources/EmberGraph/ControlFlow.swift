import EmberRuntime
import EmberTensor

// Control flow that depends on data. Outside of a capture these are plain `if`, `while` and `for`; inside they become calls of the graph,
// with graphs of their own for the closures. What a closure uses of its surroundings is handed to it.

/// One of two functions, as the one element of `predicate` says.
///
/// Both give the same number of tensors, of the same shapes and dtypes. Gradients flow through the one that runs.
public func cond(
  _ predicate: Tensor, _ inputs: [Tensor], then: ([Tensor]) -> [Tensor], else otherwise: ([Tensor]) -> [Tensor]
) -> [Tensor] {
  if Tracer.current == nil || predicate.trace == nil {
    do throws(EmberError) { return try predicate.itemOrThrow(as: Bool.self) ? then(inputs) : otherwise(inputs) } catch {
      raise(error)
      return [.poison]
    }
  }
  guard predicate.elementCount == 1 else {
    raise(EmberError(.shape, in: "cond", "the predicate \(predicate.summary) must have one element"))
    return [.poison]
  }
  guard let first = Subgraph("cond", inputs, then), let second = Subgraph("cond", inputs, otherwise) else { return [.poison] }
  return cond(predicate, inputs, first, second)
}

private func cond(_ predicate: Tensor, _ inputs: [Tensor], _ first: Subgraph, _ second: Subgraph) -> [Tensor] {
  guard first.hasOutputs(of: second, in: "cond") else { return [.poison] }
  let operands = inputs + first.lifted + second.lifted
  let call = CondCall(first: first.graph, second: second.graph, inputCount: inputs.count, liftedCount: first.lifted.count)
  let results = Tracer.current!.record(call, [predicate] + operands, first.forms)
  let count = inputs.count, lifted = first.lifted.count
  return recordFunction("cond", operands, results) { gradients in
    // The derivative is again one of two functions: each gives gradients of all operands, zeros for what only the other one uses.
    let values = operands.map { $0.detach() }
    func pull(_ graph: Graph, _ own: @escaping ([Tensor]) -> [Tensor], _ place: @escaping ([Tensor], [Tensor]) -> [Tensor])
      -> ([Tensor]) -> [Tensor]
    {
      { all in
        let values = Array(all.prefix(operands.count)), gradients = Array(all.dropFirst(operands.count))
        return place(graph.pullback(own(values), gradients), values)
      }
    }
    return cond(
      predicate.detach(), values + gradients,
      then: pull(first.graph, { Array($0.prefix(count + lifted)) }) { own, values in
        own + values.dropFirst(count + lifted).map { Tensor.zeros(like: $0) }
      },
      else: pull(second.graph, { Array($0.prefix(count)) + $0.dropFirst(count + lifted) }) { own, values in
        Array(own.prefix(count)) + values[count..<(count + lifted)].map { Tensor.zeros(like: $0) } + own.dropFirst(count)
      })
  }
}

/// Repeats `body` as long as `condition` gives true. The carried tensors keep their number, shapes and dtypes.
///
/// In a graph it has no derivative, because nobody knows how many steps to keep; `scan` has one.
public func whileLoop(_ carry: [Tensor], condition: ([Tensor]) -> Tensor, body: ([Tensor]) -> [Tensor]) -> [Tensor] {
  guard let tracer = Tracer.current else {
    var carry = carry
    do throws(EmberError) {
      while try condition(carry).itemOrThrow(as: Bool.self) { carry = body(carry) }
    } catch {
      raise(error)
      return carry.map { _ in .poison }
    }
    return carry
  }
  guard let test = Subgraph("whileLoop", carry, { [condition($0)] }), let step = Subgraph("whileLoop", carry, body) else {
    return carry.map { _ in .poison }
  }
  guard test.forms[0].elementCount == 1 else {
    raise(EmberError(.shape, in: "whileLoop", "the condition gives \(test.forms[0].summary); it must have one element"))
    return carry.map { _ in .poison }
  }
  guard step.returns(carry, in: "whileLoop") else { return carry.map { _ in .poison } }
  let operands = carry + test.lifted + step.lifted
  let call = WhileCall(test: test.graph, step: step.graph, carryCount: carry.count, liftedCount: test.lifted.count)
  let results = tracer.record(call, operands, step.forms)
  return recordFunction("whileLoop", operands, results) { _ in
    raise(EmberError(.value, in: "whileLoop", "has no derivative in a graph; use scan, or leave the loop out of what is compiled"))
    return []
  }
}

/// Runs `body` along the first dimension of `sequences`, handing the carried tensors on; what it gives besides is stacked.
///
/// - Parameters:
///   - carry: tensors that keep their shapes and dtypes.
///   - sequences: tensors with a common first extent.
///   - body: from carried tensors and one slice of each sequence to the next carried tensors and results.
public func scan(
  _ carry: [Tensor], over sequences: [Tensor], body: (_ carry: [Tensor], _ slices: [Tensor]) -> (carry: [Tensor], results: [Tensor])
) -> (carry: [Tensor], results: [Tensor]) {
  let poisoned = { (carry: carry.map { _ in Tensor.poison }, results: [Tensor]()) }
  guard let length = sequences.first.map({ $0.rank > 0 ? $0.size(0) : -1 }), length > 0,
    sequences.allSatisfy({ $0.rank > 0 && $0.size(0) == length })
  else {
    raise(
      EmberError(
        .shape, in: "scan",
        "sequences \(sequences.map(\.summary).joined(separator: ", ")); there must be one or more, with a common first extent, not 0"))
    return poisoned()
  }
  guard Tracer.current != nil else {
    var carry = carry, rows: [[Tensor]] = []
    for i in 0..<length {
      let (next, results) = body(carry, sequences.map { $0.select(0, i) })
      carry = next
      rows.append(results)
    }
    return (carry, rows[0].indices.map { result in stack(rows.map { $0[result] }) })
  }
  let examples = carry + sequences.map { $0.select(0, 0) }
  var carryCount = 0
  let step = Subgraph("scan", examples) { all in
    let (next, results) = body(Array(all.prefix(carry.count)), Array(all.dropFirst(carry.count)))
    carryCount = next.count
    return next + results
  }
  guard let step, carryCount == carry.count, step.returns(carry, in: "scan") else {
    if step != nil, carryCount != carry.count {
      raise(EmberError(.value, in: "scan", "the body carries \(carryCount) tensors on; it was given \(carry.count)"))
    }
    return poisoned()
  }
  let all = scan(carry, sequences, step, length)
  return (Array(all.prefix(carry.count)), Array(all.dropFirst(carry.count)))
}

private func scan(_ carry: [Tensor], _ sequences: [Tensor], _ step: Subgraph, _ length: Int) -> [Tensor] {
  let count = carry.count, operands = carry + sequences + step.lifted
  let call = ScanCall(step: step.graph, carryCount: count, sequenceCount: sequences.count)
  let stacked = step.forms.dropFirst(count).map { $0.unsqueeze(0).expand([length] + Array($0.shape)) }
  let results = Tracer.current!.record(call, operands, Array(step.forms.prefix(count)) + stacked)
  let graph = step.graph
  return recordFunction("scan", operands, results) { gradients in
    let carry = carry.map { $0.detach() }, sequences = sequences.map { $0.detach() }, lifted = step.lifted.map { $0.detach() }
    // The carried tensors that each step began from, computed again.
    let (_, begun) = scan(carry, over: sequences) { now, slices in
      let all = graph.evaluate(now + slices + lifted)
      return (Array(all.prefix(count)), now)
    }
    // Backwards: gradients of the carried tensors, and sums for what all steps share.
    let sums = lifted.map { Tensor.zeros(like: $0) }
    let flipped = (begun + sequences + gradients.dropFirst(count)).map { $0.flip(0) }
    let (last, slices) = scan(Array(gradients.prefix(count)) + sums, over: flipped) { now, here in
      let own = Array(here.prefix(count + sequences.count)) + lifted
      let all = graph.pullback(own, Array(now.prefix(count)) + here.dropFirst(count + sequences.count))
      let shared = zip(now.dropFirst(count), all.dropFirst(count + sequences.count)).map { $0 + $1 }
      return (Array(all.prefix(count)) + shared, Array(all[count..<(count + sequences.count)]))
    }
    return Array(last.prefix(count)) + slices.map { $0.flip(0) } + last.dropFirst(count)
  }
}

// MARK: - Graphs of closures

/// The graph of a closure inside a capture. Its inputs: the closure's, and what it uses of its surroundings.
private struct Subgraph {
  let graph: Graph
  /// What it uses of its surroundings.
  let lifted: [Tensor]
  /// Its results on `meta`.
  let forms: [Tensor]

  /// Nil after an error.
  init?(_ operation: String, _ inputs: [Tensor], _ body: ([Tensor]) -> [Tensor]) {
    let made = noGrad {
      Tracer.run { tracer -> (Graph, [Tensor])? in
        let outputs = body(inputs.map { tracer.input(like: $0) })
        if outputs.contains(where: \.isPoisoned) { return nil }
        var graph = Graph(tracer, outputs: outputs)
        graph.inputs += tracer.lifted.map(\.number)
        return (graph, tracer.lifted.map(\.outer))
      }
    }
    guard let (graph, lifted) = made else { return nil }
    self.graph = graph
    self.lifted = lifted
    forms = graph.outputs.map { Tensor.empty(Array(graph.forms[$0].shape), dtype: graph.forms[$0].dtype, on: .meta) }
  }

  func hasOutputs(of other: Subgraph, in operation: String) -> Bool {
    if zip(forms, other.forms).allSatisfy({ $0.shape == $1.shape && $0.dtype == $1.dtype }), forms.count == other.forms.count { return true }
    func list(_ forms: [Tensor]) -> String { forms.map { "\($0.dtype)\($0.shape)" }.joined(separator: ", ") }
    raise(EmberError(.shape, in: operation, "one function gives \(list(forms)), the other \(list(other.forms)); they must be alike"))
    return false
  }

  /// Whether the first results are like the carried tensors.
  func returns(_ carry: [Tensor], in operation: String) -> Bool {
    for (i, tensor) in carry.enumerated() {
      guard i < forms.count, forms[i].shape == tensor.shape, forms[i].dtype == tensor.dtype else {
        let found = i < forms.count ? "\(forms[i].dtype)\(forms[i].shape)" : "nothing"
        raise(EmberError(.shape, in: operation, "carried tensor \(i), \(tensor.summary), becomes \(found); it must keep shape and dtype"))
        return false
      }
    }
    return true
  }
}

extension Graph {
  /// The graph as ordinary operations on `inputs`, which are recorded, differentiated or captured again.
  public func evaluate(_ inputs: [Tensor]) -> [Tensor] {
    var values = constants
    for (number, input) in zip(self.inputs, inputs) { values[number] = input }
    for read in reads { values[read.value] = read.part == .value ? read.cell.value : read.cell.grad }
    for node in nodes {
      let results = node.call.apply(node.inputs.map { $0.flatMap { values[$0] } }, count: node.outputs.count)
      for (output, result) in zip(node.outputs, results) { values[output] = result }
    }
    return outputs.map { values[$0] ?? .poison }
  }

  /// The gradients of `inputs` from those of the outputs; zeros where there is none.
  func pullback(_ inputs: [Tensor], _ gradients: [Tensor]) -> [Tensor] {
    enableGrad {
      let leaves = inputs.map { $0.dtype.isDifferentiable ? $0.detach().requiringGrad() : $0.detach() }
      let outputs = evaluate(leaves)
      let used = outputs.indices.filter { outputs[$0].requiresGrad }
      let wanted = leaves.indices.filter { leaves[$0].requiresGrad }
      if used.isEmpty { return inputs.map { Tensor.zeros(like: $0.detach()) } }
      let all = grad(of: used.map { outputs[$0] }, with: wanted.map { leaves[$0] }, gradients: used.map { gradients[$0] })
      return inputs.indices.map { i in wanted.firstIndex(of: i).map { all[$0] } ?? Tensor.zeros(like: inputs[i].detach()) }
    }
  }
}

// MARK: - Calls

/// A call that holds graphs.
protocol ControlFlowCall: GraphCall {
  var allGraphs: [Graph] { get }
  /// How the call's inputs are divided among them.
  var counts: [Int] { get }
  /// The same call of other graphs.
  func setting(_ graphs: [Graph]) -> any GraphCall
}

extension ControlFlowCall {
  package var numbers: [Scalar] { allGraphs.flatMap { $0.nodes.flatMap(\.call.numbers) } }

  /// The nested graphs keep the forms of the sizes that they were captured at: they read no state, for which alone forms are looked at when
  /// a graph runs.
  package func settingNumbers(_ numbers: [Scalar]) -> any GraphCall {
    var rest = numbers[...]
    return setting(
      allGraphs.map { graph in
        var graph = graph
        for i in graph.nodes.indices {
          let count = graph.nodes[i].call.numbers.count
          if count > 0 { graph.nodes[i].call = graph.nodes[i].call.settingNumbers(Array(rest.prefix(count))) }
          rest = rest.dropFirst(count)
        }
        return graph
      })
  }
}

extension CondCall: ControlFlowCall {
  var allGraphs: [Graph] { [graphs.0, graphs.1] }
  var counts: [Int] { [inputCount, liftedCount] }
  func setting(_ graphs: [Graph]) -> any GraphCall {
    CondCall(first: graphs[0], second: graphs[1], inputCount: inputCount, liftedCount: liftedCount)
  }
}

extension WhileCall: ControlFlowCall {
  var allGraphs: [Graph] { [graphs.0, graphs.1] }
  var counts: [Int] { [carryCount, liftedCount] }
  func setting(_ graphs: [Graph]) -> any GraphCall {
    WhileCall(test: graphs[0], step: graphs[1], carryCount: carryCount, liftedCount: liftedCount)
  }
}

extension ScanCall: ControlFlowCall {
  var allGraphs: [Graph] { [graph] }
  var counts: [Int] { [carryCount, sequenceCount] }
  func setting(_ graphs: [Graph]) -> any GraphCall { ScanCall(step: graphs[0], carryCount: carryCount, sequenceCount: sequenceCount) }
}

/// Inputs: predicate, the closures' inputs, what the first lifts, what the second lifts.
package struct CondCall: GraphCall {
  let first: Executable
  let second: Executable
  package let graphs: (Graph, Graph)
  package let inputCount: Int
  package let liftedCount: Int
  package var name: String { "cond" }
  package var subject: Any { self }
  package var isPure: Bool { graphs.0.isPure && graphs.1.isPure }

  init(first: Graph, second: Graph, inputCount: Int, liftedCount: Int) {
    graphs = (first, second)
    self.first = Executable(first.optimizedQuietly, precomputes: false)
    self.second = Executable(second.optimizedQuietly, precomputes: false)
    self.inputCount = inputCount
    self.liftedCount = liftedCount
  }

  package func run(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    let all = inputs.map { $0! }, own = Array(all[1..<(1 + inputCount)])
    let isFirst = all[0].device == .meta ? true : try all[0].itemOrThrow(as: Bool.self)
    return isFirst ? first.run(own + all[(1 + inputCount)..<(1 + inputCount + liftedCount)]) : second.run(own + all[(1 + inputCount + liftedCount)...])
  }

  package func apply(_ inputs: [Tensor?], count: Int) -> [Tensor] {
    let all = inputs.map { $0! }, end = 1 + inputCount, (first, second) = graphs
    return cond(
      all[0], Array(all.dropFirst()), then: { first.evaluate(Array($0.prefix(inputCount + liftedCount))) },
      else: { second.evaluate(Array($0.prefix(inputCount)) + $0.dropFirst(end - 1 + liftedCount)) })
  }
}

/// Inputs: the carried tensors, what the test lifts, what the step lifts.
package struct WhileCall: GraphCall {
  private let test: Executable
  private let step: Executable
  package let graphs: (Graph, Graph)
  package let carryCount: Int
  package let liftedCount: Int
  package var name: String { "while_loop" }
  package var subject: Any { self }
  package var isPure: Bool { graphs.0.isPure && graphs.1.isPure }

  init(test: Graph, step: Graph, carryCount: Int, liftedCount: Int) {
    graphs = (test, step)
    self.test = Executable(test.optimizedQuietly, precomputes: false)
    self.step = Executable(step.optimizedQuietly, precomputes: false)
    self.carryCount = carryCount
    self.liftedCount = liftedCount
  }

  package func run(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    let all = inputs.map { $0! }
    var carry = Array(all.prefix(carryCount))
    let ofTest = Array(all[carryCount..<(carryCount + liftedCount)]), ofStep = Array(all[(carryCount + liftedCount)...])
    if all.contains(where: { $0.device == .meta }) { return step.run(carry + ofStep) }
    while try test.run(carry + ofTest)[0].itemOrThrow(as: Bool.self) {
      carry = step.run(carry + ofStep)
      if ThreadFlags.current.contains(.failed) { break }
    }
    return carry
  }

  package func apply(_ inputs: [Tensor?], count: Int) -> [Tensor] {
    let all = inputs.map { $0! }, (test, step) = graphs
    let ofTest = Array(all[carryCount..<(carryCount + liftedCount)]), ofStep = Array(all[(carryCount + liftedCount)...])
    return whileLoop(Array(all.prefix(carryCount)), condition: { test.evaluate($0 + ofTest)[0] }, body: { step.evaluate($0 + ofStep) })
  }
}

/// Inputs: the carried tensors, the sequences, what the step lifts. Results: the carried tensors, stacked results.
package struct ScanCall: GraphCall {
  private let step: Executable
  package let graph: Graph
  package let carryCount: Int
  package let sequenceCount: Int
  package var name: String { "scan" }
  package var subject: Any { self }
  package var isPure: Bool { graph.isPure }

  init(step: Graph, carryCount: Int, sequenceCount: Int) {
    graph = step
    self.step = Executable(step.optimizedQuietly, precomputes: false)
    self.carryCount = carryCount
    self.sequenceCount = sequenceCount
  }

  package func run(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    let all = inputs.map { $0! }
    var carry = Array(all.prefix(carryCount))
    let sequences = all[carryCount..<(carryCount + sequenceCount)], lifted = all[(carryCount + sequenceCount)...]
    var rows: [[Tensor]] = []
    for i in 0..<sequences.first!.size(0) {
      let results = step.run(carry + sequences.map { $0.select(0, i) } + lifted)
      carry = Array(results.prefix(carryCount))
      rows.append(Array(results.dropFirst(carryCount)))
      if ThreadFlags.current.contains(.failed) { break }
    }
    return carry + rows[0].indices.map { result in stack(rows.map { $0[result] }) }
  }

  package func apply(_ inputs: [Tensor?], count: Int) -> [Tensor] {
    let all = inputs.map { $0! }, graph = graph, lifted = Array(all[(carryCount + sequenceCount)...])
    let (carry, results) = scan(Array(all.prefix(carryCount)), over: Array(all[carryCount..<(carryCount + sequenceCount)])) { now, slices in
      let results = graph.evaluate(now + slices + lifted)
      return (Array(results.prefix(carryCount)), Array(results.dropFirst(carryCount)))
    }
    return carry + results
  }
}

extension Graph {
  /// With the usual passes; they change nothing about what is computed, and cannot fail where nothing is verified.
  fileprivate var optimizedQuietly: Graph { (try? optimized()) ?? self }
}

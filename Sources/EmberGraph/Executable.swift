import EmberCUDA
import EmberRuntime
import EmberTensor
import Synchronization

/// A graph that is ready to run: its calls in order, with a slot for each value and the moment from which the slot is free.
///
/// Sendable: every run has a frame of its own.
public final class Executable: Sendable {
  public let graph: Graph
  private let instructions: [Instruction]
  /// What depends on parameters, buffers and constants alone, in graphs that change none: computed once for as long as the parameters
  /// are the same values.
  private let prologue: Prologue?
  private let constants: [Tensor]
  /// Whether what the graph reads of parameters and buffers lies behind the constants, as in all graphs that leave them as they are.
  private let readsFixedState: Bool
  /// Constants, the prologue's results and the state, as they were when `StateCell.changeCount` stood at `count`: calls between two changes
  /// touch no cell. Since it makes whoever changes a value in place copy first, values are kept from the second call on only.
  private let snapshot = Mutex<(count: UInt64, values: [Tensor]?)>((.max, nil))
  private let precomputes: Bool
  private let slotCount: Int
  private let inputSlots: [Int]
  private let outputSlots: [Int]
  private let reads: [(read: Graph.StateRead, slot: Int)]
  private let writes: [(write: Graph.StateWrite, value: Int?, gradient: Int?)]

  private struct Instruction: Sendable {
    let call: any GraphCall
    let site: GraphSite
    /// Slots that nobody reads after this call.
    let released: [Int]
  }

  private struct Prologue: Sendable {
    let reads: [Graph.StateRead]
    let values: [Graph.Value]
    let executable: Executable
    let cache = Cache()
  }

  private final class Cache: Sendable {
    private let kept = Mutex<(versions: [UInt64], results: [Tensor])?>(nil)

    /// The results for the state of these versions.
    subscript(versions: [UInt64]) -> [Tensor]? {
      get { kept.withLock { $0.flatMap { $0.versions == versions ? $0.results : nil } } }
      set { kept.withLock { kept in kept = newValue.map { (versions, $0) } } }
    }
  }

  /// - Parameter precomputes: whether what depends on state alone is computed once. Not for graphs whose state changes at every run.
  public convenience init(_ graph: Graph, precomputes: Bool = true) { self.init(graph, precomputes: precomputes, like: nil) }

  /// - Parameter other: of the same graph at another size. What both compute of state alone they compute once.
  init(_ graph: Graph, precomputes: Bool, like other: Executable?) {
    self.graph = graph
    self.precomputes = precomputes
    var main = graph
    let changesState = !graph.writes.isEmpty || graph.nodes.contains { $0.call is HostCall }
    // Gradients change without a cell's knowing.
    readsFixedState = !changesState && graph.reads.allSatisfy { $0.part == .value }
    let readsFixedState = readsFixedState
    if precomputes && readsFixedState { main.packWeights() }
    let own = precomputes && readsFixedState ? Self.splitPrologue(&main) : nil
    if let own, let known = other?.prologue, known.executable.graph.computesTheSame(as: own.executable.graph) {
      prologue = known
    } else {
      prologue = own
    }

    var slot: [Graph.Value: Int] = [:]
    func make(_ value: Graph.Value) -> Int {
      let number = slot.count
      slot[value] = number
      return number
    }
    let constantValues = main.constants.keys.sorted()
    constants = constantValues.map { main.constants[$0]! }
    let early = prologue?.values ?? []
    let fixed = constantValues + early + (readsFixedState ? main.reads.map(\.value) : [])
    let constantSlot = Dictionary(fixed.enumerated().map { ($1, ~$0) }) { first, _ in first }
    inputSlots = main.inputs.dropLast(early.count).map(make)
    reads = main.reads.map { ($0, readsFixedState ? constantSlot[$0.value]! : make($0.value)) }
    for node in main.nodes { for output in node.outputs { _ = make(output) } }
    func place(_ value: Graph.Value) -> Int { slot[value] ?? constantSlot[value]! }

    var lastUse: [Graph.Value: Int] = [:]
    for (position, node) in main.nodes.enumerated() {
      for case let input? in node.inputs { lastUse[input] = position }
      for output in node.outputs where lastUse[output] == nil { lastUse[output] = position }
    }
    let results = main.results
    var dying: [Int: [Int]] = [:]
    for (value, position) in lastUse where !results.contains(value) && constantSlot[value] == nil {
      dying[position, default: []].append(place(value))
    }
    instructions = main.nodes.enumerated().map { position, node in
      let released = (dying[position] ?? []).sorted()
      let site = GraphSite(
        inputs: node.inputs.map { $0.map(place) }, outputs: node.outputs.map(place), released: Set(released))
      return Instruction(call: node.call.specialized, site: site, released: released)
    }
    outputSlots = main.outputs.map(place)
    writes = main.writes.map { write in
      var gradient: Int?
      if case .value(let value) = write.gradient { gradient = place(value) }
      return (write, write.value.map(place), gradient)
    }
    slotCount = slot.count
  }

  /// Takes the calls that depend on state and constants alone out of the graph; what they give becomes state of the rest.
  private static func splitPrologue(_ graph: inout Graph) -> Prologue? {
    var fixed = Set(graph.reads.map(\.value)).union(graph.constants.keys)
    var early: [Graph.Node] = [], late: [Graph.Node] = []
    for node in graph.nodes {
      if node.dependsOn(only: fixed) {
        early.append(node)
        fixed.formUnion(node.outputs)
      } else {
        late.append(node)
      }
    }
    guard !early.isEmpty else { return nil }
    let made = Set(early.flatMap(\.outputs))
    let needed = Set(late.flatMap { $0.inputs.compactMap { $0 } }).union(graph.results)
    let values = made.intersection(needed).sorted()
    var prologue = graph
    prologue.nodes = early
    prologue.inputs = []
    prologue.outputs = values
    prologue.writes = []
    GraphPass.deadCode.run(&prologue)
    let reads = prologue.reads
    graph.nodes = late
    graph.inputs += values
    GraphPass.deadCode.run(&graph)
    return Prologue(reads: reads, values: values, executable: Executable(prologue, precomputes: false))
  }

  /// Lets go of values that a change has made useless.
  func dropOutdated() {
    let count = StateCell.changeCount
    snapshot.withLock { if $0.count != count { $0 = (.max, nil) } }
  }

  /// Whether the modules are still in their modes.
  var guardsHold: Bool {
    for holds in graph.guards where !holds() { return false }
    return true
  }

  /// How a run went.
  enum Outcome {
    case results([Tensor])
    /// A parameter or buffer no longer has the shape, dtype or device that the graph was captured with. Nothing was done.
    case stale
    /// An error was raised.
    case failed
  }

  /// Runs the graph. Results have no history. State changes at the end, and only if nothing failed.
  public func run(_ inputs: [Tensor]) -> [Tensor] {
    switch attempt(inputs) {
    case .results(let results): return results
    case .stale:
      raise(EmberError(.value, in: "graph", "a parameter or buffer has another shape, dtype or device than when the graph was captured"))
      return outputSlots.map { _ in .poison }
    case .failed: return outputSlots.map { _ in .poison }
    }
  }

  func attempt(_ inputs: [Tensor]) -> Outcome {
    guard mayRunSlowly("graph", inputs) else { return .failed }
    return noGrad { runChecked(inputs) }
  }

  private func runChecked(_ inputs: [Tensor]) -> Outcome {
    guard inputs.count == inputSlots.count else {
      raise(EmberError(.value, in: "graph", "was captured with \(graph.inputs.count) inputs; \(inputs.count) were given"))
      return .failed
    }
    var fixed = constants
    if readsFixedState {
      switch fixedValues() {
      case .results(let values): fixed = values
      case let other: return other
      }
    }
    return fixed.withUnsafeBufferPointer { fixed in
      let frame = GraphFrame(count: slotCount, constants: fixed.baseAddress)
      for i in inputs.indices { frame.set(inputSlots[i], inputs[i].value) }
      if !readsFixedState {
        for (read, slot) in reads {
          guard let value = value(of: read) else { return .stale }
          frame.set(slot, value)
        }
      }
      for instruction in instructions {
        do throws(EmberError) { try instruction.call.run(in: frame, instruction.site) } catch {
          guard runOnHost(instruction, frame, error) else { return .failed }
        }
        if ThreadFlags.current.contains(.failed) { return .failed }
        for slot in instruction.released { frame.clear(slot) }
      }
      if let failure = takeScratchFailure(in: "graph") {
        raise(failure)
        return .failed
      }
      let outputs = outputSlots.map { frame[$0] }
      for (write, value, gradient) in writes {
        if let value {
          let new = frame[value]
          if write.keepsLeaf { write.cell.update { $0 = new } } else { write.cell.value = new }
        }
        switch write.gradient {
        case .unchanged: break
        case .cleared: write.cell.grad = nil
        case .value: write.cell.grad = frame[gradient!]
        }
      }
      return .results(outputs)
    }
  }

  /// Constants, the prologue's results and what is read of the state.
  private func fixedValues() -> Outcome {
    // Before the cells are read: a change on another thread in between makes the snapshot out of date, not wrong.
    let count = StateCell.changeCount
    if precomputes, let values = snapshot.withLock({ $0.count == count ? $0.values : nil }) { return .results(values) }
    var values = constants
    if let prologue {
      let versions = prologue.reads.map { $0.cell.versioned.version }
      if let known = prologue.cache[versions] {
        values += known
      } else {
        // Nothing of it is kept if a cell changes meanwhile.
        switch prologue.executable.runChecked([]) {
        case .results(let results):
          if prologue.reads.map({ $0.cell.versioned.version }) == versions { prologue.cache[versions] = results }
          values += results
        case let other: return other
        }
      }
    }
    for (read, _) in reads {
      guard let value = value(of: read) else { return .stale }
      values.append(value)
    }
    if precomputes { snapshot.withLock { $0 = $0.count == count ? (count, values) : (count, nil) } }
    return .results(values)
  }

  /// What a read finds; nil where it is no longer what the graph was captured with.
  private func value(of read: Graph.StateRead) -> Tensor? {
    let form = graph.forms[read.value]
    switch read.part {
    case .value:
      let value = read.cell.versioned.value
      return form.describes(value) && !value.isSymbolic ? value : nil
    case .gradient: return read.cell.grad?.value ?? Tensor.zeros(Array(form.shape), dtype: form.dtype, on: form.device)
    }
  }

  /// A call that has no kernel for its inputs' GPU runs on the CPU; any other error is raised.
  private func runOnHost(_ instruction: Instruction, _ frame: borrowing GraphFrame, _ error: EmberError) -> Bool {
    // Only calls that leave their inputs in place end so.
    let inputs = error.kind == .kernel ? instruction.site.inputs.map { $0.map { frame[$0] } } : []
    guard error.kind == .kernel, let device = inputs.lazy.compactMap({ $0 }).first?.device, device.type == .cuda else {
      raise(error)
      return false
    }
    CUDABackend.noteHostOperation(error.operation, on: device)
    do throws(EmberError) {
      let results = try instruction.call.run(inputs.map { $0?.to(.cpu) })
      for (slot, result) in zip(instruction.site.outputs, results) { frame.set(slot, result.to(device)) }
      return true
    } catch {
      raise(error)
      return false
    }
  }
}

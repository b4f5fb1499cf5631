import EmberNN
import EmberRuntime
import EmberTensor
import Synchronization

/// What a compiled function takes and returns: a tensor, or a list of them.
public protocol TensorGroup {
  var tensors: [Tensor] { get }
  init(tensors: ArraySlice<Tensor>)
  /// How many tensors there are; nil: as many as are left.
  static var tensorCount: Int? { get }
}

extension Tensor: TensorGroup {
  public var tensors: [Tensor] { [self] }
  public init(tensors: ArraySlice<Tensor>) { self = tensors.first ?? .poison }
  public static var tensorCount: Int? { 1 }
}

extension [Tensor]: TensorGroup {
  public var tensors: [Tensor] { self }
  public init(tensors: ArraySlice<Tensor>) { self = Array(tensors) }
  public static var tensorCount: Int? { nil }
}

/// How `compile` goes about its work.
public struct CompileOptions: Sendable {
  /// The rewritings, in order.
  public var passes = GraphPass.all
  /// Checks the graph after every pass; for tests.
  public var verifies = false
  /// What cannot be captured (an element is read to branch on it) runs without a graph instead of being an error.
  public var fallsBackToEager = false
  /// How many graphs, for different shapes, are kept; the one used longest ago goes first.
  public var capacity = 64

  public init() {}
}

/// A function whose operations are recorded once for each signature of its inputs (shapes, dtypes, devices, whether gradients are
/// wanted), optimised, and run as a graph from then on.
///
/// Results are those of the function itself; gradients flow through it to inputs and parameters as always. Safe to call from several
/// threads at once.
public final class CompiledFunction: @unchecked Sendable {
  private let body: ([Tensor]) -> [Tensor]
  private let options: CompileOptions
  private let known = Mutex<[Entry]>([])
  /// How many changes of state there had been when the entries last let go of what they had made useless.
  private let seenChanges = Atomic<UInt64>(0)

  private struct Entry: Sendable {
    let signature: Signature
    let program: Program
  }

  private enum Program: Sendable {
    case inference(Executable)
    case differentiable(DifferentiableGraph)
    case eager

    func dropOutdated() { if case .inference(let executable) = self { executable.dropOutdated() } }

    var guardsHold: Bool {
      switch self {
      case .inference(let executable): executable.guardsHold
      case .differentiable(let graph): graph.guardsHold
      case .eager: true
      }
    }
  }

  private struct Signature: Sendable {
    struct Input: Sendable {
      let shape: Shape
      let dtype: DType
      let device: Device
      let requiresGrad: Bool
    }
    let inputs: [Input]
    let flags: UInt32

    init(_ tensors: [Tensor]) {
      let wants = isGradEnabled
      inputs = tensors.map { Input(shape: $0.shape, dtype: $0.dtype, device: $0.device, requiresGrad: $0.requiresGrad && wants) }
      flags = Self.relevantFlags
    }

    static var relevantFlags: UInt32 { ThreadFlags.current.intersection([.gradientsDisabled, .autocasts, .autocastsToFloat16]).rawValue }

    /// Whether these inputs, now, have this signature. Allocates nothing.
    func fits(_ tensors: [Tensor]) -> Bool {
      guard tensors.count == inputs.count, flags == Self.relevantFlags else { return false }
      let wants = flags & ThreadFlags.gradientsDisabled.rawValue == 0
      for i in inputs.indices {
        let own = inputs[i], other = tensors[i]
        guard own.dtype == other.dtype, own.shape == other.shape, own.device == other.device,
          own.requiresGrad == (wants && other.requiresGrad)
        else { return false }
      }
      return true
    }
  }

  public init(options: CompileOptions = CompileOptions(), _ body: @escaping ([Tensor]) -> [Tensor]) {
    self.body = body
    self.options = options
  }

  /// The graphs there are so far, as they run.
  public var graphs: [Graph] {
    known.withLock { $0 }.compactMap {
      switch $0.program {
      case .inference(let executable): executable.graph
      case .differentiable(let graph): graph.forward.graph
      case .eager: nil
      }
    }
  }

  public func callAsFunction(_ inputs: [Tensor]) -> [Tensor] {
    // Inside vmap and inside another capture the function is what it always was.
    if Tracer.current != nil || inputs.contains(where: \.isSymbolic) { return body(inputs) }
    guard mayRunSlowly("compiled", inputs) else { return [.poison] }
    // Twice at most: a graph that no longer fits the parameters is captured anew.
    for _ in 0..<2 {
      guard let program = program(for: inputs) ?? make(inputs) else { return [.poison] }
      let outcome: Executable.Outcome
      switch program {
      case .inference(let executable): outcome = executable.attempt(inputs)
      case .differentiable(let graph): outcome = graph.attempt(inputs)
      case .eager: return body(inputs)
      }
      switch outcome {
      case .results(let results): return results
      case .failed: return [.poison]
      case .stale: known.withLock { $0.removeAll { $0.signature.fits(inputs) } }
      }
    }
    raise(EmberError(.value, in: "compile", "parameters change their shapes while the function runs"))
    return [.poison]
  }

  /// The program that was made for such inputs, if it still holds.
  private func program(for inputs: [Tensor]) -> Program? {
    known.withLock { entries in
      guard let index = entries.firstIndex(where: { $0.signature.fits(inputs) }) else { return nil }
      let entry = entries[index]
      guard entry.program.guardsHold else {
        entries.remove(at: index)
        return nil
      }
      if entries.count > 1 {
        let changes = StateCell.changeCount
        if seenChanges.exchange(changes, ordering: .relaxed) != changes { for other in entries { other.program.dropOutdated() } }
      }
      // The most recent one is found first.
      if index > 0 { entries.insert(entries.remove(at: index), at: 0) }
      return entry.program
    }
  }

  private func make(_ inputs: [Tensor]) -> Program? {
    let signature = Signature(inputs)
    let program: Program
    do {
      program = try captured(inputs)
    } catch {
      guard options.fallsBackToEager, error is EmberError else {
        raise(error as? EmberError ?? EmberError(.value, in: "compile", "\(error)"))
        return nil
      }
      program = .eager
    }
    known.withLock { entries in
      entries.insert(Entry(signature: signature, program: program), at: 0)
      if entries.count > options.capacity { entries.removeLast() }
    }
    return program
  }

  private func captured(_ inputs: [Tensor]) throws -> Program {
    if isGradEnabled, let graph = try DifferentiableGraph(inputs, options, body) { return .differentiable(graph) }
    let graph = try capture(inputs, body)
    return .inference(Executable(try graph.optimized(options.passes, verifying: options.verifies)))
  }
}

// MARK: - As a function of any number of arguments

/// A compiled function with its arguments' types.
public struct Compiled<Output: TensorGroup, each Input: TensorGroup> {
  public let function: CompiledFunction

  init(_ function: CompiledFunction) { self.function = function }

  public func callAsFunction(_ input: repeat each Input) -> Output {
    var all: [Tensor] = []
    for group in repeat each input { if let one = group as? Tensor { all.append(one) } else { all += group.tensors } }
    let results = function(all)
    return Output(tensors: results[...])
  }

  /// The graphs there are so far, as they run.
  public var graphs: [Graph] { function.graphs }
}

/// The function as graphs: `let fast = compile { (x: Tensor, y: Tensor) in (x * y).sum() }`, then `fast(a, b)`.
///
/// Whole training steps too: `zeroGrad`, `backward` and an optimizer's `step` inside the closure are part of the graph.
public func compile<each Input: TensorGroup, Output: TensorGroup>(
  options: CompileOptions = CompileOptions(), _ body: @escaping (repeat each Input) -> Output
) -> Compiled<Output, repeat each Input> {
  Compiled(
    CompiledFunction(options: options) { tensors in
      var rest = tensors[...]
      func next<Group: TensorGroup>(_ type: Group.Type) -> Group {
        let count = Group.tensorCount ?? rest.count
        defer { rest = rest.dropFirst(count) }
        return Group(tensors: rest.prefix(count))
      }
      return body(repeat next((each Input).self)).tensors
    })
}

/// A model as graphs.
public func compile<Model: Layer>(
  _ model: Model, options: CompileOptions = CompileOptions()
) -> Compiled<Model.Output, Model.Input> where Model.Input: TensorGroup, Model.Output: TensorGroup {
  compile(options: options) { (input: Model.Input) in model(input) }
}

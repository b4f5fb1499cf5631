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
  /// For each input the dimensions whose extents differ from call to call: `[[0: "batch"], [0: "batch"]]`. One capture at a few sizes
  /// then serves for all that follow, instead of one for each.
  ///
  /// What the function computes must follow from these extents by arithmetic: shapes, bounds, factors. What does not, and the sizes
  /// 0 and 1, are captured one by one. A function that treats a size as it treats none of those around it must not declare it, nor one
  /// that hands a number made from the size to what runs outside of the graph (an optimizer's rate): calls there are compared by name.
  public var dynamicDimensions: [[Int: Dim]]

  public init(dynamicDimensions: [[Int: Dim]] = []) { self.dynamicDimensions = dynamicDimensions }
}

/// A function whose operations are recorded once for each signature of its inputs (shapes, dtypes, devices, whether gradients are
/// wanted), optimised, and run as a graph from then on.
///
/// Results are those of the function itself; gradients flow through it to inputs and parameters as always. Safe to call from several
/// threads at once.
public final class CompiledFunction: @unchecked Sendable {
  private let body: ([Tensor]) -> [Tensor]
  private let options: CompileOptions
  private let known = Mutex(Known())
  /// How many changes of state there had been when the entries last let go of what they had made useless.
  private let seenChanges = Atomic<UInt64>(0)

  private struct Known: Sendable {
    /// One for each signature.
    var entries: [Entry] = []
    /// One for each signature but for the dynamic dimensions.
    var families: [Family] = []
  }

  private struct Entry: Sendable {
    let signature: Signature
    let program: CompiledProgram
    let isDerived: Bool
  }

  private struct Family: Sendable {
    let signature: Signature
    let dimensions: OpenDimensions
    /// Nil where each size is captured, and why.
    let program: DynamicProgram?
    let refusal: String

    func fits(_ inputs: [Tensor]) -> Bool {
      guard inputs.count == signature.inputs.count else { return false }
      let shapes = dimensions.shapes(inputs.map(\.shape), at: dimensions.all.map { _ in 0 })
      return signature.fits(inputs) { shapes[$0] }
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

    /// - Parameter shapes: those of the tensors, but for dynamic dimensions.
    init(_ tensors: [Tensor], _ shapes: [Shape]) {
      let wants = isGradEnabled
      inputs = zip(tensors, shapes).map { Input(shape: $1, dtype: $0.dtype, device: $0.device, requiresGrad: $0.requiresGrad && wants) }
      flags = Self.relevantFlags
    }

    static var relevantFlags: UInt32 { ThreadFlags.current.intersection([.gradientsDisabled, .autocasts, .autocastsToFloat16]).rawValue }

    /// Whether these inputs, now, have this signature. Allocates nothing.
    func fits(_ tensors: [Tensor]) -> Bool { fits(tensors) { tensors[$0].shape } }

    /// The same for tensors of which these are the shapes, but for dynamic dimensions.
    func fits(_ tensors: [Tensor], _ shape: (Int) -> Shape) -> Bool {
      guard tensors.count == inputs.count, flags == Self.relevantFlags else { return false }
      let wants = flags & ThreadFlags.gradientsDisabled.rawValue == 0
      for i in inputs.indices {
        let own = inputs[i], other = tensors[i]
        guard own.dtype == other.dtype, own.shape == shape(i), own.device == other.device,
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

  /// The graphs there are so far, as they run. One that serves for many sizes is there once, with the names of its dynamic dimensions.
  public var graphs: [Graph] {
    let known = known.withLock { $0 }
    return known.families.compactMap { $0.program?.graph } + known.entries.compactMap { $0.isDerived ? nil : $0.program.graph }
  }

  /// Why functions with dynamic dimensions are captured for each size, where they are.
  public var dynamicRefusals: [String] { known.withLock { $0.families }.compactMap { $0.program == nil ? $0.refusal : nil } }

  public func callAsFunction(_ inputs: [Tensor]) -> [Tensor] {
    // Inside vmap and inside another capture the function is what it always was.
    if Tracer.current != nil || inputs.contains(where: \.isSymbolic) { return body(inputs) }
    guard mayRunSlowly("compiled", inputs) else { return [.poison] }
    // Twice at most: a graph that no longer fits the parameters is captured anew.
    for _ in 0..<2 {
      guard let program = program(for: inputs) ?? make(inputs) else { return [.poison] }
      guard let outcome = program.attempt(inputs) else { return body(inputs) }
      switch outcome {
      case .results(let results): return results
      case .failed: return [.poison]
      case .stale: forget(inputs)
      }
    }
    raise(EmberError(.value, in: "compile", "parameters change their shapes while the function runs"))
    return [.poison]
  }

  /// Captures what a call with such inputs needs, and runs nothing: so that the first call does not wait for it.
  public func prepare(_ inputs: [Tensor]) {
    if Tracer.current == nil, program(for: inputs) == nil { _ = make(inputs) }
  }

  /// The program that was made for such inputs, if it still holds.
  private func program(for inputs: [Tensor]) -> CompiledProgram? {
    known.withLock { known in
      guard let index = known.entries.firstIndex(where: { $0.signature.fits(inputs) }) else { return nil }
      let entry = known.entries[index]
      guard entry.program.guardsHold else {
        known.entries.remove(at: index)
        return nil
      }
      if known.entries.count > 1 {
        let changes = StateCell.changeCount
        if seenChanges.exchange(changes, ordering: .relaxed) != changes {
          for other in known.entries { other.program.dropOutdated() }
        }
      }
      // The most recent one is found first.
      if index > 0 { known.entries.insert(known.entries.remove(at: index), at: 0) }
      return entry.program
    }
  }

  /// Programs for such inputs go: the parameters are no longer what they were made with.
  private func forget(_ inputs: [Tensor]) {
    known.withLock { known in
      known.entries.removeAll { $0.signature.fits(inputs) }
      known.families.removeAll { $0.fits(inputs) }
    }
  }

  private func make(_ inputs: [Tensor]) -> CompiledProgram? {
    var program: CompiledProgram, isDerived = false
    do {
      if let derived = try derived(inputs) {
        (program, isDerived) = derived
      } else {
        program = CompiledProgram(try Recording(inputs, options, body))
      }
    } catch {
      guard options.fallsBackToEager, error is EmberError else {
        raise(error as? EmberError ?? EmberError(.value, in: "compile", "\(error)"))
        return nil
      }
      program = .eager
    }
    let entry = Entry(signature: Signature(inputs, inputs.map(\.shape)), program: program, isDerived: isDerived)
    known.withLock { known in
      known.entries.insert(entry, at: 0)
      if known.entries.count > options.capacity { known.entries.removeLast() }
    }
    return program
  }

  // MARK: Dynamic dimensions

  /// What runs for these inputs by way of their dynamic dimensions. Nil where there are none, or a capture of their own must decide.
  private func derived(_ inputs: [Tensor]) throws -> (program: CompiledProgram, isDerived: Bool)? {
    if options.dynamicDimensions.isEmpty { return nil }
    let dimensions = try OpenDimensions(options.dynamicDimensions, ranks: inputs.map(\.rank), in: "compile")
    let shapes = inputs.map(\.shape)
    let sizes = try dimensions.sizes(of: shapes, in: "compile")
    guard !sizes.isEmpty, sizes.allSatisfy({ $0 > 1 }) else { return nil }
    func capture(_ sizes: [Int]) throws -> Recording { try Recording(try dimensions.examples(like: inputs, at: sizes), options, body) }
    if let family = family(for: inputs) {
      return family.program?.program(at: sizes, capture).map { ($0, true) }
    }
    let signature = Signature(inputs, dimensions.shapes(shapes, at: sizes.map { _ in 0 }))
    func keep(_ program: DynamicProgram?, _ refusal: String = "") {
      let family = Family(signature: signature, dimensions: dimensions, program: program, refusal: refusal)
      known.withLock { known in
        known.families.insert(family, at: 0)
        if known.families.count > options.capacity { known.families.removeLast() }
      }
    }
    guard let (recordings, captureSizes) = try? CaptureSizes.sample(sizes, capture) else {
      keep(nil, "the function cannot be captured at other sizes; there is a graph for each size")
      return nil
    }
    do {
      let program = try DynamicProgram(dimensions, recordings, captureSizes, capture)
      keep(program)
      return program.program(at: sizes, capture).map { ($0, true) }
    } catch let error as EmberError where error.operation == "compile" {
      // The first sizes are those of the inputs.
      keep(nil, error.message)
      return (CompiledProgram(recordings[0]), false)
    }
  }

  /// What is known of such inputs at other sizes, if it still holds.
  private func family(for inputs: [Tensor]) -> Family? {
    known.withLock { known in
      guard let index = known.families.firstIndex(where: { $0.fits(inputs) }) else { return nil }
      if known.families[index].program?.guardsHold ?? true { return known.families[index] }
      known.families.remove(at: index)
      return nil
    }
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

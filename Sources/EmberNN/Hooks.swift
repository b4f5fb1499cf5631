import EmberRuntime
import EmberFunctional
import EmberTensor
import Synchronization

/// What runs around a module's `forward` and its part of a backward pass.
final class Hooks {
  var before: [(id: Int, run: (Any) -> Any?)] = []
  var after: [(id: Int, run: (Any, Any) -> Any?)] = []
  var backward = BackwardHooks()
  private var count = 0

  func newID() -> Int {
    count += 1
    return count
  }
}

/// Removes a hook of a module.
public struct ModuleHookHandle {
  fileprivate weak var hooks: Hooks?
  fileprivate let id: Int

  public func remove() {
    guard let hooks else { return }
    hooks.before.removeAll { $0.id == id }
    hooks.after.removeAll { $0.id == id }
    hooks.backward.before.removeAll { $0.id == id }
    hooks.backward.after.removeAll { $0.id == id }
  }
}

extension Module {
  /// Whether a call runs anything besides `forward`.
  package final var hasHooks: Bool { hooks.map { !$0.before.isEmpty || !$0.after.isEmpty } ?? false }
}

extension Layer {
  /// Runs the hooks and `forward`. The place of the call is for the messages of `detectAnomaly`; its name shows in profiles.
  public func callAsFunction(_ input: Input, file: StaticString = #fileID, line: Int = #line) -> Output {
    if isNotingPlaces {
      noteModeAndStructure()
      return withPlace(String(describing: Swift.type(of: self)), file: file, line: line) {
        Tracer.withOwner(self) { runWithHooks(input) { forward($0) } }
      }
    }
    return runWithHooks(input) { forward($0) }
  }

  /// Runs `body` in place of `forward`, with the hooks around it: for calls with more arguments than `forward` has, such as masks.
  @inline(__always) public func withHooks(_ input: Input, _ body: (Input) -> Output) -> Output {
    if isNotingPlaces { noteModeAndStructure() }
    return runWithHooks(input, body)
  }

  @inline(__always) private func runWithHooks(_ input: Input, _ body: (Input) -> Output) -> Output {
    guard let hooks else { return body(input) }
    return runWithHooks(hooks, input, body)
  }

  private func runWithHooks(_ hooks: Hooks, _ input: Input, _ body: (Input) -> Output) -> Output {
    var input = input
    for hook in hooks.before {
      if let changed = hook.run(input) as? Input { input = changed }
    }
    let call = hooks.backward.isEmpty || !isRecordingEnabled ? nil : BackwardHookCall(hooks.backward)
    if let call { input = call.entering(input, of: self) }
    var output = body(input)
    for hook in hooks.after {
      if let changed = hook.run(input, output) as? Output { output = changed }
    }
    if let call { output = call.leaving(output, of: self) }
    return output
  }

  /// Calls `hook` with the input before every `forward`; a returned value takes the input's place.
  @discardableResult
  public func registerForwardPreHook(_ hook: @escaping (Input) -> Input?) -> ModuleHookHandle {
    addHook { hooks, id in hooks.before.append((id, { input in (input as? Input).flatMap { hook($0) } })) }
  }

  /// Calls `hook` with input and output after every `forward`; a returned value takes the output's place.
  @discardableResult
  public func registerForwardHook(_ hook: @escaping (Input, Output) -> Output?) -> ModuleHookHandle {
    addHook { hooks, id in
      hooks.after.append(
        (
          id,
          { input, output in
            guard let input = input as? Input, let output = output as? Output else { return nil }
            return hook(input, output)
          }
        ))
    }
  }
}

extension Module {
  /// Calls `hook` in every backward pass with the gradients of the module's inputs and of its outputs, both in order; nil where a tensor
  /// takes none. Returned gradients take the place of the inputs' gradients.
  ///
  /// Inputs and outputs may be tensors, arrays of them, and tuples of up to three of these. If no input takes a gradient, the hook runs
  /// when the outputs' gradients are known, and what it returns does not matter.
  @discardableResult
  public final func registerFullBackwardHook(
    _ hook: @escaping @Sendable (_ inputGradients: [Tensor?], _ outputGradients: [Tensor?]) -> [Tensor?]?
  ) -> ModuleHookHandle {
    addHook { hooks, id in hooks.backward.after.append((id, hook)) }
  }

  /// Calls `hook` in every backward pass with the gradients of the module's outputs, before they flow through it. Returned gradients take
  /// their place.
  @discardableResult
  public final func registerFullBackwardPreHook(_ hook: @escaping @Sendable (_ outputGradients: [Tensor?]) -> [Tensor?]?)
    -> ModuleHookHandle
  {
    addHook { hooks, id in hooks.backward.before.append((id, hook)) }
  }

  fileprivate final func addHook(_ add: (Hooks, Int) -> Void) -> ModuleHookHandle {
    let hooks = hooks ?? Hooks()
    self.hooks = hooks
    let id = hooks.newID()
    add(hooks, id)
    return ModuleHookHandle(hooks: hooks, id: id)
  }

  /// Calls `hook` with whatever `forward` returns.
  final func afterEachCall(_ hook: @escaping (Any) -> Void) -> ModuleHookHandle {
    addHook { hooks, id in
      hooks.after.append(
        (
          id,
          { _, output in
            hook(output)
            return nil
          }
        ))
    }
  }
}

// MARK: - Backward

struct BackwardHooks: Sendable {
  var before: [(id: Int, run: @Sendable ([Tensor?]) -> [Tensor?]?)] = []
  var after: [(id: Int, run: @Sendable ([Tensor?], [Tensor?]) -> [Tensor?]?)] = []
  var isEmpty: Bool { before.isEmpty && after.isEmpty }
}

/// The backward hooks of one call: an operation of its own before the module takes the gradients of the inputs, one after it those of the
/// outputs.
///
/// A backward pass reaches the later operation first.
private final class BackwardHookCall: Sendable {
  private let hooks: BackwardHooks
  private let state = Mutex(State())

  private struct State {
    /// Which of the inputs take gradients, and how many there are.
    var inputs: (positions: [Int], count: Int) = ([], 0)
    var outputGradients: [Tensor?] = []
  }

  init(_ hooks: BackwardHooks) { self.hooks = hooks }

  func entering<Input>(_ input: Input, of module: Module) -> Input {
    passing(input, "input", module) { positions, count in
      state.withLock { $0.inputs = (positions, count) }
      return { gradients in self.inputsReceived(gradients) }
    }
  }

  func leaving<Output>(_ output: Output, of module: Module) -> Output {
    passing(output, "output", module) { positions, count in
      { gradients in self.outputsReceived(gradients, positions, count) }
    }
  }

  /// The value with its tensors passed through an operation that hands their gradients to what `makeReceiver` returns.
  private func passing<Value>(
    _ value: Value, _ what: String, _ module: Module, _ makeReceiver: ([Int], Int) -> @Sendable ([Tensor?]) -> [Tensor?]
  ) -> Value {
    guard let tensors = TensorsOf.list(value) else {
      raise(
        EmberError(
          .value, in: "registerFullBackwardHook",
          "the \(what) of \(Swift.type(of: module)) is a \(Value.self); "
            + "hooks see tensors, arrays of them, and tuples of up to three of these"
        ))
      return value
    }
    let positions = tensors.indices.filter { tensors[$0].requiresGrad }
    let receiver = makeReceiver(positions, tensors.count)
    if positions.isEmpty { return value }
    let point = GradientReceiver(receive: receiver)
    let passed = EmberTensor.apply(point, positions.map { tensors[$0] }, count: positions.count)
    var all = tensors
    for (position, tensor) in zip(positions, passed) { all[position] = tensor }
    return TensorsOf.replacing(value, all)
  }

  private func outputsReceived(_ gradients: [Tensor?], _ positions: [Int], _ count: Int) -> [Tensor?] {
    var all = [Tensor?](repeating: nil, count: count)
    for (position, gradient) in zip(positions, gradients) { all[position] = gradient }
    for hook in hooks.before {
      if let changed = hook.run(all), isOne(changed, for: all, "registerFullBackwardPreHook") { all = changed }
    }
    let inputs = state.withLock { state in
      state.outputGradients = all
      return state.inputs
    }
    if inputs.positions.isEmpty {
      for hook in hooks.after { _ = hook.run(Array(repeating: nil, count: inputs.count), all) }
    }
    return positions.map { all[$0] }
  }

  private func inputsReceived(_ gradients: [Tensor?]) -> [Tensor?] {
    let (inputs, outputGradients) = state.withLock { ($0.inputs, $0.outputGradients) }
    var all = [Tensor?](repeating: nil, count: inputs.count)
    for (position, gradient) in zip(inputs.positions, gradients) { all[position] = gradient }
    for hook in hooks.after {
      if let changed = hook.run(all, outputGradients), isOne(changed, for: all, "registerFullBackwardHook") { all = changed }
    }
    return inputs.positions.map { all[$0] }
  }

  private func isOne(_ changed: [Tensor?], for all: [Tensor?], _ name: String) -> Bool {
    if changed.count == all.count { return true }
    raise(EmberError(.value, in: name, "the hook returned \(changed.count) gradients for \(all.count) tensors"))
    return false
  }
}

/// Passes values on and hands their gradients to a function, which may return others.
private struct GradientReceiver: VariadicOperation {
  static let name = "backward_hook"
  let receive: @Sendable ([Tensor?]) -> [Tensor?]
  func forward(_ inputs: [Tensor?]) -> [Tensor] { inputs.compactMap { $0 } }
  func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] { receive(gradients) }
}

/// The tensors inside of what layers take and return.
private enum TensorsOf {
  /// In order; nil for a type whose tensors cannot be found.
  static func list(_ value: Any) -> [Tensor]? {
    switch value {
    case let tensor as Tensor: return [tensor]
    case let tensors as [Tensor]: return tensors
    case let sequence as PackedSequence: return [sequence.data]
    default: break
    }
    let mirror = Mirror(reflecting: value)
    if mirror.displayStyle == .optional {
      guard let wrapped = mirror.children.first else { return [] }
      return list(wrapped.value)
    }
    guard mirror.displayStyle == .tuple else { return nil }
    var all: [Tensor] = []
    for child in mirror.children {
      guard let own = list(child.value) else { return nil }
      all += own
    }
    return replaced(value, with: all) == nil ? nil : all
  }

  /// The same value with other tensors in the places of its own.
  static func replacing<Value>(_ value: Value, _ tensors: [Tensor]) -> Value { replaced(value, with: tensors) as? Value ?? value }

  private static func replaced(_ value: Any, with tensors: [Tensor]) -> Any? {
    var rest = tensors[...]
    func next() -> Tensor { rest.removeFirst() }
    switch value {
    case is Tensor: return next()
    case is [Tensor]: return tensors
    case let sequence as PackedSequence: return sequence.with(next())
    case is (Tensor, Tensor): return (next(), next())
    case is (Tensor, Tensor, Tensor): return (next(), next(), next())
    case let (_, second) as (Tensor, Tensor?): return (next(), second.map { _ in next() })
    case is (Tensor, (Tensor, Tensor)): return (next(), (next(), next()))
    case let (first, second) as ([Tensor], [Tensor]): return (first.map { _ in next() }, second.map { _ in next() })
    default: return nil
    }
  }
}

import EmberRuntime
import EmberTensor

/// The memory that one or several tensors of a script look at. Ember's tensors are values; a script's are references, so that a write through
/// one is seen through all others.
final class TensorMemory {
  private var own: Tensor
  /// Where the value lies if it is a parameter or buffer of a module.
  private(set) var cell: StateCell?
  /// Grows with every write, so that views know when they are stale.
  private(set) var version = 0

  init(_ value: Tensor) { own = value }

  init(_ cell: StateCell) {
    own = cell.value
    self.cell = cell
  }

  var value: Tensor {
    get { cell?.value ?? own }
    set {
      version += 1
      if let cell { cell.value = newValue } else { own = newValue }
    }
  }

  /// The value moves into a module's cell.
  func move(into cell: StateCell) {
    self.cell = cell
    version += 1
  }

  /// From now on another memory is the module's: this one keeps the value for those that look at it.
  func leaveCell() {
    guard let cell else { return }
    own = cell.value
    self.cell = nil
  }
}

/// How a view is made of what it looks at: the steps from the memory's tensor.
final class ViewPath {
  private let outer: ViewPath?
  private let step: (Tensor) throws -> Tensor

  init(below outer: ViewPath?, _ step: @escaping (Tensor) throws -> Tensor) {
    self.outer = outer
    self.step = step
    length = (outer?.length ?? 0) + 1
  }

  /// Steps from the memory.
  let length: Int

  func callAsFunction(_ tensor: Tensor) throws -> Tensor { try step(outer.map { try $0(tensor) } ?? tensor) }
}

/// A tensor of a script: a memory, seen whole or through a view.
///
/// A view is computed anew when its memory was written. A write through a view goes the way back by positions: the view of a tensor of numbers
/// 0, 1, 2, … says which element of the memory each element of the view is, whatever kind of view it is.
final class TensorReference {
  private(set) var memory: TensorMemory
  private var path: ViewPath?
  private var seen: (value: Tensor, version: Int)?
  private var positions: (tensor: Tensor, shape: [Int])?

  init(_ value: Tensor) { memory = TensorMemory(value) }
  init(_ memory: TensorMemory) { self.memory = memory }

  private init(_ memory: TensorMemory, _ path: ViewPath, _ value: Tensor) {
    self.memory = memory
    self.path = path
    seen = (value, memory.version)
  }

  /// Steps of views from a memory, at most.
  private static let pathLimit = 500

  var value: Tensor {
    get throws {
      guard let path else { return memory.value }
      // An optimizer or a state dict may have written a cell; nobody here heard of it.
      if memory.cell == nil, let seen, seen.version == memory.version { return seen.value }
      let value = try catchingErrors { try path(memory.value) }
      seen = (value, memory.version)
      return value
    }
  }

  /// A view of this tensor: `value` is what `step` makes of it now.
  func view(_ value: Tensor, _ step: @escaping (Tensor) throws -> Tensor) throws -> TensorReference {
    TensorReference(memory, try extended(step), value)
  }

  private func extended(_ step: @escaping (Tensor) throws -> Tensor) throws -> ViewPath {
    let longer = ViewPath(below: path, step)
    guard longer.length <= Self.pathLimit else { throw ScriptFailure("a view of a view of a view, more than \(Self.pathLimit) times") }
    return longer
  }

  /// Makes this tensor a view of what it was: `unsqueeze_`, `t_`.
  func become(_ value: Tensor, _ step: @escaping (Tensor) throws -> Tensor) throws {
    path = try extended(step)
    seen = (value, memory.version)
    positions = nil
  }

  /// Makes this tensor look at the memory of another one: `set_`, or an output that takes another shape.
  func become(_ other: TensorReference) {
    memory = other.memory
    path = other.path
    seen = other.seen
    positions = other.positions
  }

  /// Writes all elements. The new ones have this tensor's shape and dtype.
  func write(_ new: Tensor) throws {
    guard let path else {
      memory.value = new
      return
    }
    let whole = memory.value
    let shape = Array(whole.shape)
    let positions: Tensor
    if let known = self.positions, known.shape == shape {
      positions = known.tensor
    } else {
      positions = try catchingErrors { try path(Tensor.arange(whole.elementCount, on: whole.device).reshape(shape)) }
      guard positions.dtype == .int64, positions.elementCount == new.elementCount else {
        throw ScriptFailure("a write through a view that shows numbers of another kind than its memory holds")
      }
      self.positions = (positions, shape)
    }
    seen = nil
    memory.value = try catchingErrors { whole.put(positions, new) }
  }
}

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

  /// Where the value is, to be put back by `restore`.
  struct State {
    fileprivate let own: Tensor
    let cell: StateCell?
  }

  var state: State { State(own: own, cell: cell) }

  func restore(_ state: State) {
    (own, cell) = (state.own, state.cell)
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
  /// What a step makes of a tensor.
  typealias Step = (Tensor) throws -> Tensor
  /// The way back: a tensor with the part that the step shows of it replaced by another tensor of that part's shape.
  typealias Replacement = (_ whole: Tensor, _ part: Tensor) throws -> Tensor

  private let outer: ViewPath?
  private let step: Step
  private let replacement: Replacement?
  /// Steps from the memory.
  let length: Int
  /// Whether every step knows the way back. Long paths do not take it, since it computes the view before each step.
  let canReplace: Bool

  private static let replaceableLength = 16

  init(below outer: ViewPath?, replacement: Replacement?, _ step: @escaping Step) {
    self.outer = outer
    self.step = step
    self.replacement = replacement
    length = (outer?.length ?? 0) + 1
    canReplace = replacement != nil && outer?.canReplace ?? true && length <= Self.replaceableLength
  }

  func callAsFunction(_ tensor: Tensor) throws -> Tensor { try step(outer.map { try $0(tensor) } ?? tensor) }

  /// The memory's tensor with what the path shows of it replaced.
  func replacing(in whole: Tensor, by part: Tensor) throws -> Tensor {
    guard let outer else { return try replacement!(whole, part) }
    return try outer.replacing(in: whole, by: try replacement!(try outer(whole), part))
  }
}

/// A tensor of a script: a memory, seen whole or through a view.
///
/// A view is computed anew when its memory was written. A write through a view goes the way back step by step where each step knows it, else by
/// positions: the view of a tensor of numbers 0, 1, 2, … says which element of the memory each element of the view is, whatever kind of view it is.
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
  ///
  /// - Parameter replacement: the way back of `step`, if there is a function for it.
  func view(_ value: Tensor, replacement: ViewPath.Replacement? = nil, _ step: @escaping ViewPath.Step) throws -> TensorReference {
    TensorReference(memory, try extended(replacement, step), value)
  }

  /// The view of one position of the first dimension: `x[3]`.
  func row(_ index: Int) throws -> TensorReference {
    try view(try catchingErrors { try value.select(0, index) }, replacement: { $0.selectScatter($1, 0, index) }) { $0.select(0, index) }
  }

  private func extended(_ replacement: ViewPath.Replacement?, _ step: @escaping ViewPath.Step) throws -> ViewPath {
    let longer = ViewPath(below: path, replacement: replacement, step)
    guard longer.length <= Self.pathLimit else { throw ScriptFailure("a view of a view of a view, more than \(Self.pathLimit) times") }
    return longer
  }

  /// Makes this tensor a view of what it was: `unsqueeze_`, `t_`.
  func become(_ value: Tensor, replacement: ViewPath.Replacement?, _ step: @escaping ViewPath.Step) throws {
    path = try extended(replacement, step)
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

  /// Whether the view that `step` would be of this tensor shares its memory, for a step that copies where strides demand it (`reshape`,
  /// `contiguous`). A value of a graph has no memory of its own to tell that by; a tensor of the same shape without elements has.
  func isView(_ result: Tensor, _ step: ViewPath.Step) throws -> Bool {
    let value = try value
    // Nothing that is written is shared where there are no elements; all addresses are one there.
    if result.elementCount == 0 { return false }
    guard value.isSymbolic else { return result.storageAddress == value.storageAddress && result.dtype == value.dtype }
    guard result.dtype == value.dtype else { return false }
    let memory = Tensor.empty(Array(memory.value.shape), dtype: memory.value.dtype, on: .cpu)
    return try catchingErrors {
      let own = try path.map { try $0(memory) } ?? memory
      return try step(own).storageAddress == memory.storageAddress
    }
  }

  /// Writes all elements. The new ones have this tensor's shape and dtype.
  func write(_ new: Tensor) throws {
    guard let path else {
      memory.value = new
      return
    }
    let whole = memory.value
    if path.canReplace {
      seen = nil
      memory.value = try catchingErrors { try path.replacing(in: whole, by: new) }
      return
    }
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

import EmberRuntime

/// What a tensor value consists of, without its history: memory and how to read it. Immutable, shared by copies; written in place only
/// by whoever holds the only reference.
///
/// The body that memory was allocated for frees it; bodies of views hold that body. Small tensors are thus two blocks, not three, which
/// is what an operation on them costs.
final class TensorBody: @unchecked Sendable {
  /// What a body stands for.
  enum Kind {
    /// A value in memory.
    case ordinary
    /// A value in memory that somebody else gives back (a mapped file, another library), and that is never written.
    case foreign(ForeignMemory)
    /// The result of an operation that failed inside `catchingErrors`.
    case poison
    /// Inside `vmap`: the values for all members of the batch. There is no memory here.
    case member(BatchedValue)
    /// Inside `capture`: a value of the graph. There is no memory here.
    case traced(TracedValue)
  }

  let kind: Kind
  /// Neither poisoned, nor batched, nor traced: a value in memory.
  let isPlain: Bool
  /// Dense and row-major.
  let isContiguous: Bool
  let dtype: DType
  /// The body whose memory this is a view of; nil: the memory is this body's own. A variable only so that uniqueness can be asked.
  @exclusivity(unchecked) private var owner: TensorBody?
  /// Backends live as long as the process: no counting of references.
  unowned(unsafe) let backend: any Backend
  /// Address of the first element on the device.
  let pointer: UnsafeMutableRawPointer?
  /// Position of the first element in the memory, in elements.
  let offset: Int
  /// Size of the whole memory.
  let byteCount: Int
  let shape: Shape
  let strides: Strides

  private init(
    _ kind: Kind, isPlain: Bool, owner: TensorBody? = nil, pointer: UnsafeMutableRawPointer?, offset: Int = 0, byteCount: Int,
    dtype: DType, shape: Shape, strides: Strides, isContiguous: Bool, on backend: any Backend
  ) {
    self.kind = kind
    self.isPlain = isPlain
    self.owner = owner
    self.pointer = pointer
    self.offset = offset
    self.byteCount = byteCount
    self.dtype = dtype
    self.shape = shape
    self.strides = strides
    self.isContiguous = isContiguous
    self.backend = backend
  }

  /// Dense, in fresh memory of arbitrary contents; row-major unless said otherwise.
  @inline(__always) convenience init(
    elementCount: Int, dtype: DType, shape: Shape, strides: Strides, isContiguous: Bool = true, on backend: any Backend
  ) throws(EmberError) {
    let byteCount = elementCount * dtype.size
    self.init(
      .ordinary, isPlain: true, pointer: try backend.allocate(byteCount: byteCount), byteCount: byteCount, dtype: dtype, shape: shape,
      strides: strides, isContiguous: isContiguous, on: backend)
  }

  /// Another reading of the same memory.
  convenience init(viewing other: TensorBody, offset: Int, dtype: DType, shape: Shape, strides: Strides) {
    let root = other.owner ?? other
    self.init(
      other.isPlain ? .ordinary : other.kind, isPlain: other.isPlain, owner: root,
      pointer: root.pointer.map { $0 + offset * dtype.size }, offset: offset, byteCount: root.byteCount, dtype: dtype, shape: shape,
      strides: strides, isContiguous: strides.isContiguous(shape), on: root.backend)
  }

  /// Dense, in somebody else's memory.
  convenience init(
    foreign memory: ForeignMemory, at pointer: UnsafeMutableRawPointer?, byteCount: Int, dtype: DType, shape: Shape, on backend: any Backend
  ) {
    self.init(
      .foreign(memory), isPlain: true, pointer: pointer, byteCount: byteCount, dtype: dtype, shape: shape,
      strides: shape.contiguousStrides, isContiguous: true, on: backend)
  }

  /// Without memory: a member of a batch, a value of a graph, or, on `meta`, a layout.
  convenience init(_ kind: Kind, dtype: DType, shape: Shape, strides: Strides, isContiguous: Bool, on backend: any Backend) {
    let isPlain = if case .ordinary = kind { true } else { false }
    self.init(
      kind, isPlain: isPlain, pointer: nil, byteCount: 0, dtype: dtype, shape: shape, strides: strides, isContiguous: isContiguous,
      on: backend)
  }

  /// One value for all failed operations.
  static let poison: TensorBody = {
    let one = UnsafeMutableRawPointer.allocate(byteCount: 64, alignment: 64)
    one.initializeMemory(as: UInt8.self, repeating: 0, count: 64)
    return TensorBody(
      .poison, isPlain: false, pointer: one, byteCount: 64, dtype: .float32, shape: Shape(), strides: Strides(), isContiguous: true,
      on: Backends.cpu)
  }()

  deinit {
    if owner == nil, let pointer, case .ordinary = kind { backend.deallocate(pointer, byteCount: byteCount) }
  }

  /// Somebody else's memory that this is, or is a view of.
  var foreignMemory: ForeignMemory? { if case .foreign(let memory) = (owner ?? self).kind { memory } else { nil } }
  var isPoisoned: Bool { if case .poison = kind { true } else { false } }
  var batch: BatchedValue? { if case .member(let batch) = kind { batch } else { nil } }
  var trace: TracedValue? { if case .traced(let trace) = kind { trace } else { nil } }
  /// Address of the whole memory.
  var memory: UnsafeMutableRawPointer? { owner.map(\.pointer) ?? pointer }
  var operand: Operand { Operand(pointer: pointer, dtype: dtype, shape: shape, strides: strides) }

  /// Whether whoever holds the only reference to this body may write its elements.
  var holdsMemoryAlone: Bool {
    guard isPlain else { return false }
    guard let root = owner else { if case .foreign = kind { return false } else { return true } }
    if case .foreign = root.kind { return false }
    return isOwnerUnique
  }

  private var isOwnerUnique: Bool { isKnownUniquelyReferenced(&owner) }
}

/// Memory that is given back through a closure when no tensor refers to it any longer.
final class ForeignMemory: Sendable {
  /// Pinned: a GPU copies from it by itself.
  let isPinned: Bool
  private let release: @Sendable () -> Void

  init(isPinned: Bool = false, release: @escaping @Sendable () -> Void) {
    self.isPinned = isPinned
    self.release = release
  }

  deinit { release() }
}

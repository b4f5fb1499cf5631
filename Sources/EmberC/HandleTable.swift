import Synchronization

/// The objects that C programs hold, by handle.
///
/// A handle is no address: it names a slot of the table, the slot's generation, and the kind of the object. So a handle that was given
/// back, is of another kind or never was one is found out, and nothing is read through it. A slot's word counts the references that the
/// program holds and the calls that are looking at the object just now; whoever takes the last of both away frees it. That makes a
/// handle that one thread gives back while another one uses it an error for one of the two at worst.
struct HandleTable: @unchecked Sendable {
  enum Kind: UInt64 {
    case tensor = 1
    case sparseTensor = 2
    case generator = 3
    case model = 4

    /// As it is called in the header.
    var name: String {
      switch self {
      case .tensor: "ember_tensor"
      case .sparseTensor: "ember_sparse_tensor"
      case .generator: "ember_random_generator"
      case .model: "ember_model"
      }
    }
  }

  static let shared = HandleTable()

  /// Handles: kind (4 bits) | slot (28) | generation (24). Words: generation (24) | references (24) | calls that look (16).
  private struct Slot: ~Copyable {
    let word = Atomic<UInt64>(1 << 40)
    /// Written before the first reference is published, read by those who look.
    var object: Unmanaged<AnyObject>?
  }

  private static let chunkBits = 14
  private static let chunkSize = 1 << chunkBits
  private static let chunkLimit = 1 << (28 - chunkBits)
  private static let oneReference: UInt64 = 1 << 16
  private static let referenceMask: UInt64 = 0xFF_FFFF << 16
  private static let lookMask: UInt64 = 0xFFFF

  private struct Free {
    var slots: [Int] = []
    var slotCount = 0
  }

  private let chunks: UnsafeMutablePointer<Atomic<UnsafeMutableRawPointer?>>
  private let free: FreeList

  private final class FreeList: Sendable {
    let state = Mutex(Free())
  }

  private init() {
    chunks = .allocate(capacity: Self.chunkLimit)
    for i in 0..<Self.chunkLimit { (chunks + i).initialize(to: Atomic(nil)) }
    free = FreeList()
  }

  /// How many objects are held.
  var count: Int { free.state.withLock { $0.slotCount - $0.slots.count } }

  private func slot(_ index: Int) -> UnsafeMutablePointer<Slot>? {
    guard let chunk = chunks[index >> Self.chunkBits].load(ordering: .acquiring) else { return nil }
    return chunk.assumingMemoryBound(to: Slot.self) + (index & (Self.chunkSize - 1))
  }

  private func takeFreeSlot() throws(FaceError) -> Int {
    let index: Int? = free.state.withLock { free in
      if let index = free.slots.popLast() { return index }
      let index = free.slotCount
      guard index < Self.chunkSize * Self.chunkLimit else { return nil }
      if index & (Self.chunkSize - 1) == 0 {
        let chunk = UnsafeMutablePointer<Slot>.allocate(capacity: Self.chunkSize)
        for i in 0..<Self.chunkSize { (chunk + i).initialize(to: Slot()) }
        chunks[index >> Self.chunkBits].store(UnsafeMutableRawPointer(chunk), ordering: .releasing)
      }
      free.slotCount += 1
      return index
    }
    guard let index else { throw FaceError(.memory, "more than \(Self.chunkSize * Self.chunkLimit) handles are held") }
    return index
  }

  /// A new handle with one reference.
  func add(_ object: AnyObject, _ kind: Kind) throws(FaceError) -> OpaquePointer {
    let index = try takeFreeSlot()
    let slot = slot(index)!
    slot.pointee.object = .passRetained(object)
    let generation = slot.pointee.word.load(ordering: .relaxed) >> 40
    slot.pointee.word.store(generation << 40 | Self.oneReference, ordering: .releasing)
    return OpaquePointer(bitPattern: UInt(generation << 32 | UInt64(index) << 4 | kind.rawValue))!
  }

  /// Changes a slot's word if the handle is valid, or throws.
  private func change(
    _ handle: OpaquePointer?, _ kind: Kind, _ argument: @autoclosure () -> String, _ change: (UInt64) throws(FaceError) -> UInt64
  ) throws(FaceError) -> (slot: UnsafeMutablePointer<Slot>, index: Int, word: UInt64) {
    guard let handle else { throw FaceError(.null, "\(argument()) is null; it must be an \(kind.name)") }
    let bits = UInt64(UInt(bitPattern: handle)), index = Int(bits >> 4 & 0xFFF_FFFF), generation = bits >> 32
    if let given = Kind(rawValue: bits & 0xF), given != kind {
      throw FaceError(.handle, "\(argument()) is an \(given.name); it must be an \(kind.name)")
    }
    guard bits & 0xF == kind.rawValue, let slot = slot(index) else {
      throw FaceError(.handle, "\(argument()) is no handle that this library made")
    }
    var word = slot.pointee.word.load(ordering: .relaxed)
    while true {
      guard word >> 40 == generation, word & Self.referenceMask != 0 else {
        throw FaceError(.handle, "\(argument()) was released before")
      }
      let (done, now) = slot.pointee.word.compareExchange(
        expected: word, desired: try change(word), ordering: .acquiringAndReleasing)
      if done { return (slot, index, try change(word)) }
      word = now
    }
  }

  /// Frees a slot that nobody refers to or looks at; called by the one who saw to that.
  private func clear(_ slot: UnsafeMutablePointer<Slot>, _ index: Int, _ word: UInt64) {
    let object = slot.pointee.object
    slot.pointee.object = nil
    slot.pointee.word.store(((word >> 40 &+ 1) & 0xFF_FFFF) << 40, ordering: .releasing)
    free.state.withLock { $0.slots.append(index) }
    object?.release()
  }

  /// The object of a handle.
  func object(_ handle: OpaquePointer?, _ kind: Kind, _ argument: @autoclosure () -> String) throws(FaceError) -> AnyObject {
    let (slot, index, _) = try change(handle, kind, argument()) { word throws(FaceError) in
      guard word & Self.lookMask < Self.lookMask else { throw FaceError(.other, "too many threads use one handle") }
      return word + 1
    }
    let object = slot.pointee.object!.takeUnretainedValue()
    let word = slot.pointee.word.wrappingSubtract(1, ordering: .acquiringAndReleasing).newValue
    if word & (Self.referenceMask | Self.lookMask) == 0 { clear(slot, index, word) }
    return object
  }

  func retain(_ handle: OpaquePointer?, _ kind: Kind) throws(FaceError) {
    _ = try change(handle, kind, kind.name) { word throws(FaceError) in
      guard word & Self.referenceMask != Self.referenceMask else { throw FaceError(.other, "too many references to one handle") }
      return word + Self.oneReference
    }
  }

  func release(_ handle: OpaquePointer?, _ kind: Kind) throws(FaceError) {
    let (slot, index, word) = try change(handle, kind, kind.name) { $0 - Self.oneReference }
    if word & (Self.referenceMask | Self.lookMask) == 0 { clear(slot, index, word) }
  }
}

/// What a handle stands for.
final class Held<Value: Sendable>: Sendable {
  let value: Value
  init(_ value: Value) { self.value = value }
}

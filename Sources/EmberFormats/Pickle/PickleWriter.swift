import EmberRuntime
import EmberTensor

/// Writes a value as a pickle of protocol 2, in the steps that `torch.load(weights_only=True)` allows.
struct PickleWriter {
  private var bytes: [UInt8] = [0x80, 2]
  /// The storages that the pickle refers to, by number: dense tensors.
  private(set) var storages: [Tensor] = []
  private var numbers: [Memory: Int] = [:]
  private let source: String
  private let operation: String

  /// Where a dense tensor's elements lie.
  private struct Memory: Hashable {
    let storage: UInt
    let offset, count: Int
    let dtype: DType
  }

  init(source: String, in operation: String) {
    self.source = source
    self.operation = operation
  }

  /// The whole program; nothing can be written any more.
  func finish() -> [UInt8] { bytes + Array(".".utf8) }

  private func error(_ message: String) -> EmberError { EmberError(.value, in: operation, "\(source): \(message)") }

  private mutating func put(_ code: Unicode.Scalar) { bytes.append(UInt8(code.value)) }
  private mutating func put(little number: some FixedWidthInteger) {
    withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
  }

  private mutating func global(_ module: String, _ name: String) {
    put("c")
    bytes.append(contentsOf: "\(module)\n\(name)\n".utf8)
  }

  private mutating func string(_ text: String) throws {
    guard let count = UInt32(exactly: text.utf8.count) else { throw error("a string of \(text.utf8.count) bytes") }
    put("X")
    put(little: count)
    bytes.append(contentsOf: text.utf8)
  }

  private mutating func int(_ value: Int) {
    if let small = UInt8(exactly: value) {
      put("K")
      bytes.append(small)
    } else if let middle = Int32(exactly: value) {
      put("J")
      put(little: middle)
    } else {
      put("\u{8A}")
      bytes.append(8)
      put(little: Int64(value))
    }
  }

  private mutating func intTuple(_ values: some Sequence<Int>) {
    put("(")
    for value in values { int(value) }
    put("t")
  }

  private mutating func emptyOrderedDict() {
    global("collections", "OrderedDict")
    put(")")
    put("R")
  }

  mutating func write(_ value: PickleValue, depth: Int = 0) throws {
    guard depth <= PickleTree.depthLimit else { throw error("values are nested more than \(PickleTree.depthLimit) deep") }
    func each(_ items: [PickleValue]) throws { for item in items { try write(item, depth: depth + 1) } }
    switch value {
    case .none: put("N")
    case .bool(let flag): put(flag ? "\u{88}" : "\u{89}")
    case .int(let number): int(number)
    case .wideInt(let digits):
      guard let count = UInt8(exactly: digits.count) else { throw error("an integer of \(digits.count) bytes; at most 255 are possible") }
      put("\u{8A}")
      bytes.append(count)
      bytes += digits
    case .double(let number):
      put("G")
      withUnsafeBytes(of: number.bitPattern.bigEndian) { bytes.append(contentsOf: $0) }
    case .complex(let real, let imaginary):
      global("__builtin__", "complex")
      try each([.double(real), .double(imaginary)])
      put("\u{86}")
      put("R")
    case .string(let text): try string(text)
    case .bytes(let contents):
      global("_codecs", "encode")
      try string(contents.withUnsafeBytes(PickleMachine.latin1))
      try string("latin1")
      put("\u{86}")
      put("R")
    case .list(let items):
      put("]")
      if items.isEmpty { return }
      put("(")
      try each(items)
      put("e")
    case .tuple(let items):
      put("(")
      try each(items)
      put("t")
    case .set(let items):
      global("__builtin__", "set")
      try write(.list(items), depth: depth + 1)
      put("\u{85}")
      put("R")
    case .dictionary(let dictionary):
      if dictionary.isOrderedDict { emptyOrderedDict() } else { put("}") }
      if dictionary.count == 0 { return }
      put("(")
      for entry in dictionary.entries { try each([entry.key, entry.value]) }
      put("u")
    case .tensor(let tensor): try write(tensor)
    case .dtype(let dtype): global("torch", dtype.name)
    case .device(let name):
      global("torch", "device")
      try string(name)
      put("\u{85}")
      put("R")
    case .name(let name): throw error("\(name) names a class or function, which a checkpoint cannot hold")
    case .object(let object): throw error("an object of \(object.className), which a checkpoint cannot hold")
    }
  }

  private mutating func write(_ tensor: Tensor) throws {
    guard tensor.device != .meta else { throw error("a tensor on meta has no elements to write") }
    let memory = Memory(storage: tensor.storageAddress, offset: tensor.storageOffset, count: tensor.elementCount, dtype: tensor.dtype)
    let canShare = tensor.isContiguous && tensor.elementCount > 0
    let number: Int
    if canShare, let known = numbers[memory] {
      number = known
    } else {
      number = storages.count
      storages.append(tensor)
      if canShare { numbers[memory] = number }
    }
    // Dtypes without a storage class of their own are written as PyTorch does it: bytes, and the dtype beside them.
    let storageClass = PickleFunction.storageClasses.first { $0.value == tensor.dtype }?.key
    global("torch._utils", storageClass == nil ? "_rebuild_tensor_v3" : "_rebuild_tensor_v2")
    put("(")
    put("(")
    try string("storage")
    if let storageClass { global("torch", storageClass) } else { global("torch.storage", "UntypedStorage") }
    try string(String(number))
    try string("cpu")
    int(storageClass == nil ? tensor.elementCount * tensor.dtype.size : tensor.elementCount)
    put("t")
    put("Q")
    int(0)
    intTuple(tensor.shape)
    let strides = tensor.shape.contiguousStrides
    intTuple(tensor.shape.indices.map { strides[$0] })
    put("\u{89}")
    emptyOrderedDict()
    if storageClass == nil { global("torch", tensor.dtype.name) }
    put("t")
    put("R")
  }
}

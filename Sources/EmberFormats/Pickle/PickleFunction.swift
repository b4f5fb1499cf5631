import EmberRuntime

/// The classes and functions that a pickle may name, each with what it means here. Everything else is refused by name.
///
/// The list is that of `torch.load(weights_only=True)`, and NumPy's arrays and numbers, whose making needs no code of NumPy's.
enum PickleFunction {
  case orderedDict, counter, defaultDict, set, list, tuple, bytes, bytearray, complex
  /// `_codecs.encode`, by which protocol 2 writes bytes.
  case encode
  case size, device, layout
  case dtype(DType)
  /// The class of a storage; nil for an untyped one.
  case storageClass(DType?)
  case rebuildTensor, rebuildTypedTensor, rebuildMetaTensor, rebuildParameter, rebuildSubclass, rebuildFromHost
  /// TorchScript's lists of one type, and its note of a container's type: the first argument is the value.
  case scriptContainer
  case reconstructArray, arrayFromBuffer, arrayScalar, elementType
  /// A class of which objects may be made as values without behaviour.
  case inertClass(String)
  /// Something that is only named, such as the factory of a `defaultdict`.
  case name(String)

  static let storageClasses: [String: DType] = [
    "DoubleStorage": .float64, "FloatStorage": .float32, "HalfStorage": .float16, "BFloat16Storage": .bfloat16, "LongStorage": .int64,
    "IntStorage": .int32, "ShortStorage": .int16, "CharStorage": .int8, "ByteStorage": .uint8, "BoolStorage": .bool,
    "ComplexFloatStorage": .complex64, "ComplexDoubleStorage": .complex128,
  ]

  private static let functions: [String: PickleFunction] = [
    "collections.OrderedDict": .orderedDict, "collections.Counter": .counter, "collections.defaultdict": .defaultDict,
    "builtins.set": .set, "builtins.frozenset": .set, "builtins.list": .list, "builtins.tuple": .tuple, "builtins.bytes": .bytes,
    "builtins.bytearray": .bytearray, "builtins.complex": .complex, "_codecs.encode": .encode,
    "torch.Size": .size, "torch.device": .device, "torch.serialization._get_layout": .layout,
    "torch._utils._rebuild_tensor": .rebuildTensor, "torch._utils._rebuild_tensor_v2": .rebuildTensor,
    "torch._utils._rebuild_tensor_v3": .rebuildTypedTensor, "torch._utils._rebuild_meta_tensor_no_storage": .rebuildMetaTensor,
    "torch._utils._rebuild_parameter": .rebuildParameter, "torch._utils._rebuild_parameter_with_state": .rebuildParameter,
    "torch._tensor._rebuild_from_type_v2": .rebuildSubclass,
    "torch._utils._rebuild_device_tensor_from_numpy": .rebuildFromHost,
    "torch._utils._rebuild_device_tensor_from_cpu_tensor": .rebuildFromHost,
    "torch.jit._pickle.build_intlist": .scriptContainer, "torch.jit._pickle.build_doublelist": .scriptContainer,
    "torch.jit._pickle.build_boollist": .scriptContainer, "torch.jit._pickle.build_tensorlist": .scriptContainer,
    "torch.jit._pickle.restore_type_tag": .scriptContainer,
    "torch.storage.UntypedStorage": .storageClass(nil), "torch.UntypedStorage": .storageClass(nil),
    "numpy.core.multiarray._reconstruct": .reconstructArray, "numpy.core.multiarray.scalar": .arrayScalar,
    "numpy.core.numeric._frombuffer": .arrayFromBuffer, "numpy.dtype": .elementType,
    "numpy.ndarray": .name("numpy.ndarray"), "torch.Tensor": .name("torch.Tensor"),
    "torch.nn.parameter.Parameter": .name("torch.nn.parameter.Parameter"),
    "builtins.int": .name("builtins.int"), "builtins.float": .name("builtins.float"), "builtins.dict": .name("builtins.dict"),
    "builtins.str": .name("builtins.str"), "builtins.bool": .name("builtins.bool"),
  ]

  /// Other names that dtypes have in PyTorch.
  private static let aliases: [String: DType] = [
    "float": .float32, "double": .float64, "half": .float16, "long": .int64, "int": .int32, "short": .int16, "cfloat": .complex64,
    "cdouble": .complex128,
  ]

  /// What is written in these ways exists in PyTorch, but holds no plain tensor.
  private static let unsupported: [String: String] = [
    "torch._utils._rebuild_qtensor": "a quantized tensor; save tensor.dequantize() instead",
    "torch._utils._rebuild_sparse_tensor": "a sparse tensor; save tensor.to_dense() instead",
    "torch._utils._rebuild_wrapper_subclass": "a tensor of a class of its own, without numbers",
  ]

  /// Python 2's names of modules, and NumPy's since version 2.
  private static let modules: [String: String] = [
    "__builtin__": "builtins", "numpy._core.multiarray": "numpy.core.multiarray", "numpy._core.numeric": "numpy.core.numeric",
  ]

  static func find(_ module: String, _ name: String, allowsClass: (String) -> Bool) throws(Refusal) -> PickleFunction {
    let module = modules[module] ?? module
    let path = "\(module).\(name)"
    if let known = functions[path] { return known }
    if module == "torch" || module == "torch.storage" || module == "torch.cuda" {
      if let dtype = storageClasses[name] { return .storageClass(dtype) }
    }
    if module == "torch", let dtype = DType(name: name) ?? aliases[name] { return .dtype(dtype) }
    if let what = unsupported[path] { throw Refusal(message: "it holds \(what)") }
    if allowsClass(path) { return .inertClass(path) }
    throw Refusal(
      message: "the pickle names \(JSON.quoted(path)), which is not among the classes and functions that a checkpoint may use: "
        + "loading runs no code of a file")
  }

  struct Refusal: Error { let message: String }
}

/// A storage that a pickle refers to; its bytes lie elsewhere in the file.
final class PickledStorage: Sendable {
  let key: String
  /// nil where the tensor says what its elements are.
  let dtype: DType?
  /// Number of elements, of bytes without a dtype.
  let count: Int
  /// The device it was saved from.
  let location: String
  /// Where a storage is part of another one: its first element and number of elements.
  let part: (start: Int, count: Int)?

  init(key: String, dtype: DType?, count: Int, location: String, part: (start: Int, count: Int)?) {
    self.key = key
    self.dtype = dtype
    self.count = count
    self.location = location
    self.part = part
  }
}

/// A tensor as a pickle describes it. Without a storage it is on `meta`.
struct PickledTensor {
  var storage: PickledStorage?
  var dtype: DType
  var offset = 0
  var shape: [Int]
  var strides: [Int]
}

/// A NumPy array or number.
struct PickledArray {
  var code: String
  var order: String
  var shape: [Int]
  var isFortran: Bool
  var bytes: [UInt8]
}

// MARK: - Calls

extension PickleMachine {
  func function(_ module: String, _ name: String) throws -> PickleFunction {
    do throws(PickleFunction.Refusal) { return try PickleFunction.find(module, name, allowsClass: allowsClass) } catch {
      throw self.error(error.message)
    }
  }

  mutating func call(_ called: Item, _ arguments: Item) throws -> Item {
    guard case .function(let function) = called else { throw error("something is called that is no function") }
    // TorchScript writes a member of an enumeration as a call of its class with the bare value.
    guard case .tuple(let items) = object(arguments) else {
      if case .inertClass(let name) = function { return make(.instance(className: name, arguments: [arguments], state: .none)) }
      throw error("\(function) is called with arguments that are no tuple")
    }
    func bad() -> EmberError { error("\(function) is called with what it does not take") }
    switch function {
    case .orderedDict: return make(.dictionary(try entries(items.first, isOrderedDict: true)))
    case .counter: return make(.dictionary(try entries(items.first, isOrderedDict: false)))
    // The only argument is what makes its defaults.
    case .defaultDict: return make(.dictionary(Entries()))
    case .set, .list, .tuple:
      guard items.count <= 1 else { throw bad() }
      var contents: [Item] = []
      if let first = items.first {
        if let list = members(first) {
          contents = list
        } else if case .set(let list) = object(first) {
          contents = list
        } else {
          throw bad()
        }
      }
      // The next step that appends to one of the two copies what they share.
      try charge(contents.count * MemoryLayout<Item>.stride)
      switch function {
      case .set: return make(.set(contents))
      case .list: return make(.list(contents))
      default: return make(.tuple(contents))
      }
    case .bytes, .bytearray:
      // Protocol 2 writes empty ones as calls without arguments, and others as text to be encoded.
      if items.isEmpty { return .bytes([]) }
      if items.count == 1, case .bytes = items[0] { return items[0] }
      guard let bytes = try encoded(items) else { throw bad() }
      return .bytes(bytes)
    case .encode:
      guard let bytes = try encoded(items) else { throw bad() }
      return .bytes(bytes)
    case .complex:
      guard items.count == 2, let real = number(items[0]), let imaginary = number(items[1]) else { throw bad() }
      return make(.complex(real, imaginary))
    case .size:
      guard items.count == 1, let extents = members(items[0]) else { throw bad() }
      try charge(extents.count * MemoryLayout<Item>.stride)
      return make(.tuple(extents))
    case .device:
      guard let kind = text(items.first), items.count <= 2 else { throw bad() }
      if items.count == 1 { return make(.device(kind)) }
      guard case .int(let index) = items[1] else { throw bad() }
      return make(.device("\(kind):\(index)"))
    case .layout: return .function(.name(text(items.first) ?? "torch.strided"))
    case .rebuildTensor, .rebuildTypedTensor, .rebuildMetaTensor: return make(.tensor(try rebuiltTensor(function, items, bad())))
    case .rebuildParameter, .rebuildFromHost, .scriptContainer:
      guard let value = items.first else { throw bad() }
      return value
    case .rebuildSubclass:
      // (function, class, arguments, state): the tensor counts, attributes that somebody hung on it do not.
      guard items.count == 4 else { throw bad() }
      if case .function(.rebuildSubclass) = items[0] { throw bad() }
      return try call(items[0], items[2])
    case .reconstructArray: return make(.array(nil))
    case .elementType:
      guard let code = text(items.first), code.utf8.count <= 16 else { throw bad() }
      return make(.elementType(code: code, order: "="))
    case .arrayScalar:
      guard items.count == 2, case .elementType(let code, let order) = object(items[0]), let bytes = rawBytes(items[1]) else {
        throw error("a NumPy scalar that is no plain number")
      }
      try charge(bytes.count)
      return make(.arrayScalar(PickledArray(code: code, order: order, shape: [], isFortran: false, bytes: bytes)))
    case .arrayFromBuffer:
      guard items.count == 4, let bytes = rawBytes(items[0]), case .elementType(let code, let order) = object(items[1]),
        let shape = integers(items[2]), let layout = text(items[3])
      else { throw bad() }
      try charge(bytes.count)
      return make(.array(PickledArray(code: code, order: order, shape: shape, isFortran: layout == "F", bytes: bytes)))
    case .inertClass(let name): return make(.instance(className: name, arguments: items, state: .none))
    case .name("torch.nn.parameter.Parameter"):
      guard let first = items.first, case .tensor = object(first) else { throw bad() }
      return first
    case .dtype, .storageClass, .name: throw error("\(function) is called, which is not supported")
    }
  }

  /// What a dictionary is made from: nothing, another one, or as Python 2 wrote it a list of pairs.
  private mutating func entries(_ source: Item?, isOrderedDict: Bool) throws -> Entries {
    var entries = Entries(isOrderedDict: isOrderedDict)
    guard let source else { return entries }
    if case .dictionary(let other) = object(source) {
      try charge(other.entries.count * 64)
      for entry in other.entries { entries.set(entry.key, entry.value) }
      return entries
    }
    guard let pairs = members(source) else { throw error("a dictionary is made from something that has no keys") }
    try charge(pairs.count * 64)
    for pair in pairs {
      guard let pair = members(pair), pair.count == 2 else { throw error("a dictionary is made from something that is no pair") }
      entries.set(pair[0], pair[1])
    }
    return entries
  }

  /// Python's `__setstate__`.
  mutating func setState(of target: Item, _ state: Item) throws {
    switch object(target) {
    // Attributes of a dictionary (`_metadata` of a state dict) or a parameter.
    case .dictionary, .tensor: return
    case .instance(let name, let arguments, _): replace(target, by: .instance(className: name, arguments: arguments, state: state))
    case .elementType(let code, _):
      // (version, byte order, …); anything in the places of subtypes and fields is no plain number.
      guard let fields = members(state), fields.count >= 5, let order = text(fields[1]), order.utf8.count <= 1 else {
        throw error("a NumPy dtype's state is not understood")
      }
      for field in fields[2...4] {
        guard case .none = field else { throw error("a NumPy array of structures; only plain numbers are read") }
      }
      replace(target, by: .elementType(code: code, order: order))
    case .array:
      guard let fields = members(state), fields.count == 5, let shape = integers(fields[1]),
        case .elementType(let code, let order) = object(fields[2]), case .bool(let isFortran) = fields[3]
      else { throw error("a NumPy array's state is not understood") }
      guard let bytes = rawBytes(fields[4]) else { throw error("a NumPy array of objects; only numbers are read") }
      try charge(bytes.count)
      replace(target, by: .array(PickledArray(code: code, order: order, shape: shape, isFortran: isFortran, bytes: bytes)))
    default: throw error("state is set of something that has none")
    }
  }

  /// A persistent identifier: `("storage", class, key, device, count)`, in old files with a part of another storage behind.
  func storage(_ identifier: Item) throws -> PickledStorage {
    guard let fields = members(identifier), fields.count == 5 || fields.count == 6, text(fields[0]) == "storage",
      case .function(.storageClass(let dtype)) = fields[1], let key = text(fields[2]) ?? integer(fields[2]).map({ String($0) }),
      let count = integer(fields[4]), count >= 0
    else { throw error("a reference to something outside of the pickle that is no storage") }
    var part: (start: Int, count: Int)?
    if fields.count == 6, let view = members(fields[5]) {
      guard view.count == 3, let start = integer(view[1]), let size = integer(view[2]), start >= 0, size >= 0, start <= count,
        size <= count - start
      else { throw error("a part of a storage that leaves it") }
      part = (start, size)
    }
    return PickledStorage(key: key, dtype: dtype, count: count, location: text(fields[3]) ?? "cpu", part: part)
  }

  private func rebuiltTensor(_ function: PickleFunction, _ items: [Item], _ bad: @autoclosure () -> EmberError) throws -> PickledTensor {
    if case .rebuildMetaTensor = function {
      guard items.count >= 3, case .function(.dtype(let dtype)) = items[0], let shape = integers(items[1]), let strides = integers(items[2])
      else { throw bad() }
      return PickledTensor(storage: nil, dtype: dtype, shape: shape, strides: strides)
    }
    guard items.count >= 4, case .storage(let storage) = items[0], let offset = integer(items[1]), let shape = integers(items[2]),
      let strides = integers(items[3]), shape.count == strides.count
    else { throw bad() }
    var dtype = storage.dtype
    if case .rebuildTypedTensor = function {
      guard items.count >= 7, case .function(.dtype(let given)) = items[6] else { throw bad() }
      dtype = given
    }
    guard let dtype else { throw error("a tensor over a storage without a dtype") }
    return PickledTensor(storage: storage, dtype: dtype, offset: offset, shape: shape, strides: strides)
  }

  // MARK: Arguments

  func text(_ item: Item?) -> String? {
    switch item {
    case .string(let text): text
    case .bytes(let bytes): String(validating: bytes, as: UTF8.self)
    default: nil
    }
  }

  func integer(_ item: Item) -> Int? { if case .int(let value) = item { value } else { nil } }

  private func number(_ item: Item) -> Double? {
    switch item {
    case .double(let value): value
    case .int(let value): Double(value)
    default: nil
    }
  }

  private func integers(_ item: Item) -> [Int]? {
    guard let items = members(item), items.count <= 64 else { return nil }
    let numbers = items.compactMap { integer($0) }
    return numbers.count == items.count ? numbers : nil
  }

  /// Bytes, or text of Python 2 that stands for them.
  private func rawBytes(_ item: Item) -> [UInt8]? {
    switch item {
    case .bytes(let bytes): bytes
    case .string(let text): PickleMachine.latin1(text)
    default: nil
    }
  }

  private mutating func encoded(_ items: [Item]) throws -> [UInt8]? {
    guard items.count == 2, case .string(let text) = items[0], let encoding = self.text(items[1]) else { return nil }
    try charge(text.utf8.count)
    switch encoding {
    case "latin1", "latin-1", "iso-8859-1": return PickleMachine.latin1(text)
    case "utf-8", "utf8": return Array(text.utf8)
    case "ascii" where text.utf8.allSatisfy({ $0 < 128 }): return Array(text.utf8)
    default: return nil
    }
  }

  static func latin1(_ bytes: UnsafeRawBufferPointer) -> String {
    var scalars = String.UnicodeScalarView()
    for byte in bytes { scalars.append(Unicode.Scalar(byte)) }
    return String(scalars)
  }

  private static func latin1(_ text: String) -> [UInt8]? {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.utf8.count)
    for scalar in text.unicodeScalars {
      guard scalar.value < 256 else { return nil }
      bytes.append(UInt8(scalar.value))
    }
    return bytes
  }
}

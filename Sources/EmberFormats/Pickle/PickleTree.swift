import EmberRuntime
import EmberTensor

/// Makes the tree of values of what a `PickleMachine` built.
struct PickleTree {
  /// Objects within objects, at most: readers of the tree may recurse.
  static let depthLimit = 100

  let machine: PickleMachine
  /// A one-dimensional tensor of a whole storage.
  let storage: (PickledStorage, DType) throws -> Tensor
  private var done: [Int: (value: PickleValue, count: Int, height: Int)] = [:]
  private var open: Set<Int> = []
  /// Elements of all expanded tensors so far.
  private var repeated = 0

  /// The most elements that expanded tensors of one file may have together: more than any real file has, less than memory.
  private static let repetitionLimit = 1 << 28

  init(_ machine: PickleMachine, storage: @escaping (PickledStorage, DType) throws -> Tensor) {
    self.machine = machine
    self.storage = storage
  }

  mutating func value(_ item: PickleMachine.Item) throws -> PickleValue {
    let (value, count, _) = try convert(item, depth: 0)
    // What occurs in many places of a pickle occurs as often in the tree; a pickle can make that astronomical.
    guard count <= 1 << 16 + machine.bytes.count * 8 else { throw machine.error("it stands for too many values") }
    return value
  }

  private mutating func convert(_ item: PickleMachine.Item, depth: Int) throws -> (PickleValue, count: Int, height: Int) {
    switch item {
    case .none: return (.none, 1, 0)
    case .bool(let value): return (.bool(value), 1, 0)
    case .int(let value): return (.int(value), 1, 0)
    case .wideInt(let bytes): return (.wideInt(bytes), 1, 0)
    case .double(let value): return (.double(value), 1, 0)
    case .string(let text): return (.string(text), 1, 0)
    case .bytes(let bytes): return (.bytes(bytes), 1, 0)
    case .function(.dtype(let dtype)): return (.dtype(dtype), 1, 0)
    case .function(.name(let name)), .function(.inertClass(let name)): return (.name(name), 1, 0)
    case .function(let function): return (.name("\(function)"), 1, 0)
    case .storage(let reference):
      let whole = try storage(reference, reference.dtype ?? .uint8)
      let count = reference.part?.count ?? reference.count
      let description = PickledTensor(storage: reference, dtype: whole.dtype, shape: [count], strides: [1])
      return (.tensor(try view(whole, description)), 1, 0)
    case .object(let index):
      if let known = done[index] {
        guard depth + known.height <= Self.depthLimit else { throw tooDeep }
        return known
      }
      guard depth <= Self.depthLimit else { throw tooDeep }
      guard open.insert(index).inserted else { throw machine.error("a value contains itself") }
      defer { open.remove(index) }
      let result = try convert(machine.objects[index], depth: depth)
      done[index] = result
      return result
    }
  }

  private var tooDeep: EmberError { machine.error("values are nested more than \(Self.depthLimit) deep") }

  private mutating func convert(_ object: PickleMachine.Object, depth: Int) throws -> (PickleValue, count: Int, height: Int) {
    var count = 1
    var height = 0
    func add(_ part: (PickleValue, count: Int, height: Int)) -> PickleValue {
      count = Swift.min(count &+ part.count, 1 << 60)
      height = Swift.max(height, part.height + 1)
      return part.0
    }
    func list(_ items: [PickleMachine.Item]) throws -> [PickleValue] {
      var values: [PickleValue] = []
      values.reserveCapacity(items.count)
      for item in items { values.append(add(try convert(item, depth: depth + 1))) }
      return values
    }
    let value: PickleValue
    switch object {
    case .list(let items): value = .list(try list(items))
    case .tuple(let items): value = .tuple(try list(items))
    case .set(let items): value = .set(try list(items))
    case .dictionary(let dictionary):
      var entries: [(key: PickleValue, value: PickleValue)] = []
      entries.reserveCapacity(dictionary.entries.count)
      for entry in dictionary.entries {
        let key = add(try convert(entry.key, depth: depth + 1))
        entries.append((key, add(try convert(entry.value, depth: depth + 1))))
      }
      value = .dictionary(PickleDictionary(entries, isOrderedDict: dictionary.isOrderedDict))
    case .tensor(let description): value = .tensor(try tensor(description))
    case .device(let name): value = .device(name)
    case .complex(let real, let imaginary): value = .complex(real, imaginary)
    case .elementType(let code, let order): value = .name("numpy.dtype(\(order)\(code))")
    case .array(let array?): value = .tensor(try tensor(array))
    case .array(nil): throw machine.error("a NumPy array without contents")
    case .arrayScalar(let array): value = try number(array)
    case .instance(let name, let arguments, let state):
      value = .object(
        PickleObject(className: name, arguments: try list(arguments), state: add(try convert(state, depth: depth + 1))))
    }
    return (value, count, height)
  }

  /// A view of its storage, which it must not leave.
  private mutating func tensor(_ description: PickledTensor) throws -> Tensor {
    let dtype = description.dtype
    let shape = description.shape
    guard byteCount(shape, dtype) != nil else { throw machine.error("the shape \(shape), which no tensor can have") }
    guard let reference = description.storage else {
      return try catchingErrors { Tensor.empty(shape, dtype: dtype, on: .meta) }
    }
    return try view(try storage(reference, dtype), description)
  }

  private mutating func view(_ whole: Tensor, _ description: PickledTensor) throws -> Tensor {
    let dtype = description.dtype
    let shape = description.shape
    let strides = description.strides
    let elementCount = shape.reduce(1, *)
    // A part of a storage counts as one of its own, whose first element has position 0.
    let part = description.storage?.part
    let storageCount = part.map { Swift.max(0, Swift.min($0.count, whole.elementCount - $0.start)) } ?? whole.elementCount
    func outside() -> EmberError {
      machine.error("a tensor of \(dtype)\(shape) with strides \(strides) at \(description.offset) leaves its storage of \(storageCount)")
    }
    guard description.offset >= 0, strides.allSatisfy({ $0 >= 0 }) else { throw outside() }
    if elementCount == 0 { return try catchingErrors { Tensor.empty(shape, dtype: dtype) } }
    var last = description.offset
    for (extent, stride) in zip(shape, strides) {
      let (step, overflows) = (extent - 1).multipliedReportingOverflow(by: stride)
      let (sum, leaves) = last.addingReportingOverflow(step)
      if overflows || leaves { throw outside() }
      last = sum
    }
    guard last < storageCount else { throw outside() }
    // Expanded tensors repeat elements; whoever makes them dense must not fill the memory for that.
    if elementCount > storageCount {
      let (total, overflows) = repeated.addingReportingOverflow(elementCount)
      guard !overflows, total <= Self.repetitionLimit else {
        throw machine.error(
          "a tensor of \(dtype)\(shape) that repeats the \(storageCount) elements of its storage; with those before it, "
            + "that makes more than \(Self.repetitionLimit) elements")
      }
      repeated = total
    }
    let start = description.offset + (part?.start ?? 0)
    return try catchingErrors { whole.asStrided(shape, strides: strides, offset: start) }
  }

  private func tensor(_ array: PickledArray) throws -> Tensor {
    let order = array.order == "|" || array.order == "=" ? (array.code.hasSuffix("1") ? "|" : "<") : array.order
    return try array.bytes.withUnsafeBytes {
      try NPY.array(
        order + array.code, shape: array.shape, isFortran: array.isFortran, $0, source: machine.source, in: machine.operation)
    }
  }

  private func number(_ array: PickledArray) throws -> PickleValue {
    let tensor = try tensor(array)
    switch tensor.dtype {
    case .bool: return .bool(try tensor.itemOrThrow(as: Bool.self))
    case .uint64: return .tensor(tensor)
    case _ where tensor.dtype.isInteger: return .int(try tensor.itemOrThrow(as: Int.self))
    case _ where tensor.dtype.isFloatingPoint: return .double(try tensor.itemOrThrow(as: Double.self))
    default: return .tensor(tensor)
    }
  }
}

/// Pickles of plain values and NumPy arrays.
public enum Pickle {
  /// The value of a file that `pickle.dump` wrote. It may hold numbers, texts, bytes, containers and NumPy arrays; tensors of PyTorch
  /// are files of their own kind, see `TorchCheckpoint`. Runs no code of the file.
  ///
  /// - Parameter allowedClasses: full names of classes of which objects may occur; they become `PickleValue.object`.
  public static func load(_ path: String, allowedClasses: Set<String> = []) throws -> PickleValue {
    let contents = try FileBytes.reading(path, in: "pickle")
    return try contents.withBytes { try parse($0, source: path, allowedClasses: allowedClasses) }
  }

  /// The value of a pickle in memory.
  public static func parse(_ bytes: UnsafeRawBufferPointer, source: String = "data", allowedClasses: Set<String> = []) throws -> PickleValue
  {
    var machine = PickleMachine(bytes, source: source, in: "pickle", allowsClass: { allowedClasses.contains($0) })
    let root = try machine.run()
    guard machine.position == bytes.count else { throw machine.error("something follows the pickle") }
    var tree = PickleTree(machine) { [machine] _, _ in throw machine.error("a storage of PyTorch's outside of a checkpoint") }
    return try tree.value(root)
  }
}

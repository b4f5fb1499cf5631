import EmberFormats
import EmberRuntime
import EmberTensor

/// Makes modules of an archive: reads its code, its constants, and the objects in its pickle.
struct ArchiveLoader {
  private let archive: TorchArchive
  private let program: Program
  private let machine: Machine
  private let source: String
  private var objects: [ObjectIdentifier: ScriptObject] = [:]
  private var modules: [ObjectIdentifier: TorchScriptModule] = [:]
  private var constants: [Buffer] = []
  /// Tensors that lie at the same place in the file are the same one, so that tied parameters stay tied.
  private var memories: [Place: TensorMemory] = [:]

  private struct Place: Hashable {
    let address: UInt
    let offset: Int
    let shape: [Int]
    let strides: [Int]
    let dtype: DType
  }

  /// Bytes of code, at most; the largest models known have some megabytes.
  private static let codeLimit = 1 << 27

  init(_ contents: FileBytes, source: String, instructionLimit: Int) throws {
    self.source = source
    let isZip = contents.withBytes { $0.count >= 4 && $0.starts(with: [0x50, 0x4B, 3, 4]) }
    guard isZip else { throw ScriptFailure(.file, "\(source): not an archive of torch.jit.save") }
    archive = try TorchArchive(contents, source: source, limit: 1 << 32, in: "TorchScript")
    guard archive.isScript else {
      throw ScriptFailure(.file, "\(source): values without code, as torch.save writes them; TorchCheckpoint reads those")
    }
    program = Program(source: source)
    machine = Machine(program, instructionLimit: instructionLimit)
    var total = 0
    for name in archive.names where name.hasPrefix("code/") && name.hasSuffix(".py") {
      try archive.withEntry(name) { bytes in
        total += bytes.count
        guard total <= Self.codeLimit else { throw ScriptFailure(.file, "\(source): more than \(Self.codeLimit) bytes of code") }
        do { program.add(try Parser.parse(bytes), path: name) } catch let error as SyntaxError {
          throw ScriptFailure(.file, "\(source): \(name) line \(error.line): \(error.message)")
        }
      }
    }
    if archive.names.contains("constants.pkl") {
      let value = try archive.value(of: "constants.pkl", storages: "constants/", allowsClass: Self.allows)
      guard let items = value.items else { throw ScriptFailure(.file, "\(source): constants.pkl holds no constants") }
      for (i, item) in items.enumerated() {
        if case .tensor(let tensor) = item, tensor.dtype.isFloatingPoint, tensor.rank > 0 {
          // A frozen module's weights: state for graphs and exports, though not of the state dict.
          let buffer = Buffer(wrappedValue: tensor, "c\(i)", persistent: false)
          constants.append(buffer)
          program.constants.append(.tensor(TensorReference(TensorMemory(buffer.projectedValue))))
        } else {
          program.constants.append(try scriptValue(item))
        }
      }
    }
  }

  private static func allows(_ name: String) -> Bool { name.hasPrefix("__torch__.") }

  mutating func module() throws -> TorchScriptModule {
    let value = try archive.value(of: "data.pkl", storages: "data/", allowsClass: Self.allows)
    guard case .object(let root) = value, let module = try machine.enter({ try module(of: root) }) else {
      throw ScriptFailure(.file, "\(source): its value is \(value.description.prefix(200)), not a module")
    }
    module.constants = constants
    module.restoreTraining()
    return module
  }

  /// The module of a pickled object, or nil if its class is no module's.
  private mutating func module(of pickled: PickleObject) throws -> TorchScriptModule? {
    _ = try object(pickled)
    return modules[ObjectIdentifier(pickled)]
  }

  private mutating func object(_ pickled: PickleObject) throws -> ScriptObject {
    if let known = objects[ObjectIdentifier(pickled)] { return known }
    guard let type = program.type(pickled.className) else {
      throw ScriptFailure(.file, "\(source): an object of the class \(pickled.className), which the archive's code does not declare")
    }
    let object = ScriptObject(type)
    objects[ObjectIdentifier(pickled)] = object
    let isModule = type.syntax.kind == .module
    if let restore = type.methods["__setstate__"] {
      _ = try machine.call(restore, [.object(object), try scriptValue(pickled.state)])
    } else {
      for entry in pickled.state.dictionary?.entries ?? [] {
        guard let name = entry.key.string else { continue }
        try object.set(type.position(adding: name), try scriptValue(entry.value, isState: isModule && Self.isState(name, type)))
      }
    }
    guard isModule else { return object }
    modules[ObjectIdentifier(pickled)] = try makeModule(object)
    return object
  }

  private static func isState(_ name: String, _ type: ScriptClass) -> Bool {
    type.syntax.parameters.contains(name) || type.syntax.buffers.contains(name)
  }

  /// Parameters and buffers move into cells, where optimizers and state dicts find them.
  private func makeModule(_ object: ScriptObject) throws -> TorchScriptModule {
    let type = object.type
    var cells: [(name: String, cell: StateCell)] = [], children: [(name: String, module: TorchScriptModule)] = []
    for (position, name) in type.attributeNames.enumerated() {
      switch object.get(position) {
      case .tensor(let reference) where Self.isState(name, type):
        let isParameter = type.syntax.parameters.contains(name)
        let cell: StateCell
        if let known = reference.memory.cell {
          cell = known
        } else {
          let value = try reference.value
          cell = StateCell(value, isParameter: isParameter, requiresGrad: value.dtype.isFloatingPoint || value.dtype.isComplex)
          reference.memory.move(into: cell)
        }
        cells.append((name, cell))
      case .object(let child):
        if let module = child.module { children.append((name, module)) }
      default: continue
      }
    }
    return TorchScriptModule(object, machine, cells: cells, children: children)
  }

  /// - Parameter isState: whether it is a parameter or a buffer, whose memory is shared with other names of the same place in the file.
  private mutating func scriptValue(_ value: PickleValue, isState: Bool = false) throws -> ScriptValue {
    switch value {
    case .none: return .none
    case .bool(let flag): return .bool(flag)
    case .int(let number): return .integer(number)
    case .double(let number): return .real(number)
    case .complex(let real, let imaginary): return .complex(real, imaginary)
    case .string(let text): return .string(text)
    case .device(let name): return .device(try device(name))
    case .dtype(let dtype): return .integer(code(of: dtype))
    case .tensor(let tensor):
      guard isState, tensor.elementCount > 0 else { return .tensor(TensorReference(tensor)) }
      let place = Place(
        address: tensor.storageAddress, offset: tensor.storageOffset, shape: Array(tensor.shape), strides: tensor.strideList,
        dtype: tensor.dtype)
      let memory = memories[place] ?? TensorMemory(tensor)
      memories[place] = memory
      return .tensor(TensorReference(memory))
    case .list(let items), .set(let items): return .list(try ScriptList(try items.map { try scriptValue($0) }))
    case .tuple(let items): return .tuple(try ScriptTuple(try items.map { try scriptValue($0) }))
    case .dictionary(let dictionary):
      let made = ScriptDictionary()
      for entry in dictionary.entries { try made.set(try scriptValue(entry.key), try scriptValue(entry.value)) }
      return .dictionary(made)
    case .object(let pickled):
      if let type = program.type(pickled.className) {
        if type.syntax.kind == .namedTuple { return .tuple(try ScriptTuple(try pickled.arguments.map { try scriptValue($0) }, type: type)) }
        if type.syntax.kind == .enumeration { return try member(of: type, pickled.arguments) }
      }
      return .object(try object(pickled))
    case .wideInt, .bytes, .name: throw ScriptFailure(.file, "\(source): a value that a script cannot hold: \(value)")
    }
  }

  /// An enumeration's member, which is saved as its value.
  private mutating func member(of type: ScriptClass, _ arguments: [PickleValue]) throws -> ScriptValue {
    let wanted = try scriptValue(arguments.first ?? .none)
    for attribute in type.syntax.attributes where attribute.value != nil {
      if case .enumeration(let member)? = try machine.constant(attribute.name, of: type), try member.value.equals(wanted) { return .enumeration(member) }
    }
    throw ScriptFailure(.file, "\(source): \(type.name) has no member of that value")
  }
}

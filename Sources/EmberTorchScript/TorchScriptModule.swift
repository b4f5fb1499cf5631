import EmberFormats
public import EmberNN
import EmberRuntime
public import EmberTensor

/// A model that PyTorch compiled and saved (`torch.jit.save`), with the code that came with it: its methods are run here, on Ember's operators.
///
/// ```swift
/// let model = try TorchScriptModule.load("silero_vad.jit")
/// model.eval()
/// let probability = try model.call("forward", [.tensor(chunk), .integer(16_000)]).tensor
/// ```
///
/// Parameters and buffers have the names that they have in PyTorch, and can be trained; `train()` and `eval()` are what the code sees as
/// `self.training`. Other attributes that methods write (the state of a recurrent model) stay from one call to the next.
///
/// The code can do nothing but compute: there are no files and no network in it. How long it may run is bounded by `instructionLimit`, the
/// elements of its lists and strings by 16 million a call; the memory of tensors is bounded where `CPU.setMemoryCap` says so.
public final class TorchScriptModule: Module {
  let object: ScriptObject
  private let machine: Machine
  private let cells: [(name: String, cell: StateCell)]
  private let children: [(name: String, module: TorchScriptModule)]
  /// Tensors that the archive's code names as constants; the outermost module's.
  var constants: [Buffer] = []

  init(
    _ object: ScriptObject, _ machine: Machine, cells: [(name: String, cell: StateCell)], children: [(name: String, module: TorchScriptModule)]
  ) {
    self.object = object
    self.machine = machine
    self.cells = cells
    self.children = children
    super.init()
    object.module = self
  }

  /// Reads an archive: values, code and constants. Methods are compiled when they are first called.
  ///
  /// - Parameters:
  ///   - mapped: whether tensors share the file's pages instead of being read into memory.
  ///   - instructionLimit: statements and rounds of loops that one call may take.
  /// - Throws: an error that names the file and, where code cannot be parsed, the line.
  public static func load(_ path: String, mapped: Bool = true, instructionLimit: Int = 1 << 30) throws -> TorchScriptModule {
    let contents = try mapped ? FileBytes.mapping(path, in: "TorchScript") : FileBytes.reading(path, in: "TorchScript")
    return try parse(contents, source: path, instructionLimit: instructionLimit)
  }

  /// The same of a file in memory.
  public static func parse(
    _ contents: FileBytes, source: String = "data", instructionLimit: Int = 1 << 30
  ) throws -> TorchScriptModule {
    do {
      var loader = try ArchiveLoader(contents, source: source, instructionLimit: instructionLimit)
      return try loader.module()
    } catch {
      throw ScriptFailure(any: error).error
    }
  }

  /// The same of bytes in memory, which are copied.
  public static func parse(
    _ bytes: UnsafeRawBufferPointer, source: String = "data", instructionLimit: Int = 1 << 30
  ) throws -> TorchScriptModule {
    try parse(try FileBytes(copying: bytes, in: "TorchScript"), source: source, instructionLimit: instructionLimit)
  }

  public override func reflectedMembers() -> [(name: String, value: Any)] {
    cells.map { ($0.name, $0.cell as Any) } + children.map { ($0.name, $0.module as Any) } + constants.map { ("CONSTANTS.\($0.name!)", $0 as Any) }
  }

  public override var settings: String { "original_name=\(className.split(separator: ".").last ?? "")" }

  /// The class in the archive's code: `__torch__.model.Net`.
  public var className: String { object.type.name }

  /// The methods with their arguments.
  public var methods: [(name: String, arguments: [TorchScriptArgument])] {
    object.type.syntax.methods.map { method in
      (
        method.name,
        method.parameters.dropFirst().map {
          TorchScriptArgument(name: $0.name, type: $0.type?.typeText ?? "Tensor", hasDefault: $0.defaultValue != nil)
        }
      )
    }
  }

  /// Attributes that are neither parameters, buffers nor modules, as text.
  public var attributes: [(name: String, value: String)] {
    let known = Set(cells.map(\.name)).union(children.map(\.name))
    return object.type.attributeNames.enumerated().compactMap { position, name in
      guard !known.contains(name), let value = object.get(position) ?? (try? machine.constant(name, of: object.type)) else { return nil }
      var count = 1000
      return (name, name == "training" ? (isTraining ? "True" : "False") : (try? value.exported(&count).description) ?? "…")
    }
  }

  /// Calls a method.
  ///
  /// - Throws: errors of the code (what it raises, arguments that do not fit) and of operators, with the archive's file, the method and
  ///   the line of the serialised code in the message.
  @discardableResult
  public func call(_ method: String, _ arguments: [TorchScriptValue] = [], _ named: KeyValuePairs<String, TorchScriptValue> = [:]) throws
    -> TorchScriptValue
  {
    try call(method, arguments, named: named.map { ($0.key, $0.value) })
  }

  /// The same with arguments by name that a list holds.
  @discardableResult
  public func call(_ method: String, _ arguments: [TorchScriptValue] = [], named: [(name: String, value: TorchScriptValue)]) throws
    -> TorchScriptValue
  {
    do {
      guard let function = object.type.methods[method] else {
        let there = object.type.syntax.methods.map(\.name).joined(separator: ", ")
        throw ScriptFailure("\(className) has no method \(method); there are: \(there.isEmpty ? "none" : there)")
      }
      return try machine.enter {
        let values = try arguments.map { try ScriptValue($0) }, namedValues = try named.map { ($0.name, try ScriptValue($0.value)) }
        let result = try leavingAttributes {
          try machine.call(function, [.object(object)] + values, namedValues)
        }
        var count = 1 << 24
        return try result.exported(&count)
      }
    } catch {
      throw ScriptFailure(any: error).error
    }
  }

  /// Runs `body`; where that is captured as a graph, attributes are afterwards what they were before.
  private func leavingAttributes(_ body: () throws -> ScriptValue) throws -> ScriptValue {
    guard Tracer.current != nil else { return try body() }
    let snapshot = AttributeSnapshot(of: object)
    let result: ScriptValue
    do { result = try body() } catch {
      _ = try snapshot.restore()
      throw error
    }
    if let attribute = try snapshot.restore() {
      throw ScriptFailure(
        "\(className) keeps a result in its attribute \(attribute), which a graph cannot hold; return it, or make it a buffer")
    }
    return result
  }

  /// `forward` of tensors, whose result must be a tensor.
  public func forward(_ inputs: Tensor...) throws -> Tensor {
    let result = try call("forward", inputs.map { .tensor($0) })
    guard let tensor = result.tensor else {
      throw EmberError(.value, in: "TorchScript", "\(className).forward returns \(result), not a tensor; use call(\"forward\", …)")
    }
    return tensor
  }

  /// The value of an attribute now.
  public func attribute(_ name: String) throws -> TorchScriptValue? {
    guard let position = object.type.positions[name], let value = object.get(position) else { return nil }
    var count = 1 << 24
    do { return try value.exported(&count) } catch { throw ScriptFailure(any: error).error }
  }

  /// The code has set `self.training`, of this module alone.
  func scriptChangedTraining(to mode: Bool) {
    let inner = modules().dropFirst().map { ($0, $0.isTraining) }
    train(mode)
    for (module, mode) in inner { module.train(mode) }
  }

  /// Every module gets the mode that it was saved in, outer ones first.
  func restoreTraining() {
    for case let module as TorchScriptModule in modules() {
      guard let position = module.object.type.positions["training"], case .bool(let mode)? = module.object.get(position) else { continue }
      module.train(mode)
    }
  }
}

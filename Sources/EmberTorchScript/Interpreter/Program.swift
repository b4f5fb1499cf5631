import EmberOperators
import EmberRuntime
import EmberTensor

/// Evaluates one expression in the frame of a running function.
typealias Evaluator = (Frame) throws -> ScriptValue
/// Runs one statement or block.
typealias Executor = (Frame) throws -> Outcome

/// How a statement ends.
enum Outcome {
  case goOn, leaveLoop, nextRound
  case giveBack(ScriptValue)
}

/// The local variables of a running function.
final class Frame {
  var slots: [ScriptValue?]
  let machine: Machine
  /// The line of the statement that runs.
  var line = 0

  init(_ slotCount: Int, _ machine: Machine) {
    slots = Array(repeating: nil, count: slotCount)
    self.machine = machine
  }
}

/// A function or method of the archive's code, compiled when it is first called.
final class ScriptFunction {
  /// With all modules and the class: `__torch__.model.Net.forward`.
  let name: String
  let file: String
  let syntax: FunctionSyntax
  fileprivate var compiled: CompiledFunction?

  init(_ name: String, file: String, _ syntax: FunctionSyntax) {
    self.name = name
    self.file = file
    self.syntax = syntax
  }
}

struct CompiledFunction {
  let slotCount: Int
  /// Parameters lie in the first slots.
  let parameters: [(name: String, defaultValue: Evaluator?)]
  let body: Executor
}

/// A class of the archive's code.
final class ScriptClass {
  let name: String
  let file: String
  let syntax: ClassSyntax
  private(set) var attributeNames: [String]
  private(set) var positions: [String: Int] = [:]
  let methods: [String: ScriptFunction]
  fileprivate var constants: [String: ScriptValue] = [:]

  init(_ name: String, file: String, _ syntax: ClassSyntax) {
    self.name = name
    self.file = file
    self.syntax = syntax
    attributeNames = []
    methods = Dictionary(
      syntax.methods.map { ($0.name, ScriptFunction("\(name).\($0.name)", file: file, $0)) }, uniquingKeysWith: { first, _ in first })
    for attribute in syntax.attributes where syntax.kind != .enumeration { _ = position(adding: attribute.name) }
  }

  /// The position of an attribute, which is added if the class does not declare it.
  func position(adding name: String) -> Int {
    if let known = positions[name] { return known }
    positions[name] = attributeNames.count
    attributeNames.append(name)
    return attributeNames.count - 1
  }
}

/// The code of an archive: its classes and functions, and the constants that they name.
final class Program {
  let source: String
  private(set) var classes: [String: ScriptClass] = [:]
  private(set) var functions: [String: ScriptFunction] = [:]
  var constants: [ScriptValue] = []
  let registry = OperatorRegistry.standard

  init(source: String) { self.source = source }

  /// Adds what a file declares: `code/__torch__/model.py` holds the contents of `__torch__.model`.
  func add(_ file: FileSyntax, path: String) {
    let module = path.dropFirst("code/".count).dropLast(".py".count).split(separator: "/").joined(separator: ".")
    for declared in file.classes {
      let name = "\(module).\(declared.name)"
      classes[name] = ScriptClass(name, file: path, declared)
    }
    for declared in file.functions {
      let name = "\(module).\(declared.name)"
      functions[name] = ScriptFunction(name, file: path, declared)
    }
  }

  /// The class that a type in the code names.
  func type(_ name: String) -> ScriptClass? { classes[name] }
}

/// Runs functions of a program, within limits.
final class Machine {
  let program: Program
  /// Statements and rounds of loops that a call from outside may take.
  let instructionLimit: Int
  private var instructions = 0
  private var elements = 0
  /// Expressions and blocks that are being run within each other.
  private var depth = 0
  private var isEntered = false
  /// What the script asked for by `torch.set_grad_enabled`, as long as it runs.
  var isGradWanted = true

  /// Expressions and blocks within each other over all running functions, at most; each takes some of the thread's stack.
  private static let depthLimit = 1500
  /// Elements of lists, dictionaries and characters that a call from outside may make.
  private static let elementLimit = 1 << 24

  init(_ program: Program, instructionLimit: Int) {
    self.program = program
    self.instructionLimit = instructionLimit
  }

  /// Begins a call from outside: limits count anew.
  func enter<Result>(_ body: () throws -> Result) throws -> Result {
    if isEntered { return try body() }
    isEntered = true
    instructions = 0
    elements = 0
    depth = 0
    isGradWanted = isGradEnabled
    defer { isEntered = false }
    return try body()
  }

  func countInstruction() throws(ScriptFailure) {
    instructions += 1
    if instructions > instructionLimit {
      throw ScriptFailure("stopped after \(instructionLimit) statements; a higher instructionLimit would let it go on")
    }
  }

  /// Counts elements or characters that are about to be made.
  func charge(_ count: Int) throws(ScriptFailure) {
    guard count >= 0, count <= Self.elementLimit, elements + count <= Self.elementLimit else {
      throw ScriptFailure(.memory, "more than \(Self.elementLimit) elements of lists, dictionaries and strings in one call")
    }
    elements += count
  }

  func call(_ function: ScriptFunction, _ arguments: [ScriptValue], _ named: [(name: String, value: ScriptValue)] = []) throws -> ScriptValue {
    let compiled = try compiled(function)
    let frame = Frame(compiled.slotCount, self)
    let cost = function.syntax.depth + 8
    depth += cost
    defer { depth -= cost }
    do {
      guard depth <= Self.depthLimit else { throw ScriptFailure("calls within calls are nested too deep") }
      try bind(compiled, function, arguments, named, to: frame)
      if case .giveBack(let value) = try run(compiled, frame, arguments.first) { return value }
      return .none
    } catch {
      throw locate(error, function, frame.line == 0 ? function.syntax.line : frame.line)
    }
  }

  /// Runs a function's body; a graph that is being captured learns which module's method it is.
  private func run(_ compiled: CompiledFunction, _ frame: Frame, _ receiver: ScriptValue?) throws -> Outcome {
    guard Tracer.current != nil, case .object(let object)? = receiver, let module = object.module else { return try compiled.body(frame) }
    return try Tracer.withOwner(module) { try compiled.body(frame) }
  }

  private func bind(
    _ compiled: CompiledFunction, _ function: ScriptFunction, _ arguments: [ScriptValue], _ named: [(name: String, value: ScriptValue)],
    to frame: Frame
  ) throws {
    guard arguments.count <= compiled.parameters.count else {
      throw ScriptFailure(
        "\(function.syntax.name) is given \(arguments.count) arguments; it takes \(compiled.parameters.map(\.name).joined(separator: ", "))")
    }
    for (position, argument) in arguments.enumerated() { frame.slots[position] = argument }
    for (name, value) in named {
      guard let position = compiled.parameters.firstIndex(where: { $0.name == name }), position >= arguments.count else {
        throw ScriptFailure("\(function.syntax.name) has no further argument \(name)")
      }
      frame.slots[position] = value
    }
    for (position, parameter) in compiled.parameters.enumerated() where position >= arguments.count && frame.slots[position] == nil {
      guard let value = try parameter.defaultValue?(frame) else {
        throw ScriptFailure("\(function.syntax.name) misses its argument \(parameter.name)")
      }
      frame.slots[position] = value
    }
  }

  private func compiled(_ function: ScriptFunction) throws -> CompiledFunction {
    if let known = function.compiled { return known }
    do {
      let compiled = try Compiler.compile(function, in: program)
      function.compiled = compiled
      return compiled
    } catch let error as SyntaxError {
      throw locate(ScriptFailure(.file, error.message), function, error.line)
    }
  }

  /// The error with the file, the method and the line in front, unless a function within has put its own there.
  private func locate(_ error: any Error, _ function: ScriptFunction, _ line: Int) -> ScriptFailure {
    var failure = ScriptFailure(any: error)
    if failure.isLocated { return failure }
    let inner = failure.error.operation == "TorchScript" ? "" : "[\(failure.error.operation)] "
    failure.error = EmberError(
      failure.error.kind, in: "TorchScript",
      "\(program.source): \(function.name), \(function.file) line \(line): \(inner)\(failure.error.message)")
    failure.isLocated = true
    return failure
  }

  /// The value of a constant of a class: `Final[int] = 3`, or a member of an enumeration.
  func constant(_ name: String, of type: ScriptClass) throws -> ScriptValue? {
    if let known = type.constants[name] { return known }
    guard let value = type.syntax.attributes.first(where: { $0.name == name })?.value else { return nil }
    let evaluated: ScriptValue
    do { evaluated = try Compiler.constant(value, in: program)(Frame(0, self)) } catch let error as SyntaxError {
      throw ScriptFailure(.file, "\(type.name).\(name): \(error.message)")
    }
    let result = type.syntax.kind == .enumeration ? ScriptValue.enumeration(ScriptEnumerationMember(type, name, evaluated)) : evaluated
    type.constants[name] = result
    return result
  }
}

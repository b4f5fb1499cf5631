import EmberRuntime
import EmberTensor

/// Turns a function's syntax into closures, once: local variables become positions of the frame, names of classes, functions and operators are
/// looked up here instead of while it runs.
struct Compiler {
  let program: Program
  private var slots: [String: Int] = [:]
  /// Functions within the function, which run in its frame.
  private(set) var innerFunctions: [String: Executor] = [:]
  private(set) var slotCount = 0
  /// The line of the statement that is being compiled.
  private(set) var line: Int

  private init(_ program: Program, line: Int) {
    self.program = program
    self.line = line
  }

  static func compile(_ function: ScriptFunction, in program: Program) throws -> CompiledFunction {
    var compiler = Compiler(program, line: function.syntax.line)
    for parameter in function.syntax.parameters { _ = compiler.slot(of: parameter.name) }
    var parameters: [(name: String, defaultValue: Evaluator?)] = []
    for parameter in function.syntax.parameters {
      parameters.append((parameter.name, try parameter.defaultValue.map { try compiler.evaluator($0) }))
    }
    let body = try compiler.block(function.syntax.body)
    return CompiledFunction(slotCount: compiler.slotCount, parameters: parameters, body: body)
  }

  static func constant(_ expression: Expression, in program: Program) throws -> Evaluator {
    var compiler = Compiler(program, line: 0)
    return try compiler.evaluator(expression)
  }

  func error(_ message: String) -> SyntaxError { SyntaxError(line: line, message: message) }

  // MARK: Names

  private mutating func slot(of name: String) -> Int {
    if let known = slots[name] { return known }
    slots[name] = slotCount
    slotCount += 1
    return slotCount - 1
  }

  func isLocal(_ name: String) -> Bool { slots[name] != nil }

  /// The dotted name that an expression is, if it does not begin at a local variable.
  func path(_ expression: Expression) -> String? {
    switch expression {
    case .name(let name): isLocal(name) ? nil : name
    case .attribute(let object, let name): path(object).map { "\($0).\(name)" }
    default: nil
    }
  }

  // MARK: Statements

  mutating func block(_ statements: [Statement]) throws -> Executor {
    var executors: [Executor] = []
    for statement in statements {
      line = statement.line
      guard let executor = try executor(statement.kind) else { continue }
      let line = statement.line
      executors.append { frame in
        frame.line = line
        try frame.machine.countInstruction()
        return try executor(frame)
      }
    }
    if executors.count == 1 { return executors[0] }
    return { frame in
      for executor in executors {
        switch try executor(frame) {
        case .goOn: continue
        case let outcome: return outcome
        }
      }
      return .goOn
    }
  }

  private mutating func executor(_ statement: Statement.Kind) throws -> Executor? {
    switch statement {
    case .nothing: return nil
    case .define(let function):
      guard function.parameters.isEmpty else { throw error("a function within a function has arguments") }
      innerFunctions[function.name] = try block(function.body)
      return nil
    case .leaveLoop: return { _ in .leaveLoop }
    case .nextRound: return { _ in .nextRound }
    case .expression(let expression):
      let value = try evaluator(expression)
      return { frame in
        _ = try value(frame)
        return .goOn
      }
    case .assign(let target, let expression):
      let value = try evaluator(expression)
      if case .name(let name) = target {
        let position = slot(of: name)
        return { frame in
          frame.slots[position] = try value(frame)
          return .goOn
        }
      }
      let store = try store(target)
      return { frame in
        try store(frame, try value(frame))
        return .goOn
      }
    case .branch(let condition, let body, let otherwise):
      let condition = try evaluator(condition)
      let body = try block(body), otherwise = try block(otherwise)
      return { frame in try condition(frame).isTrue ? try body(frame) : try otherwise(frame) }
    case .whileLoop(let condition, let body):
      let condition = try evaluator(condition)
      let body = try block(body)
      return { frame in
        while try condition(frame).isTrue {
          try frame.machine.countInstruction()
          switch try body(frame) {
          case .leaveLoop: return .goOn
          case .giveBack(let value): return .giveBack(value)
          case .goOn, .nextRound: continue
          }
        }
        return .goOn
      }
    case .forLoop(let variable, let sequence, let body):
      let each = try iteration(over: sequence)
      let store = try store(variable)
      let body = try block(body)
      return { frame in
        var outcome = Outcome.goOn
        try each(frame) { value in
          try frame.machine.countInstruction()
          try store(frame, value)
          switch try body(frame) {
          case .leaveLoop: return false
          case .giveBack(let value):
            outcome = .giveBack(value)
            return false
          case .goOn, .nextRound: return true
          }
        }
        return outcome
      }
    case .with(let context, let name, let body):
      let context = try evaluator(context)
      let position = name.map { slot(of: $0) }
      let body = try block(body)
      return { frame in try Self.run(context, position, body, frame) }
    case .giveBack(let expression):
      let value = try evaluator(expression)
      return { frame in .giveBack(try value(frame)) }
    case .assert(let condition, let message):
      let condition = try evaluator(condition)
      let message = try message.map { try evaluator($0) }
      return { frame in
        if try condition(frame).isTrue { return .goOn }
        throw ScriptFailure("AssertionError: \(try message?(frame).text(in: frame.machine) ?? "")")
      }
    case .raise(let expression):
      let value = try evaluator(expression)
      return { frame in throw ScriptFailure(try value(frame).text(in: frame.machine)) }
    }
  }

  /// `with`: the object's `__enter__` and `__exit__` around the block. What it asks for about gradients holds for the block.
  private static func run(_ context: Evaluator, _ position: Int?, _ body: Executor, _ frame: Frame) throws -> Outcome {
    let machine = frame.machine
    let value = try context(frame)
    guard case .object(let object) = value, let enter = object.type.methods["__enter__"], let exit = object.type.methods["__exit__"] else {
      throw ScriptFailure("with is given \(value.kind), which has no __enter__ and __exit__")
    }
    let entered = try machine.call(enter, [value])
    if let position { frame.slots[position] = entered }
    func leave() throws { _ = try machine.call(exit, [value, .none, .none, .none]) }
    do {
      let outcome = try machine.isGradWanted ? enableGrad { try body(frame) } : noGrad { try body(frame) }
      try leave()
      return outcome
    } catch {
      try? leave()
      throw error
    }
  }

  typealias Store = (Frame, ScriptValue) throws -> Void

  private mutating func store(_ target: AssignmentTarget) throws -> Store {
    switch target {
    case .name(let name):
      let position = slot(of: name)
      return { frame, value in frame.slots[position] = value }
    case .attribute(let object, let name):
      let object = try evaluator(object)
      return { frame, value in try Self.setAttribute(name, of: try object(frame), value) }
    case .index(let container, let index):
      let container = try evaluator(container), index = try evaluator(index)
      let set = operatorCall("aten::_set_item", [container, index], [], takesValue: true)
      return { frame, value in _ = try set(frame, value) }
    case .tuple(let targets):
      let stores = try targets.map { try store($0) }
      return { frame, value in
        guard let items = try Self.unpacked(value), items.count == stores.count else {
          throw ScriptFailure("\(value.kind) of \(value.items?.count ?? 1) cannot be unpacked into \(stores.count) variables")
        }
        for (store, item) in zip(stores, items) { try store(frame, item) }
      }
    }
  }

  private static func unpacked(_ value: ScriptValue) throws -> [ScriptValue]? {
    if let items = value.items { return items }
    // A tensor's rows.
    guard case .tensor(let reference) = value else { return nil }
    let tensor = try reference.value
    guard tensor.rank > 0, tensor.size(0) < 1 << 16 else { return nil }
    return try (0..<tensor.size(0)).map { .tensor(try reference.row($0)) }
  }

  static func setAttribute(_ name: String, of value: ScriptValue, _ new: ScriptValue) throws {
    guard case .object(let object) = value else { throw ScriptFailure("\(value.kind) has no attribute \(name) to set") }
    guard let position = object.type.positions[name] else { throw ScriptFailure("\(object.type.name) has no attribute \(name)") }
    try object.set(position, new)
    if name == "training", let module = object.module, case .bool(let mode) = new { module.scriptChangedTraining(to: mode) }
  }

  // MARK: Loops

  /// Goes over a sequence while `body` returns true.
  private typealias Iteration = (Frame, _ body: (ScriptValue) throws -> Bool) throws -> Void

  private mutating func iteration(over sequence: Expression) throws -> Iteration {
    if case .call(.name("range"), let arguments) = sequence, !isLocal("range") {
      let bounds = try arguments.map { try evaluator($0.value) }
      guard 1...3 ~= bounds.count else { throw error("range takes one to three numbers") }
      return { frame, body in
        let numbers = try bounds.map { try $0(frame).integer("range") }
        let start = numbers.count > 1 ? numbers[0] : 0, end = numbers[numbers.count > 1 ? 1 : 0], step = numbers.count > 2 ? numbers[2] : 1
        guard step != 0 else { throw ScriptFailure("range has the step 0") }
        var next = start
        while step > 0 ? next < end : next > end {
          guard try body(.integer(next)) else { return }
          let (sum, overflows) = next.addingReportingOverflow(step)
          if overflows { return }
          next = sum
        }
      }
    }
    let sequence = try evaluator(sequence)
    return { frame, body in
      let value = try sequence(frame)
      switch value {
      case .list(let list):
        // The list may change meanwhile.
        var position = 0
        while position < list.items.count {
          guard try body(list.items[position]) else { return }
          position += 1
        }
      case .tuple(let tuple): for item in tuple.items { guard try body(item) else { return } }
      case .dictionary(let dictionary): for pair in dictionary.pairs { guard try body(pair.key) else { return } }
      case .string(let text): for character in text.unicodeScalars { guard try body(.string(String(character))) else { return } }
      case .tensor: for row in try Self.unpacked(value) ?? [] { guard try body(row) else { return } }
      default: throw ScriptFailure("\(value.kind) has no elements to go over")
      }
    }
  }

  // MARK: Expressions

  mutating func evaluator(_ expression: Expression) throws -> Evaluator {
    switch expression {
    case .none: return { _ in .none }
    case .bool(let value): return { _ in .bool(value) }
    case .integer(let value): return { _ in .integer(value) }
    case .real(let value): return { _ in .real(value) }
    case .imaginary(let value): return { _ in .complex(0, value) }
    case .string(let value): return { _ in .string(value) }
    case .name(let name): return try nameEvaluator(name)
    case .attribute(let object, let name):
      if let path = path(expression) { return try pathEvaluator(path) }
      return attribute(try evaluator(object), name)
    case .call(let callee, let arguments): return try callEvaluator(callee, arguments)
    case .index(let container, let index):
      return operatorCall("aten::__getitem__", [try evaluator(container), try evaluator(index)], [])
    case .slice(let container, let start, let end, let step):
      let parts = try [start, end, step].map { try evaluator($0 ?? .none) }
      return operatorCall("aten::slice", [try evaluator(container)] + parts, [])
    case .list(let items):
      let items = try items.map { try evaluator($0) }
      return { frame in
        try frame.machine.charge(items.count)
        return .list(try ScriptList(try items.map { try $0(frame) }))
      }
    case .tuple(let items):
      let items = try items.map { try evaluator($0) }
      return { frame in .tuple(try ScriptTuple(try items.map { try $0(frame) })) }
    case .dictionary(let entries):
      let entries = try entries.map { (key: try evaluator($0.key), value: try evaluator($0.value)) }
      return { frame in
        try frame.machine.charge(entries.count)
        let dictionary = ScriptDictionary()
        for entry in entries { try dictionary.set(try entry.key(frame), try entry.value(frame)) }
        return .dictionary(dictionary)
      }
    case .comprehension(let item, let variable, let sequence):
      let each = try iteration(over: sequence)
      let store = try store(variable)
      let item = try evaluator(item)
      return { frame in
        let list = try ScriptList([])
        try each(frame) { value in
          try frame.machine.countInstruction()
          try frame.machine.charge(1)
          try store(frame, value)
          try list.append(try item(frame))
          return true
        }
        return .list(list)
      }
    case .conditional(let condition, let ifTrue, let ifFalse):
      let condition = try evaluator(condition), ifTrue = try evaluator(ifTrue), ifFalse = try evaluator(ifFalse)
      return { frame in try condition(frame).isTrue ? try ifTrue(frame) : try ifFalse(frame) }
    case .not(let operand):
      let operand = try evaluator(operand)
      return { frame in .bool(try !operand(frame).isTrue) }
    case .and(let left, let right):
      let left = try evaluator(left), right = try evaluator(right)
      return { frame in .bool(try left(frame).isTrue && right(frame).isTrue) }
    case .or(let left, let right):
      let left = try evaluator(left), right = try evaluator(right)
      return { frame in .bool(try left(frame).isTrue || right(frame).isTrue) }
    case .negated(let operand): return operatorCall("aten::neg", [try evaluator(operand)], [])
    case .binary(.isIn, let element, let container):
      return operatorCall("aten::__contains__", [try evaluator(container), try evaluator(element)], [])
    case .binary(let name, let left, let right):
      return operatorCall("aten::\(name.rawValue)", [try evaluator(left), try evaluator(right)], [])
    }
  }

  private func nameEvaluator(_ name: String) throws -> Evaluator {
    if let position = slots[name] {
      return { frame in
        guard let value = frame.slots[position] else { throw ScriptFailure("\(name) has no value yet") }
        return value
      }
    }
    switch name {
    case "inf": return { _ in .real(.infinity) }
    case "nan": return { _ in .real(.nan) }
    case "infj": return { _ in .complex(0, .infinity) }
    case "nanj": return { _ in .complex(0, .nan) }
    default: throw error("there is no \(name)")
    }
  }

  private func pathEvaluator(_ path: String) throws -> Evaluator {
    if let function = program.functions[path] { return { _ in .function(function) } }
    if let type = program.classes[path] { return { _ in .type(type) } }
    let parts = path.split(separator: ".")
    if parts.count == 2, parts[0] == "CONSTANTS", parts[1].first == "c", let position = Int(parts[1].dropFirst()) {
      guard program.constants.indices.contains(position) else { throw error("the archive has no constant \(position)") }
      let value = program.constants[position]
      return { _ in value }
    }
    if let dot = path.lastIndex(of: "."), let type = program.classes[String(path[..<dot])] {
      let name = String(path[path.index(after: dot)...])
      return { frame in
        guard let value = try frame.machine.constant(name, of: type) else { throw ScriptFailure("\(type.name) has no \(name)") }
        return value
      }
    }
    switch path {
    case "torch.inf", "math.inf": return { _ in .real(.infinity) }
    case "torch.nan", "math.nan": return { _ in .real(.nan) }
    case "torch.pi", "math.pi": return { _ in .real(.pi) }
    default: throw error("there is no \(path)")
    }
  }

  /// Where an attribute was found the last time: objects at one place of the code are nearly always of one class.
  private final class AttributeMemo {
    var type: ScriptClass?
    var position = 0
  }

  func attribute(_ object: @escaping Evaluator, _ name: String) -> Evaluator {
    let memo = AttributeMemo()
    let isTraining = name == "training"
    return { frame in
      let value = try object(frame)
      switch value {
      case .object(let object):
        if isTraining, let module = object.module { return .bool(module.isTraining) }
        if memo.type !== object.type {
          guard let position = object.type.positions[name] else { throw ScriptFailure("\(object.type.name) has no attribute \(name)") }
          memo.type = object.type
          memo.position = position
        }
        if let value = object.get(memo.position) { return value }
        if let constant = try frame.machine.constant(name, of: object.type) { return constant }
        throw ScriptFailure("the attribute \(name) of \(object.type.name) has no value yet")
      case .tuple(let tuple):
        guard let position = tuple.type?.positions[name], position < tuple.items.count else { throw ScriptFailure("a tuple has no \(name)") }
        return tuple.items[position]
      case .enumeration(let member):
        switch name {
        case "name": return .string(member.name)
        case "value": return member.value
        default: throw ScriptFailure("\(member.type.name) has no attribute \(name)")
        }
      default: throw ScriptFailure("\(value.kind) has no attribute \(name)")
      }
    }
  }
}

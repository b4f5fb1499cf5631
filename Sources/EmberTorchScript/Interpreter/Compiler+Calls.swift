import EmberRuntime
import EmberTensor

extension Compiler {
  mutating func callEvaluator(_ callee: Expression, _ arguments: [CallArgument]) throws -> Evaluator {
    if case .name(let name) = callee, !isLocal(name) {
      if let inner = innerFunctions[name] {
        return { frame in
          if case .giveBack(let value) = try inner(frame) { return value }
          return .none
        }
      }
      if let special = try specialForm(name, arguments) { return special }
    }
    var positional: [Evaluator] = [], named: [(name: String, value: Evaluator)] = []
    for argument in arguments {
      // The class that `__new__` is called with is the one that is named in front of it.
      if case .attribute(_, "__new__") = callee { break }
      let value = try evaluator(argument.value)
      if let name = argument.name { named.append((name, value)) } else { positional.append(value) }
    }
    if let path = path(callee) { return try pathCall(path, positional, named) }
    if case .attribute(let object, let name) = callee { return methodCall(try evaluator(object), name, positional, named) }
    let function = try evaluator(callee)
    return { frame in
      let called = try function(frame)
      let values = try positional.map { try $0(frame) }, namedValues = try named.map { ($0.name, try $0.value(frame)) }
      switch called {
      case .function(let function): return try frame.machine.call(function, values, namedValues)
      case .type(let type): return try Self.make(type, values, namedValues, frame.machine)
      case .object(let object):
        guard let method = object.type.methods["forward"] ?? object.type.methods["__call__"] else {
          throw ScriptFailure("\(object.type.name) is called, which has no forward")
        }
        return try frame.machine.call(method, [called] + values, namedValues)
      default: throw ScriptFailure("\(called.kind) is called, which is no function")
      }
    }
  }

  private func pathCall(_ path: String, _ positional: [Evaluator], _ named: [(name: String, value: Evaluator)]) throws -> Evaluator {
    if let function = program.functions[path] {
      return { frame in
        try frame.machine.call(function, try positional.map { try $0(frame) }, try named.map { ($0.name, try $0.value(frame)) })
      }
    }
    if let type = program.classes[path] {
      return { frame in
        try Self.make(type, try positional.map { try $0(frame) }, try named.map { ($0.name, try $0.value(frame)) }, frame.machine)
      }
    }
    let parts = path.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    if parts.count == 2, parts[0] == "torch" { return operatorCall("aten::\(parts[1])", positional, named) }
    if parts.count == 3, parts[0] == "ops" { return operatorCall("\(parts[1])::\(parts[2])", positional, named) }
    if parts.count > 1, let type = program.classes[parts.dropLast().joined(separator: ".")] {
      if parts.last == "__new__" { return { _ in .object(ScriptObject(type)) } }
      if let method = type.methods[parts.last!] {
        return { frame in
          try frame.machine.call(method, try positional.map { try $0(frame) }, try named.map { ($0.name, try $0.value(frame)) })
        }
      }
    }
    if parts.count == 1 { return operatorCall("aten::\(path)", positional, named) }
    throw error("there is no function \(path)")
  }

  /// A named tuple, or an object whose `__init__` is called.
  private static func make(
    _ type: ScriptClass, _ values: [ScriptValue], _ named: [(name: String, value: ScriptValue)], _ machine: Machine
  ) throws -> ScriptValue {
    if type.syntax.kind == .namedTuple {
      var items = values
      for attribute in type.attributeNames.dropFirst(values.count) {
        guard let value = try named.first(where: { $0.name == attribute })?.value ?? machine.constant(attribute, of: type) else {
          throw ScriptFailure("\(type.name) misses \(attribute)")
        }
        items.append(value)
      }
      guard items.count == type.attributeNames.count else { throw ScriptFailure("\(type.name) has \(type.attributeNames.count) members") }
      return .tuple(try ScriptTuple(items, type: type))
    }
    let object = ScriptValue.object(ScriptObject(type))
    if let initialize = type.methods["__init__"] { _ = try machine.call(initialize, [object] + values, named) }
    return object
  }

  /// Where a method was found the last time.
  private final class MethodMemo {
    var type: ScriptClass?
    var method: ScriptFunction?
  }

  private func methodCall(
    _ object: @escaping Evaluator, _ name: String, _ positional: [Evaluator], _ named: [(name: String, value: Evaluator)]
  ) -> Evaluator {
    let memo = MethodMemo()
    // A method of a value that is no object: an operator whose first argument it is.
    let onValue = operatorCall("aten::\(name)", positional, named, takesValue: true)
    return { frame in
      let value = try object(frame)
      let type: ScriptClass
      switch value {
      case .object(let object): type = object.type
      case .tuple(let tuple) where tuple.type?.methods[name] != nil: type = tuple.type!
      default: return try onValue(frame, value)
      }
      if memo.type !== type {
        guard let method = type.methods[name] else {
          // An attribute may hold a function or another object to be called.
          guard let position = type.positions[name], case .object(let object) = value, let held = object.get(position) else {
            throw ScriptFailure("\(type.name) has no method \(name)")
          }
          let values = try positional.map { try $0(frame) }, namedValues = try named.map { ($0.name, try $0.value(frame)) }
          switch held {
          case .function(let function): return try frame.machine.call(function, values, namedValues)
          case .object(let inner):
            guard let method = inner.type.methods["forward"] else { throw ScriptFailure("\(inner.type.name) has no forward") }
            return try frame.machine.call(method, [held] + values, namedValues)
          default: throw ScriptFailure("\(type.name).\(name) is called, which is no function")
          }
        }
        memo.type = type
        memo.method = method
      }
      var values = [value]
      values.reserveCapacity(positional.count + 1)
      for argument in positional { values.append(try argument(frame)) }
      return try frame.machine.call(memo.method!, values, named.isEmpty ? [] : try named.map { ($0.name, try $0.value(frame)) })
    }
  }

  // MARK: Special forms

  /// What looks like a function, but has types or names among its arguments.
  private mutating func specialForm(_ name: String, _ arguments: [CallArgument]) throws -> Evaluator? {
    func need(_ count: Int) throws {
      guard arguments.count == count else { throw error("\(name) takes \(count) arguments, not \(arguments.count)") }
    }
    switch name {
    case "annotate", "unchecked_cast":
      try need(2)
      return try evaluator(arguments[1].value)
    case "uninitialized": return { _ in .none }
    case "isinstance":
      try need(2)
      let value = try evaluator(arguments[0].value)
      let test = try typeTest(arguments[1].value)
      return { frame in .bool(test(try value(frame))) }
    case "getattr":
      guard arguments.count == 2, case .string(let attribute) = arguments[1].value else { throw error("getattr takes an object and a name") }
      return self.attribute(try evaluator(arguments[0].value), attribute)
    case "setattr":
      guard arguments.count == 3, case .string(let attribute) = arguments[1].value else { throw error("setattr takes an object, a name and a value") }
      let object = try evaluator(arguments[0].value), value = try evaluator(arguments[2].value)
      return { frame in
        try Self.setAttribute(attribute, of: try object(frame), try value(frame))
        return .none
      }
    case "fork", "awaitable":
      // Run at once: what is computed is the same.
      guard let first = arguments.first else { throw error("\(name) takes a function") }
      return try callEvaluator(first.value, Array(arguments.dropFirst()))
    case "int", "float", "bool", "complex", "str", "len", "list", "print", "range", "abs", "min", "max", "round", "ord", "chr", "sorted":
      let spelled = ["int": "Int", "float": "Float", "bool": "Bool", "complex": "Complex"][name] ?? name
      let values = try arguments.map { try evaluator($0.value) }
      return operatorCall("aten::\(spelled)", values, [])
    default: return nil
    }
  }

  private func typeTest(_ type: Expression) throws -> (ScriptValue) -> Bool {
    func all(_ items: [Expression]) throws -> [(ScriptValue) -> Bool] { try items.map { try typeTest($0) } }
    switch type {
    case .none: return { $0.isNone }
    case .tuple(let types), .list(let types):
      let tests = try all(types)
      return { value in tests.contains { $0(value) } }
    case .name(let name):
      switch name {
      case "int": return { if case .integer = $0 { true } else { false } }
      case "float": return { if case .real = $0 { true } else { false } }
      case "bool": return { if case .bool = $0 { true } else { false } }
      case "complex": return { if case .complex = $0 { true } else { false } }
      case "str": return { if case .string = $0 { true } else { false } }
      case "number", "Scalar": return { $0.number != nil }
      case "Tensor": return { if case .tensor = $0 { true } else { false } }
      case "Device": return { if case .device = $0 { true } else { false } }
      case "NoneType": return { $0.isNone }
      case "list": return { if case .list = $0 { true } else { false } }
      case "tuple": return { if case .tuple = $0 { true } else { false } }
      case "dict": return { if case .dictionary = $0 { true } else { false } }
      case "Any": return { _ in true }
      default: throw error("the type \(name) is not known")
      }
    case .index(.name(let container), let parameter):
      switch container {
      case "List":
        let test = try typeTest(parameter)
        return { if case .list(let list) = $0 { list.items.allSatisfy(test) } else { false } }
      case "Optional":
        let test = try typeTest(parameter)
        return { $0.isNone || test($0) }
      case "Union": return try typeTest(parameter)
      case "Dict":
        guard case .tuple(let types) = parameter, types.count == 2 else { throw error("Dict takes two types") }
        let tests = try all(types)
        return { if case .dictionary(let pairs) = $0 { pairs.pairs.allSatisfy { tests[0]($0.key) && tests[1]($0.value) } } else { false } }
      case "Tuple":
        let tests = try all({ if case .tuple(let types) = parameter { types } else { [parameter] } }())
        return { value in
          guard case .tuple(let tuple) = value, tuple.items.count == tests.count else { return false }
          return zip(tests, tuple.items).allSatisfy { $0($1) }
        }
      case "Future", "Await", "Final": return try typeTest(parameter)
      default: throw error("the type \(container) is not known")
      }
    default:
      guard let path = path(type), let found = program.type(path) else { throw error("a type is not known") }
      return { value in
        switch value {
        case .object(let object): object.type === found
        case .tuple(let tuple): tuple.type === found
        case .enumeration(let member): member.type === found
        default: false
        }
      }
    }
  }
}

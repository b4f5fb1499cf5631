import EmberRuntime
import EmberTensor

/// An operator that works on a script's own values. It returns nil where the arguments are not its kind: then the registry is asked.
typealias Builtin = (Arguments, Machine) throws -> ScriptValue?

/// Operators that exist only where scripts run, or whose arguments are lists, dictionaries, strings and numbers.
enum Builtins {
  static nonisolated(unsafe) let all: [String: Builtin] = {
    var table: [String: Builtin] = [:]
    addControl(&table)
    addConversions(&table)
    addNumbers(&table)
    addTensorProperties(&table)
    addUnfilledTensors(&table)
    addTensorWrites(&table)
    addLists(&table)
    addDictionaries(&table)
    addStrings(&table)
    addLayers(&table)
    addAttention(&table)
    addRecurrentNetworks(&table)
    return table
  }()

  private static func addControl(_ table: inout [String: Builtin]) {
    table["prim::RaiseException"] = { arguments, machine in
      let kind = try arguments.optional(1)?.text(in: machine) ?? "Exception"
      let name = kind.split(separator: ".").last.map(String.init) ?? kind
      let text = try arguments.optional(0)?.text(in: machine) ?? ""
      throw ScriptFailure(text.isEmpty ? name : "\(name): \(text)")
    }
    // Messages of a model to its user: none of ours.
    for name in ["aten::warn", "aten::print", "prim::Print"] {
      table[name] = { _, _ in ScriptValue.none }
    }
    table["aten::_assert"] = { arguments, machine in
      if try arguments.positional.first?.isTrue == true { return ScriptValue.none }
      throw ScriptFailure("AssertionError: \(try arguments.optional(1)?.text(in: machine) ?? "")")
    }
    table["aten::set_grad_enabled"] = { arguments, machine in
      machine.isGradWanted = try arguments.positional.first?.isTrue ?? true
      return ScriptValue.none
    }
    table["aten::manual_seed"] = { arguments, _ in
      guard arguments.count == 1 else { return nil }
      manualSeed(UInt64(bitPattern: Int64(try arguments.positional[0].integer("seed"))))
      return ScriptValue.none
    }
    table["aten::is_grad_enabled"] = { _, machine in .bool(machine.isGradWanted) }
    for name in ["aten::is_scripting", "prim::is_scripting"] { table[name] = { _, _ in .bool(true) } }
    for name in ["aten::is_tracing", "aten::_is_tracing", "aten::is_autocast_enabled", "aten::is_autocast_cpu_enabled"] {
      table[name] = { _, _ in .bool(false) }
    }
    table["aten::get_default_dtype"] = { _, _ in .integer(code(of: .float32)) }
    for name in ["aten::wait", "aten::_awaitable_wait", "prim::unchecked_unwrap_optional", "prim::rangelist"] { table[name] = { arguments, _ in arguments.positional.first } }
    table["aten::_unwrap_optional"] = { arguments, _ in
      guard let value = arguments.optional(0) else { throw ScriptFailure("AssertionError: Unwrapping null optional") }
      return value
    }
    table["aten::__not__"] = { arguments, _ in .bool(try !(arguments.positional.first ?? .none).isTrue) }
    table["aten::__range_length"] = { arguments, _ in
      let numbers = try arguments.positional.map { try $0.integer("range") }
      guard numbers.count == 3 else { return nil }
      let (start, end, step) = (numbers[0], numbers[1], numbers[2])
      guard step != 0 else { throw ScriptFailure("range has the step 0") }
      let (distance, overflows) = end.subtractingReportingOverflow(start)
      func tooLong() -> ScriptFailure { ScriptFailure("range from \(start) to \(end) is too long") }
      guard !overflows else { throw tooLong() }
      if (distance > 0) != (step > 0) || distance == 0 { return .integer(0) }
      guard let length = Int(exactly: (distance.magnitude - 1) / step.magnitude + 1) else { throw tooLong() }
      return .integer(length)
    }
    table["aten::__derive_index"] = { arguments, _ in
      let numbers = try arguments.positional.map { try $0.integer("range") }
      guard numbers.count == 3 else { return nil }
      return .integer(numbers[1] &+ numbers[0] &* numbers[2])
    }
    for (name, member) in [("prim::EnumName", "name"), ("prim::EnumValue", "value")] {
      table[name] = { arguments, _ in
        guard case .enumeration(let found)? = arguments.positional.first else { return nil }
        return member == "name" ? .string(found.name) : found.value
      }
    }
    table["prim::type"] = { arguments, _ in
      guard case .device(let device)? = arguments.positional.first else { return nil }
      return .string(device.type.name)
    }
    table["prim::index"] = { arguments, _ in
      guard case .device(let device)? = arguments.positional.first else { return nil }
      return device == .cpu ? ScriptValue.none : .integer(Int(device.index))
    }
    table["prim::id"] = { arguments, _ in
      switch arguments.positional.first {
      case .object(let object): .integer(Int(bitPattern: ObjectIdentifier(object)))
      case .list(let list): .integer(Int(bitPattern: ObjectIdentifier(list)))
      default: nil
      }
    }
  }

  // MARK: Conversions

  private static func addConversions(_ table: inout [String: Builtin]) {
    func number(_ value: ScriptValue?, _ what: String) throws -> ScriptValue {
      switch value {
      case .tensor(let reference):
        let tensor = try reference.value
        guard tensor.elementCount == 1 else {
          throw ScriptFailure("\(what) of a tensor of \(tensor.elementCount) elements; it must have one")
        }
        switch tensor.dtype.category {
        case .bool: return .bool(try catchingErrors { tensor.item(as: Bool.self) })
        case .integer: return .integer(try catchingErrors { tensor.item(as: Int.self) })
        case .floatingPoint: return .real(try catchingErrors { tensor.item(as: Double.self) })
        case .complex:
          let found = try catchingErrors { tensor.to(.complex128).item(as: Complex<Double>.self) }
          return .complex(found.real, found.imaginary)
        }
      case let value?: return value
      case nil: throw ScriptFailure("\(what) of nothing")
      }
    }
    func integer(_ arguments: Arguments, _: Machine) throws -> ScriptValue? {
      switch try number(arguments.positional.first, "int") {
      case .bool(let flag): return .integer(flag ? 1 : 0)
      case .integer(let value): return .integer(value)
      case .real(let value):
        guard value.isFinite, abs(value) < 9.3e18, let whole = Int(exactly: value.rounded(.towardZero)) else {
          throw ScriptFailure("\(value) does not fit an int")
        }
        return .integer(whole)
      case .string(let text):
        guard let value = Int(text.filter { !$0.isWhitespace }) else { throw ScriptFailure("ValueError: \(text.prefix(40)) is no int") }
        return .integer(value)
      case let other: throw ScriptFailure("int of \(other.kind)")
      }
    }
    func real(_ arguments: Arguments, _: Machine) throws -> ScriptValue? {
      let value = try number(arguments.positional.first, "float")
      if case .string(let text) = value {
        guard let number = Double(text.filter { !$0.isWhitespace }) else { throw ScriptFailure("ValueError: \(text.prefix(40)) is no float") }
        return .real(number)
      }
      guard let parts = value.number, parts.1 == 0 else { throw ScriptFailure("float of \(value.kind)") }
      return .real(parts.0)
    }
    for name in ["aten::Int", "aten::IntImplicit", "prim::Int"] { table[name] = integer }
    for name in ["aten::Float", "aten::FloatImplicit", "prim::Float"] { table[name] = real }
    for name in ["aten::Bool", "prim::Bool"] { table[name] = { arguments, _ in .bool(try (arguments.positional.first ?? .none).isTrue) } }
    table["aten::Complex"] = { arguments, _ in
      let parts = try arguments.positional.map { try number($0, "complex").number ?? (.nan, 0) }
      switch parts.count {
      case 1: return .complex(parts[0].0, parts[0].1)
      case 2: return .complex(parts[0].0 - parts[1].1, parts[0].1 + parts[1].0)
      default: return nil
      }
    }
    for name in ["aten::item", "aten::ScalarImplicit", "prim::Scalar"] {
      table[name] = { arguments, _ in try number(arguments.positional.first, "item") }
    }
    for name in ["prim::NumToTensor", "aten::scalar_tensor"] {
      table[name] = { arguments, _ in
        guard arguments.named.isEmpty, let value = arguments.positional.first else { return nil }
        return try tensor(of: value)
      }
    }
    table["aten::device"] = { arguments, _ in
      guard let first = arguments.positional.first else { return nil }
      if case .device = first { return first }
      return .device(try device(try first.string("device")))
    }
    for name in ["aten::tensor", "aten::as_tensor"] {
      table[name] = { arguments, _ in
        guard let value = arguments.positional.first else { return nil }
        if case .tensor(let reference) = value, name == "aten::as_tensor", arguments("dtype") == nil { return .tensor(reference) }
        let wanted = try arguments("dtype").map { try dtype($0.integer("dtype")) }
        let made = try tensor(of: value)
        guard case .tensor(let reference) = made, let wanted else { return made }
        return .tensor(TensorReference(try catchingErrors { try reference.value.to(wanted) }))
      }
    }
    table["prim::tolist"] = tolist
    table["aten::tolist"] = tolist
    table["aten::Size"] = { arguments, _ in arguments.positional.first }
  }

  /// A tensor of a number, of a tensor or of nested lists.
  private static func tensor(of value: ScriptValue) throws -> ScriptValue {
    var shape: [Int] = [], leaves: [ScriptValue] = []
    func collect(_ value: ScriptValue, _ depth: Int) throws {
      guard let items = value.items else {
        guard depth == shape.count else { throw ScriptFailure("tensor of a list whose rows are not equally long") }
        leaves.append(value)
        return
      }
      if depth == shape.count {
        guard leaves.isEmpty, depth < 16 else { throw ScriptFailure("tensor of a list whose rows are not equally long") }
        shape.append(items.count)
      }
      guard shape[depth] == items.count else { throw ScriptFailure("tensor of a list whose rows are not equally long") }
      for item in items { try collect(item, depth + 1) }
    }
    try collect(value, 0)
    if leaves.contains(where: { if case .tensor = $0 { true } else { false } }) {
      let tensors = try leaves.map { try $0.tensor("an element").value.detach() }
      return .tensor(TensorReference(try catchingErrors { stack(tensors).reshape(shape + Array(tensors[0].shape)) }))
    }
    let made: Tensor
    if leaves.contains(where: { if case .complex = $0 { true } else { false } }) {
      let numbers = try leaves.map { leaf -> Complex<Double> in
        guard let parts = leaf.number else { throw ScriptFailure("tensor of \(leaf.kind)") }
        return Complex(parts.0, parts.1)
      }
      made = try catchingErrors { Tensor(numbers, shape: shape).to(.complex64) }
    } else if leaves.isEmpty || leaves.contains(where: { if case .real = $0 { true } else { false } }) {
      let numbers = try leaves.map { leaf -> Double in
        guard let parts = leaf.number else { throw ScriptFailure("tensor of \(leaf.kind)") }
        return parts.0
      }
      made = try catchingErrors { Tensor(numbers, shape: shape).to(.float32) }
    } else if leaves.allSatisfy({ if case .bool = $0 { true } else { false } }) {
      made = try catchingErrors { Tensor(leaves.map { if case .bool(let flag) = $0 { flag } else { false } }, shape: shape) }
    } else {
      let numbers = try leaves.map { Int64(try $0.integer("an element of a tensor")) }
      made = try catchingErrors { Tensor(numbers, shape: shape) }
    }
    return .tensor(TensorReference(made))
  }

  private static func tolist(_ arguments: Arguments, _ machine: Machine) throws -> ScriptValue? {
    guard case .tensor(let reference)? = arguments.positional.first else { return nil }
    let tensor = try reference.value
    try machine.charge(tensor.elementCount)
    let flat: [ScriptValue] =
      switch tensor.dtype.category {
      case .bool: try catchingErrors { tensor.elements(as: Bool.self) }.map { .bool($0) }
      case .integer: try catchingErrors { tensor.to(.int64).elements(as: Int64.self) }.map { .integer(Int($0)) }
      case .floatingPoint: try catchingErrors { tensor.to(.float64).elements(as: Double.self) }.map { .real($0) }
      case .complex: try catchingErrors { tensor.to(.complex128).elements(as: Complex<Double>.self) }.map { .complex($0.real, $0.imaginary) }
      }
    if tensor.rank == 0 { return flat.first }
    var level = flat
    for extent in tensor.shape.reversed().dropLast() {
      guard extent > 0 else { return .list(try ScriptList([])) }
      level = try stride(from: 0, to: level.count, by: extent).map { .list(try ScriptList(Array(level[$0..<$0 + extent]))) }
    }
    return .list(try ScriptList(level))
  }
}

import EmberRuntime
import EmberTensor

/// The arguments of a call of an operator.
struct Arguments {
  var positional: [ScriptValue]
  var named: [(name: String, value: ScriptValue)]

  var count: Int { positional.count }
  /// nil where it is missing or None.
  func optional(_ position: Int) -> ScriptValue? { position < positional.count && !positional[position].isNone ? positional[position] : nil }
  func callAsFunction(_ name: String) -> ScriptValue? { named.first { $0.name == name && !$0.value.isNone }?.value }
}

extension Compiler {
  func operatorCall(_ name: String, _ positional: [Evaluator], _ named: [(name: String, value: Evaluator)]) -> Evaluator {
    if named.isEmpty, positional.count == 2, let fast = ScalarArithmetic.functions[name] {
      let left = positional[0], right = positional[1]
      let general = OperatorCall(name, program)
      return { frame in
        let a = try left(frame), b = try right(frame)
        if let result = try fast(a, b) { return result }
        return try general(Arguments(positional: [a, b], named: []), frame.machine)
      }
    }
    let call = OperatorCall(name, program)
    return { frame in
      var values: [ScriptValue] = []
      values.reserveCapacity(positional.count)
      for argument in positional { values.append(try argument(frame)) }
      return try call(
        Arguments(positional: values, named: named.isEmpty ? [] : try named.map { ($0.name, try $0.value(frame)) }), frame.machine)
    }
  }

  /// The same with a further argument that is computed elsewhere: the last of an assignment, the first of a method.
  func operatorCall(
    _ name: String, _ positional: [Evaluator], _ named: [(name: String, value: Evaluator)], takesValue: Bool
  ) -> (Frame, ScriptValue) throws -> ScriptValue {
    let call = OperatorCall(name, program)
    let isLast = name == "aten::_set_item"
    return { frame, value in
      var values = try positional.map { try $0(frame) }
      if isLast { values.append(value) } else { values.insert(value, at: 0) }
      return try call(Arguments(positional: values, named: try named.map { ($0.name, try $0.value(frame)) }), frame.machine)
    }
  }
}

/// One place in the code where an operator is called: it remembers which overload took the arguments the last time.
final class OperatorCall {
  private let name: String
  /// Operators that work on the script's own values, or need its references.
  private let builtin: Builtin?
  private let candidates: [Operator]
  private let behaviour: Behaviour
  private var last = 0

  private enum Behaviour {
    /// Returns new tensors.
    case makes
    /// Returns views of the first argument.
    case views
    /// Returns a view of the first argument where that was possible.
    case mayView
    /// Writes its result over the first argument.
    case writes
    /// Makes the first argument a view of itself.
    case reshapes
  }

  private static let viewing: Set<String> = [
    "alias", "as_strided", "chunk", "detach", "diagonal", "dsplit", "expand", "expand_as", "hsplit", "imag", "mH", "mT", "matrix_H", "adjoint",
    "moveaxis", "movedim", "narrow", "numpy_T", "permute", "real", "select", "slice", "split", "split_with_sizes", "squeeze", "swapaxes",
    "swapdims", "t", "tensor_split", "transpose", "unbind", "unflatten", "unfold", "unsafe_chunk", "unsafe_split", "unsqueeze", "view",
    "view_as", "view_as_complex", "view_as_real", "vsplit", "broadcast_to", "linalg_diagonal", "T", "H",
  ]
  private static let mayBeViewing: Set<String> = [
    "contiguous", "flatten", "reshape", "reshape_as", "ravel", "to", "type_as", "atleast_1d", "atleast_2d", "atleast_3d", "conj",
    "resolve_conj", "resolve_neg", "positive",
  ]
  private static let reshaping: Set<String> = ["t_", "transpose_", "squeeze_", "unsqueeze_", "swapaxes_", "swapdims_"]

  /// Python's names of operators between tensors.
  private static let renamed: [String: String] = [
    "__and__": "bitwise_and", "__or__": "bitwise_or", "__xor__": "bitwise_xor", "__lshift__": "bitwise_left_shift",
    "__rshift__": "bitwise_right_shift", "__iand__": "bitwise_and_", "__ior__": "bitwise_or_", "__ixor__": "bitwise_xor_",
    "__ilshift__": "bitwise_left_shift_", "__irshift__": "bitwise_right_shift_", "ifloordiv": "floor_divide_", "floordiv": "floor_divide",
    "truediv": "true_divide",
  ]

  init(_ name: String, _ program: Program) {
    self.name = name
    let written = String(name.drop { $0 != ":" }.dropFirst(2)), base = Self.renamed[written] ?? written
    builtin = Builtins.all[name] ?? (name.hasPrefix("prim::") ? Builtins.all["aten::\(base)"] : nil)
    let isATen = name.hasPrefix("aten::") || name.hasPrefix("prim::")
    func found(_ base: String) -> [Operator] {
      let own = program.registry.overloads(of: "aten::\(base)")
      if !own.isEmpty || !isATen { return own }
      let functional = program.registry.overloads(of: "torch.nn.functional.\(base)")
      return functional.isEmpty ? program.registry.overloads(of: "torch.\(base)") : functional
    }
    if isATen, Self.reshaping.contains(base) {
      behaviour = .reshapes
      candidates = found(String(base.dropLast()))
    } else if isATen, base.hasSuffix("_"), !base.hasSuffix("__") {
      behaviour = .writes
      let own = found(base)
      candidates = own.isEmpty ? found(String(base.dropLast())) : own
    } else {
      behaviour = !isATen ? .makes : Self.viewing.contains(base) ? .views : Self.mayBeViewing.contains(base) ? .mayView : .makes
      candidates = isATen ? found(base) : program.registry.overloads(of: name)
    }
  }

  func callAsFunction(_ arguments: Arguments, _ machine: Machine) throws -> ScriptValue {
    if let builtin, let result = try builtin(arguments, machine) { return result }
    switch behaviour {
    case .makes: break
    case .writes: return try write(arguments)
    case .reshapes, .views, .mayView: return try view(arguments)
    }
    let results = try registered(arguments)
    if let output = arguments("out"), case .tensor(let target) = output, case .tensor(let result)? = results.first {
      // An output of another shape takes the result's.
      if try target.value.shape == result.shape { try Self.write(result, to: target, in: name) } else { target.become(TensorReference(result)) }
      return output
    }
    return try Self.scriptValue(results, machine)
  }

  /// Calls the operator of the registry that takes the arguments.
  private func registered(_ arguments: Arguments) throws -> [OperatorValue] {
    let (found, values) = try bound(arguments)
    return try found.callBody(values)
  }

  private func bound(_ arguments: Arguments) throws -> (Operator, [OperatorValue]) {
    if last < candidates.count, let values = try bind(candidates[last], arguments, isLenient: false) { return (candidates[last], values) }
    for isLenient in [false, true] {
      for (i, candidate) in candidates.enumerated() {
        if let values = try bind(candidate, arguments, isLenient: isLenient) {
          last = i
          return (candidate, values)
        }
      }
    }
    let given = (arguments.positional.map(\.kind) + arguments.named.map { "\($0.name)=\($0.value.kind)" }).joined(separator: ", ")
    if candidates.isEmpty, builtin == nil { throw ScriptFailure(.unsupported, "there is no operator \(name); it is called with \(given)") }
    let declared = candidates.map(\.schema.declaration).joined(separator: "; ")
    throw ScriptFailure("\(name) does not take \(given)" + (declared.isEmpty ? "" : "; it is declared as \(declared)"))
  }

  // MARK: References

  private func view(_ arguments: Arguments) throws -> ScriptValue {
    guard let first = arguments.optional(0), case .tensor(let base) = first else {
      return try Self.scriptValue(try registered(arguments), nil)
    }
    let (found, values) = try bound(arguments)
    let results = try found.callBody(values)
    let value = try base.value
    func again(_ tensor: Tensor) throws -> OperatorValue? {
      var values = values
      values[0] = .tensor(tensor)
      return try found.callBody(values).first
    }
    func argument(_ name: String) -> OperatorValue? { found.schema.arguments.firstIndex { $0.name == name }.map { values[$0] } }
    let operation = String(found.schema.name.split { $0 == ":" || $0 == "." }.last ?? "")
    switch results.first {
    case .tensor(let result):
      let step: ViewPath.Step = { tensor in
        guard case .tensor(let again)? = try again(tensor) else { return .poison }
        return again
      }
      if behaviour == .mayView {
        if result.isIdentical(to: value) { return first }
        guard try base.isView(result, step) else { return .tensor(TensorReference(result)) }
      }
      let replacement = result.dtype == value.dtype ? ViewReplacement.make(operation, step, argument) : nil
      if behaviour == .reshapes {
        try base.become(result, replacement: replacement, step)
        return first
      }
      return .tensor(try base.view(result, replacement: replacement, step))
    case .list(let results):
      let parts = try results.map { part in
        guard case .tensor(let tensor) = part else { throw ScriptFailure("\(name) returns \(part.kind) among its parts") }
        return tensor
      }
      return .list(
        try ScriptList(
          try parts.enumerated().map { i, part in
            .tensor(
              try base.view(part, replacement: ViewReplacement.make(operation, part: i, of: parts, argument)) { tensor in
                guard case .list(let again)? = try again(tensor), case .tensor(let part) = again[i] else { return .poison }
                return part
              })
          }))
    default: return try Self.scriptValue(results, nil)
    }
  }

  private func write(_ arguments: Arguments) throws -> ScriptValue {
    guard let first = arguments.optional(0), case .tensor(let target) = first else {
      throw ScriptFailure("\(name) writes into a tensor, not \(arguments.positional.first?.kind ?? "nothing")")
    }
    guard case .tensor(let result)? = try registered(arguments).first else { throw ScriptFailure("\(name) returns no tensor") }
    try Self.write(result, to: target, in: name)
    return first
  }

  /// Writes a result, which may have to be converted to the target's dtype.
  static func write(_ result: Tensor, to target: TensorReference, in name: String) throws {
    let old = try target.value
    guard result.shape == old.shape else {
      throw ScriptFailure(.shape, "\(name): a result of \(result.summary) does not fit in \(old.summary)")
    }
    try target.write(result.dtype == old.dtype ? result : try catchingErrors { result.to(old.dtype) })
  }

  // MARK: Binding

  /// One value for each of the schema's arguments, or nil where they do not fit it.
  private func bind(_ candidate: Operator, _ arguments: Arguments, isLenient: Bool) throws -> [OperatorValue]? {
    let declared = candidate.schema.arguments
    guard arguments.positional.count <= declared.count else { return nil }
    var values: [OperatorValue] = []
    values.reserveCapacity(declared.count)
    var used = 0
    for (i, argument) in declared.enumerated() {
      let given: ScriptValue?
      if i < arguments.positional.count {
        guard !argument.isKeywordOnly else { return nil }
        given = arguments.positional[i]
      } else if let named = arguments.named.first(where: { $0.name == argument.name }) {
        given = named.value
        used += 1
      } else {
        given = nil
      }
      if let given {
        guard let value = try Self.operatorValue(given, argument.kind, isLenient: isLenient) else { return nil }
        values.append(value)
      } else {
        guard let value = argument.defaultValue else { return nil }
        values.append(value)
      }
    }
    // `out` is written by whoever calls; memory need not be pinned on a CPU.
    let ignored = arguments.named.count { named in
      (named.name == "out" || named.name == "pin_memory") && !declared.contains { $0.name == named.name }
    }
    return used + ignored == arguments.named.count ? values : nil
  }

  static func operatorValue(_ value: ScriptValue, _ kind: OperatorSchema.Kind, isLenient: Bool) throws -> OperatorValue? {
    if value.isNone { return kind.acceptsNone || kind.base == "Index" ? OperatorValue.none : nil }
    if kind.base == "Any" || kind.base == "Index" { return try anything(value) }
    if kind.isList {
      guard let items = value.items else {
        guard kind.listCount != nil || isLenient, kind.base != "Tensor" else { return nil }
        return try scalar(value, kind.base, isLenient: isLenient)
      }
      var elements: [OperatorValue] = []
      elements.reserveCapacity(items.count)
      for item in items {
        if item.isNone {
          guard kind.isOptional else { return nil }
          elements.append(.none)
        } else {
          guard let element = try scalar(item, kind.base, isLenient: isLenient) else { return nil }
          elements.append(element)
        }
      }
      return .list(elements)
    }
    return try scalar(value, kind.base, isLenient: isLenient)
  }

  /// A value for an argument that takes several kinds.
  private static func anything(_ value: ScriptValue) throws -> OperatorValue? {
    switch value {
    case .none: OperatorValue.none
    case .bool(let flag): .bool(flag)
    case .integer(let number): .integer(number)
    case .real(let number): .real(number)
    case .string(let text): .string(text)
    case .tensor(let reference): .tensor(try reference.value)
    case .list, .tuple: .list(try value.items!.compactMap { try anything($0) })
    default: nil
    }
  }

  private static func scalar(_ value: ScriptValue, _ base: String, isLenient: Bool) throws -> OperatorValue? {
    switch (base, value) {
    case ("Tensor", .tensor(let reference)): return .tensor(try reference.value)
    case ("int", .integer(let number)): return .integer(number)
    case ("int", .bool(let flag)) where isLenient: return .integer(flag ? 1 : 0)
    case ("int", .tensor(let reference)) where isLenient: return .tensor(try reference.value)
    case ("float", .real(let number)): return .real(number)
    case ("float", .integer(let number)) where isLenient: return .real(Double(number))
    case ("bool", .bool(let flag)): return .bool(flag)
    case ("bool", .integer(let number)) where isLenient: return .bool(number != 0)
    case ("Scalar", .bool(let flag)): return .bool(flag)
    case ("Scalar", .integer(let number)): return .integer(number)
    case ("Scalar", .real(let number)): return .real(number)
    case ("Scalar", .complex(let real, let imaginary)): return .complex(real, imaginary)
    case ("Scalar", .tensor(let reference)) where isLenient: return .tensor(try reference.value)
    case ("str", .string(let text)): return .string(text)
    case ("ScalarType", .integer(let code)): return .dtype(try dtype(code))
    case ("Layout", .integer(let code)): return .layout(code == 0 ? "strided" : "sparse_coo")
    case ("MemoryFormat", .integer(let code)):
      let names = ["contiguous_format", "preserve_format", "channels_last", "channels_last_3d"]
      return names.indices.contains(code) ? .memoryFormat(names[code]) : nil
    case ("Device", .device(let device)): return .device(device)
    case ("Device", .string(let name)): return .device(try device(name))
    case ("Generator", .generator(let generator)): return .generator(generator)
    default: return nil
    }
  }

  static func scriptValue(_ results: [OperatorValue], _ machine: Machine?) throws -> ScriptValue {
    if results.count == 1 { return try scriptValue(results[0], machine) }
    return results.isEmpty ? .none : .tuple(try ScriptTuple(try results.map { try scriptValue($0, machine) }))
  }

  private static func scriptValue(_ value: OperatorValue, _ machine: Machine?) throws -> ScriptValue {
    switch value {
    case .none: return .none
    case .bool(let flag): return .bool(flag)
    case .integer(let number): return .integer(number)
    case .real(let number): return .real(number)
    case .complex(let real, let imaginary): return .complex(real, imaginary)
    case .string(let text): return .string(text)
    case .device(let device): return .device(device)
    case .tensor(let tensor): return .tensor(TensorReference(tensor))
    case .list(let items):
      try machine?.charge(items.count)
      return .list(try ScriptList(try items.map { try scriptValue($0, machine) }))
    case .dtype(let dtype): return .integer(code(of: dtype))
    default: throw ScriptFailure(.unsupported, "a result that is \(value.kind)")
    }
  }
}

// MARK: - Numbers that stand for names

/// PyTorch's numbers of dtypes (`c10::ScalarType`), as serialised code has them.
private let dtypes: [Int: DType] = [
  0: .uint8, 1: .int8, 2: .int16, 3: .int32, 4: .int64, 5: .float16, 6: .float32, 7: .float64, 8: .complex32, 9: .complex64, 10: .complex128,
  11: .bool, 15: .bfloat16, 23: .float8e5m2, 24: .float8e4m3fn, 25: .float8e5m2fnuz, 26: .float8e4m3fnuz, 27: .uint16, 28: .uint32,
  29: .uint64,
]

func dtype(_ code: Int) throws(ScriptFailure) -> DType {
  guard let dtype = dtypes[code] else { throw ScriptFailure(.dtype, "the dtype of number \(code) does not exist here") }
  return dtype
}

func code(of dtype: DType) -> Int { dtypes.first { $0.value == dtype }!.key }

func device(_ name: String) throws(ScriptFailure) -> Device {
  switch name {
  case "cpu": return .cpu
  case "meta": return .meta
  default:
    // What was traced on a GPU runs where the module's parameters are, which is the CPU.
    if name == "cuda" || name.hasPrefix("cuda:") { return .cpu }
    throw ScriptFailure(.device, "the device \(name) does not exist here")
  }
}

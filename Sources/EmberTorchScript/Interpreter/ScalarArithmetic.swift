import EmberRuntime

/// Operators of two numbers, which need no table of operators. Each returns nil for other operands.
enum ScalarArithmetic {
  typealias Function = (ScriptValue, ScriptValue) throws -> ScriptValue?

  static nonisolated(unsafe) let functions: [String: Function] = {
    var functions: [String: Function] = [:]
    func arithmetic(_ name: String, _ integers: @escaping (Int, Int) throws -> Int, _ reals: @escaping (Double, Double) throws -> Double) {
      functions[name] = { a, b in
        switch (a, b) {
        case (.integer(let a), .integer(let b)): .integer(try integers(a, b))
        case (.real(let a), .real(let b)): .real(try reals(a, b))
        case (.integer(let a), .real(let b)): .real(try reals(Double(a), b))
        case (.real(let a), .integer(let b)): .real(try reals(a, Double(b)))
        default: nil
        }
      }
    }
    func comparison(_ name: String, _ integers: @escaping (Int, Int) -> Bool, _ reals: @escaping (Double, Double) -> Bool) {
      functions[name] = { a, b in
        switch (a, b) {
        case (.integer(let a), .integer(let b)): return .bool(integers(a, b))
        case (.string(let a), .string(let b)): return .bool(a == b ? integers(0, 0) : a < b ? integers(0, 1) : integers(1, 0))
        default:
          guard let left = a.number, let right = b.number, left.1 == 0, right.1 == 0 else { return nil }
          return .bool(reals(left.0, right.0))
        }
      }
    }
    // 64-bit numbers of a script wrap around, as PyTorch's do.
    arithmetic("aten::add", { $0 &+ $1 }, { $0 + $1 })
    arithmetic("aten::sub", { $0 &- $1 }, { $0 - $1 })
    arithmetic("aten::mul", { $0 &* $1 }, { $0 * $1 })
    arithmetic("aten::floordiv", floorDivide, { try nonZero($1); return ($0 / $1).rounded(.down) })
    arithmetic("aten::floor_divide", floorDivide, { try nonZero($1); return ($0 / $1).rounded(.down) })
    arithmetic(
      "aten::remainder", { try $0 &- floorDivide($0, $1) &* $1 },
      { a, b in
        try nonZero(b)
        let rest = a.truncatingRemainder(dividingBy: b)
        return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest
      })
    arithmetic(
      "aten::fmod", { try nonZero(Double($1)); return $1 == -1 ? 0 : $0 % $1 }, { try nonZero($1); return $0.truncatingRemainder(dividingBy: $1) })
    for name in ["prim::min", "aten::min"] { arithmetic(name, { Swift.min($0, $1) }, { Swift.min($0, $1) }) }
    for name in ["prim::max", "aten::max"] { arithmetic(name, { Swift.max($0, $1) }, { Swift.max($0, $1) }) }
    comparison("aten::lt", <, <)
    comparison("aten::gt", >, >)
    comparison("aten::le", <=, <=)
    comparison("aten::ge", >=, >=)
    functions["aten::eq"] = { a, b in try equality(a, b).map { .bool($0) } }
    functions["aten::ne"] = { a, b in try equality(a, b).map { .bool(!$0) } }
    for name in ["aten::div", "aten::truediv"] {
      functions[name] = { a, b in
        guard let left = a.number, let right = b.number else { return nil }
        if case .complex = a { return nil }
        if case .complex = b { return nil }
        try nonZero(right.0)
        return .real(left.0 / right.0)
      }
    }
    func bits(_ name: String, _ integers: @escaping (Int, Int) throws -> Int, _ flags: ((Bool, Bool) -> Bool)? = nil) {
      functions[name] = { a, b in
        switch (a, b) {
        case (.integer(let a), .integer(let b)): .integer(try integers(a, b))
        case (.bool(let a), .bool(let b)): flags.map { .bool($0(a, b)) }
        default: nil
        }
      }
    }
    bits("aten::__and__", { $0 & $1 }, { $0 && $1 })
    bits("aten::__or__", { $0 | $1 }, { $0 || $1 })
    bits("aten::__xor__", { $0 ^ $1 }, { $0 != $1 })
    bits("aten::__lshift__", { $0 << $1 })
    bits("aten::__rshift__", { $0 >> $1 })
    functions["aten::__is__"] = { a, b in .bool(a.isSame(as: b)) }
    functions["aten::__isnot__"] = { a, b in .bool(!a.isSame(as: b)) }
    return functions
  }()

  private static func nonZero(_ divisor: Double) throws(ScriptFailure) {
    if divisor == 0 { throw ScriptFailure("ZeroDivisionError: division by zero") }
  }

  private static func floorDivide(_ a: Int, _ b: Int) throws(ScriptFailure) -> Int {
    if b == 0 { throw ScriptFailure("ZeroDivisionError: division by zero") }
    if b == -1 { return 0 &- a }
    let quotient = a / b
    return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient
  }

  /// nil where a tensor is compared, element by element.
  private static func equality(_ a: ScriptValue, _ b: ScriptValue) throws -> Bool? {
    if case .tensor = a { return nil }
    if case .tensor = b { return nil }
    return try a.equals(b)
  }
}

import EmberRuntime
import EmberTensor

/// Conversions between types of elements.
extension OperatorTable {
  mutating func addCasts() {
    add("Cast") { call in
      // The first version named types.
      var type = call.version < 6 ? nil : try call.elementType("to")
      if call.version < 6, let name = try call.string("to") {
        let names: [String: ONNXElementType] = ["FLOAT": .float32, "DOUBLE": .float64]
        type = names[name] ?? ONNXElementType.allCases.first { $0.description.uppercased() == name }
      }
      return try call.cast(try call.value(0), to: try call.required(type, "to"))
    }
    add("CastLike", since: 15) { call in
      let like = try call.value(1)
      guard let type = like.elementType else { throw call.failure("input 1 is \(like.summary), where a tensor is needed", .dtype) }
      return try call.cast(try call.value(0), to: type)
    }
    add("BitCast", since: 26) { call in
      let value = try call.value(0), type = try call.required(try call.elementType("to"), "to")
      guard let from = value.elementType, let shape = value.shape, from != .string, from.bitCount == type.bitCount else {
        throw call.failure("\(value.summary) as \(type); both must have as many bits", .dtype)
      }
      if from.isNarrow || type.isNarrow { return try rewritten(value, shape, from, type) }
      return try call.tensor(0).withBytes { bytes in
        if type == .bool { return .tensor(bytes.map { $0 != 0 }.withUnsafeBytes { Tensor(bytes: $0, shape: shape, dtype: .bool) }) }
        return .tensor(Tensor(bytes: bytes, shape: shape, dtype: type.dtype!))
      }
    }
  }
}

/// The bits of elements of which one type or the other is narrow.
private func rewritten(_ value: ONNXValue, _ shape: [Int], _ from: ONNXElementType, _ type: ONNXElementType) throws -> ONNXValue {
  let tensor = value.tensor!
  let bits = try from.isNarrow ? NarrowElements.bits(tensor, from) : tensor.withBytes { Array($0) }
  if !type.isNarrow { return .tensor(bits.withUnsafeBytes { Tensor(bytes: $0, shape: shape, dtype: type.dtype!) }) }
  return .narrow(ONNXNarrowTensor(NarrowElements.tensor(bits: bits, type, shape), type))
}

extension OperatorCall {
  func cast(_ value: ONNXValue, to type: ONNXElementType) throws -> ONNXValue {
    switch value {
    case .strings(let strings):
      if type == .string { return value }
      return try cast(.tensor(Tensor(try strings.elements.map(number), shape: strings.shape, dtype: .float64)), to: type)
    case .tensor(let tensor):
      if type == .string { return .strings(ONNXStrings(shape: Array(tensor.shape), try texts(tensor))) }
      return try cast(tensor, to: type)
    case .narrow(let narrow):
      if type == narrow.type { return value }
      if type == .string { return .strings(ONNXStrings(shape: Array(narrow.tensor.shape), try texts(narrow.tensor))) }
      return try cast(narrow.tensor, to: type)
    case .sequence, .absent: throw failure("\(value.summary) cannot be converted", .dtype)
    }
  }

  private func number(_ text: String) throws -> Double {
    switch text.lowercased() {
    case "inf", "+inf": return .infinity
    case "-inf": return -.infinity
    case "nan": return .nan
    default:
      guard let number = Double(text) else { throw failure("'\(text)' is no number") }
      return number
    }
  }

  private func texts(_ tensor: Tensor) throws -> [String] {
    func described<Number: BinaryFloatingPoint & CustomStringConvertible>(_ number: Number) -> String {
      number.isNaN ? "nan" : "\(number)"
    }
    switch tensor.dtype {
    case .bool: return try tensor.elementsOrThrow(as: Bool.self).map { $0 ? "True" : "False" }
    case .uint64: return try tensor.elementsOrThrow(as: UInt64.self).map { "\($0)" }
    case .float64: return try tensor.elementsOrThrow(as: Double.self).map(described)
    default:
      if tensor.dtype.isInteger { return try tensor.elementsOrThrow(as: Int64.self).map { "\($0)" } }
      return try tensor.elementsOrThrow(as: Float.self).map(described)
    }
  }

  private func cast(_ tensor: Tensor, to type: ONNXElementType) throws -> ONNXValue {
    switch type {
    case .float8e4m3fn, .float8e4m3fnuz, .float8e5m2, .float8e5m2fnuz:
      return .tensor(Float8Conversion.rounded(tensor, to: type.dtype!, saturates: try flag("saturate", true)))
    case .float8e8m0:
      let mode = try string("round_mode", oneOf: ["up", "down", "nearest"])
      return .narrow(ONNXNarrowTensor(powersOfTwo(tensor, mode, saturates: try flag("saturate", true)), type))
    case .float4e2m1: return .narrow(ONNXNarrowTensor(Float4Conversion.rounded(tensor.wide.to(.float32)), type))
    case .uint4, .int4, .uint2, .int2:
      return .narrow(ONNXNarrowTensor(wrapped(tensor, to: type), type))
    case .bool: return .tensor(tensor.dtype == .bool ? tensor : tensor.wide .!= 0)
    default:
      if tensor.dtype == .uint64, type.isFloatingPoint { return .tensor(unsignedNumbers(tensor).to(type.dtype!)) }
      return .tensor(tensor.to(type.dtype!))
    }
  }

  /// The low bits of integers, and of numbers without their fractions.
  private func wrapped(_ tensor: Tensor, to type: ONNXElementType) -> Tensor {
    let range = type.integerRange!, count = range.upperBound - range.lowerBound + 1
    let whole = tensor.to(.int64)
    return ((whole - range.lowerBound).remainder(Tensor(count)) + range.lowerBound).to(type.dtype!)
  }

  /// Numbers from 2⁶³ on are negative ones in the type that Ember computes in.
  private func unsignedNumbers(_ tensor: Tensor) -> Tensor {
    let signed = tensor.to(.int64), number = signed.to(.float64)
    return `where`(signed .< 0, number + 0x1p64, number)
  }
}

/// The nearest powers of two that `float8_e8m0` has, 2⁻¹²⁷ to 2¹²⁷; NaN for what has none.
///
/// The modes are those of the operator: `up` to the next larger one, `down` to the next smaller, `nearest` with ties up.
private func powersOfTwo(_ tensor: Tensor, _ mode: String, saturates: Bool) -> Tensor {
  let x = tensor.wide.to(.float64).abs()
  let (mantissa, exponent) = x.frexp()
  // x = m · 2^e with m in [0.5, 1).
  let lower = exponent.to(.float64) - 1
  let isAbove: Tensor = switch mode {
  case "down": Tensor.full(like: x, false, dtype: .bool)
  case "nearest": mantissa .>= 0.75
  default: mantissa .> 0.5
  }
  var power = `where`(isAbove, lower + 1, lower).maskedFill(x .== 0, -127)
  let isOutside = (power .> 127) | (power .< -127) | x.isInfinite | (x .== 0)
  power = power.clamp(min: -127.0, max: 127.0)
  var result = power.exp2()
  result = result.maskedFill(x.isNaN, .real(.nan))
  if !saturates { result = result.maskedFill(isOutside, .real(.nan)) } else { result = result.maskedFill(x.isInfinite, .real(0x1p127)) }
  return result.to(.float32)
}

import EmberGraph
import EmberRuntime
import EmberTensor

/// A pointwise function: ONNX's own operator where it has one of the same meaning, else the steps of its program, typed as they run.
extension PointwiseCall: ONNXExportable {
  func export(_ site: ExportSite) throws -> [String?] {
    if let name = try wellKnown(site) { return [name] }
    let inputs = try (0..<site.inputCount).map { try site.input($0) }
    let program = try program(for: inputs.map { input in
      Tracer.Form(shape: Shape(input.shape.map { $0.samples[0] }), dtype: input.dtype, device: .cpu)
    })
    let numbers = try (0..<parameters.count).map { try number($0, site, program.computeType.dtype) }
    return try PointwiseTranslation(program, site, inputs: inputs.map { ($0.name, $0.dtype) }, numbers: numbers).outputs()
  }

  /// A number given at the call; it may depend on dynamic extents.
  private func number(_ i: Int, _ site: ExportSite, _ dtype: DType) throws -> String {
    let all = site.exporter.graphs.map { ($0.nodes[site.position].call.subject as! PointwiseCall).parameters[i] }
    if all.allSatisfy({ $0 == all[0] || $0.doubleValue.isNaN && all[0].doubleValue.isNaN }) { return site.scalar(all[0], dtype) }
    let whole = all.compactMap { Int(exactly: $0.doubleValue) }
    guard whole.count == all.count else {
      throw site.refusal("the number \(all.map(\.doubleValue)) depends on the dynamic extents; compute it with tensors")
    }
    return try site.cast(site.scalarExtent(Extent(whole)), from: .int64, to: dtype)
  }

  /// The functions that ONNX has as such, in the types that everybody implements them for.
  private func wellKnown(_ site: ExportSite) throws -> String? {
    let x = try site.input(0)
    guard x.dtype == .float32 else { return nil }
    func fixed(_ i: Int) -> Double? {
      let all = site.exporter.graphs.map { ($0.nodes[site.position].call.subject as! PointwiseCall).parameters[i].doubleValue }
      return all.allSatisfy { $0 == all[0] } ? all[0] : nil
    }
    switch function {
    case _ where function === Pointwise.relu: return site.emit("Relu", x.name)
    case _ where function === Pointwise.leakyReLU:
      return fixed(0).map { site.emit("LeakyRelu", x.name, attributes: ["alpha": .float($0)]) }
    case _ where function === Pointwise.elu: return fixed(0).map { site.emit("Elu", x.name, attributes: ["alpha": .float($0)]) }
    case _ where function === Pointwise.softplus: return fixed(0) == 1 && fixed(1)! >= 20 ? site.emit("Softplus", x.name) : nil
    case _ where function === Pointwise.geluTanh && site.opset >= 20:
      return site.emit("Gelu", x.name, attributes: ["approximate": .text("tanh")])
    default: return nil
    }
  }
}

/// The steps of a pointwise program as nodes.
private struct PointwiseTranslation {
  let program: PointwiseProgram
  let site: ExportSite
  private var slots: [Int: String] = [:]

  init(_ program: PointwiseProgram, _ site: ExportSite, inputs: [(name: String, dtype: DType)], numbers: [String]) throws {
    self.program = program
    self.site = site
    for (i, input) in inputs.enumerated() {
      slots[i] = try site.cast(input.name, from: input.dtype, to: program.inputs[i].type.dtype)
    }
    for (i, number) in numbers.enumerated() { slots[inputs.count + i] = number }
    for (i, constant) in program.constants.enumerated() {
      slots[program.inputs.count + i] = site.scalar(constant.value, constant.type.dtype)
    }
    for step in program.steps {
      let operands = [step.a, step.b, step.c].prefix(step.opcode.operandCount).map { slots[Int($0)]! }
      slots[Int(step.result)] = try translate(step, operands)
    }
  }

  func outputs() throws -> [String?] {
    try program.outputs.map { try site.cast(slots[Int($0.slot)]!, from: $0.type.dtype, to: $0.dtype) }
  }

  private func emit(_ operation: String, _ inputs: String...) -> String { site.emit(operation, inputs, [:], outputs: 1)[0] }

  private func translate(_ step: PointwiseProgram.Step, _ operands: [String]) throws -> String {
    let type = step.type
    if type == .complex64 || type == .complex128 { throw site.refusal("ONNX does not compute with complex numbers") }
    switch step.opcode {
    case .copy: return operands[0]
    case .cast: return try site.cast(operands[0], from: type.dtype, to: step.resultType.dtype)
    case .select: return emit("Where", operands[0], operands[1], operands[2])
    case .logicalNot, .logicalAnd, .logicalOr, .logicalXor:
      let truths = try operands.map { try site.cast($0, from: type.dtype, to: .bool) }
      let name = [Opcode.logicalNot: "Not", .logicalAnd: "And", .logicalOr: "Or", .logicalXor: "Xor"][step.opcode]!
      return site.emit(name, truths, [:], outputs: 1)[0]
    default: break
    }
    if type == .bool {
      if let result = onBool(step.opcode, operands) { return result }
      // The rest counts truth values as numbers.
      let numbers = try operands.map { try site.cast($0, from: .bool, to: .int32) }
      let result = try onNumbers(step.opcode, .int32, numbers)
      return step.resultType == .bool && yieldsBool(step.opcode) ? result : try site.cast(result, from: .int32, to: step.resultType.dtype)
    }
    // Small integers wrap around as larger ones that are cut off.
    if [.uint8, .int8, .int16].contains(type) {
      let wide = try operands.map { try site.cast($0, from: type.dtype, to: .int32) }
      let result = try onNumbers(step.opcode, .int32, wide)
      return yieldsBool(step.opcode) ? result : try site.cast(result, from: .int32, to: type.dtype)
    }
    return try onNumbers(step.opcode, type, operands)
  }

  private func yieldsBool(_ opcode: Opcode) -> Bool {
    switch opcode {
    case .isNaN, .isInfinite, .isFinite, .equal, .notEqual, .less, .lessEqual, .greater, .greaterEqual: true
    default: false
    }
  }

  private func onBool(_ opcode: Opcode, _ x: [String]) -> String? {
    switch opcode {
    case .add, .maximum, .bitwiseOr, .fmax: emit("Or", x[0], x[1])
    case .multiply, .minimum, .bitwiseAnd, .fmin: emit("And", x[0], x[1])
    case .bitwiseXor, .notEqual: emit("Xor", x[0], x[1])
    case .equal: emit("Equal", x[0], x[1])
    case .bitwiseNot: emit("Not", x[0])
    case .absolute, .sign, .square: x[0]
    default: nil
    }
  }

  /// ONNX's operators of the same meaning, for float32, float64, int32 and int64.
  private static let direct: [Opcode: String] = [
    .negate: "Neg", .absolute: "Abs", .sign: "Sign", .reciprocal: "Reciprocal", .sqrt: "Sqrt", .exp: "Exp", .log: "Log", .sin: "Sin",
    .cos: "Cos", .tan: "Tan", .asin: "Asin", .acos: "Acos", .atan: "Atan", .sinh: "Sinh", .cosh: "Cosh", .tanh: "Tanh",
    .asinh: "Asinh", .acosh: "Acosh", .atanh: "Atanh", .erf: "Erf", .sigmoid: "Sigmoid", .add: "Add", .subtract: "Sub",
    .multiply: "Mul", .divide: "Div", .power: "Pow", .maximum: "Max", .minimum: "Min", .equal: "Equal", .less: "Less",
    .lessEqual: "LessOrEqual", .greater: "Greater", .greaterEqual: "GreaterOrEqual",
  ]

  private func onNumbers(_ opcode: Opcode, _ type: ComputeType, _ x: [String]) throws -> String {
    let isFloating = type == .float32 || type == .float64
    func number(_ value: Double) -> String { site.scalar(isFloating ? .real(value) : .integer(Int64(value)), type.dtype) }
    func any(_ a: String, _ b: String) -> String { emit("Or", a, b) }
    if let name = Self.direct[opcode] { return site.emit(name, x, [:], outputs: 1)[0] }
    switch opcode {
    case .square: return emit("Mul", x[0], x[0])
    case .rsqrt: return emit("Reciprocal", emit("Sqrt", x[0]))
    case .exp2: return emit("Pow", number(2), x[0])
    // tanh(x/2) · (eˣ + 1), exact near 0.
    case .expm1: return emit("Mul", emit("Tanh", emit("Mul", x[0], number(0.5))), emit("Add", emit("Exp", x[0]), number(1)))
    case .log1p:
      let plain = emit("Log", emit("Add", x[0], number(1)))
      if type == .float64 { return plain }
      // 2 artanh(x / (2 + x)) near 0.
      let near = emit("Mul", number(2), emit("Atanh", emit("Div", x[0], emit("Add", x[0], number(2)))))
      return emit("Where", emit("Less", emit("Abs", x[0]), number(0.5)), near, plain)
    case .log2: return emit("Mul", emit("Log", x[0]), number(1.4426950408889634074))
    case .log10: return emit("Mul", emit("Log", x[0]), number(0.43429448190325182765))
    case .erfc: return emit("Sub", number(1), emit("Erf", x[0]))
    case .floor where isFloating: return emit("Floor", x[0])
    case .ceil where isFloating: return emit("Ceil", x[0])
    case .round where isFloating: return emit("Round", x[0])
    case .trunc where isFloating: return emit("Mul", emit("Sign", x[0]), emit("Floor", emit("Abs", x[0])))
    case .floor, .ceil, .round, .trunc: return x[0]
    case .gelu:
      if site.opset >= 20 { return emit("Gelu", x[0]) }
      let share = emit("Add", emit("Erf", emit("Mul", x[0], number(0.70710678118654752440))), number(1))
      return emit("Mul", emit("Mul", x[0], number(0.5)), share)
    case .isNaN: return isFloating ? emit("IsNaN", x[0]) : emit("Not", emit("Equal", x[0], x[0]))
    case .isInfinite: return isFloating ? emit("IsInf", x[0]) : emit("Not", emit("Equal", x[0], x[0]))
    case .isFinite: return isFloating ? emit("Not", any(emit("IsNaN", x[0]), emit("IsInf", x[0]))) : emit("Equal", x[0], x[0])
    case .notEqual: return emit("Not", emit("Equal", x[0], x[1]))
    case .fma: return emit("Add", emit("Mul", x[0], x[1]), x[2])
    case .hypot: return emit("Sqrt", emit("Add", emit("Mul", x[0], x[0]), emit("Mul", x[1], x[1])))
    case .fmod: return site.emit("Mod", x, ["fmod": .int(1)], outputs: 1)[0]
    case .remainder:
      if !isFloating { return emit("Mod", x[0], x[1]) }
      // Of the divisor's sign.
      let rest = site.emit("Mod", x, ["fmod": .int(1)], outputs: 1)[0]
      let differs = emit("Xor", emit("Less", rest, number(0)), emit("Less", x[1], number(0)))
      let moves = emit("And", differs, emit("Not", emit("Equal", rest, number(0))))
      return emit("Where", moves, emit("Add", rest, x[1]), rest)
    case .floorDivide:
      let quotient = emit("Div", x[0], x[1])
      if isFloating { return emit("Floor", quotient) }
      let isExact = emit("Equal", emit("Mul", quotient, x[1]), x[0])
      let isNegative = emit("Xor", emit("Less", x[0], number(0)), emit("Less", x[1], number(0)))
      return emit("Where", emit("And", isNegative, emit("Not", isExact)), emit("Sub", quotient, number(1)), quotient)
    case .fmax, .fmin:
      let both = emit(opcode == .fmax ? "Max" : "Min", x[0], x[1])
      if !isFloating { return both }
      return emit("Where", emit("IsNaN", x[0]), x[1], emit("Where", emit("IsNaN", x[1]), x[0], both))
    case .copysign:
      // A negative zero has a reciprocal of -∞.
      let isNegative = any(emit("Less", x[1], number(0)), emit("Less", emit("Reciprocal", x[1]), number(0)))
      let size = emit("Abs", x[0])
      return emit("Where", isNegative, emit("Neg", size), size)
    case .atan2:
      let angle = emit("Atan", emit("Div", x[0], x[1]))
      let half = emit("Where", emit("Less", x[0], number(0)), number(-Double.pi), number(Double.pi))
      let turned = emit("Where", emit("Less", x[1], number(0)), emit("Add", angle, half), angle)
      let isOrigin = emit("And", emit("Equal", x[0], number(0)), emit("Equal", x[1], number(0)))
      return emit("Where", isOrigin, number(0), turned)
    case .bitwiseNot: return emit("Sub", emit("Neg", x[0]), number(1))
    case .bitwiseAnd, .bitwiseOr, .bitwiseXor:
      guard site.opset >= 18 else { throw site.refusal("operations on bits need operator set 18") }
      return emit([Opcode.bitwiseAnd: "BitwiseAnd", .bitwiseOr: "BitwiseOr", .bitwiseXor: "BitwiseXor"][opcode]!, x[0], x[1])
    case .shiftLeft: return emit("Mul", x[0], emit("Pow", number(2), x[1]))
    default: throw site.refusal("ONNX has nothing for the function \(opcode) of \(type)")
    }
  }
}

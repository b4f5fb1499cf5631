import Synchronization

/// A pointwise function compiled for given dtypes: typed steps over value slots, which every backend runs or translates.
///
/// Slots: the inputs (converted to their computing types), then the constants, then the registers.
public final class PointwiseProgram: Sendable {
  public struct Step: Sendable, Hashable {
    public var opcode: Opcode
    /// Type of the operands (of the chosen values for `select`, of the source for `cast`).
    public var type: ComputeType
    public var resultType: ComputeType
    public var result: UInt16
    public var a: UInt16
    public var b: UInt16 = 0
    public var c: UInt16 = 0
  }

  public struct Input: Sendable {
    public var dtype: DType
    public var type: ComputeType
  }

  public struct Constant: Sendable, Hashable {
    public var value: Scalar
    public var type: ComputeType
  }

  public struct Output: Sendable {
    public var dtype: DType
    public var type: ComputeType
    public var slot: UInt16
  }

  public let name: String
  public let inputs: [Input]
  /// How many of the inputs, the last ones, are parameters of the call: single numbers in host memory, whatever the device.
  public let parameterCount: Int
  public let constants: [Constant]
  public let registerCount: Int
  public let steps: [Step]
  public let outputs: [Output]
  /// The type that untyped operands and parameters take.
  public let computeType: ComputeType
  /// What `Pointwise` found this program under.
  let key: UInt64

  /// What each kind of backend made of the program, opaque here; made on first use, freed never (programs are cached for good).
  private let artifacts = InlineArray<8, Atomic<UInt>> { _ in Atomic(0) }

  init(
    name: String, key: UInt64, inputs: [Input], parameterCount: Int, constants: [Constant], registerCount: Int, steps: [Step],
    outputs: [Output],
    computeType: ComputeType
  ) {
    self.name = name
    self.key = key
    self.inputs = inputs
    self.parameterCount = parameterCount
    self.constants = constants
    self.registerCount = registerCount
    self.steps = steps
    self.outputs = outputs
    self.computeType = computeType
  }

  /// The backend's form of this program. `make` may run on several threads at once; one result is kept.
  @inlinable public func artifact(for type: DeviceType, make: () -> UnsafeMutableRawPointer) -> UnsafeMutableRawPointer {
    existingArtifact(type) ?? store(make(), for: type)
  }

  @usableFromInline func existingArtifact(_ type: DeviceType) -> UnsafeMutableRawPointer? {
    UnsafeMutableRawPointer(bitPattern: artifacts[Int(type.rawValue)].load(ordering: .acquiring))
  }

  @usableFromInline func store(_ made: UnsafeMutableRawPointer, for type: DeviceType) -> UnsafeMutableRawPointer {
    let (exchanged, original) = artifacts[Int(type.rawValue)].compareExchange(
      expected: 0, desired: UInt(bitPattern: made), ordering: .acquiringAndReleasing)
    return exchanged ? made : UnsafeMutableRawPointer(bitPattern: original)!
  }
}

extension PointwiseProgram: CustomStringConvertible {
  /// The steps in words, one a line.
  public var description: String {
    func slot(_ number: UInt16) -> String {
      let n = Int(number)
      if n < inputs.count { return "x\(n)" }
      if n < inputs.count + constants.count { return "\(constants[n - inputs.count].value)" }
      return "r\(n - inputs.count - constants.count)"
    }
    let body = steps.map { step -> String in
      let operands = [step.a, step.b, step.c].prefix(step.opcode.operandCount).map(slot).joined(separator: ", ")
      return "  \(slot(step.result)): \(step.resultType) = \(step.opcode)(\(operands))"
    }
    let result = outputs.map { "\(slot($0.slot)): \($0.dtype)" }.joined(separator: ", ")
    return (["\(name)(\(inputs.map { $0.dtype.name }.joined(separator: ", ")))"] + body + ["  → \(result)"]).joined(separator: "\n")
  }
}

extension Opcode {
  package var operandCount: Int {
    switch self {
    case .select, .fma: 3
    case _ where rawValue >= Opcode.add.rawValue: 2
    default: 1
    }
  }
}

/// Turns expressions into typed steps.
struct ProgramCompiler {
  let nodes: [ExpressionGraph.Node]
  let computeType: ComputeType
  /// Types of the inputs and then of the parameters.
  let inputTypes: [ComputeType]
  let parameterBase: Int

  private var steps: [PointwiseProgram.Step] = []
  private var constants: [PointwiseProgram.Constant] = []
  /// Values by node and type; the slot numbers of registers start at `registerBase` until `finish`.
  private var emitted: [Key: UInt16] = [:]
  private var inferred: [Int: ComputeType?] = [:]
  private var valueCount: UInt16 = 0

  private static let constantBase: UInt16 = 1 << 12
  private static let registerBase: UInt16 = 1 << 13

  private struct Key: Hashable {
    var node: Int
    var type: ComputeType
  }

  init(nodes: [ExpressionGraph.Node], computeType: ComputeType, inputTypes: [ComputeType], parameterBase: Int) {
    self.nodes = nodes
    self.computeType = computeType
    self.inputTypes = inputTypes
    self.parameterBase = parameterBase
  }

  /// The natural type of a node; nil for literals, which take that of what they meet.
  mutating func infer(_ number: Int) -> ComputeType? {
    if let known = inferred[number] { return known }
    let type: ComputeType?
    switch nodes[number] {
    case .input(let i): type = inputTypes[i]
    case .parameter: type = computeType
    case .constant(let value): type = value.category == .bool ? .bool : nil
    case .apply(let opcode, let operands):
      let operandType = self.operandType(opcode, operands)
      if opcode.yieldsBool {
        type = .bool
      } else if opcode.yieldsReal {
        type = operandType.realPart
      } else if opcode == .makeComplex {
        type = operandType == .float64 ? .complex128 : .complex64
      } else {
        type = operandType
      }
    }
    inferred[number] = .some(type)
    return type
  }

  /// The type that a function's operands are brought to.
  private mutating func operandType(_ opcode: Opcode, _ operands: [Int]) -> ComputeType {
    var type: ComputeType?
    for operand in opcode == .select ? operands.dropFirst() : operands[...] {
      guard let own = infer(operand) else { continue }
      type = type.map { ComputeType.meet($0, own) } ?? own
    }
    guard var type else { return computeType }
    // A truth value in arithmetic with a literal (`1 - (x .> 0)`) counts in the computing type.
    let hasLiteral = operands.contains { infer($0) == nil }
    if type == .bool, hasLiteral, opcode != .select || computeType != .bool, !opcode.isLogical { type = computeType }
    if opcode == .makeComplex { type = type.realPart }
    return type
  }

  /// The slot that holds `number` as `type`.
  mutating func emit(_ number: Int, as type: ComputeType) -> UInt16 {
    if let slot = emitted[Key(node: number, type: type)] { return slot }
    let slot: UInt16
    let natural = infer(number)
    if case .constant(let value) = nodes[number] {
      slot = constant(value, type)
    } else if let natural, natural != type {
      slot = append(.cast, natural, type, [emit(number, as: natural)])
    } else {
      slot = emitNatural(number)
    }
    emitted[Key(node: number, type: type)] = slot
    return slot
  }

  private mutating func emitNatural(_ number: Int) -> UInt16 {
    switch nodes[number] {
    case .input(let i): return UInt16(i)
    case .parameter(let i): return UInt16(parameterBase + i)
    case .constant(let value): return constant(value, computeType)
    case .apply(let opcode, let operands):
      let type = operandType(opcode, operands)
      // Functions that do nothing to a real number.
      if !type.isComplex, opcode == .conjugate || opcode == .real || opcode == .copy { return emit(operands[0], as: type) }
      if opcode == .select {
        let condition = emit(operands[0], as: .bool)
        return append(opcode, type, type, [condition, emit(operands[1], as: type), emit(operands[2], as: type)])
      }
      let slots = operands.map { emit($0, as: type) }
      return append(opcode, type, infer(number) ?? type, slots)
    }
  }

  mutating func constant(_ value: Scalar, _ type: ComputeType) -> UInt16 {
    let entry = PointwiseProgram.Constant(value: value, type: type)
    if let index = constants.firstIndex(of: entry) { return Self.constantBase + UInt16(index) }
    constants.append(entry)
    return Self.constantBase + UInt16(constants.count - 1)
  }

  mutating func append(_ opcode: Opcode, _ type: ComputeType, _ resultType: ComputeType, _ operands: [UInt16]) -> UInt16 {
    let result = Self.registerBase + valueCount
    valueCount += 1
    var step = PointwiseProgram.Step(opcode: opcode, type: type, resultType: resultType, result: result, a: operands[0])
    if operands.count > 1 { step.b = operands[1] }
    if operands.count > 2 { step.c = operands[2] }
    steps.append(step)
    return result
  }

  /// Numbers the slots densely, sharing registers whose values are no longer needed.
  mutating func finish(name: String, key: UInt64, inputs: [PointwiseProgram.Input], outputs: [PointwiseProgram.Output]) -> PointwiseProgram
  {
    var lastUse: [UInt16: Int] = [:]
    for (position, step) in steps.enumerated() {
      for slot in [step.a, step.b, step.c].prefix(step.opcode.operandCount) { lastUse[slot] = position }
    }
    for output in outputs { lastUse[output.slot] = .max }
    let constantStart = UInt16(inputs.count)
    let registerStart = constantStart + UInt16(constants.count)
    var register: [UInt16: UInt16] = [:]
    var free: [UInt16] = []
    var registerCount: UInt16 = 0
    func final(_ slot: UInt16) -> UInt16 {
      if slot >= Self.registerBase { return registerStart + register[slot]! }
      if slot >= Self.constantBase { return constantStart + slot - Self.constantBase }
      return slot
    }
    for position in steps.indices {
      var step = steps[position]
      let operands = Array([step.a, step.b, step.c].prefix(step.opcode.operandCount))
      step.a = final(step.a)
      if operands.count > 1 { step.b = final(step.b) }
      if operands.count > 2 { step.c = final(step.c) }
      // The result gets a register before the operands give theirs back: kernels need not work in place.
      let own: UInt16
      if let reused = free.popLast() { own = reused } else { own = registerCount; registerCount += 1 }
      register[step.result] = own
      for (i, slot) in operands.enumerated() where slot >= Self.registerBase && lastUse[slot] == position {
        if !operands[..<i].contains(slot) { free.append(register[slot]!) }
      }
      step.result = registerStart + own
      steps[position] = step
    }
    let finalOutputs = outputs.map { PointwiseProgram.Output(dtype: $0.dtype, type: $0.type, slot: final($0.slot)) }
    return PointwiseProgram(
      name: name, key: key, inputs: inputs, parameterCount: inputs.count - parameterBase, constants: constants,
      registerCount: Int(registerCount), steps: steps,
      outputs: finalOutputs, computeType: computeType)
  }
}

extension Opcode {
  fileprivate var isLogical: Bool {
    switch self {
    case .logicalAnd, .logicalOr, .logicalXor, .logicalNot, .bitwiseAnd, .bitwiseOr, .bitwiseXor, .bitwiseNot: true
    default: false
    }
  }
}

/// One call among those that become a single program.
public struct FusedStep: Sendable {
  /// Where an input of the call's program comes from.
  public enum Source: Sendable, Hashable {
    /// A tensor from outside, by its place in the list of inputs.
    case input(Int)
    /// A result of an earlier call.
    case result(call: Int, output: Int)
    /// A number.
    case number(Scalar)
  }

  public let program: PointwiseProgram
  /// One for each input of the program, its parameters included.
  public let sources: [Source]

  public init(_ program: PointwiseProgram, _ sources: [Source]) {
    self.program = program
    self.sources = sources
  }
}

extension PointwiseProgram {
  /// The steps of several programs as one, so that what one call hands to another stays in registers. Steps that several calls share are
  /// taken once.
  ///
  /// Results that stay inside keep the type they were computed in: 16-bit floats are not rounded in between.
  ///
  /// - Parameter outputs: which results leave the program, in order.
  /// - Returns: the program, and for each of its inputs the place in the list of inputs: one that calls read as different types is there
  ///   more than once.
  public static func fused(
    _ name: String, _ steps: [FusedStep], inputs dtypes: [DType], outputs wanted: [(call: Int, output: Int)]
  ) -> (program: PointwiseProgram, inputs: [Int]) {
    // Inputs as they are read, in order of first use.
    var reads: [(input: Int, type: ComputeType)] = []
    for step in steps {
      for (source, own) in zip(step.sources, step.program.inputs) {
        if case .input(let i) = source, !reads.contains(where: { $0.input == i && $0.type == own.type }) { reads.append((i, own.type)) }
      }
    }
    let computeType = steps.last!.program.computeType
    var compiler = ProgramCompiler(nodes: [], computeType: computeType, inputTypes: reads.map(\.type), parameterBase: reads.count)
    struct Key: Hashable {
      let opcode: Opcode
      let type: ComputeType
      let resultType: ComputeType
      let operands: [UInt16]
    }
    var known: [Key: UInt16] = [:]
    func append(_ opcode: Opcode, _ type: ComputeType, _ resultType: ComputeType, _ operands: [UInt16]) -> UInt16 {
      let key = Key(opcode: opcode, type: type, resultType: resultType, operands: operands)
      if let slot = known[key] { return slot }
      let slot = compiler.append(opcode, type, resultType, operands)
      known[key] = slot
      return slot
    }
    var results: [[(slot: UInt16, type: ComputeType)]] = []
    for step in steps {
      let program = step.program
      let firstConstant = program.inputs.count, firstRegister = firstConstant + program.constants.count
      var values: [UInt16: UInt16] = [:]
      for (i, source) in step.sources.enumerated() {
        let type = program.inputs[i].type
        switch source {
        case .input(let input): values[UInt16(i)] = UInt16(reads.firstIndex { $0.input == input && $0.type == type }!)
        case .number(let number): values[UInt16(i)] = compiler.constant(number, type)
        case .result(let call, let output):
          let (slot, own) = results[call][output]
          values[UInt16(i)] = own == type ? slot : append(.cast, own, type, [slot])
        }
      }
      for (i, constant) in program.constants.enumerated() {
        values[UInt16(firstConstant + i)] = compiler.constant(constant.value, constant.type)
      }
      for own in program.steps {
        let operands = [own.a, own.b, own.c].prefix(own.opcode.operandCount).map { values[$0]! }
        values[own.result] = append(own.opcode, own.type, own.resultType, operands)
      }
      assert(firstRegister >= firstConstant)
      results.append(program.outputs.map { (values[$0.slot]!, $0.type) })
    }
    let outputs = wanted.map { place in
      let (slot, type) = results[place.call][place.output]
      return Output(dtype: steps[place.call].program.outputs[place.output].dtype, type: type, slot: slot)
    }
    let program = compiler.finish(
      name: name, key: 0, inputs: reads.map { Input(dtype: dtypes[$0.input], type: $0.type) }, outputs: outputs)
    return (program, reads.map(\.input))
  }

  /// The same steps with other numbers in place of the constants.
  public func settingConstants(_ values: [Scalar]) -> PointwiseProgram {
    PointwiseProgram(
      name: name, key: 0, inputs: inputs, parameterCount: parameterCount,
      constants: zip(constants, values).map { Constant(value: $1, type: $0.type) }, registerCount: registerCount, steps: steps,
      outputs: outputs, computeType: computeType)
  }
}

import EmberRuntime

extension PointwiseCall {
  /// The program that runs for inputs of these forms.
  package func program(for forms: [Tracer.Form]) throws(EmberError) -> PointwiseProgram {
    let operands = PointwiseOperands(
      try forms.map { form throws(EmberError) in try Tensor.empty(shape: form.shape, dtype: form.dtype, on: Backends.meta) })
    var dtypes = InputDTypes()
    for form in forms { dtypes.append(form.dtype) }
    return try function.program(dtypes, common: try commonDType(function, operands, parameters))
  }
}

/// Several pointwise functions in one pass over memory.
package struct FusedPointwiseCall: GraphCall {
  package let program: PointwiseProgram
  package var name: String { program.name }
  package var subject: Any { self }

  package init(_ program: PointwiseProgram) { self.program = program }

  package func run(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    try runProgram(program, PointwiseOperands(inputs.map { $0! }))
  }
}

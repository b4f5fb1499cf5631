import EmberRuntime

/// A function of several results whose kernel writes into memory that the caller brings, strided or not: the cells of recurrent layers.
///
/// Results may lie where operands lie, element for element.
package final class PointwiseMap: Sendable {
  private let function: Pointwise

  package init(_ name: String, inputs: Int, _ body: ([Expression]) -> [Expression]) {
    function = Pointwise(name, inputs: inputs, parameters: 0) { inputs, _ in body(inputs) }
  }

  /// - Precondition: all tensors have one dtype; the results have one shape, to which the inputs broadcast, and memory that may be written.
  package func callAsFunction(_ inputs: [Tensor], into results: [Tensor]) {
    let first = results[0].body
    guard first.backend.holdsData, first.shape.elementCount > 0 else { return }
    precondition(inputs.count == function.arity && results.count == function.resultCount, "\(function.name): another number of operands")
    var dtypes = InputDTypes()
    for input in inputs { dtypes.append(input.dtype) }
    guard let program = try? function.program(dtypes, common: first.dtype) else {
      preconditionFailure("\(function.name) is not defined for \(first.dtype)")
    }
    let count = inputs.count + results.count
    withUnsafeTemporaryAllocation(of: UnsafeMutableRawPointer?.self, capacity: count) { pointers in
      withUnsafeTemporaryAllocation(of: Strides.self, capacity: count) { strides in
        for (i, input) in inputs.enumerated() {
          pointers.initializeElement(at: i, to: input.body.pointer)
          strides.initializeElement(at: i, to: input.body.strides.broadcast(from: input.body.shape, to: first.shape))
        }
        for (i, result) in results.enumerated() {
          pointers.initializeElement(at: inputs.count + i, to: result.body.pointer)
          strides.initializeElement(at: inputs.count + i, to: result.body.strides)
        }
        first.backend.pointwise(
          program, pointers: UnsafePointer(pointers.baseAddress!), strides: UnsafePointer(strides.baseAddress!), shape: first.shape)
      }
    }
    withExtendedLifetime((inputs, results)) {}
  }
}

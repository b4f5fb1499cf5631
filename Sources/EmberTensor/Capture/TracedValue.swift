import EmberRuntime

/// What a tensor inside `capture` stands for: a value of the graph that is being recorded. It has shape and dtype, and no elements.
package final class TracedValue: Sendable {
  /// Its number in the recording.
  package let number: Int
  /// The recording.
  let tracer: Tracer
  /// The same on `meta`: what tells operations the shape and layout.
  let form: Tensor

  init(_ number: Int, of tracer: Tracer, form: Tensor) {
    self.number = number
    self.tracer = tracer
    self.form = form
  }

  /// The error of asking for the elements of a tensor that stands for a value of a graph.
  static func unreadable(_ tensor: Tensor, in operation: String) -> EmberError {
    EmberError(
      .value, in: operation,
      "\(tensor.summary) stands for a value of the graph that is being captured and has no elements yet; keep to tensor operations "
        + "(`where`, `cond`, `whileLoop` instead of if and while), or leave this part out of what is compiled")
  }
}

extension Tensor {
  /// The value of a graph that this tensor stands for.
  package var trace: TracedValue? { body.trace }

  /// A tensor that stands for a value of a graph, on the device where the value will be.
  init(traced value: TracedValue, on backend: any Backend) {
    let form = value.form.body
    // Not contiguous, so that nothing takes a short cut to memory that is not there.
    self.init(
      TensorBody(
        .traced(value), dtype: form.dtype, shape: form.shape, strides: form.strides, isContiguous: false, on: backend))
  }

  /// What stands for a tensor of this dtype on this device while a function is captured, and has no elements.
  package func withoutElements(_ shape: Shape) throws(EmberError) -> Tensor {
    _ = try shape.checkedElementCount(in: "capture")
    return Tensor(
      TensorBody(
        .ordinary, dtype: body.dtype, shape: shape, strides: shape.contiguousStrides, isContiguous: true, on: backend))
  }

  /// A tensor of this shape, layout and dtype on `meta`.
  var form: Tensor {
    if let trace = body.trace { return trace.form }
    return Tensor(
      TensorBody(
        .ordinary, dtype: body.dtype, shape: body.shape, strides: body.strides, isContiguous: body.isContiguous, on: Backends.meta))
  }
}

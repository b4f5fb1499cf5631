import CEmberKernels
import EmberCUDA
import EmberRuntime

/// A size per spatial dimension: one number for all of them (`3`) or one for each (`[3, 5]`), outermost first.
public protocol SpatialExtents: Sendable {
  /// One number per dimension, or nil if the count does not match.
  func extents(_ rank: Int) -> [Int]?
}

extension Int: SpatialExtents {
  public func extents(_ rank: Int) -> [Int]? { Array(repeating: self, count: rank) }
}

extension [Int]: SpatialExtents {
  public func extents(_ rank: Int) -> [Int]? { count == rank ? self : count == 1 ? Array(repeating: self[0], count: rank) : nil }
}

/// The padding of a convolution: numbers, or `"same"` (as much as keeps the extents at stride 1) and `"valid"` (none).
public protocol ConvolutionPadding: Sendable {}
extension Int: ConvolutionPadding {}
extension [Int]: ConvolutionPadding {}
extension String: ConvolutionPadding {}

/// Extents as a list, or an error that names the argument.
package func resolve(_ value: any SpatialExtents, _ rank: Int, _ argument: String, atLeast minimum: Int, in operation: String)
  throws(EmberError) -> [Int]
{
  guard let list = value.extents(rank), list.allSatisfy({ $0 >= minimum && $0 <= 1 << 30 }) else {
    throw EmberError(
      .value, in: operation, "\(argument) \(value) for \(rank) spatial dimensions; give one number or \(rank), each at least \(minimum)")
  }
  return list
}

func triple(_ list: [Int]) -> (Int64, Int64, Int64) {
  (Int64(list[0]), Int64(list.count > 1 ? list[1] : 1), Int64(list.count > 2 ? list[2] : 1))
}

/// How a window moves over the input, and which extents belong to each other. All lists have one entry per spatial dimension.
package struct ConvolutionGeometry: Sendable {
  package var stride: [Int]
  package var padding: [Int]
  package var dilation: [Int]
  package var groups: Int
  package var input: [Int]
  package var kernel: [Int]
  package var output: [Int]

  /// The C kernels' description for `batch` items with the channels of a weight [out, in / groups, kernel...].
  func described(batch: Int, weight: Shape) -> ember_convolution {
    ember_convolution(
      spatial_rank: Int32(kernel.count), batch: Int64(batch), in_channels: Int64(weight[unchecked: 1] * groups),
      out_channels: Int64(weight[unchecked: 0]), groups: Int64(groups), input: triple(input), kernel: triple(kernel),
      output: triple(output), stride: triple(stride), padding: triple(padding), dilation: triple(dilation))
  }
}

/// The format that a convolution works in: that of its operands, and on a GPU channels last where its tensor cores want it so.
private func convolutionFormat(_ a: Tensor, _ b: Tensor, _ geometry: ConvolutionGeometry) -> MemoryFormat {
  guard let backend = a.backend as? CUDABackend, a.body.shape.rank == 4 || a.body.shape.rank == 5 else { return .contiguous }
  if a.keptFormat == .channelsLast || b.keptFormat == .channelsLast { return .channelsLast }
  return geometry.groups == 1 && backend.prefersChannelsLast(a.dtype) ? .channelsLast : .contiguous
}

func checkConvolutionDType(_ operation: String, _ tensors: [Tensor]) throws(EmberError) {
  let dtype = tensors[0].dtype
  let names = { tensors.map(\.summary).joined(separator: ", ") }
  guard tensors.allSatisfy({ $0.dtype == dtype }) else {
    throw EmberError(.dtype, in: operation, "input, weight and bias must have one dtype: \(names())")
  }
  guard [.float16, .bfloat16, .float32, .float64].contains(dtype) else {
    throw EmberError(.dtype, in: operation, "\(names()): must be float32, float64, float16 or bfloat16; convert with .to(.float32)")
  }
}

/// y[n, o, p] = bias[o] + Σ over c, k of x[n, c, p·stride - padding + k·dilation] · w[o, c, k]; x [n, in, ...], w [out, in / groups,
/// kernel...].
///
/// The shapes were checked by the functions below, which made the geometry.
package struct Convolution: OperationWithEpilogue {
  package static let name = "convolution"
  /// What is read besides the input.
  struct Terms {
    var weight: Tensor
    var packedWeight: Tensor?
    var bias: Tensor?
    /// Like the result, added before the activation.
    var addend: Tensor?
    var activation: Activation
  }

  static let kernels = KernelTable<@Sendable (ember_convolution, Tensor, Terms, Tensor) -> Void>(
    "convolution",
    cpu: { c, x, terms, y in
      let pointers = ember_convolution_terms(
        w: terms.weight.body.pointer, packed: terms.packedWeight?.body.pointer, bias: terms.bias?.body.pointer,
        addend: terms.addend?.body.pointer, activation: terms.activation.rawValue)
      withUnsafePointer(to: c) { c in
        withUnsafePointer(to: pointers) {
          ember_convolution_forward(Int32(x.dtype.rawValue), c, x.body.pointer, $0, y.body.pointer)
        }
      }
    }, cuda: cudaKernel)
  package let saved: SavedTensors = [.input0, .input1]
  package var geometry: ConvolutionGeometry
  /// For graphs, which hold derivatives apart.
  ///
  /// There the inputs may be five: x, weight, bias or none, packed weight or none, addend or none. The addend is added before the activation.
  package var activation = Activation.none

  init(geometry: ConvolutionGeometry) { self.geometry = geometry }

  package func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    let x = inputs[0]!, w = inputs[1]!, bias = inputs[2]
    let batch = x.body.shape[0]
    let shape = try checkedShape([batch, w.body.shape[0]] + geometry.output, in: Self.name)
    let format = convolutionFormat(x, w, geometry)
    let y = try Tensor.empty(shape: shape, dtype: x.dtype, like: x, format)
    guard let kernel = try Self.kernels.kernel(on: x.device), y.elementCount > 0 else { return [y] }
    // Only graphs give more than these three.
    let packed = inputs.count > 3 ? inputs[3] : nil, addend = inputs.count > 4 ? inputs[4] : nil
    if let addend, addend.body.shape != shape || addend.dtype != x.dtype {
      throw EmberError(.shape, in: Self.name, "\(addend.summary) is added to \(x.dtype)\(shape): the graph is for operands of one shape and dtype")
    }
    let terms = Terms(
      weight: try w.dense(format), packedWeight: packed, bias: try bias?.dense(), addend: try addend?.dense(format), activation: activation)
    kernel(geometry.described(batch: batch, weight: w.body.shape), try x.dense(format), terms, y)
    return [y]
  }

  package func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    guard let g = gradients[0] else { return [nil, nil, nil] }
    let x = context.needs(0) ? apply(ConvolutionBackwardInput(geometry: geometry), g, context.input(1)) : nil
    var weight: Tensor?, bias: Tensor?
    if context.needs(1) {
      let both = apply(ConvolutionBackwardWeight(geometry: geometry, withBias: context.needs(2)), [context.input(0), g], count: 2)
      weight = both[0]
      if context.needs(2) { bias = both[1] }
    } else if context.needs(2) {
      bias = g.flatten(2).sum(2).sum(0)
    }
    return [x, weight, bias]
  }
}

/// The weight of convolutions on the CPU in the order in which they read it, as bytes; none where that is the plain one.
package struct ConvolutionPackedWeight: UnaryOperation {
  package static let name = "pack_convolution_weight"
  let geometry: ConvolutionGeometry

  /// The same for inputs of any size: extents of the image say little about the order, and graphs of several sizes share the result.
  package init(geometry: ConvolutionGeometry) {
    var geometry = geometry
    geometry.input = geometry.input.map { _ in 64 }
    geometry.output = geometry.kernel.indices.map { d in
      let span = geometry.dilation[d] * (geometry.kernel[d] - 1) + 1
      return max(0, 64 + 2 * geometry.padding[d] - span) / geometry.stride[d] + 1
    }
    self.geometry = geometry
  }

  /// Whether a convolution of this batch and these extents reads the result.
  package func isRead(by convolution: Convolution, batch: Int, weight: Shape, dtype: DType) -> Bool {
    withUnsafePointer(to: convolution.geometry.described(batch: batch, weight: weight)) {
      ember_convolution_reads_packed(Int32(dtype.rawValue), $0)
    }
  }

  /// Bytes of the result.
  package func byteCount(weight: Shape, dtype: DType) -> Int {
    withUnsafePointer(to: geometry.described(batch: 1, weight: weight)) { Int(ember_convolution_packed_bytes(Int32(dtype.rawValue), $0)) }
  }

  package func forward(_ w: Tensor) throws(EmberError) -> Tensor {
    let packed = try Tensor.empty(shape: [byteCount(weight: w.body.shape, dtype: w.dtype)], dtype: .uint8, like: w)
    guard packed.backend.holdsData, packed.elementCount > 0 else { return packed }
    let plain = try w.dense()
    withUnsafePointer(to: geometry.described(batch: 1, weight: w.body.shape)) {
      ember_convolution_pack(Int32(w.dtype.rawValue), $0, plain.body.pointer, packed.body.pointer)
    }
    return packed
  }

  package func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> Tensor? { nil }
}

/// The gradient of a convolution's input from that of its output and the weight; also the transposed convolution.
package struct ConvolutionBackwardInput: BinaryOperation {
  package static let name = "convolution_backward_input"
  static let kernels = KernelTable<@Sendable (ember_convolution, Tensor, Tensor, Tensor) -> Void>(
    name,
    cpu: { c, dy, w, dx in
      withUnsafePointer(to: c) {
        ember_convolution_backward_input(Int32(dy.dtype.rawValue), $0, dy.body.pointer, w.body.pointer, dx.body.pointer)
      }
    }, cuda: cudaKernel)
  package let saved: SavedTensors = [.input0, .input1]
  package let geometry: ConvolutionGeometry

  package func forward(_ dy: Tensor, _ w: Tensor) throws(EmberError) -> Tensor {
    let batch = dy.body.shape[0]
    let shape = try checkedShape([batch, w.body.shape[1] * geometry.groups] + geometry.input, in: Self.name)
    if dy.elementCount == 0 { return Tensor.zeros(Array(shape), dtype: dy.dtype, on: dy.device) }
    let format = convolutionFormat(dy, w, geometry)
    let dx = try Tensor.empty(shape: shape, dtype: dy.dtype, like: dy, format)
    guard let kernel = try Self.kernels.kernel(on: dy.device), dx.elementCount > 0 else { return dx }
    kernel(geometry.described(batch: batch, weight: w.body.shape), try dy.dense(format), try w.dense(format), dx)
    return dx
  }

  package func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> (Tensor?, Tensor?) {
    let dy = context.needs(0) ? apply(Convolution(geometry: geometry), [gradient, context.input(1), nil])[0] : nil
    let w = context.needs(1) ? apply(ConvolutionBackwardWeight(geometry: geometry, withBias: false), [gradient, context.input(0)])[0] : nil
    return (dy, w)
  }
}

/// The gradients of a convolution's weight and (if asked for) bias, from its input and the gradient of its output.
struct ConvolutionBackwardWeight: VariadicOperation {
  static let name = "convolution_backward_weight"
  static let kernels = KernelTable<@Sendable (ember_convolution, Tensor, Tensor, Tensor, Tensor?) -> Void>(
    name,
    cpu: { c, x, dy, dw, db in
      withUnsafePointer(to: c) {
        ember_convolution_backward_weight(Int32(x.dtype.rawValue), $0, x.body.pointer, dy.body.pointer, dw.body.pointer, db?.body.pointer)
      }
    }, cuda: cudaKernel)
  let saved: SavedTensors = [.input0, .input1]
  let geometry: ConvolutionGeometry
  let withBias: Bool

  func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    let x = inputs[0]!, dy = inputs[1]!
    let out = dy.body.shape[1]
    let shape = [out, x.body.shape[1] / geometry.groups] + geometry.kernel
    if dy.elementCount == 0 || x.elementCount == 0 {
      return [Tensor.zeros(shape, dtype: x.dtype, on: x.device)] + (withBias ? [dy.flatten(2).sum(2).sum(0)] : [])
    }
    let format = convolutionFormat(x, dy, geometry)
    let dw = try Tensor.empty(shape: Shape(shape), dtype: x.dtype, like: x, format)
    let db = withBias ? try Tensor.empty(shape: [out], dtype: x.dtype, like: x) : nil
    if let kernel = try Self.kernels.kernel(on: x.device), dw.elementCount > 0 {
      kernel(geometry.described(batch: x.body.shape[0], weight: dw.body.shape), try x.dense(format), try dy.dense(format), dw, db)
    }
    // Parameters are row-major, and optimizers read gradients in the order of their parameters.
    return [try dw.dense()] + (db.map { [$0] } ?? [])
  }

  func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    var x: Tensor?, dy: Tensor?
    if let g = gradients[0] {
      if context.needs(0) { x = apply(ConvolutionBackwardInput(geometry: geometry), context.input(1), g) }
      if context.needs(1) { dy = apply(Convolution(geometry: geometry), [context.input(0), g, nil])[0] }
    }
    if withBias, context.needs(1), let g = gradients[1] {
      let shape = context.inputShape(1)
      let spread = g.reshape([1, -1] + Array(repeating: 1, count: shape.rank - 2)).expand(Array(shape))
      dy = dy.map { $0 + spread } ?? spread
    }
    return [x, dy]
  }
}

// MARK: - Public functions

extension Tensor {
  /// Convolution over one dimension: self [batch, in, length] (or [in, length]), weight [out, in / groups, kernel], bias [out].
  public func conv1d(
    _ weight: Tensor, _ bias: Tensor? = nil, stride: any SpatialExtents = 1, padding: any ConvolutionPadding = 0,
    dilation: any SpatialExtents = 1, groups: Int = 1
  ) -> Tensor { convolution(1, weight, bias, stride, padding, dilation, groups) }

  /// Convolution over two dimensions: self [batch, in, height, width] (or without batch), weight [out, in / groups, kernel height, kernel
  /// width].
  ///
  /// The result has extents ⌊(extent + 2·padding - dilation·(kernel - 1) - 1) / stride⌋ + 1, as in PyTorch.
  public func conv2d(
    _ weight: Tensor, _ bias: Tensor? = nil, stride: any SpatialExtents = 1, padding: any ConvolutionPadding = 0,
    dilation: any SpatialExtents = 1, groups: Int = 1
  ) -> Tensor { convolution(2, weight, bias, stride, padding, dilation, groups) }

  /// Convolution over three dimensions: self [batch, in, depth, height, width] (or without batch).
  public func conv3d(
    _ weight: Tensor, _ bias: Tensor? = nil, stride: any SpatialExtents = 1, padding: any ConvolutionPadding = 0,
    dilation: any SpatialExtents = 1, groups: Int = 1
  ) -> Tensor { convolution(3, weight, bias, stride, padding, dilation, groups) }

  /// Transposed convolution: self [batch, in, length], weight [in, out / groups, kernel].
  public func convTranspose1d(
    _ weight: Tensor, _ bias: Tensor? = nil, stride: any SpatialExtents = 1, padding: any SpatialExtents = 0,
    outputPadding: any SpatialExtents = 0, groups: Int = 1, dilation: any SpatialExtents = 1
  ) -> Tensor { transposedConvolution(1, weight, bias, stride, padding, outputPadding, groups, dilation) }

  /// Transposed convolution: self [batch, in, height, width], weight [in, out / groups, kernel...].
  ///
  /// Extents of the result: (extent - 1)·stride - 2·padding + dilation·(kernel - 1) + outputPadding + 1.
  public func convTranspose2d(
    _ weight: Tensor, _ bias: Tensor? = nil, stride: any SpatialExtents = 1, padding: any SpatialExtents = 0,
    outputPadding: any SpatialExtents = 0, groups: Int = 1, dilation: any SpatialExtents = 1
  ) -> Tensor { transposedConvolution(2, weight, bias, stride, padding, outputPadding, groups, dilation) }

  /// Transposed convolution over three dimensions.
  public func convTranspose3d(
    _ weight: Tensor, _ bias: Tensor? = nil, stride: any SpatialExtents = 1, padding: any SpatialExtents = 0,
    outputPadding: any SpatialExtents = 0, groups: Int = 1, dilation: any SpatialExtents = 1
  ) -> Tensor { transposedConvolution(3, weight, bias, stride, padding, outputPadding, groups, dilation) }

  private func convolution(
    _ rank: Int, _ weight: Tensor, _ bias: Tensor?, _ stride: any SpatialExtents, _ padding: any ConvolutionPadding,
    _ dilation: any SpatialExtents, _ groups: Int
  ) -> Tensor {
    let name = "conv\(rank)d"
    guard mayRunSlowly(name, [self, weight, bias]) else { return .poison }
    if let inputs = Autocast.converted(name, [self, weight, bias]) {
      return inputs[0]!.convolution(rank, inputs[1]!, inputs[2], stride, padding, dilation, groups)
    }
    if let composed = composedOfReal(weight, bias, { $0.convolution(rank, $1, $2, stride, padding, dilation, groups) }) { return composed }
    return attempt { () throws(EmberError) in
      let x = try batched(rank, weight, bias, in: name)
      let stride = try resolve(stride, rank, "stride", atLeast: 1, in: name)
      let dilation = try resolve(dilation, rank, "dilation", atLeast: 1, in: name)
      let (inputs, outputs) = (x.body.shape[1], weight.body.shape[0])
      guard groups > 0, inputs == weight.body.shape[1] * groups, outputs % groups == 0 else {
        throw EmberError(
          .shape, in: name,
          "input \(summary) and weight \(weight.summary) with groups \(groups): "
            + "the input must have \(weight.body.shape[1])·groups channels, "
            + "it has \(inputs), and the weight's \(outputs) outputs must divide into the groups")
      }
      try checkBias(bias, outputs, weight, in: name)
      let extents = Array(x.body.shape.dropFirst(2)), kernel = Array(weight.body.shape.dropFirst(2))
      try checkSpatialExtents(extents + kernel, weight, in: name)
      var before: [Int], output: [Int] = []
      if let word = padding as? String {
        guard word == "same" || word == "valid" else {
          throw EmberError(.value, in: name, "padding \"\(word)\"; it is a number, \"same\" or \"valid\"")
        }
        if word == "same", stride.contains(where: { $0 != 1 }) {
          throw EmberError(.value, in: name, "padding \"same\" goes with stride 1 only, not \(stride)")
        }
        before = (0..<rank).map { word == "same" ? dilation[$0] * (kernel[$0] - 1) / 2 : 0 }
        if word == "same" { output = extents }
        if extents.contains(0) { throw EmberError(.shape, in: name, "input \(summary): no spatial extent may be 0") }
      } else {
        before = try resolve((padding as? any SpatialExtents) ?? 0, rank, "padding", atLeast: 0, in: name)
      }
      if output.isEmpty {
        for d in 0..<rank {
          let room = extents[d] + 2 * before[d] - dilation[d] * (kernel[d] - 1) - 1
          guard kernel[d] > 0, room >= 0 else {
            throw EmberError(
              .shape, in: name,
              "input \(summary) with padding \(before) is smaller than the kernel of weight \(weight.summary) with dilation \(dilation), "
                + "in spatial dimension \(d)"
            )
          }
          output.append(room / stride[d] + 1)
        }
      }
      let geometry = ConvolutionGeometry(
        stride: stride, padding: before, dilation: dilation, groups: groups, input: extents, kernel: kernel, output: output)
      let y = apply(Convolution(geometry: geometry), [x, weight, bias])[0]
      return self.rank == rank + 1 ? y.reshape(Array(y.shape.dropFirst())) : y
    }
  }

  /// Extents that can be multiplied with a stride or dilation. Only tensors on meta and expanded ones have others.
  private func checkSpatialExtents(_ extents: [Int], _ weight: Tensor, in name: String) throws(EmberError) {
    guard extents.allSatisfy({ $0 <= 1 << 30 }) else {
      throw EmberError(.shape, in: name, "input \(summary) and weight \(weight.summary): no spatial extent may exceed \(1 << 30)")
    }
  }

  private func transposedConvolution(
    _ rank: Int, _ weight: Tensor, _ bias: Tensor?, _ stride: any SpatialExtents, _ padding: any SpatialExtents,
    _ outputPadding: any SpatialExtents, _ groups: Int, _ dilation: any SpatialExtents
  ) -> Tensor {
    let name = "conv_transpose\(rank)d"
    guard mayRunSlowly(name, [self, weight, bias]) else { return .poison }
    if let inputs = Autocast.converted(name, [self, weight, bias]) {
      return inputs[0]!.transposedConvolution(rank, inputs[1]!, inputs[2], stride, padding, outputPadding, groups, dilation)
    }
    if let composed = composedOfReal(
      weight, bias, { $0.transposedConvolution(rank, $1, $2, stride, padding, outputPadding, groups, dilation) })
    {
      return composed
    }
    return attempt { () throws(EmberError) in
      let x = try batched(rank, weight, bias, in: name)
      let stride = try resolve(stride, rank, "stride", atLeast: 1, in: name)
      let padding = try resolve(padding, rank, "padding", atLeast: 0, in: name)
      let extra = try resolve(outputPadding, rank, "outputPadding", atLeast: 0, in: name)
      let dilation = try resolve(dilation, rank, "dilation", atLeast: 1, in: name)
      guard groups > 0, x.body.shape[1] == weight.body.shape[0], weight.body.shape[0] % groups == 0 else {
        throw EmberError(
          .shape, in: name,
          "input \(summary) and weight \(weight.summary) with groups \(groups): "
            + "the input's channels must equal the weight's first extent and divide into the groups"
        )
      }
      let outputs = weight.body.shape[1] * groups
      try checkBias(bias, outputs, weight, in: name)
      let extents = Array(x.body.shape.dropFirst(2)), kernel = Array(weight.body.shape.dropFirst(2))
      try checkSpatialExtents(extents + kernel, weight, in: name)
      var result: [Int] = []
      for d in 0..<rank {
        let extent = (extents[d] - 1) * stride[d] - 2 * padding[d] + dilation[d] * (kernel[d] - 1) + extra[d] + 1
        guard extent > 0, extra[d] < Swift.max(stride[d], dilation[d]) else {
          throw EmberError(
            .shape, in: name,
            "input \(summary), weight \(weight.summary), stride \(stride), padding \(padding), outputPadding \(extra), dilation "
              + "\(dilation): "
              + "the result would have extent \(extent) in spatial dimension \(d); "
              + "it must be positive, and outputPadding less than stride or dilation"
          )
        }
        result.append(extent)
      }
      let geometry = ConvolutionGeometry(
        stride: stride, padding: padding, dilation: dilation, groups: groups, input: result, kernel: kernel, output: extents)
      var y = apply(ConvolutionBackwardInput(geometry: geometry), x, weight)
      if let bias { y = y + bias.reshape([-1] + Array(repeating: 1, count: rank)) }
      return self.rank == rank + 1 ? y.reshape(Array(y.shape.dropFirst())) : y
    }
  }

  /// A convolution of complex numbers or int64, which have no kernel, as real ones; nil for other types.
  ///
  /// Integers go through float64 and are exact as long as sums stay below 2⁵³.
  private func composedOfReal(_ weight: Tensor, _ bias: Tensor?, _ convolve: (Tensor, Tensor, Tensor?) -> Tensor) -> Tensor? {
    guard weight.dtype == dtype, bias.map({ $0.dtype == dtype }) ?? true else { return nil }
    if dtype == .int64 { return convolve(to(.float64), weight.to(.float64), bias?.to(.float64)).to(.int64) }
    guard dtype.isComplex else { return nil }
    let (a, b, c, d) = (self.real, self.imag, weight.real, weight.imag)
    let real = convolve(a, c, bias?.real) - convolve(b, d, nil)
    return Pointwise.makeComplex(real, convolve(a, d, bias?.imag) + convolve(b, c, nil))
  }

  /// The input with a batch dimension, after the checks that all convolutions share.
  private func batched(_ rank: Int, _ weight: Tensor, _ bias: Tensor?, in name: String) throws(EmberError) -> Tensor {
    guard self.rank == rank + 2 || self.rank == rank + 1, weight.rank == rank + 2 else {
      throw EmberError(
        .shape, in: name,
        "input \(summary) and weight \(weight.summary): the weight must have \(rank + 2) dimensions, the input \(rank + 2), or "
          + "\(rank + 1) without a batch"
      )
    }
    try checkConvolutionDType(name, [self, weight] + (bias.map { [$0] } ?? []))
    try checkDevices(name, self, weight)
    return self.rank == rank + 1 ? unsqueeze(0) : self
  }

  private func checkBias(_ bias: Tensor?, _ outputs: Int, _ weight: Tensor, in name: String) throws(EmberError) {
    if let bias, bias.body.shape != Shape([outputs]) {
      throw EmberError(.shape, in: name, "bias \(bias.summary) for weight \(weight.summary); it must have \(outputs) elements")
    }
  }
}

import CCUDA
import EmberRuntime

/// Convolutions through cuDNN, with one plan for each geometry.
enum CuDNNConvolutions {
  private enum Identifier { static let x = 1, w = 2, y = 3 }

  /// False, having done nothing: Ember's own kernels must do it.
  static func run(_ call: ConvolutionCall, on backend: CUDABackend, allowsTF32: Bool, isDeterministic: Bool) -> Bool {
    guard let device = CuDNNDevice.of(backend), let key = key(call, allowsTF32, isDeterministic) else { return false }
    let operands: [CuDNNPlan.Operand] = [
      (Identifier.x, call.x.pointer), (Identifier.w, call.w.pointer), (Identifier.y, call.y.pointer),
    ]
    return device.run(key, operands, on: backend, describing: describe(call)) { library, handle throws(CUDAUnavailable) in
      let needsFullFloat = call.dtype == .float32 && !allowsTF32
      return try CuDNNPlan(try graph(call, library, handle), library, handle: handle) { notes in
        if needsFullFloat && (notes.contains(EMBER_CUDNN_NOTE_TENSOR_CORE) || notes.contains(EMBER_CUDNN_NOTE_DOWN_CONVERTS)) {
          return "rounds float32"
        }
        return isDeterministic && notes.contains(EMBER_CUDNN_NOTE_NONDETERMINISTIC) ? "is not deterministic" : nil
      }
    }
  }

  /// What a plan depends on. Nil for what cuDNN has no tensors for: empty ones, strides that are not positive.
  private static func key(_ call: ConvolutionCall, _ allowsTF32: Bool, _ isDeterministic: Bool) -> CuDNNKey? {
    var key = CuDNNKey(.convolution)
    key.add(call.pass.rawValue)
    key.add(Int(call.dtype.rawValue))
    key.add((allowsTF32 ? 1 : 0) + (isDeterministic ? 2 : 0))
    key.add(call.window.groups)
    key.add(call.window.spatialRank)
    for d in 0..<3 {
      key.add(call.window.stride[d])
      key.add(call.window.padding[d])
      key.add(call.window.dilation[d])
    }
    for tensor in [call.x, call.w, call.y] {
      for d in 0..<5 {
        if tensor.extents[d] <= 0 || tensor.strides[d] <= 0 { return nil }
        key.add(tensor.extents[d])
        key.add(tensor.strides[d])
      }
      key.add(CuDNNPlan.alignment(tensor.pointer))
    }
    return key
  }

  private static func graph(_ call: ConvolutionCall, _ library: CuDNN, _ handle: UnsafeMutableRawPointer) throws(CUDAUnavailable)
    -> CuDNNDescriptor
  {
    let elementType: Int
    switch call.dtype {
    case .float32: elementType = EMBER_CUDNN_FLOAT
    case .float64: elementType = EMBER_CUDNN_DOUBLE
    case .float16: elementType = EMBER_CUDNN_HALF
    case .bfloat16: elementType = EMBER_CUDNN_BFLOAT16
    default: throw CUDAUnavailable("there is no convolution of \(call.dtype)")
    }
    let computeType = call.dtype == .float64 ? EMBER_CUDNN_DOUBLE : EMBER_CUDNN_FLOAT
    // Convolutions over a line are two-dimensional ones: most engines know no others.
    let first = call.window.spatialRank == 3 ? 0 : 1
    func spatial(_ numbers: InlineArray<3, Int>) -> [Int] { (first..<3).map { numbers[$0] } }

    func tensor(_ tensor: ConvolutionTensor, _ identifier: Int, _ name: String) throws(CUDAUnavailable) -> CuDNNDescriptor {
      let dimensions = [0, 1] + (first..<3).map { $0 + 2 }
      let descriptor = try CuDNNDescriptor(EMBER_CUDNN_TENSOR, name, library)
      try descriptor.set(EMBER_CUDNN_TENSOR_DATA_TYPE, EMBER_CUDNN_TYPE_DATA_TYPE, [Int32(elementType)])
      try descriptor.set(EMBER_CUDNN_TENSOR_EXTENTS, integers: dimensions.map { tensor.extents[$0] })
      try descriptor.set(EMBER_CUDNN_TENSOR_STRIDES, integers: dimensions.map { tensor.strides[$0] })
      try descriptor.set(EMBER_CUDNN_TENSOR_IDENTIFIER, integers: [identifier])
      try descriptor.set(EMBER_CUDNN_TENSOR_ALIGNMENT, integers: [CuDNNPlan.alignment(tensor.pointer)])
      return try descriptor.finish()
    }
    let x = try tensor(call.x, Identifier.x, "input"), w = try tensor(call.w, Identifier.w, "weight")
    let y = try tensor(call.y, Identifier.y, "output")

    // Padding behind is what makes the output as long as it is; the last positions of the input may go unused.
    var behind = call.window.padding
    for d in 0..<3 {
      let reach = call.window.dilation[d] * (call.w.extents[d + 2] - 1) + 1
      let extent = call.x.extents[d + 2] + call.window.padding[d]
      if (extent + behind[d] - reach) / call.window.stride[d] + 1 != call.y.extents[d + 2] {
        behind[d] = (call.y.extents[d + 2] - 1) * call.window.stride[d] + reach - extent
      }
      if behind[d] < 0 { throw CUDAUnavailable("the output leaves out positions of the input") }
    }
    let convolution = try CuDNNDescriptor(EMBER_CUDNN_CONVOLUTION, "convolution", library)
    try convolution.set(EMBER_CUDNN_CONVOLUTION_COMPUTE_TYPE, EMBER_CUDNN_TYPE_DATA_TYPE, [Int32(computeType)])
    try convolution.set(EMBER_CUDNN_CONVOLUTION_MODE, EMBER_CUDNN_TYPE_CONVOLUTION_MODE, [Int32(EMBER_CUDNN_CROSS_CORRELATION)])
    try convolution.set(EMBER_CUDNN_CONVOLUTION_SPATIAL_RANK, integers: [3 - first])
    try convolution.set(EMBER_CUDNN_CONVOLUTION_DILATIONS, integers: spatial(call.window.dilation))
    try convolution.set(EMBER_CUDNN_CONVOLUTION_STRIDES, integers: spatial(call.window.stride))
    try convolution.set(EMBER_CUDNN_CONVOLUTION_PRE_PADDINGS, integers: spatial(call.window.padding))
    try convolution.set(EMBER_CUDNN_CONVOLUTION_POST_PADDINGS, integers: spatial(behind))
    try convolution.finish()

    let operation: CuDNNDescriptor
    switch call.pass {
    case .forward:
      operation = try CuDNNDescriptor(EMBER_CUDNN_CONVOLUTION_FORWARD, "forward convolution", library)
      try operation.set(EMBER_CUDNN_FORWARD_CONVOLUTION, [convolution])
      try operation.set(EMBER_CUDNN_FORWARD_X, [x])
      try operation.set(EMBER_CUDNN_FORWARD_W, [w])
      try operation.set(EMBER_CUDNN_FORWARD_Y, [y])
      try operation.set(EMBER_CUDNN_FORWARD_ALPHA, 1, computeType: computeType)
      try operation.set(EMBER_CUDNN_FORWARD_BETA, 0, computeType: computeType)
    case .backwardInput:
      operation = try CuDNNDescriptor(EMBER_CUDNN_CONVOLUTION_BACKWARD_DATA, "input gradient", library)
      try operation.set(EMBER_CUDNN_DATA_CONVOLUTION, [convolution])
      try operation.set(EMBER_CUDNN_DATA_DX, [x])
      try operation.set(EMBER_CUDNN_DATA_W, [w])
      try operation.set(EMBER_CUDNN_DATA_DY, [y])
      try operation.set(EMBER_CUDNN_DATA_ALPHA, 1, computeType: computeType)
      try operation.set(EMBER_CUDNN_DATA_BETA, 0, computeType: computeType)
    case .backwardWeight:
      operation = try CuDNNDescriptor(EMBER_CUDNN_CONVOLUTION_BACKWARD_FILTER, "weight gradient", library)
      try operation.set(EMBER_CUDNN_FILTER_CONVOLUTION, [convolution])
      try operation.set(EMBER_CUDNN_FILTER_X, [x])
      try operation.set(EMBER_CUDNN_FILTER_DW, [w])
      try operation.set(EMBER_CUDNN_FILTER_DY, [y])
      try operation.set(EMBER_CUDNN_FILTER_ALPHA, 1, computeType: computeType)
      try operation.set(EMBER_CUDNN_FILTER_BETA, 0, computeType: computeType)
    }
    try operation.finish()

    let graph = try CuDNNDescriptor(EMBER_CUDNN_GRAPH, "graph", library)
    try graph.set(EMBER_CUDNN_GRAPH_HANDLE, pointers: [handle], type: EMBER_CUDNN_TYPE_HANDLE)
    try graph.set(EMBER_CUDNN_GRAPH_OPERATIONS, [operation])
    return try graph.finish()
  }

  private static func describe(_ call: ConvolutionCall) -> String {
    func list(_ tensor: ConvolutionTensor) -> String { "[" + (0..<5).map { "\(tensor.extents[$0])" }.joined(separator: ", ") + "]" }
    func numbers(_ values: InlineArray<3, Int>) -> String { "[" + (0..<3).map { "\(values[$0])" }.joined(separator: ", ") + "]" }
    return "\(call.pass) \(call.dtype) \(call.x.isChannelsLast ? "channels last " : "")"
      + "x \(list(call.x)) w \(list(call.w)) y \(list(call.y)) "
      + "stride \(numbers(call.window.stride)) padding \(numbers(call.window.padding)) dilation \(numbers(call.window.dilation)) "
      + "groups \(call.window.groups)"
  }
}

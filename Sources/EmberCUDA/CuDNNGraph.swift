import CCUDA

/// A tensor of a graph of cuDNN's.
struct CuDNNTensor {
  let descriptor: CuDNNDescriptor
  let extents: [Int]
  let strides: [Int]
  let type: Int
}

/// Builds a graph of cuDNN's operations, one after another. Each of them writes into a tensor, which is between operations only
/// (virtual) unless it is given.
struct CuDNNGraph {
  let library: CuDNN
  private(set) var operations: [CuDNNDescriptor] = []
  /// Callers number the tensors that they place from 1.
  private var lastIdentifier = 1000

  init(_ library: CuDNN) { self.library = library }

  /// Strides of row-major order.
  static func dense(_ extents: [Int]) -> [Int] {
    var strides = [Int](repeating: 1, count: extents.count)
    for d in (0..<(extents.count - 1)).reversed() { strides[d] = strides[d + 1] * extents[d + 1] }
    return strides
  }

  // MARK: Tensors

  private func make(_ name: String, _ extents: [Int], _ strides: [Int], _ type: Int, _ identifier: Int, isVirtual: Bool, isByValue: Bool)
    throws(CUDAUnavailable) -> CuDNNTensor
  {
    let descriptor = try CuDNNDescriptor(EMBER_CUDNN_TENSOR, "tensor \(name) \(extents) with strides \(strides)", library)
    try descriptor.set(EMBER_CUDNN_TENSOR_DATA_TYPE, EMBER_CUDNN_TYPE_DATA_TYPE, [Int32(type)])
    try descriptor.set(EMBER_CUDNN_TENSOR_EXTENTS, integers: extents)
    try descriptor.set(EMBER_CUDNN_TENSOR_STRIDES, integers: strides)
    try descriptor.set(EMBER_CUDNN_TENSOR_IDENTIFIER, integers: [identifier])
    try descriptor.set(EMBER_CUDNN_TENSOR_ALIGNMENT, integers: [16])
    try descriptor.set(EMBER_CUDNN_TENSOR_IS_VIRTUAL, EMBER_CUDNN_TYPE_BOOLEAN, [isVirtual])
    try descriptor.set(EMBER_CUDNN_TENSOR_IS_BY_VALUE, EMBER_CUDNN_TYPE_BOOLEAN, [isByValue])
    return CuDNNTensor(descriptor: try descriptor.finish(), extents: extents, strides: strides, type: type)
  }

  /// A tensor in memory, at an address that is a multiple of 16.
  func tensor(_ name: String, _ identifier: Int, _ extents: [Int], strides: [Int]? = nil, type: Int) throws(CUDAUnavailable)
    -> CuDNNTensor
  {
    try make(name, extents, strides ?? Self.dense(extents), type, identifier, isVirtual: false, isByValue: false)
  }

  /// A number that an execution takes from the host's memory.
  func scalar(_ name: String, _ identifier: Int) throws(CUDAUnavailable) -> CuDNNTensor {
    try make(name, [1, 1, 1, 1], [1, 1, 1, 1], EMBER_CUDNN_FLOAT, identifier, isVirtual: false, isByValue: true)
  }

  private mutating func virtual(_ name: String, _ extents: [Int], strides: [Int]? = nil, type: Int) throws(CUDAUnavailable) -> CuDNNTensor {
    lastIdentifier += 1
    return try make(name, extents, strides ?? Self.dense(extents), type, lastIdentifier, isVirtual: true, isByValue: false)
  }

  // MARK: Operations, which compute in float32 unless said otherwise

  private mutating func add(_ operation: CuDNNDescriptor) throws(CUDAUnavailable) { operations.append(try operation.finish()) }

  /// The product of matrices [.., m, k] and [.., k, n].
  @discardableResult
  mutating func product(_ name: String, _ a: CuDNNTensor, _ b: CuDNNTensor, into given: CuDNNTensor? = nil) throws(CUDAUnavailable)
    -> CuDNNTensor
  {
    var extents = a.extents
    extents[extents.count - 1] = b.extents[extents.count - 1]
    let result = if let given { given } else { try virtual(name, extents, type: EMBER_CUDNN_FLOAT) }
    let descriptor = try CuDNNDescriptor(EMBER_CUDNN_PRODUCT, "product \(name)", library)
    try descriptor.set(EMBER_CUDNN_PRODUCT_COMPUTE_TYPE, EMBER_CUDNN_TYPE_DATA_TYPE, [Int32(EMBER_CUDNN_FLOAT)])
    try descriptor.finish()
    let operation = try CuDNNDescriptor(EMBER_CUDNN_OPERATION_PRODUCT, "operation \(name)", library)
    try operation.set(EMBER_CUDNN_PRODUCT_DESCRIPTOR, [descriptor])
    try operation.set(EMBER_CUDNN_PRODUCT_A, [a.descriptor])
    try operation.set(EMBER_CUDNN_PRODUCT_B, [b.descriptor])
    try operation.set(EMBER_CUDNN_PRODUCT_C, [result.descriptor])
    try add(operation)
    return result
  }

  /// An operation on each element of `x`, with that of `b`, which broadcasts to it; `condition` chooses between the two. `type`: of the
  /// result. `axis`: along which positions are counted.
  @discardableResult
  mutating func pointwise(
    _ name: String, _ mode: Int, _ x: CuDNNTensor, _ b: CuDNNTensor? = nil, condition: CuDNNTensor? = nil, axis: Int? = nil,
    type: Int = EMBER_CUDNN_FLOAT, computeType: Int = EMBER_CUDNN_FLOAT, into given: CuDNNTensor? = nil
  ) throws(CUDAUnavailable) -> CuDNNTensor {
    let result = if let given { given } else { try virtual(name, x.extents, type: type) }
    let descriptor = try CuDNNDescriptor(EMBER_CUDNN_POINTWISE, "pointwise \(name)", library)
    try descriptor.set(EMBER_CUDNN_POINTWISE_MODE, EMBER_CUDNN_TYPE_POINTWISE_MODE, [Int32(mode)])
    try descriptor.set(EMBER_CUDNN_POINTWISE_COMPUTE_TYPE, EMBER_CUDNN_TYPE_DATA_TYPE, [Int32(computeType)])
    if let axis { try descriptor.set(EMBER_CUDNN_POINTWISE_AXIS, integers: [axis]) }
    try descriptor.finish()
    let operation = try CuDNNDescriptor(EMBER_CUDNN_OPERATION_POINTWISE, "operation \(name)", library)
    try operation.set(EMBER_CUDNN_POINTWISE_DESCRIPTOR, [descriptor])
    try operation.set(EMBER_CUDNN_POINTWISE_X, [x.descriptor])
    if let b { try operation.set(EMBER_CUDNN_POINTWISE_B, [b.descriptor]) }
    if let condition { try operation.set(EMBER_CUDNN_POINTWISE_T, [condition.descriptor]) }
    try operation.set(EMBER_CUDNN_POINTWISE_Y, [result.descriptor])
    try operation.set(EMBER_CUDNN_POINTWISE_ALPHA_1, 1, computeType: EMBER_CUDNN_FLOAT)
    try operation.set(EMBER_CUDNN_POINTWISE_ALPHA_2, 1, computeType: EMBER_CUDNN_FLOAT)
    try add(operation)
    return result
  }

  /// The last dimension reduced to one element.
  mutating func reduction(_ name: String, _ mode: Int, _ x: CuDNNTensor) throws(CUDAUnavailable) -> CuDNNTensor {
    let result = try virtual(name, x.extents.dropLast() + [1], type: EMBER_CUDNN_FLOAT)
    let descriptor = try CuDNNDescriptor(EMBER_CUDNN_REDUCTION, "reduction \(name)", library)
    try descriptor.set(EMBER_CUDNN_REDUCTION_COMPUTE_TYPE, EMBER_CUDNN_TYPE_DATA_TYPE, [Int32(EMBER_CUDNN_FLOAT)])
    try descriptor.set(EMBER_CUDNN_REDUCTION_OPERATOR, EMBER_CUDNN_TYPE_REDUCTION_OPERATOR, [Int32(mode)])
    try descriptor.finish()
    let operation = try CuDNNDescriptor(EMBER_CUDNN_OPERATION_REDUCTION, "operation \(name)", library)
    try operation.set(EMBER_CUDNN_REDUCTION_DESCRIPTOR, [descriptor])
    try operation.set(EMBER_CUDNN_REDUCTION_X, [x.descriptor])
    try operation.set(EMBER_CUDNN_REDUCTION_Y, [result.descriptor])
    try add(operation)
    return result
  }

  /// The same memory with the last two dimensions exchanged, in elements of `type`.
  mutating func transpose(_ name: String, _ x: CuDNNTensor, type: Int) throws(CUDAUnavailable) -> CuDNNTensor {
    var (extents, strides) = (x.extents, x.strides)
    extents.swapAt(extents.count - 1, extents.count - 2)
    strides.swapAt(strides.count - 1, strides.count - 2)
    let result = try virtual(name, extents, strides: strides, type: type)
    let operation = try CuDNNDescriptor(EMBER_CUDNN_OPERATION_RESHAPE, "operation \(name)", library)
    try operation.set(EMBER_CUDNN_RESHAPE_X, [x.descriptor])
    try operation.set(EMBER_CUDNN_RESHAPE_Y, [result.descriptor])
    try add(operation)
    return result
  }

  func finish(_ handle: UnsafeMutableRawPointer) throws(CUDAUnavailable) -> CuDNNDescriptor {
    let graph = try CuDNNDescriptor(EMBER_CUDNN_GRAPH, "graph", library)
    try graph.set(EMBER_CUDNN_GRAPH_HANDLE, pointers: [handle], type: EMBER_CUDNN_TYPE_HANDLE)
    try graph.set(EMBER_CUDNN_GRAPH_OPERATIONS, operations)
    return try graph.finish()
  }
}

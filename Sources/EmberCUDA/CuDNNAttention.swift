import CCUDA
import EmberRuntime
import Synchronization

/// One of attention's two passes, with its operands [batch, heads, rows, features].
struct AttentionCall {
  /// The gradients of the result, q, k and v.
  typealias Gradients = (y: Operand, q: Operand, k: Operand, v: Operand)
  var q: Operand
  var k: Operand
  var v: Operand
  var y: Operand
  /// For each query the logarithm of its sum of exponentials: float32, dense [batch, heads, queries].
  var logarithms: Operand
  var scale: Double
  var isCausal: Bool
  /// Nil for the forward pass.
  var gradients: Gradients?

  var queries: Int { q.shape[unchecked: 2] }
  var keys: Int { k.shape[unchecked: 2] }
}

/// Attention through cuDNN, with one plan for each geometry.
///
/// cuDNN has no operation for it that all its versions know: it is a graph of products, pointwise operations and reductions in which
/// cuDNN's engines recognise attention, and of which they never store a matrix of scores.
enum CuDNNAttention {
  private enum Identifier {
    static let q = 1, k = 2, v = 3, y = 4, logarithms = 5, dy = 6, dq = 7, dk = 8, dv = 9
    static let scale = 10, hidden = 11, one = 12, delta = 13, sum = 14
  }

  private static let calls = Atomic(0)
  /// How many passes cuDNN has run.
  static var callCount: Int { calls.load(ordering: .relaxed) }

  /// False, having done nothing: Ember's own kernels must do it.
  static func run(_ call: AttentionCall, on backend: CUDABackend) -> Bool {
    guard let device = CuDNNDevice.of(backend), let key = key(call) else { return false }
    // Read when the plan is queued, never later.
    var numbers = [Float(call.scale), hiddenScore, 1]
    let isDone = numbers.withUnsafeMutableBufferPointer { numbers in
      let numbers = UnsafeMutableRawPointer(numbers.baseAddress!)
      var operands: [CuDNNPlan.Operand] = [
        (Identifier.q, call.q.pointer), (Identifier.k, call.k.pointer), (Identifier.v, call.v.pointer), (Identifier.y, call.y.pointer),
        (Identifier.logarithms, call.logarithms.pointer), (Identifier.scale, numbers),
      ]
      if call.isCausal { operands.append((Identifier.hidden, numbers + 4)) }
      if let d = call.gradients {
        operands += [
          (Identifier.one, numbers + 8), (Identifier.dy, d.y.pointer), (Identifier.dq, d.q.pointer), (Identifier.dk, d.k.pointer),
          (Identifier.dv, d.v.pointer),
        ]
      }
      return device.run(key, operands, on: backend, describing: describe(call)) { library, handle throws(CUDAUnavailable) in
        try plan(call, library, handle)
      }
    }
    if isDone { calls.add(1, ordering: .relaxed) }
    return isDone
  }

  /// Makes the plan of a pass that will be run.
  static func prepare(_ call: AttentionCall, on backend: CUDABackend) {
    guard let device = CuDNNDevice.of(backend), let key = key(call) else { return }
    device.prepare(key, on: backend, describing: describe(call)) { library, handle throws(CUDAUnavailable) in
      try plan(call, library, handle)
    }
  }

  /// What a score becomes that may not be seen. Versions before 9.10 take the lowest number instead of -∞.
  private static var hiddenScore: Float {
    guard case .success(let library) = CuDNN.shared, library.version < 91000 else { return -.infinity }
    return -.greatestFiniteMagnitude
  }

  /// What a plan depends on. Nil for what cuDNN has no tensors for.
  private static func key(_ call: AttentionCall) -> CuDNNKey? {
    var key = CuDNNKey(.attention)
    key.add(call.gradients == nil ? 0 : 1)
    key.add(Int(call.q.dtype.rawValue))
    key.add(call.isCausal ? 1 : 0)
    for d in 0..<4 { key.add(call.q.shape[unchecked: d]) }
    key.add(call.keys)
    var operands = [call.q, call.k, call.v, call.y]
    if let d = call.gradients { operands += [d.y, d.q, d.k, d.v] }
    for operand in operands {
      for d in 0..<3 {
        // Repeated heads, for instance.
        if operand.shape[unchecked: d] == 0 || (operand.shape[unchecked: d] > 1 && operand.strides[d] <= 0) { return nil }
        key.add(operand.shape[unchecked: d] > 1 ? operand.strides[d] : 0)
      }
      if UInt(bitPattern: operand.pointer) % 16 != 0 { return nil }
    }
    return key
  }

  /// Why a version of the library may not be asked.
  private static func objection(_ call: AttentionCall, _ version: Int) -> String? {
    // Before it, memory for sums had to be cleared.
    if version < 90600 { return "cuDNN 9.6 is needed" }
    if version == 91000 || version == 91001 { return "cuDNN 9.10.0 and 9.10.1 compute it wrongly" }
    if call.q.shape[unchecked: 1] != call.k.shape[unchecked: 1] { return "queries and keys differ in their heads" }
    if call.queries == 1 { return "one query is not worth it" }
    if call.gradients != nil && version <= 91500 && call.keys % 128 != 0 {
      return "cuDNN 9.15.1 is needed for keys that are not a multiple of 128"
    }
    return nil
  }

  private static func plan(_ call: AttentionCall, _ library: CuDNN, _ handle: UnsafeMutableRawPointer) throws(CUDAUnavailable)
    -> CuDNNPlan
  {
    if let objection = objection(call, library.version) { throw CUDAUnavailable(objection) }
    var graph = CuDNNGraph(library)
    var scratch: [(identifier: Int, bytes: Int)] = []
    if let gradients = call.gradients {
      try addBackward(call, gradients, to: &graph)
      let rows = call.q.shape.product(0..<3)
      scratch = [(Identifier.delta, rows * 4), (Identifier.sum, rows * call.q.shape[unchecked: 3] * 4)]
    } else {
      try addForward(call, to: &graph)
    }
    return try CuDNNPlan(try graph.finish(handle), scratch: scratch, library, handle: handle) { _ in nil }
  }

  // MARK: Tensors

  private static func elementType(_ dtype: DType) throws(CUDAUnavailable) -> Int {
    switch dtype {
    case .float16: EMBER_CUDNN_HALF
    case .bfloat16: EMBER_CUDNN_BFLOAT16
    default: throw CUDAUnavailable("there is no attention of \(dtype)")
    }
  }

  /// An operand [batch, heads, rows, features], or with the last two dimensions exchanged.
  private static func tensor(_ name: String, _ identifier: Int, _ x: Operand, isTransposed: Bool = false, _ graph: CuDNNGraph)
    throws(CUDAUnavailable) -> CuDNNTensor
  {
    var extents = (0..<4).map { x.shape[unchecked: $0] }
    // A dimension with one place may have any stride, even none; cuDNN wants one that is possible.
    let most = (0..<4).reduce(1) { max($0, extents[$1] * x.strides[$1]) }
    var strides = (0..<4).map { extents[$0] == 1 && $0 < 3 ? most : x.strides[$0] }
    if isTransposed {
      extents.swapAt(2, 3)
      strides.swapAt(2, 3)
    }
    return try graph.tensor(name, identifier, extents, strides: strides, type: try elementType(x.dtype))
  }

  /// A float32 for each query.
  private static func rows(_ name: String, _ identifier: Int, _ call: AttentionCall, _ graph: CuDNNGraph) throws(CUDAUnavailable)
    -> CuDNNTensor
  {
    try graph.tensor(name, identifier, (0..<3).map { call.q.shape[unchecked: $0] } + [1], type: EMBER_CUDNN_FLOAT)
  }

  /// Scores of keys behind their query replaced.
  private static func mask(_ scores: CuDNNTensor, _ graph: inout CuDNNGraph) throws(CUDAUnavailable) -> CuDNNTensor {
    let row = try graph.pointwise("query's position", EMBER_CUDNN_INDEX, scores, axis: 2, type: EMBER_CUDNN_INT32)
    let column = try graph.pointwise("key's position", EMBER_CUDNN_INDEX, scores, axis: 3, type: EMBER_CUDNN_INT32)
    let isVisible = try graph.pointwise(
      "visible", EMBER_CUDNN_GREATER_OR_EQUAL, row, column, type: EMBER_CUDNN_BOOLEAN, computeType: EMBER_CUDNN_BOOLEAN)
    let hidden = try graph.scalar("hidden score", Identifier.hidden)
    return try graph.pointwise("masked scores", EMBER_CUDNN_SELECT, scores, hidden, condition: isVisible)
  }

  // MARK: The two passes

  private static func addForward(_ call: AttentionCall, to graph: inout CuDNNGraph) throws(CUDAUnavailable) {
    let q = try tensor("q", Identifier.q, call.q, graph)
    let transposedK = try tensor("k", Identifier.k, call.k, isTransposed: true, graph)
    let v = try tensor("v", Identifier.v, call.v, graph), y = try tensor("y", Identifier.y, call.y, graph)

    let products = try graph.product("q kᵀ", q, transposedK)
    var scores = try graph.pointwise("scores", EMBER_CUDNN_MULTIPLY, products, try graph.scalar("scale", Identifier.scale))
    if call.isCausal { scores = try mask(scores, &graph) }
    let largest = try graph.reduction("largest", EMBER_CUDNN_MAXIMUM, scores)
    let differences = try graph.pointwise("differences", EMBER_CUDNN_SUBTRACT, scores, largest)
    let exponentials = try graph.pointwise("exponentials", EMBER_CUDNN_EXP, differences)
    let sums = try graph.reduction("sums", EMBER_CUDNN_SUM, exponentials)
    let logarithms = try graph.pointwise("logarithms of sums", EMBER_CUDNN_LOG, sums)
    try graph.pointwise(
      "logarithms", EMBER_CUDNN_ADD, largest, logarithms, into: try rows("logarithms", Identifier.logarithms, call, graph))
    let weights = try graph.pointwise("weights", EMBER_CUDNN_DIVIDE, exponentials, sums, type: y.type)
    try graph.product("y", weights, v, into: y)
  }

  /// With p the weights and δ = Σ dy · y of each query: dv = pᵀ dy, ds = scale · p · (dy vᵀ - δ), dk = dsᵀ q, dq = ds k.
  private static func addBackward(_ call: AttentionCall, _ gradients: AttentionCall.Gradients, to graph: inout CuDNNGraph)
    throws(CUDAUnavailable)
  {
    let q = try tensor("q", Identifier.q, call.q, graph), y = try tensor("y", Identifier.y, call.y, graph)
    let transposedK = try tensor("k", Identifier.k, call.k, isTransposed: true, graph)
    let transposedV = try tensor("v", Identifier.v, call.v, isTransposed: true, graph)
    let dy = try tensor("dy", Identifier.dy, gradients.y, graph), dq = try tensor("dq", Identifier.dq, gradients.q, graph)
    let dk = try tensor("dk", Identifier.dk, gradients.k, graph), dv = try tensor("dv", Identifier.dv, gradients.v, graph)
    let scale = try graph.scalar("scale", Identifier.scale)

    let sharesOfY = try graph.pointwise("dy · y", EMBER_CUDNN_MULTIPLY, dy, y)
    let sums = try graph.reduction("sums of dy · y", EMBER_CUDNN_SUM, sharesOfY)
    // Where dropout would scale.
    let delta = try graph.pointwise(
      "δ", EMBER_CUDNN_MULTIPLY, sums, try graph.scalar("one", Identifier.one), into: try rows("δ", Identifier.delta, call, graph))

    let products = try graph.product("q kᵀ", q, transposedK)
    let scores = try graph.pointwise("scores", EMBER_CUDNN_MULTIPLY, products, scale)
    var differences = try graph.pointwise(
      "differences", EMBER_CUDNN_SUBTRACT, scores, try rows("logarithms", Identifier.logarithms, call, graph))
    if call.isCausal { differences = try mask(differences, &graph) }
    let weights = try graph.pointwise("weights", EMBER_CUDNN_EXP, differences)
    try graph.product("dv", try graph.transpose("transposed weights", weights, type: q.type), dy, into: dv)

    let weightGradients = try graph.product("dy vᵀ", dy, transposedV)
    let centred = try graph.pointwise("dy vᵀ - δ", EMBER_CUDNN_SUBTRACT, weightGradients, delta)
    let weighted = try graph.pointwise("p (dy vᵀ - δ)", EMBER_CUDNN_MULTIPLY, centred, weights)
    let ds = try graph.pointwise("ds", EMBER_CUDNN_MULTIPLY, weighted, scale)
    try graph.product("dk", try graph.transpose("transposed ds", ds, type: q.type), q, into: dk)

    // Blocks of keys add to it, in any order.
    let sum = try graph.tensor("sum of dq", Identifier.sum, q.extents, type: EMBER_CUDNN_FLOAT)
    try graph.product("ds k", ds, try graph.transpose("k", transposedK, type: q.type), into: sum)
    try graph.pointwise("dq", EMBER_CUDNN_IDENTITY, sum, into: dq)
  }

  private static func describe(_ call: AttentionCall) -> String {
    func text(_ x: Operand) -> String {
      let extents = (0..<4).map { "\(x.shape[unchecked: $0])" }, strides = (0..<4).map { "\(x.strides[$0])" }
      return "[\(extents.joined(separator: ", "))] with strides [\(strides.joined(separator: ", "))]"
    }
    return "attention \(call.gradients == nil ? "forward" : "backward") \(call.q.dtype)\(call.isCausal ? " causal" : "") "
      + "q \(text(call.q)) k \(text(call.k)) v \(text(call.v))"
  }
}

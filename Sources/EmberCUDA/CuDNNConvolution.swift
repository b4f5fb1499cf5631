import CCUDA
import EmberRuntime
import Synchronization

/// Convolutions through cuDNN, with one plan for each geometry.
///
/// A plan is what cuDNN's heuristics rank first of what it can run. Making one takes up to seconds, so it is kept for as long as the
/// process lives; a geometry that cuDNN refuses is remembered as well.
enum CuDNNConvolutions {
  /// By device.
  private static let devices = Mutex<[UInt8: CuDNNDevice?]>([:])

  /// False, having done nothing: Ember's own kernels must do it.
  static func run(_ call: ConvolutionCall, on backend: CUDABackend, allowsTF32: Bool, isDeterministic: Bool) -> Bool {
    guard case .success(let library) = CuDNN.shared, let key = ConvolutionKey(call, allowsTF32, isDeterministic) else { return false }
    backend.useContext()
    let device = devices.withLock { devices in
      if let known = devices[backend.device.index] { return known }
      var made: CuDNNDevice?
      do throws(CUDAUnavailable) { made = try CuDNNDevice(library) } catch { CuDNN.explain("not on \(backend.device): \(error)") }
      devices[backend.device.index] = .some(made)
      return made
    }
    return device?.run(call, key, on: backend) ?? false
  }
}

/// What a plan depends on.
struct ConvolutionKey: Hashable {
  private static let count = 47
  private var numbers = InlineArray<47, Int>(repeating: 0)
  let allowsTF32: Bool
  let isDeterministic: Bool

  /// Nil for what cuDNN has no tensors for: empty ones, strides that are not positive.
  init?(_ call: ConvolutionCall, _ allowsTF32: Bool, _ isDeterministic: Bool) {
    self.allowsTF32 = allowsTF32
    self.isDeterministic = isDeterministic
    var at = 0
    func add(_ number: Int, _ key: inout ConvolutionKey) {
      key.numbers[at] = number
      at += 1
    }
    add(call.pass.rawValue, &self)
    add(Int(call.dtype.rawValue), &self)
    add((allowsTF32 ? 1 : 0) + (isDeterministic ? 2 : 0), &self)
    add(call.window.groups, &self)
    add(call.window.spatialRank, &self)
    for d in 0..<3 {
      add(call.window.stride[d], &self)
      add(call.window.padding[d], &self)
      add(call.window.dilation[d], &self)
    }
    for tensor in [call.x, call.w, call.y] {
      for d in 0..<5 {
        if tensor.extents[d] <= 0 || tensor.strides[d] <= 0 { return nil }
        add(tensor.extents[d], &self)
        add(tensor.strides[d], &self)
      }
      add(CuDNNPlan.alignment(tensor.pointer), &self)
    }
  }

  static func == (a: ConvolutionKey, b: ConvolutionKey) -> Bool {
    for i in 0..<count where a.numbers[i] != b.numbers[i] { return false }
    return true
  }

  func hash(into hasher: inout Hasher) { for i in 0..<Self.count { hasher.combine(numbers[i]) } }
}

/// cuDNN on one device: a handle, which one thread may use at a time, and the plans made with it.
private final class CuDNNDevice: Sendable {
  // Never leaves the lock.
  private struct State: @unchecked Sendable {
    var handle: UnsafeMutableRawPointer
    var stream: UnsafeMutableRawPointer?
    var plans: [ConvolutionKey: CuDNNPlan?] = [:]
  }
  private let library: CuDNN
  private let state: Mutex<State>

  /// The device's context must be the thread's current one.
  init(_ library: CuDNN) throws(CUDAUnavailable) {
    self.library = library
    var handle: UnsafeMutableRawPointer?
    let status = library.functions.pointee.create(&handle)
    guard status == 0, let handle else { throw CUDAUnavailable("\(library.path): \(library.text(status))") }
    state = Mutex(State(handle: handle))
    CuDNN.explain("version \(library.version) from \(library.path)")
  }

  func run(_ call: ConvolutionCall, _ key: ConvolutionKey, on backend: CUDABackend) -> Bool {
    state.withLock { state in
      let stream = backend.stream
      if state.stream != stream {
        guard library.functions.pointee.set_stream(state.handle, stream) == 0 else { return false }
        state.stream = stream
      }
      let plan: CuDNNPlan
      if let known = state.plans[key] {
        guard let known else { return false }
        plan = known
      } else {
        do throws(CUDAUnavailable) {
          plan = try CuDNNPlan(call, key, library, handle: state.handle)
          state.plans[key] = plan
        } catch {
          CuDNN.explain("\(CuDNNPlan.describe(call)): own kernels, as \(error)")
          state.plans[key] = .some(nil)
          return false
        }
      }
      var workspace: UnsafeMutableRawPointer?
      // Where memory is short, own kernels need none; the next call may have it.
      do throws(EmberError) { workspace = try backend.allocate(byteCount: plan.workspaceBytes) } catch { return false }
      defer { if let workspace { backend.deallocate(workspace, byteCount: plan.workspaceBytes) } }
      do throws(CUDAUnavailable) {
        try plan.execute(call, handle: state.handle, workspace: workspace)
        return true
      } catch {
        CuDNN.explain("\(CuDNNPlan.describe(call)): own kernels from now on, as \(error)")
        state.plans[key] = .some(nil)
        return false
      }
    }
  }
}

/// Why engines were not used.
private struct Refusals {
  private var reasons: [(text: String, count: Int)] = []
  var isEmpty: Bool { reasons.isEmpty }
  var text: String { reasons.map { "\($0.count) × \($0.text)" }.joined(separator: "; ") }

  mutating func add(_ text: String) {
    if let place = reasons.firstIndex(where: { $0.text == text }) { reasons[place].count += 1 } else { reasons.append((text, 1)) }
  }
}

/// A convolution that cuDNN is ready to run.
private final class CuDNNPlan {
  /// More memory than this for one convolution is not worth what it brings.
  private static let workspaceLimit = 2 << 30

  private let library: CuDNN
  private let plan: CuDNNDescriptor
  let workspaceBytes: Int
  /// What the plan was made from, for as long as it lives.
  private let parts: [CuDNNDescriptor]

  private enum Identifier { static let x = 1, w = 2, y = 3 }

  init(_ call: ConvolutionCall, _ key: ConvolutionKey, _ library: CuDNN, handle: UnsafeMutableRawPointer) throws(CUDAUnavailable) {
    self.library = library
    let start = ContinuousClock.now
    let graph = try Self.graph(call, library, handle)
    var refusals = Refusals()
    // Engines that heuristics recommend, then those that work without being fast.
    for mode in [EMBER_CUDNN_MODE_A, EMBER_CUDNN_MODE_FALLBACK] {
      let configurations: [CuDNNDescriptor]
      do throws(CUDAUnavailable) { configurations = try Self.configurations(graph, mode, library) } catch {
        refusals.add("\(error)")
        continue
      }
      for (place, configuration) in configurations.enumerated() {
        do throws(CUDAUnavailable) {
          if let reason = try Self.objection(to: configuration, call, key, library) {
            refusals.add(reason)
            continue
          }
          let plan = try CuDNNDescriptor(EMBER_CUDNN_PLAN, "plan", library)
          try plan.set(EMBER_CUDNN_PLAN_HANDLE, pointers: [handle], type: EMBER_CUDNN_TYPE_HANDLE)
          try plan.set(EMBER_CUDNN_PLAN_CONFIGURATION, [configuration])
          try plan.finish()
          let bytes = try plan.get(EMBER_CUDNN_PLAN_WORKSPACE_BYTES, EMBER_CUDNN_TYPE_INT64, capacity: 1, filling: Int64(0)).first ?? 0
          if Int(bytes) > Self.workspaceLimit {
            refusals.add("needs a workspace of \(bytes) bytes")
            continue
          }
          self.plan = plan
          workspaceBytes = Int(bytes)
          parts = [graph, configuration]
          CuDNN.explain(
            "\(Self.describe(call)): engine \(place) of mode \(mode), workspace \(bytes) bytes, found in \(ContinuousClock.now - start)"
              + (refusals.isEmpty ? "" : "; before it \(refusals.text)"))
          return
        } catch {
          refusals.add("\(error)")
        }
      }
    }
    throw CUDAUnavailable(refusals.isEmpty ? "there is no engine" : refusals.text)
  }

  func execute(_ call: ConvolutionCall, handle: UnsafeMutableRawPointer, workspace: UnsafeMutableRawPointer?) throws(CUDAUnavailable) {
    let pack = try CuDNNDescriptor(EMBER_CUDNN_VARIANT_PACK, "variant pack", library)
    try pack.set(EMBER_CUDNN_PACK_POINTERS, pointers: [call.x.pointer, call.w.pointer, call.y.pointer])
    try pack.set(EMBER_CUDNN_PACK_IDENTIFIERS, integers: [Identifier.x, Identifier.w, Identifier.y])
    try pack.set(EMBER_CUDNN_PACK_WORKSPACE, pointers: [workspace])
    try pack.finish()
    let status = library.functions.pointee.execute(handle, plan.pointer, pack.pointer)
    if status != 0 { throw CUDAUnavailable("execution: \(library.text(status))") }
  }

  // MARK: Making a graph

  /// Bytes that an address is a multiple of, up to 16, which is all that kernels make use of.
  static func alignment(_ pointer: UnsafeMutableRawPointer?) -> Int {
    let address = UInt(bitPattern: pointer)
    return address == 0 ? 16 : min(16, 1 << address.trailingZeroBitCount)
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
      try descriptor.set(EMBER_CUDNN_TENSOR_ALIGNMENT, integers: [alignment(tensor.pointer)])
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

  /// Engines for a graph with their settings, best first.
  private static func configurations(_ graph: CuDNNDescriptor, _ mode: Int, _ library: CuDNN) throws(CUDAUnavailable) -> [CuDNNDescriptor] {
    let heuristic = try CuDNNDescriptor(EMBER_CUDNN_HEURISTIC, "heuristics of mode \(mode)", library)
    try heuristic.set(EMBER_CUDNN_HEURISTIC_GRAPH, [graph])
    try heuristic.set(EMBER_CUDNN_HEURISTIC_MODE, EMBER_CUDNN_TYPE_HEURISTIC_MODE, [Int32(mode)])
    try heuristic.finish()
    let available = try heuristic.count(EMBER_CUDNN_HEURISTIC_RESULTS, EMBER_CUDNN_TYPE_DESCRIPTOR)
    var configurations: [CuDNNDescriptor] = []
    for _ in 0..<available {
      configurations.append(try CuDNNDescriptor(EMBER_CUDNN_ENGINE_CONFIGURATION, "engine configuration", library))
    }
    if configurations.isEmpty { return [] }
    return Array(configurations.prefix(try heuristic.get(EMBER_CUDNN_HEURISTIC_RESULTS, into: configurations)))
  }

  /// Why an engine may not be used, or nil.
  private static func objection(
    to configuration: CuDNNDescriptor, _ call: ConvolutionCall, _ key: ConvolutionKey, _ library: CuDNN
  ) throws(CUDAUnavailable) -> String? {
    let needsFullFloat = call.dtype == .float32 && !key.allowsTF32
    if !needsFullFloat && !key.isDeterministic { return nil }
    let engine = try CuDNNDescriptor(EMBER_CUDNN_ENGINE, "engine", library)
    guard try configuration.get(EMBER_CUDNN_CONFIGURATION_ENGINE, into: [engine]) == 1 else { return "has no engine" }
    let notes = try engine.get(
      EMBER_CUDNN_ENGINE_NUMERICAL_NOTES, EMBER_CUDNN_TYPE_NUMERICAL_NOTE, capacity: EMBER_CUDNN_NOTES, filling: Int32(-1)
    ).map(Int.init)
    if needsFullFloat && (notes.contains(EMBER_CUDNN_NOTE_TENSOR_CORE) || notes.contains(EMBER_CUDNN_NOTE_DOWN_CONVERTS)) {
      return "rounds float32"
    }
    return key.isDeterministic && notes.contains(EMBER_CUDNN_NOTE_NONDETERMINISTIC) ? "is not deterministic" : nil
  }

  static func describe(_ call: ConvolutionCall) -> String {
    func list(_ tensor: ConvolutionTensor) -> String { "[" + (0..<5).map { "\(tensor.extents[$0])" }.joined(separator: ", ") + "]" }
    func numbers(_ values: InlineArray<3, Int>) -> String { "[" + (0..<3).map { "\(values[$0])" }.joined(separator: ", ") + "]" }
    return "\(call.pass) \(call.dtype) \(call.x.isChannelsLast ? "channels last " : "")"
      + "x \(list(call.x)) w \(list(call.w)) y \(list(call.y)) "
      + "stride \(numbers(call.window.stride)) padding \(numbers(call.window.padding)) dilation \(numbers(call.window.dilation)) "
      + "groups \(call.window.groups)"
  }
}

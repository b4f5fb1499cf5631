import CCUDA
import EmberRuntime
import Synchronization

/// What cuDNN does for Ember; the first number of a key.
enum CuDNNKind: Int { case convolution, attention }

/// What a plan depends on: its kind, then numbers of that kind's own.
struct CuDNNKey: Hashable {
  private var numbers = InlineArray<48, Int>(repeating: 0)
  private var count = 1

  init(_ kind: CuDNNKind) { numbers[0] = kind.rawValue }

  mutating func add(_ number: Int) {
    numbers[count] = number
    count += 1
  }

  static func == (a: CuDNNKey, b: CuDNNKey) -> Bool {
    guard a.count == b.count else { return false }
    for i in 0..<a.count where a.numbers[i] != b.numbers[i] { return false }
    return true
  }

  func hash(into hasher: inout Hasher) { for i in 0..<count { hasher.combine(numbers[i]) } }
}

/// cuDNN on one device: a handle, which one thread may use at a time, and the plans made with it.
///
/// Making a plan takes up to seconds, so it is kept for as long as the process lives; a key that cuDNN refuses is remembered as well.
final class CuDNNDevice: Sendable {
  // Never leaves the lock.
  private struct State: @unchecked Sendable {
    var handle: UnsafeMutableRawPointer
    var stream: UnsafeMutableRawPointer?
    var plans: [CuDNNKey: CuDNNPlan?] = [:]
  }
  /// By device.
  private static let devices = Mutex<[UInt8: CuDNNDevice?]>([:])

  private let library: CuDNN
  private let state: Mutex<State>

  /// cuDNN on a backend's device, whose context becomes the thread's current one; nil where there is none.
  static func of(_ backend: CUDABackend) -> CuDNNDevice? {
    guard case .success(let library) = CuDNN.shared else { return nil }
    backend.useContext()
    return devices.withLock { devices in
      if let known = devices[backend.device.index] { return known }
      var made: CuDNNDevice?
      do throws(CUDAUnavailable) { made = try CuDNNDevice(library) } catch { CuDNN.explain("not on \(backend.device): \(error)") }
      devices[backend.device.index] = .some(made)
      return made
    }
  }

  /// The device's context must be the thread's current one.
  private init(_ library: CuDNN) throws(CUDAUnavailable) {
    self.library = library
    var handle: UnsafeMutableRawPointer?
    let status = library.functions.pointee.create(&handle)
    guard status == 0, let handle else { throw CUDAUnavailable("\(library.path): \(library.text(status))") }
    state = Mutex(State(handle: handle))
    CuDNN.explain("version \(library.version) from \(library.path)")
  }

  /// Makes a plan for a key.
  typealias Making = (CuDNN, UnsafeMutableRawPointer) throws(CUDAUnavailable) -> CuDNNPlan

  /// The plan for a key, made unless there is one. Nil where there can be none, or none now.
  private func plan(_ key: CuDNNKey, _ state: inout State, on backend: CUDABackend, _ name: () -> String, _ make: Making) -> CuDNNPlan? {
    if let known = state.plans[key] { return known }
    // Loading its kernels may wait for the device, which would end a recording; the next call outside may make it.
    if backend.allocator.isRecording {
      CuDNN.explain("\(name()): own kernels, as no plan is made while a graph is recorded; run it before")
      return nil
    }
    do throws(CUDAUnavailable) {
      let start = ContinuousClock.now
      let plan = try make(library, state.handle)
      state.plans[key] = plan
      CuDNN.explain("\(name()): \(plan.description), found in \(ContinuousClock.now - start)")
      return plan
    } catch {
      CuDNN.explain("\(name()): own kernels, as \(error)")
      state.plans[key] = .some(nil)
      return nil
    }
  }

  /// Makes the plan for a key that is about to be run, unless there is one.
  func prepare(_ key: CuDNNKey, on backend: CUDABackend, describing name: @autoclosure () -> String, making make: Making) {
    state.withLock { _ = plan(key, &$0, on: backend, name, make) }
  }

  /// Queues the plan for a key, which `make` makes at its first use. False, having done nothing: Ember's own kernels must do it.
  func run(
    _ key: CuDNNKey, _ operands: [CuDNNPlan.Operand], on backend: CUDABackend, describing name: @autoclosure () -> String,
    making make: Making
  ) -> Bool {
    state.withLock { state in
      let stream = backend.stream
      if state.stream != stream {
        guard library.functions.pointee.set_stream(state.handle, stream) == 0 else { return false }
        state.stream = stream
      }
      guard let plan = plan(key, &state, on: backend, name, make) else { return false }
      var workspace: UnsafeMutableRawPointer?
      // Where memory is short, own kernels need less; the next call may have it.
      do throws(EmberError) { workspace = try backend.allocate(byteCount: plan.workspaceBytes) } catch { return false }
      defer { if let workspace { backend.deallocate(workspace, byteCount: plan.workspaceBytes) } }
      do throws(CUDAUnavailable) {
        try plan.execute(operands, handle: state.handle, workspace: workspace)
        return true
      } catch {
        CuDNN.explain("\(name()): own kernels from now on, as \(error)")
        state.plans[key] = .some(nil)
        return false
      }
    }
  }
}

/// A graph of operations that cuDNN is ready to run: what its heuristics rank first of what it can run.
final class CuDNNPlan {
  /// Where a tensor of the graph lies, by its identifier.
  typealias Operand = (identifier: Int, pointer: UnsafeMutableRawPointer?)

  /// More memory than this for one plan is not worth what it brings.
  private static let workspaceLimit = 2 << 30

  /// Memory that an execution needs, scratch tensors included.
  let workspaceBytes: Int
  /// Which engine it is, and why not others.
  let description: String
  private let library: CuDNN
  private let plan: CuDNNDescriptor
  /// Tensors of the graph that only it reads, by their places in the workspace.
  private let scratch: [(identifier: Int, offset: Int)]
  /// What the plan was made from, for as long as it lives.
  private let parts: [CuDNNDescriptor]

  /// Why engines were not used.
  private struct Refusals {
    private var reasons: [(text: String, count: Int)] = []
    var isEmpty: Bool { reasons.isEmpty }
    var text: String { reasons.map { "\($0.count) × \($0.text)" }.joined(separator: "; ") }

    mutating func add(_ text: String) {
      if let place = reasons.firstIndex(where: { $0.text == text }) { reasons[place].count += 1 } else { reasons.append((text, 1)) }
    }
  }

  /// `scratch`: tensors that lie in the workspace. `objection`: why an engine with these numerical notes may not be used, or nil.
  init(
    _ graph: CuDNNDescriptor, scratch: [(identifier: Int, bytes: Int)] = [], _ library: CuDNN, handle: UnsafeMutableRawPointer,
    objection: ([Int]) -> String?
  ) throws(CUDAUnavailable) {
    self.library = library
    var refusals = Refusals()
    // Engines that heuristics recommend, then those that work without being fast.
    for mode in [EMBER_CUDNN_MODE_A, EMBER_CUDNN_MODE_FALLBACK] {
      let configurations: [CuDNNDescriptor]
      do throws(CUDAUnavailable) { configurations = try Self.configurations(graph, mode, library) } catch {
        refusals.add("\(error)")
        continue
      }
      if configurations.isEmpty { refusals.add("no engine in mode \(mode) (CUDNN_LOGLEVEL_DBG=2 CUDNN_LOGDEST_DBG=stderr says why)") }
      for (place, configuration) in configurations.enumerated() {
        do throws(CUDAUnavailable) {
          let engine = try CuDNNDescriptor(EMBER_CUDNN_ENGINE, "engine", library)
          guard try configuration.get(EMBER_CUDNN_CONFIGURATION_ENGINE, into: [engine]) == 1 else {
            throw CUDAUnavailable("has no engine")
          }
          if let reason = objection(try Self.numericalNotes(engine)) { throw CUDAUnavailable(reason) }
          let plan = try CuDNNDescriptor(EMBER_CUDNN_PLAN, "plan", library)
          try plan.set(EMBER_CUDNN_PLAN_HANDLE, pointers: [handle], type: EMBER_CUDNN_TYPE_HANDLE)
          try plan.set(EMBER_CUDNN_PLAN_CONFIGURATION, [configuration])
          try plan.finish()
          let own = Int(try plan.get(EMBER_CUDNN_PLAN_WORKSPACE_BYTES, EMBER_CUDNN_TYPE_INT64, capacity: 1, filling: Int64(0)).first ?? 0)
          var bytes = own
          var places: [(identifier: Int, offset: Int)] = []
          for tensor in scratch {
            bytes = (bytes + 255) / 256 * 256
            places.append((tensor.identifier, bytes))
            bytes += tensor.bytes
          }
          if bytes > Self.workspaceLimit { throw CUDAUnavailable("needs a workspace of \(bytes) bytes") }
          self.plan = plan
          self.scratch = places
          workspaceBytes = bytes
          parts = [graph, configuration]
          description =
            "engine \(place) of mode \(mode), workspace \(own) bytes" + (scratch.isEmpty ? "" : " and \(bytes - own) of tensors")
            + (refusals.isEmpty ? "" : "; before it \(refusals.text)")
          return
        } catch {
          refusals.add("\(error)")
        }
      }
    }
    throw CUDAUnavailable(refusals.text)
  }

  func execute(_ operands: [Operand], handle: UnsafeMutableRawPointer, workspace: UnsafeMutableRawPointer?) throws(CUDAUnavailable) {
    var all = operands
    for tensor in scratch { all.append((tensor.identifier, workspace.map { $0 + tensor.offset })) }
    let pack = try CuDNNDescriptor(EMBER_CUDNN_VARIANT_PACK, "variant pack", library)
    try pack.set(EMBER_CUDNN_PACK_POINTERS, pointers: all.map(\.pointer))
    try pack.set(EMBER_CUDNN_PACK_IDENTIFIERS, integers: all.map(\.identifier))
    try pack.set(EMBER_CUDNN_PACK_WORKSPACE, pointers: [workspace])
    try pack.finish()
    let status = library.functions.pointee.execute(handle, plan.pointer, pack.pointer)
    if status != 0 { throw CUDAUnavailable("execution: \(library.text(status))") }
  }

  /// Bytes that an address is a multiple of, up to 16, which is all that kernels make use of.
  static func alignment(_ pointer: UnsafeMutableRawPointer?) -> Int {
    let address = UInt(bitPattern: pointer)
    return address == 0 ? 16 : min(16, 1 << address.trailingZeroBitCount)
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

  private static func numericalNotes(_ engine: CuDNNDescriptor) throws(CUDAUnavailable) -> [Int] {
    try engine.get(
      EMBER_CUDNN_ENGINE_NUMERICAL_NOTES, EMBER_CUDNN_TYPE_NUMERICAL_NOTE, capacity: EMBER_CUDNN_NOTES, filling: Int32(-1)
    ).map(Int.init)
  }
}

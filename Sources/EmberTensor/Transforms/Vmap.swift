import CEmberRuntime
import EmberRuntime
import Synchronization

/// What drawing random numbers means inside `vmap`.
public enum VmapRandomness: Sendable {
  /// An error: whoever maps a random function has to choose.
  case error
  /// All members see the same numbers.
  case same
  /// Each member has numbers of its own.
  case different
}

/// One `vmap` under way on the calling thread.
final class VmapScope {
  let level: UInt64
  let size: Int
  let randomness: VmapRandomness
  /// Operations without a rule for batches that were met so far.
  var runByMember: Set<String> = []
  private let outer: VmapScope?
  private static let counter = Atomic<UInt64>(0)

  private init(size: Int, randomness: VmapRandomness) {
    level = Self.counter.wrappingAdd(1, ordering: .relaxed).newValue
    self.size = size
    self.randomness = randomness
    outer = Self.current
  }

  /// The innermost one of the calling thread.
  static var current: VmapScope? {
    get { ember_thread().pointee.vmap.map { Unmanaged<VmapScope>.fromOpaque($0).takeUnretainedValue() } }
    set { ember_thread().pointee.vmap = newValue.map { Unmanaged.passUnretained($0).toOpaque() } }
  }

  static func run<Result>(size: Int, randomness: VmapRandomness, _ body: (VmapScope) throws -> Result) rethrows -> Result {
    let scope = VmapScope(size: size, randomness: randomness)
    current = scope
    defer { current = scope.outer }
    return try withExtendedLifetime(scope) { try body(scope) }
  }

  /// Runs `body` as if this `vmap` were not there.
  private func outside<Result>(_ body: () -> Result) -> Result {
    Self.current = outer
    defer { Self.current = self }
    return body()
  }

  /// Draws numbers as this scope's randomness says. `make` gets the extents to put in front of the shape.
  func drawing(_ name: String, _ make: ([Int]) -> Tensor) -> Tensor {
    switch randomness {
    case .error:
      raise(
        EmberError(
          .value, in: name,
          "draws random numbers inside vmap; pass vmap randomness: .different (each member its own) or .same (all members the same)"))
      return .poison
    case .same: return outside { make([]) }
    case .different: return Tensor(batched: outside { make([size]) }, level: level)
    }
  }

  /// Draws numbers whose distribution depends on a tensor's elements.
  func drawing(_ name: String, for tensor: Tensor, _ make: (Tensor) -> Tensor) -> Tensor {
    let batch = tensor.lifted(to: level).body.batch!
    if randomness == .same, !batch.isShared {
      raise(
        EmberError(
          .value, in: name,
          "the members' probabilities differ, so that they cannot draw the same numbers; pass vmap randomness: .different"))
      return .poison
    }
    return drawing(name) { extents in
      extents.isEmpty || !batch.isShared ? make(batch.physical) : make(batch.physical.expand(extents + Array(batch.physical.shape)))
    }
  }
}

/// The operations that the innermost `vmap` under way has run member by member so far, for want of a rule.
package var operationsRunByMember: Set<String> { VmapScope.current?.runByMember ?? [] }

/// Runs `body`, which is written for one member, on all members of a batch at once.
///
/// Inside, tensors have the shapes of one member; operations run on all members together. Members do not see each other, so that
/// elements cannot be read (`item`) inside. Operations without a rule for batches run member by member.
///
/// - Parameters:
///   - inputs: tensors with a dimension for the batch, or without one (`nil` in `inDims`).
///   - inDims: where the batch is in each input; nil: every member gets the whole tensor. Default: dimension 0 of each.
///   - outDims: where the batch will be in each result. Default: dimension 0. A result that does not depend on the member is repeated.
///   - randomness: what drawing random numbers inside means.
///   - chunkSize: at most so many members at once, which bounds memory.
public func vmap(
  _ inputs: [Tensor], inDims: [Int?]? = nil, outDims: [Int]? = nil, randomness: VmapRandomness = .error, chunkSize: Int? = nil,
  _ body: ([Tensor]) -> [Tensor]
) -> [Tensor] {
  guard mayRunSlowly("vmap", inputs) else { return [.poison] }
  do throws(EmberError) {
    let (moved, size) = try batchFirst(inputs, inDims)
    let results: [Tensor]
    if let chunkSize, chunkSize < size {
      guard chunkSize > 0 else { throw EmberError(.value, in: "vmap", "chunkSize \(chunkSize); it must be positive") }
      let pieces = stride(from: 0, to: size, by: chunkSize).map { start in
        let length = min(chunkSize, size - start)
        return mapped(moved.map { $0.isBatched ? ($0.tensor.narrow(0, start: start, length: length), true) : $0 }, length, randomness, body)
      }
      results = pieces[0].indices.map { i in cat(pieces.map { $0[i] }) }
    } else {
      results = mapped(moved, size, randomness, body)
    }
    if results.contains(where: \.isPoisoned) { return results.map { _ in .poison } }
    guard let outDims else { return results }
    guard outDims.count == results.count else {
      throw EmberError(.value, in: "vmap", "outDims has \(outDims.count) entries for \(results.count) results")
    }
    return zip(results, outDims).map { $0.moved(from: 0, to: $1) }
  } catch {
    raise(error)
    return [.poison]
  }
}

private func mapped(
  _ inputs: [(tensor: Tensor, isBatched: Bool)], _ size: Int, _ randomness: VmapRandomness, _ body: ([Tensor]) -> [Tensor]
) -> [Tensor] {
  VmapScope.run(size: size, randomness: randomness) { scope in
    body(inputs.map { $0.isBatched ? Tensor(batched: $0.tensor, level: scope.level) : $0.tensor }).map { result in
      guard !result.isPoisoned else { return result }
      let batch = result.lifted(to: scope.level).body.batch!
      return batch.isShared ? batch.physical.expand([size] + Array(batch.physical.body.shape)) : batch.physical
    }
  }
}

/// The inputs with the batch first, and its extent.
private func batchFirst(_ inputs: [Tensor], _ inDims: [Int?]?) throws(EmberError) -> ([(tensor: Tensor, isBatched: Bool)], Int) {
  let dims = inDims ?? inputs.map { _ in 0 }
  guard dims.count == inputs.count else {
    throw EmberError(.value, in: "vmap", "inDims has \(dims.count) entries for \(inputs.count) inputs")
  }
  var size: Int?
  var result: [(tensor: Tensor, isBatched: Bool)] = []
  for (i, (input, dim)) in zip(inputs, dims).enumerated() {
    guard let dim else {
      result.append((input, false))
      continue
    }
    guard input.rank > 0 else {
      throw EmberError(.shape, in: "vmap", "input \(i), \(input.summary), has no dimension for the batch; give nil for it in inDims")
    }
    let position = try wrapDimension(dim, input.rank, in: "vmap")
    let extent = input.body.shape[unchecked: position]
    if let size, size != extent {
      throw EmberError(
        .shape, in: "vmap", "the batch has \(size) members, but dimension \(dim) of input \(i), \(input.summary), has extent \(extent)")
    }
    size = extent
    result.append((input.moved(from: position, to: 0), true))
  }
  guard let size else { throw EmberError(.value, in: "vmap", "no input has a batch; at least one entry of inDims must not be nil") }
  return (result, size)
}

extension Tensor {
  /// The dimension `source` at position `target` of the result, the others in order.
  func moved(from source: Int, to target: Int) -> Tensor {
    withDimension(target, "vmap") { target in
      if source == target { return self }
      var order = Array(0..<rank)
      order.insert(order.remove(at: source), at: target)
      return permute(order)
    }
  }
}

// MARK: - The same as a function of functions

/// `function` for all members of a batch: `vmap { x in x.dot(weight) }(batch)`. See `vmap(_:inDims:outDims:randomness:chunkSize:_:)`.
public func vmap(
  inDim: Int = 0, outDim: Int = 0, randomness: VmapRandomness = .error, chunkSize: Int? = nil, _ function: @escaping (Tensor) -> Tensor
) -> (Tensor) -> Tensor {
  { vmap([$0], inDims: [inDim], outDims: [outDim], randomness: randomness, chunkSize: chunkSize) { [function($0[0])] }[0] }
}

/// The same for functions of two tensors; `nil` in `inDims` stands for an input that all members share.
public func vmap(
  inDims: (Int?, Int?) = (0, 0), outDim: Int = 0, randomness: VmapRandomness = .error, chunkSize: Int? = nil,
  _ function: @escaping (Tensor, Tensor) -> Tensor
) -> (Tensor, Tensor) -> Tensor {
  {
    vmap([$0, $1], inDims: [inDims.0, inDims.1], outDims: [outDim], randomness: randomness, chunkSize: chunkSize) {
      [function($0[0], $0[1])]
    }[0]
  }
}

/// The same for functions of three tensors.
public func vmap(
  inDims: (Int?, Int?, Int?) = (0, 0, 0), outDim: Int = 0, randomness: VmapRandomness = .error, chunkSize: Int? = nil,
  _ function: @escaping (Tensor, Tensor, Tensor) -> Tensor
) -> (Tensor, Tensor, Tensor) -> Tensor {
  {
    vmap([$0, $1, $2], inDims: [inDims.0, inDims.1, inDims.2], outDims: [outDim], randomness: randomness, chunkSize: chunkSize) {
      [function($0[0], $0[1], $0[2])]
    }[0]
  }
}

import EmberCUDA
import EmberFormats
import EmberRuntime
import EmberTensor

/// How an operator does on a device or under a transform.
enum Observation: Sendable, Hashable {
  case holds
  /// Right, but one member of the batch after the other.
  case holdsByLoop
  case fails(String)
}

/// Runs one case of an operator in ways that the corpus has no expected values for: on `meta`, forward, and on batches. Each is held
/// against what plain calls of the same operator give.
struct OperatorProbe {
  let item: Case
  let registry: OperatorRegistry
  /// The overload that takes the case's arguments.
  let name: String
  private let call: OperatorCall
  private let results: [OperatorValue]

  /// Nil if the case is to be refused, or no operator takes it.
  init?(_ item: Case, _ registry: OperatorRegistry) {
    guard !item.expectsError, let callee = item.callee(registry), let call = try? item.operatorCall(callee) else { return nil }
    let candidates = registry[callee].map { [$0] } ?? registry.overloads(of: callee)
    for candidate in candidates {
      guard let results = try? candidate.call([], call.arguments) else { continue }
      self.item = item
      self.registry = registry
      name = candidate.schema.qualifiedName
      self.call = call
      self.results = results.flatMap(\.flattened)
      return
    }
    return nil
  }

  /// Whether results are drawn, so that two calls differ. The default generator is not seeded: others may be using it.
  var isRandom: Bool {
    item.entry.category == "random" || ["dropout", "rrelu", "fractional_max_pool"].contains { item.entry.name.contains($0) }
  }

  /// The tensors among the arguments, depth first.
  private var inputs: [Tensor] { call.arguments.flatMap(\.value.tensors) }
  private var outputs: [Tensor] { results.flatMap(\.tensors) }
  private var isDense: Bool { !(call.arguments.map(\.value) + results).contains { $0.flattened.contains(where: \.isOpaque) } }

  /// The operator as a function of its tensors.
  private func run(_ tensors: [Tensor], on device: Device? = nil) throws -> [OperatorValue] {
    var rest = tensors[...]
    let arguments = call.arguments.map { argument -> (String, OperatorValue) in
      if let device, argument.name == "device", !argument.value.isNone { return (argument.name, .device(device)) }
      return (argument.name, argument.value.mapTensors { _ in rest.removeFirst() })
    }
    return try registry[name]!.call([], arguments).flatMap(\.flattened)
  }

  // MARK: - Shapes without elements

  /// Whether `meta` tensors give results of the same shapes and dtypes. Nil where there are no tensors.
  func onMeta() -> Observation? {
    guard isDense, !inputs.isEmpty, !outputs.isEmpty else { return nil }
    do {
      let shapes = try run(inputs.map { $0.detach().to(.meta) }, on: .meta).flatMap(\.tensors)
      guard shapes.count == outputs.count else { return .fails("\(shapes.count) results, not \(outputs.count)") }
      for (shape, output) in zip(shapes, outputs) where shape.shape != output.shape || shape.dtype != output.dtype || shape.device != .meta
      {
        return .fails("\(shape.summary) for \(output.summary)")
      }
      return .holds
    } catch { return .fails("\(error)") }
  }

  // MARK: - An NVIDIA GPU

  /// Whether the case gives the same on the GPU, by kernels of its own or through the CPU. Nil where no tensor is put there.
  func onGPU() -> Observation? {
    guard isDense, !inputs.isEmpty, !outputs.isEmpty else { return nil }
    func hostCalls() -> Int { CUDA.operationsOnHost.reduce(0) { $0 + $1.count } }
    do {
      let before = hostCalls()
      let found = try catchingErrors { try run(inputs.map { $0.detach().to(.cuda) }, on: .cuda).flatMap(\.tensors).map { $0.detach().to(.cpu) } }
      let isOnHost = hostCalls() != before
      guard found.count == outputs.count else { return .fails("\(found.count) results, not \(outputs.count)") }
      for (tensor, output) in zip(found, outputs) where tensor.shape != output.shape || tensor.dtype != output.dtype {
        return .fails("\(tensor.summary) for \(output.summary)")
      }
      return isOnHost ? .holdsByLoop : .holds
    } catch { return .fails("\(error)") }
  }

  // MARK: - Forward mode

  /// Whether J·t by forward mode agrees with uᵀJ by reverse mode: u·(J·t) = (uᵀJ)·t, and with central differences if these are asked for.
  /// Nil for what has no derivative.
  func forward(differences: Bool = false) -> Observation? {
    guard isDense, !isRandom, let wide = wideInputs(), let cotangents = try? item.weighted(results), !cotangents.isEmpty else { return nil }
    let variables = wide.indices.filter { inputs[$0].requiresGrad }
    if variables.isEmpty { return nil }
    let tangents = variables.map { Self.direction(like: wide[$0]) }
    func function(_ output: Int, _ point: [Tensor]) -> Tensor {
      var all = wide
      for (i, value) in zip(variables, point) { all[i] = value }
      do {
        let weighted = try item.weighted(run(all))
        return output < weighted.count ? weighted[output].output : refused("there are only \(weighted.count) results")
      } catch { return refused("\(error)") }
    }
    do {
      for (i, (output, _)) in cotangents.enumerated() where output.requiresGrad {
        let point = variables.map { wide[$0].detach() }
        try catchingErrors {
          let cotangent = Self.direction(like: function(i, point))
          let (value, tangent) = jvp({ function(i, $0) }, at: point, tangents: tangents)
          // Where a result is infinite or NaN its derivatives have no meaning.
          guard value.abs().isFinite.all().item(as: Bool.self) else { return }
          let (_, gradients) = vjp({ function(i, $0) }, at: point, cotangent: cotangent)
          let forward = inner(cotangent, tangent)
          let reverse = zip(gradients, tangents).reduce(0) { $0 + inner($1.0, $1.1) }
          let scale = max(1, zip(gradients, tangents).reduce(0) { $0 + innerSize($1.0, $1.1) }, innerSize(cotangent, tangent))
          let agrees = abs(forward - reverse) <= 1e-6 * scale || forward == reverse || (forward.isNaN && reverse.isNaN)
          guard tangent.shape == value.shape, agrees else {
            throw CaseFailure("forward gives \(forward), reverse \(reverse)")
          }
          guard differences else { return }
          // Some functions read one triangle of a matrix, and have derivatives along Hermitian or triangular matrices only.
          let directions = [tangents, tangents.map { isSquare($0) ? $0 + $0.mH : $0 }, tangents.map { isSquare($0) ? $0.tril() : $0 }]
          let misses = directions.compactMap { missedDifference($0, at: point) { function(i, $0) } }
          if misses.count == directions.count { throw CaseFailure(misses[0]) }
        }
      }
      return .holds
    } catch { return .fails("\(error)") }
  }

  private func isSquare(_ x: Tensor) -> Bool { x.rank >= 2 && x.shape[-1] == x.shape[-2] }

  /// How J·t differs from the central difference quotient where both are finite, or nil.
  private func missedDifference(_ tangents: [Tensor], at point: [Tensor], _ function: ([Tensor]) -> Tensor) -> String? {
    let tangent = jvp(function, at: point, tangents: tangents).tangent
    if tangent.elementCount == 0 { return nil }
    let step = 1e-6
    func moved(_ by: Double) -> Tensor { function(zip(point, tangents).map { $0 + $1 * by }).detach() }
    let quotient = (moved(step) - moved(-step)) / (2 * step)
    let isFinite = quotient.abs().isFinite & tangent.abs().isFinite
    // Differences of large numbers mean nothing.
    let value = moved(0)
    let largest: Double = (point + [value]).map { $0.elementCount == 0 ? 0 : $0.abs().maskedFill(!$0.abs().isFinite, 0).amax().item() }
      .max()!
    if largest > 1e5 { return nil }
    let distance: Double = (quotient - tangent).abs().maskedFill(!isFinite, 0).amax().item()
    let size: Double = tangent.abs().maskedFill(!isFinite, 0).amax().item()
    return distance <= 1e-4 * max(1, size) ? nil : "J·t misses the difference quotient by \(distance), its size being \(size)"
  }

  /// The arguments in double precision, if the operator takes them so, and with the same results.
  private func wideInputs() -> [Tensor]? {
    let wide = inputs.map { x in
      let plain = x.detach()
      return plain.dtype.isDifferentiable ? plain.to(plain.dtype.isComplex ? .complex128 : .float64) : plain
    }
    guard wide.contains(where: \.dtype.isDifferentiable), let found = try? run(wide).flatMap(\.tensors), found.count == outputs.count else {
      return nil
    }
    return found.filter(\.dtype.isDifferentiable).allSatisfy { $0.dtype == .float64 || $0.dtype == .complex128 } ? wide : nil
  }

  /// Numbers between 0.5 and 1.5 with changing signs, the same each time.
  private static func direction(like x: Tensor) -> Tensor {
    let generator = Generator(seed: 11)
    let numbers = Tensor.rand(Array(x.shape), dtype: x.dtype.realType, generator: generator) + 0.5
    let signs = (Tensor.rand(Array(x.shape), dtype: x.dtype.realType, generator: generator) - 0.5).sign()
    return x.dtype.isComplex ? complex(numbers, signs * numbers) : numbers * signs
  }

  /// Re Σ conj(a) b
  private func inner(_ a: Tensor, _ b: Tensor) -> Double { realPart(a.conj() * b).sum().item() }
  private func innerSize(_ a: Tensor, _ b: Tensor) -> Double { (a.abs() * b.abs()).sum().item() }
  private func realPart(_ x: Tensor) -> Tensor { x.dtype.isComplex ? x.real : x }

  // MARK: - Batches

  /// Whether `vmap` over a batch gives what a loop over its members gives. One entry for the floating-point tensors, all at once and
  /// each alone, and one for all tensors, indices and masks too. Empty where there is no tensor.
  func onBatches() -> [Observation] {
    // One dimension more must be possible.
    guard isDense, !inputs.isEmpty, !outputs.isEmpty, (inputs + outputs).allSatisfy({ $0.rank < maximumRank }) else { return [] }
    let first = inputs.map { $0.detach() }
    // The second member's numbers are a little smaller, which keeps signs, symmetry and rank; integers and truth values are the same.
    let second = first.map { $0.dtype.isDifferentiable ? ($0 * 0.98).to($0.dtype) : $0 }
    let numbers = first.indices.filter { first[$0].dtype.isDifferentiable }
    let whole = Set(first.indices)
    let plans =
      numbers.isEmpty || numbers.count == first.count
      ? [[whole] + first.indices.map { [$0] }] : [[Set(numbers)] + numbers.map { [$0] }, [whole]]
    return plans.map { plan in
      var isLooped = false
      for batched in plan {
        do {
          if try isBatchLooped(first, second, batched) { isLooped = true }
        } catch { return .fails("inputs \(batched.sorted()): \(error)") }
      }
      return isLooped ? .holdsByLoop : .holds
    }
  }

  private func isBatchLooped(_ first: [Tensor], _ second: [Tensor], _ batched: Set<Int>) throws -> Bool {
    func isBatched(_ i: Int) -> Bool { batched.contains(i) }
    let members = [first, first.indices.map { isBatched($0) ? second[$0] : first[$0] }]
    let loop = try members.map { try run($0) }
    let places = loop[0].indices.filter { if case .tensor = loop[0][$0] { true } else { false } }
    let batch = try catchingErrors { first.indices.map { isBatched($0) ? stack([first[$0], second[$0]]) : first[$0] } }
    var isLooped = false
    let found = try catchingErrors {
      vmap(batch, inDims: first.indices.map { isBatched($0) ? 0 : nil }, randomness: .different) { member in
        do {
          let values = try run(member)
          isLooped = !operationsRunByMember.isEmpty
          return try places.map { place in
            guard place < values.count, case .tensor(let tensor) = values[place] else { throw CaseFailure("result \(place) is no tensor") }
            return tensor
          }
        } catch { return places.map { _ in refused("\(error)") } }
      }
    }
    for (tensor, place) in zip(found, places) {
      let expected = try catchingErrors { stack(loop.flatMap { $0[place].tensors }) }
      if tensor.dtype != expected.dtype || tensor.shape != expected.shape { throw CaseFailure("\(tensor.summary) for \(expected.summary)") }
      if isRandom || isUnset(place) { continue }
      let tolerance = Self.tolerances[expected.dtype.realType] ?? 0
      if let difference = Comparison.difference(tensor, expected, (tolerance, tolerance)) {
        throw CaseFailure("result \(place): \(difference)")
      }
    }
    return isLooped
  }

  /// Whether a result is not set at all, so that only its shape and dtype can be compared.
  private func isUnset(_ place: Int) -> Bool {
    let expected = item.json["outputs"]?.items ?? []
    return place < expected.count && expected[place]["check"]?.text == "shape"
  }

  /// Members of a batch may be summed in another order.
  private static let tolerances: [DType: Double] = [.float64: 1e-9, .float32: 2e-5, .float16: 4e-3, .bfloat16: 3e-2]

  private func refused(_ message: String) -> Tensor {
    raise(EmberError(.value, in: name, message))
    return .poison
  }
}

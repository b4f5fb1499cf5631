import EmberRuntime
import Synchronization

/// A stream of random numbers. The same seed gives PyTorch's numbers on the CPU.
///
/// Safe to share between threads, which then draw in an order of their own; give each thread its own for reproducible runs.
public final class Generator: @unchecked Sendable {
  public let device: Device
  private let guardian = Mutex<Void>(())
  private let stateObject: any GeneratorState

  public init(seed: UInt64, device: Device = .cpu) {
    self.device = device
    let backend = (try? Backends.backend(for: device)) ?? Backends.cpu
    stateObject = backend.makeGeneratorState(seed: seed)
  }

  /// What functions draw from when no generator is given. Seeded as PyTorch's default generator is before `manual_seed`.
  public static var `default`: Generator { .default(on: .cpu) }

  /// The default generator of a device: numbers are drawn where they are stored.
  public static func `default`(on device: Device) -> Generator { DefaultGenerators.current.generator(on: device) }

  /// The generator to draw from for a tensor on `device`: the one given, which must live there, or the device's default.
  static func choose(_ given: Generator?, for device: Device, in operation: String) throws(EmberError) -> Generator {
    guard let given else { return .default(on: device) }
    guard given.device == device else {
      throw EmberError(
        .device, in: operation, "a generator on \(given.device) for a tensor on \(device); make one with Generator(seed:device:)")
    }
    return given
  }

  /// Starts the stream of a seed.
  public func seed(_ seed: UInt64) { withState { $0.seed(seed) } }

  /// Everything needed to continue the stream; on the CPU PyTorch's own saved form.
  public var state: [UInt8] { withState { $0.bytes } }

  /// Continues a saved stream; false, changing nothing, if the bytes are none.
  public func restore(_ state: [UInt8]) -> Bool { withState { $0.restore(state) } }

  /// One 64-bit draw, for seeding other generators.
  public func next() -> UInt64 { withState { $0.next() } }

  func withState<Result, Failure: Error>(_ body: (any GeneratorState) throws(Failure) -> Result) throws(Failure) -> Result {
    try guardian.withLock { _ throws(Failure) in try body(stateObject) }
  }
}

/// Seeds the default generators of all devices; inside `withRandomSeed` those of the scope.
public func manualSeed(_ seed: UInt64) { DefaultGenerators.current.seed(seed) }

/// Runs the closure with default generators of its own, seeded here. What other tasks and threads draw meanwhile changes nothing in it, and it
/// changes nothing for them: results stay the same in a server or in tests that run side by side. As PyTorch's `fork_rng` followed by `manual_seed`.
///
/// Tasks made inside share the scope's generators; threads made inside do not.
public func withRandomSeed<Result, Failure: Error>(_ seed: UInt64, _ body: () throws(Failure) -> Result) throws(Failure) -> Result {
  // `withValue` rethrows without a type, so what it carries out is a result.
  let outcome = DefaultGenerators.$scoped.withValue(DefaultGenerators(seed: seed)) { () -> Swift.Result<Result, Failure> in
    do throws(Failure) { return .success(try body()) } catch { return .failure(error) }
  }
  return try outcome.get()
}

/// One generator for each device in use.
final class DefaultGenerators: Sendable {
  /// The state of each generator, and the seed that those of further devices start from.
  struct States: Sendable {
    fileprivate var seed: UInt64
    fileprivate var states: [Device: [UInt8]]
  }

  private struct Known {
    var seed: UInt64
    var all: [Device: Generator] = [:]
  }

  private static let ofProcess = DefaultGenerators(seed: 67_280_421_310_721)
  @TaskLocal fileprivate static var scoped: DefaultGenerators?
  static var current: DefaultGenerators { scoped ?? ofProcess }

  private let known: Mutex<Known>

  fileprivate init(seed: UInt64) { known = Mutex(Known(seed: seed)) }

  fileprivate func generator(on device: Device) -> Generator {
    known.withLock { known in
      if let generator = known.all[device] { return generator }
      let made = Generator(seed: known.seed, device: device)
      known.all[device] = made
      return made
    }
  }

  fileprivate func seed(_ seed: UInt64) {
    known.withLock { known in
      known.seed = seed
      for generator in known.all.values { generator.seed(seed) }
    }
  }

  var states: States { known.withLock { known in States(seed: known.seed, states: known.all.mapValues(\.state)) } }

  /// Runs the closure with generators that continue from these states; the ones outside stay where they are.
  static func with<Result>(_ saved: States, _ body: () -> Result) -> Result {
    let generators = DefaultGenerators(seed: saved.seed)
    for (device, state) in saved.states { _ = generators.generator(on: device).restore(state) }
    return $scoped.withValue(generators, operation: body)
  }
}

extension Tensor {
  /// Inside `vmap`. A permutation is of one member; other numbers are drawn for all members at once.
  private static func drawInside(
    _ scope: VmapScope, _ name: String, _ shape: [Int], _ distribution: RandomDistribution, _ dtype: DType, _ device: Device,
    _ generator: Generator?
  ) -> Tensor {
    scope.drawing(name) { members in
      if case .permutation = distribution, let count = members.first {
        return stack((0..<count).map { _ in draw(name, shape, distribution, dtype, device, generator) })
      }
      return draw(name, members + shape, distribution, dtype, device, generator)
    }
  }

  static func draw(
    _ name: String, _ shape: [Int], _ distribution: RandomDistribution, _ dtype: DType, _ device: Device, _ generator: Generator?
  ) -> Tensor {
    if let scope = VmapScope.current { return drawInside(scope, name, shape, distribution, dtype, device, generator) }
    if let tracer = Tracer.current { return tracer.draw(name, shape, distribution, dtype, device, generator) }
    return attempt { () throws(EmberError) in
      let backend = try Backends.backend(for: device)
      let result = try empty(shape: try checkedShape(shape, in: name), dtype: dtype, on: backend)
      if backend.holdsData {
        let source = try Generator.choose(generator, for: device, in: name)
        try source.withState { state throws(EmberError) in try backend.fill(result.operand, from: distribution, state: state) }
      }
      return result
    }
  }

  /// Uniform in [0, 1).
  public static func rand(
    _ shape: [Int], dtype: DType = .float32, on device: Device = .cpu, generator: Generator? = nil, requiresGrad: Bool = false
  ) -> Tensor {
    let result = draw("rand", shape, .uniform(low: 0, high: 1), dtype, device, generator)
    return requiresGrad ? result.requiringGrad() : result
  }

  /// Standard normal; of complex numbers both parts are normal with variance 1/2.
  public static func randn(
    _ shape: [Int], dtype: DType = .float32, on device: Device = .cpu, generator: Generator? = nil, requiresGrad: Bool = false
  ) -> Tensor {
    let result = normal("randn", shape, 0, 1, dtype, device, generator)
    return requiresGrad ? result.requiringGrad() : result
  }

  /// Uniform in [low, high).
  public static func uniform(
    _ shape: [Int], _ low: Double = 0, _ high: Double = 1, dtype: DType = .float32, on device: Device = .cpu, generator: Generator? = nil
  ) -> Tensor {
    draw("uniform", shape, .uniform(low: low, high: high), dtype, device, generator)
  }

  /// Complex numbers are drawn as pairs of reals that share the variance.
  private static func normal(
    _ name: String, _ shape: [Int], _ mean: Double, _ deviation: Double, _ dtype: DType, _ device: Device, _ generator: Generator?
  ) -> Tensor {
    guard dtype.isComplex else { return draw(name, shape, .normal(mean: mean, standardDeviation: deviation), dtype, device, generator) }
    let parts = RandomDistribution.normal(mean: 0, standardDeviation: deviation * 0.70710678118654752440)
    let drawn = draw(name, shape + [2], parts, dtype.realType, device, generator).viewAsComplex()
    return mean == 0 ? drawn : drawn + Scalar.real(mean)
  }

  /// Normal with the given mean and standard deviation.
  public static func normal(
    _ shape: [Int], mean: Double = 0, std: Double = 1, dtype: DType = .float32, on device: Device = .cpu, generator: Generator? = nil
  ) -> Tensor {
    if std < 0 {
      raise(EmberError(.value, in: "normal", "a standard deviation of \(std); it must not be negative"))
      return .poison
    }
    return normal("normal", shape, mean, std, dtype, device, generator)
  }

  /// Integers, low ≤ x < high.
  public static func randint(
    _ low: Int, _ high: Int, _ shape: [Int], dtype: DType = .int64, on device: Device = .cpu, generator: Generator? = nil
  ) -> Tensor {
    guard low < high else {
      raise(EmberError(.value, in: "randint", "the range \(low) ..< \(high) is empty"))
      return .poison
    }
    return draw("randint", shape, .integers(low: Int64(low), high: Int64(high)), dtype, device, generator)
  }

  /// A random permutation of 0 ..< n.
  public static func randperm(_ n: Int, on device: Device = .cpu, generator: Generator? = nil) -> Tensor {
    draw("randperm", [n], .permutation, .int64, device, generator)
  }

  /// 1 with the given probability, else 0. PyTorch builds with MKL draw this one from another stream.
  public static func bernoulli(
    _ shape: [Int], probability: Double, dtype: DType = .float32, on device: Device = .cpu, generator: Generator? = nil
  ) -> Tensor {
    guard probability >= 0, probability <= 1 else {
      raise(EmberError(.value, in: "bernoulli", "a probability of \(probability); it must lie in 0...1"))
      return .poison
    }
    return draw("bernoulli", shape, .bernoulli(probability: probability), dtype, device, generator)
  }

  /// 0 or 1 for each element, which is its probability.
  public func bernoulli(generator: Generator? = nil) -> Tensor {
    guard mayRun("bernoulli", self) else { return .poison }
    if let scope = VmapScope.current { return scope.drawing("bernoulli", for: self) { $0.bernoulli(generator: generator) } }
    if let tracer = Tracer.current { return tracer.record(BernoulliCall(generator: generator), [self], [form])[0] }
    return attempt { () throws(EmberError) in
      guard dtype.isFloatingPoint else { throw EmberError(.dtype, in: "bernoulli", "probabilities must be floating point, not \(summary)") }
      let dense = try self.dense()
      let result = try Tensor.empty(shape: body.shape, dtype: dtype, like: self)
      if backend.holdsData, elementCount > 0 {
        let drawn = try Generator.choose(generator, for: device, in: "bernoulli").withState {
          $0.bernoulli(dense.operand, into: result.operand)
        }
        if !drawn { throw EmberError(.dtype, in: "bernoulli", "cannot be drawn as \(dtype)") }
      }
      return result
    }
  }
}

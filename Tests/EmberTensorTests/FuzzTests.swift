import EmberCPU
import EmberRuntime
import EmberTensor
import Glibc
import Testing

/// Random operations with random shapes, dtypes and arguments inside `catchingErrors`: a result or an error with a text, never a
/// crash. `EMBER_FUZZ` is the number of rounds, `EMBER_SEED` the seed.
@Suite struct FuzzTests {
  static func setting(_ name: String, _ standard: Int) -> Int { getenv(name).flatMap { Int(String(cString: $0)) } ?? standard }

  /// SplitMix64.
  struct Source: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }

    mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &self) }
    mutating func chance(_ one: Int) -> Bool { below(one) == 0 }
    mutating func shape() -> [Int] { (0..<below(5)).map { _ in chance(8) ? 0 : 1 + below(5) } }
    mutating func dimension() -> Int { sometimesExtreme(below(7) - 3) }
    /// Mostly `ordinary`, sometimes a number that arithmetic on it overflows.
    mutating func sometimesExtreme(_ ordinary: Int) -> Int {
      let extremes = [Int.min, .min + 1, .max, .max - 1, 1 << 62, 1 << 40, 1 << 31]
      return chance(25) ? extremes[below(extremes.count)] : ordinary
    }
    mutating func optional(_ ordinary: Int) -> Int? { chance(4) ? nil : sometimesExtreme(ordinary) }
    mutating func dtype() -> DType { chance(4) ? DType.allCases[below(DType.allCases.count)] : .float32 }

    mutating func tensor(_ shape: [Int]? = nil, _ dtype: DType? = nil) -> Tensor {
      var extents = shape ?? self.shape()
      if chance(6), !extents.isEmpty { extents[below(extents.count)] = 1 + below(4) }
      let type = dtype ?? self.dtype()
      let count = extents.reduce(1, *)
      let special: [Double] = [.nan, .infinity, -.infinity, 0, -1, 1e30, -0.0]
      let numbers = (0..<count).map { _ in
        chance(20) && type.isFloatingPoint ? special[below(special.count)] : Double(below(9) - 4) / (type.isFloatingPoint ? 2 : 1)
      }
      var made = Tensor(numbers, shape: extents, dtype: .float64).to(type)
      // Layouts that are not dense.
      if made.rank >= 2, chance(3) { made = made.transpose(below(made.rank), below(made.rank)) }
      if made.rank >= 1, chance(4) { made = made.flip(below(made.rank)) }
      if made.rank >= 1, chance(4) { made = made[.slice(below(2), nil, step: 1 + below(3))] }
      if chance(3), made.dtype.isDifferentiable { made = made.requiringGrad() }
      return made
    }

    mutating func indices(_ shape: [Int]? = nil) -> Tensor {
      let extents = shape ?? self.shape()
      return Tensor((0..<extents.reduce(1, *)).map { _ in chance(15) ? below(40) - 20 : below(4) }, shape: extents)
    }
  }

  typealias Step = @Sendable (inout Source, Tensor) -> Tensor

  static let steps: [Step] = [
    { r, x in x + r.tensor(Array(x.shape)) }, { r, x in x * r.tensor() }, { r, x in x / r.tensor(Array(x.shape)) },
    { r, x in x ** r.tensor(Array(x.shape)) },
    { r, x in x - 1.5 }, { _, x in x.exp() }, { _, x in x.log() }, { _, x in x.sqrt() }, { _, x in x.abs() }, { _, x in x.gelu() },
    { _, x in x.sigmoid() }, { _, x in x.lgamma() }, { r, x in x.pow(.integer(Int64(r.below(5) - 2))) },
    { r, x in x.clamp(min: -1, max: 1) },
    { r, x in x.sum(r.dimension(), keepDim: r.chance(2)) }, { _, x in x.sum() }, { r, x in x.mean(r.dimension()) },
    { r, x in x.prod(r.dimension()) },
    { r, x in x.amax([r.dimension()]) }, { r, x in x.max(r.dimension()).values }, { r, x in x.argmax(r.dimension()) },
    { r, x in x.var([r.dimension()]) },
    { r, x in x.logSumExp([r.dimension()]) }, { r, x in x.cumsum(r.dimension()) }, { r, x in x.cumprod(r.dimension()) },
    { r, x in x.softmax(r.dimension()) },
    { r, x in x.logSoftmax(r.dimension()) }, { _, x in x.norm() }, { r, x in x.sort(r.dimension()).values },
    { r, x in x.topk(r.sometimesExtreme(r.below(6)), dim: r.dimension()).values },
    { r, x in x.reshape(r.shape()) }, { _, x in x.reshape(-1) }, { r, x in x.transpose(r.dimension(), r.dimension()) },
    { r, x in x.unsqueeze(r.dimension()) },
    { r, x in x.squeeze(r.dimension()) }, { r, x in x.expand(r.shape()) }, { r, x in x.flatten(r.dimension(), r.dimension()) },
    { r, x in x.flip(r.dimension()) },
    { r, x in x.narrow(r.dimension(), start: r.sometimesExtreme(r.below(5) - 1), length: r.sometimesExtreme(r.below(5) - 1)) },
    { r, x in cat([x, r.tensor(Array(x.shape))], dim: r.dimension()) },
    { r, x in stack([x, r.tensor(Array(x.shape))], dim: r.dimension()) },
    { r, x in x.repeat(r.sometimesExtreme(r.below(3)), r.sometimesExtreme(r.below(3))) },
    { r, x in cat(x.chunk(r.sometimesExtreme(1 + r.below(4)), dim: r.dimension())) },
    { r, x in x.matmul(r.tensor()) }, { r, x in x.rank == 2 ? x.matmul(r.tensor([x.shape[1], r.below(5)])) : x },
    { r, x in x.linear(r.tensor(), r.tensor()) },
    { r, x in x[r.sometimesExtreme(r.below(8) - 4)] }, { r, x in x[r.indices()] }, { r, x in x[.all, r.indices()] },
    { r, x in x[r.indices(), .ellipsis, r.indices()] },
    { r, x in x[x .> 0] }, { r, x in x[r.tensor(nil, .bool)] }, { r, x in x.gather(dim: r.dimension(), index: r.indices(Array(x.shape))) },
    { r, x in x.scatter(dim: r.dimension(), index: r.indices(), source: r.tensor(Array(x.shape))) },
    { r, x in x.scatterAdd(dim: r.dimension(), index: r.indices(Array(x.shape)), source: r.tensor(Array(x.shape))) },
    { r, x in x.indexSelect(r.dimension(), r.indices([r.below(4)])) },
    { r, x in x.indexAdd(dim: r.dimension(), index: r.indices([2]), source: r.tensor()) },
    { r, x in x.maskedFill(r.tensor(Array(x.shape), .bool), 2) }, { r, x in x.maskedSelect(x .> 0) },
    { r, x in `where`(x .> 0, x, r.tensor(Array(x.shape))) },
    { r, x in r.indices().embedding(x) }, { r, x in x.crossEntropy(r.indices(Array(x.shape.prefix(1)))) },
    { r, x in x.mseLoss(r.tensor(Array(x.shape))) },
    { r, x in x.binaryCrossEntropy(r.tensor(Array(x.shape))) }, { r, x in x.layerNorm(Array(x.shape.suffix(1))) },
    { r, x in x.groupNorm(r.sometimesExtreme(r.below(4))) },
    { r, x in x.batchNorm().output }, { r, x in x.dropout(Double(r.below(13)) / 10 - 0.1, generator: Generator(seed: 1)) },
    { r, x in
      x.conv1d(
        r.tensor(), nil, stride: r.sometimesExtreme(r.below(3)), padding: r.sometimesExtreme(r.below(3)),
        dilation: r.sometimesExtreme(r.below(3)), groups: r.sometimesExtreme(r.below(3)))
    },
    { r, x in
      let w = r.tensor([1 + r.below(3), x.rank == 4 ? x.shape[1] : 2, 1 + r.below(3), 1 + r.below(3)], x.dtype)
      return x.conv2d(
        w, r.chance(2) ? r.tensor([w.shape[0]], x.dtype) : nil, stride: 1 + r.below(2), padding: r.below(3), dilation: 1 + r.below(2))
    },
    { r, x in
      x.convTranspose2d(r.tensor([x.rank == 4 ? x.shape[1] : 2, 2, 2, 2], x.dtype), nil, stride: 1 + r.below(2), padding: r.below(2))
    },
    { r, x in
      x.maxPool2d(r.sometimesExtreme(r.below(4)), stride: r.sometimesExtreme(1 + r.below(2)), padding: r.sometimesExtreme(r.below(2)))
    }, { r, x in x.avgPool1d(r.sometimesExtreme(r.below(4))) }, { r, x in x.adaptiveAvgPool2d(r.sometimesExtreme(r.below(4))) },
    { r, x in x.adaptiveMaxPool1d(r.below(4)) }, { r, x in x.to(r.dtype()) }, { _, x in x.to(.meta) }, { _, x in x.contiguous() },
    { _, x in x.detach() },
    { r, x in
      var y = x
      y[r.below(4) - 2] = r.tensor()
      return y
    },
    { r, x in
      var y = x
      y[r.indices([2])] = r.tensor([])
      y += 1
      return y
    },
    { r, x in
      var y = x
      y[0..., r.below(3)] = r.tensor(Array(x.shape.prefix(1)))
      return y
    },
    { _, x in x.nonzero() }, { r, x in Tensor.arange(r.below(5)).oneHot(r.sometimesExtreme(r.below(6))) }, { r, x in x.repeat(1) },
    { r, x in x .== r.tensor(Array(x.shape)) },
    { r, x in
      x.slice(r.dimension(), start: r.optional(r.below(4) - 2), end: r.optional(r.below(6)), step: r.sometimesExtreme(1 + r.below(3)))
    },
    { r, x in x[.slice(r.optional(r.below(3)), r.optional(r.below(5)), step: r.sometimesExtreme(1 + r.below(2)))] },
    { r, x in x[0...r.sometimesExtreme(r.below(4)).magnitudeOrMax] }, { r, x in x[...r.sometimesExtreme(r.below(4) - 2)] },
    { r, x in x[stride(from: r.sometimesExtreme(r.below(3)), to: r.sometimesExtreme(r.below(6)), by: r.sometimesExtreme(1 + r.below(2)))] },
    { r, x in x.unfold(r.dimension(), size: r.sometimesExtreme(r.below(4)), step: r.sometimesExtreme(1 + r.below(2))) },
    { r, x in stack(x.split(r.sometimesExtreme(1 + r.below(3)), dim: r.dimension())) },
    { r, x in x.split([r.sometimesExtreme(1), r.below(4)], dim: r.dimension())[1] },
    { r, x in x.tensorSplit(r.sometimesExtreme(1 + r.below(4)), dim: r.dimension())[0] },
    { r, x in x.tensorSplit(at: [r.sometimesExtreme(1), r.below(4)], dim: r.dimension())[2] },
    { r, x in x.unbind(r.dimension()).first ?? x }, { r, x in x.roll([r.sometimesExtreme(1)], [r.dimension()]) },
    { r, x in x.diagonal(offset: r.sometimesExtreme(r.below(3) - 1)) }, { r, x in x.diagEmbed(offset: r.sometimesExtreme(r.below(3) - 1)) },
    { r, x in x.tril(r.sometimesExtreme(0)) }, { r, x in x.triu(r.sometimesExtreme(0)) },
    { r, x in x.repeatInterleave(r.sometimesExtreme(r.below(3)), dim: r.dimension()) },
    { r, x in x.asStrided([r.sometimesExtreme(2)], strides: [r.sometimesExtreme(1)], offset: r.optional(0)) },
    { r, x in
      Tensor.arange(
        .integer(Int64(r.sometimesExtreme(0))), .integer(Int64(r.sometimesExtreme(5))), step: .integer(Int64(r.sometimesExtreme(1))))
    },
    { r, x in x + x.unsqueeze(0).expand([r.sometimesExtreme(2)] + Array(x.shape)) },
    { r, x in x & r.tensor(Array(x.shape), .int32) }, { _, x in x.bernoulli(generator: Generator(seed: 2)) },
  ]

  /// In a process of its own, because the cap on memory is one for the whole process.
  @Test func operationsNeverCrash() async {
    await #expect(processExitsWith: .success) {
      let rounds = FuzzTests.setting("EMBER_FUZZ", 1500), seed = UInt64(FuzzTests.setting("EMBER_SEED", 20))
      // Extreme arguments ask for more memory than the machine has, which the system may grant until it is written to.
      CPU.setMemoryCap(1 << 30)
      var errors = 0, successes = 0
      for round in 0..<rounds {
        var random = Source(state: seed &+ UInt64(round))
        do {
          try catchingErrors {
            var x = random.tensor()
            for _ in 0..<(1 + random.below(4)) { x = FuzzTests.steps[random.below(FuzzTests.steps.count)](&random, x) }
            if x.requiresGrad { x.sum().backward() }
            if x.device == .cpu { _ = x.elements(as: Double.self) }
            _ = "\(x)"
          }
          successes += 1
        } catch let error as EmberError {
          errors += 1
          #expect(!error.message.isEmpty && !error.operation.isEmpty, "round \(round)")
        } catch {
          Issue.record("round \(round): \(error)")
        }
      }
      // Both kinds happen often, or the test tests nothing.
      #expect(successes > rounds / 5 && errors > rounds / 10, "\(successes) successes, \(errors) errors")
    }
  }
}

extension Int {
  /// A number that may end a range from 0.
  fileprivate var magnitudeOrMax: Int { Int(clamping: magnitude) }
}

import EmberCUDA
import EmberFunctional
import EmberRuntime
import EmberTensor
import Testing

/// Losses whose targets are lists of labels, and windows at pseudo-random distances.
@Suite(.serialized, .enabled(if: CUDA.isAvailable)) struct LabelListTests {
  private let generator = Generator(seed: 34)

  @Test(arguments: [DType.float32, .float64], [false, true]) func alignments(_ dtype: DType, _ zeroInfinity: Bool) {
    // More states than a block has threads; labels repeat.
    for (time, batch, classes, longest) in [(12, 3, 5, 4), (300, 2, 7, 140), (1, 1, 2, 1)] {
      let x = generator.randn([time, batch, classes]).to(dtype)
      let targets = generator.randint(1, classes, [batch, longest])
      let lengths = (0..<batch).map { max(0, longest - $0) }, times = (0..<batch).map { max(1, time - 2 * $0) }
      for (i, (result, reference)) in bothDevices([x], {
        $0[0].logSoftmax(-1).ctcLoss(
          targets.to($0[0].device), inputLengths: times, targetLengths: lengths, reduction: .sum, zeroInfinity: zeroInfinity)
      }).enumerated() {
        #expect(error(of: result, against: reference) < 10 * tolerance(dtype), "\(time) \(batch) \(classes) \(longest): \(i)")
      }
    }
  }

  /// More labels than the input has room for.
  @Test func impossibleAlignments() {
    let x = generator.randn([3, 1, 4]).logSoftmax(-1), targets = Tensor([1, 1, 1] as [Int64]).reshape([1, 3])
    for zeroInfinity in [false, true] {
      let losses = [Device.cuda, .cpu].map {
        x.to($0).ctcLoss(targets.to($0), inputLengths: [3], targetLengths: [3], reduction: .none, zeroInfinity: zeroInfinity).to(.cpu)
          .elements(as: Float.self)
      }
      #expect(losses[0] == losses[1] && losses[0] == [zeroInfinity ? 0 : .infinity])
    }
  }

  @Test(arguments: [DType.float32, .float64]) func severalLabels(_ dtype: DType) {
    for (rows, classes) in [(1, 1), (4, 10), (3, 600)] {
      let x = generator.randn([rows, classes]).to(dtype), list = generator.randint(0, classes, [rows, classes])
      // Lists end at different places; the first has no end.
      let column = Tensor.arange(classes).reshape([1, classes]), end = Tensor.arange(rows).reshape([rows, 1]) * 2
      let targets = list.maskedFill((column .>= end) & (end .> 0), -1)
      for (i, (result, reference)) in bothDevices([x], { $0[0].multilabelMarginLoss(targets.to($0[0].device), reduction: .none) }).enumerated() {
        #expect(error(of: result, against: reference) < 10 * tolerance(dtype), "\(rows) \(classes): \(i)")
      }
    }
  }

  @Test(arguments: NormalizationTests.dtypes) func fractionalWindows(_ dtype: DType) {
    for dimensions in [2, 3] {
      let x = generator.randn([2, 3] + Array(repeating: 9, count: dimensions)).to(dtype)
      let samples = generator.rand([2, 3, dimensions]).to(dtype)
      for (i, (result, reference)) in bothDevices([x], {
        $0[0].fractionalMaxPool(dimensions, 3, outputSize: 4, samples: samples.to($0[0].device)).values
      }).enumerated() {
        #expect(error(of: result, against: reference) < tolerance(dtype), "\(dimensions): \(i)")
      }
    }
  }
}

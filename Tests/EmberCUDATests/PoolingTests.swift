import EmberCUDA
import EmberFunctional
import EmberRuntime
import EmberTensor
import Testing

@Suite(.serialized, .enabled(if: CUDA.isAvailable)) struct PoolingTests {
  /// Each test's own: suites run side by side.
  private let generator = Generator(seed: 8)

  private func check(_ x: Tensor, _ dtype: DType, _ comment: String, _ pool: (Tensor) -> Tensor) {
    for (i, (result, reference)) in bothDevices([x], { pool($0[0]) }).enumerated() {
      #expect(error(of: result, against: reference) < tolerance(dtype), "\(comment): \(i)")
    }
  }

  @Test(arguments: NormalizationTests.dtypes) func slidingWindows(_ dtype: DType) {
    // Few different values, so that windows have several largest ones.
    let x = generator.randint(-4, 5, [2, 3, 11, 9]).to(dtype)
    for (kernel, stride, padding, dilation) in [(2, 2, 0, 1), (3, 1, 1, 1), (3, 2, 1, 2), (2, 3, 0, 1), (4, 2, 2, 1), (6, 5, 1, 1)] {
      for ceilMode in [false, true] {
        let comment = "kernel \(kernel) stride \(stride) padding \(padding) dilation \(dilation) ceilMode \(ceilMode)"
        check(x, dtype, "max " + comment) {
          $0.maxPool2d(kernel, stride: stride, padding: padding, dilation: dilation, ceilMode: ceilMode)
        }
        if dilation > 1 { continue }
        for counts in [false, true] {
          check(x, dtype, "mean " + comment + " \(counts)") {
            $0.avgPool2d(kernel, stride: stride, padding: padding, ceilMode: ceilMode, countIncludePad: counts)
          }
        }
        check(x, dtype, "sum " + comment) { $0.avgPool2d(kernel, stride: stride, padding: padding, ceilMode: ceilMode, divisorOverride: 3) }
      }
    }
    check(x.flatten(2), dtype, "1d") { $0.maxPool1d(5, stride: 2) }
    check(x.reshape([2, 3, 11, 3, 3]), dtype, "3d") { $0.avgPool3d([3, 2, 1], stride: [2, 1, 1], padding: [1, 1, 0]) }
    check(x.reshape([2, 3, 11, 3, 3]), dtype, "3d") { $0.maxPool3d([3, 2, 1], stride: [2, 1, 1], padding: [1, 1, 0]) }
  }

  @Test(arguments: NormalizationTests.dtypes) func adaptiveWindows(_ dtype: DType) {
    let x = generator.randint(-9, 10, [2, 3, 7, 10]).to(dtype)
    for size in [[1, 1], [2, 3], [5, 4], [7, 10], [9, 13]] {
      check(x, dtype, "mean \(size)") { $0.adaptiveAvgPool2d(size) }
      check(x, dtype, "max \(size)") { $0.adaptiveMaxPool2d(size) }
    }
  }

  @Test func positions() {
    let x = generator.randint(0, 3, [2, 5, 8, 8]).to(.float32)
    let reference = x.maxPoolWithIndices(2, 3, stride: 2, padding: 1), result = x.to(.cuda).maxPoolWithIndices(2, 3, stride: 2, padding: 1)
    #expect(result.indices.to(.cpu).elements(as: Int64.self) == reference.indices.elements(as: Int64.self))
    // A NaN is larger than everything.
    let nan = Tensor([1, .nan, 3, 2, .nan, 0] as [Float]).reshape([1, 1, 6]).to(.cuda).maxPoolWithIndices(1, 3)
    #expect(nan.values.to(.cpu).elements(as: Float.self).allSatisfy(\.isNaN) && nan.indices.to(.cpu).elements(as: Int64.self) == [1, 4])
    for dtype in [DType.uint8, .int8, .int16, .int32, .int64] {
      let whole = x.to(dtype)
      let pooled = whole.to(.cuda).maxPool2d(2).to(.cpu).elements(as: Int64.self)
      #expect(pooled == whole.maxPool2d(2).elements(as: Int64.self), "\(dtype)")
    }
  }

  /// The gradient of windows that nobody described: positions may repeat and lie anywhere.
  @Test(arguments: NormalizationTests.dtypes) func gradientsOfGivenPositions(_ dtype: DType) {
    let x = generator.randn([2, 3, 6, 7]).to(dtype), dy = generator.randint(-8, 9, [2, 3, 20, 20]).to(dtype)
    let positions = generator.randint(0, 42, [2, 3, 20, 20])
    let reference = x.maxPoolBackward(2, dy, positions), result = x.to(.cuda).maxPoolBackward(2, dy.to(.cuda), positions.to(.cuda))
    #expect(error(of: result, against: reference) < tolerance(dtype))
  }
}

import EmberCUDA
import EmberRuntime
import EmberTensor
import Testing

/// Elements by their rank, places in sorted rows, distinct elements: the same on both devices, bit for bit.
@Suite(.serialized, .enabled(if: CUDA.isAvailable)) struct SelectionTests {
  /// Each test's own: suites run side by side.
  private let generator = Generator(seed: 21)
  static let dtypes: [DType] = [.uint8, .int8, .int16, .int32, .int64, .float16, .bfloat16, .float32, .float64]

  /// Few different values; of floating dtypes every ninth is NaN.
  private func values(_ shape: [Int], _ dtype: DType, withNaN: Bool = true) -> Tensor {
    let x = generator.randint(dtype == .uint8 ? 0 : -20, 21, shape)
    guard dtype.isFloatingPoint, withNaN else { return x.to(dtype) }
    let isMissing = generator.randint(0, 9, shape) .== 0
    return (x.to(.float32) / 4).maskedFill(isMissing, .real(.nan)).to(dtype)
  }

  private func expect(_ result: Tensor, equals reference: Tensor, _ comment: String) {
    #expect(Array(result.shape) == Array(reference.shape) && result.dtype == reference.dtype, "\(comment)")
    let a = result.to(.cpu).to(.float64).elements(as: Double.self), b = reference.to(.float64).elements(as: Double.self)
    #expect(a.count == b.count && zip(a, b).allSatisfy { $0 == $1 || ($0.isNaN && $1.isNaN) }, "\(comment)")
  }

  @Test(arguments: [[1], [7], [3, 70], [5, 1500], [4, 9, 3]], dtypes) func ranks(_ shape: [Int], _ dtype: DType) {
    let x = values(shape, dtype), onDevice = x.to(.cuda)
    for dim in 0..<shape.count {
      for k in Set([1, (shape[dim] + 1) / 2, shape[dim]]) {
        let result = onDevice.kthValue(k, dim: dim), reference = x.kthValue(k, dim: dim)
        expect(result.values, equals: reference.values, "kthvalue \(k) along \(dim)")
        expect(x.gather(dim: dim, index: result.indices.to(.cpu).unsqueeze(dim)).squeeze(dim), equals: reference.values, "its position")
      }
      expect(onDevice.median(dim).values, equals: x.median(dim).values, "median along \(dim)")
      expect(onDevice.mode(dim).values, equals: x.mode(dim).values, "mode along \(dim)")
      if dtype.isFloatingPoint { expect(onDevice.nanMedian(dim).values, equals: x.nanMedian(dim).values, "nanmedian along \(dim)") }
    }
    expect(onDevice.median(), equals: x.median(), "median of all")
  }

  @Test(arguments: dtypes) func places(_ dtype: DType) {
    let rows = values([3, 300], dtype).sort(-1).values, x = values([3, 41], dtype)
    for right in [false, true] {
      expect(rows.to(.cuda).searchSorted(x.to(.cuda), right: right), equals: rows.searchSorted(x, right: right), "rows \(right)")
      let row = rows.select(0, 1)
      expect(row.to(.cuda).searchSorted(x.to(.cuda), right: right), equals: row.searchSorted(x, right: right), "one row \(right)")
    }
    let nothing = Tensor.zeros([0], dtype: dtype)
    expect(nothing.to(.cuda).searchSorted(x.to(.cuda)), equals: nothing.searchSorted(x), "no boundaries")
    expect(rows.to(.cuda).searchSorted(Tensor.zeros([3, 0], dtype: dtype, on: .cuda)), equals: Tensor.zeros([3, 0], dtype: .int64), "")
  }

  @Test(arguments: [0, 1, 5, 700, 5000], dtypes) func distinct(_ count: Int, _ dtype: DType) {
    let x = values([count], dtype)
    for (result, reference) in [(x.to(.cuda).unique(), x.unique()), (x.to(.cuda).uniqueConsecutive(), x.uniqueConsecutive())] {
      expect(result.values, equals: reference.values, "values")
      expect(result.inverse, equals: reference.inverse, "inverse")
      expect(result.counts, equals: reference.counts, "counts")
    }
  }

  @Test func distinctBooleans() {
    let x = values([33], .int32) .> 3
    expect(x.to(.cuda).unique().counts, equals: x.unique().counts, "counts")
  }
}
